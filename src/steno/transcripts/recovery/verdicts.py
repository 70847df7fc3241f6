"""Who a transcript is, after all was heard; pure.

The rules, in their order:

1. What the transcript says of itself counts most. Where others contradict it, it is still taken,
   with less confidence, for it was written when the transcript began.
2. Of the others, those that name the session exactly decide. Where they agree, there is no doubt.
   Where they contradict each other, a contemporary outweighs what is older or indirect, with less
   confidence; between equals nobody is believed, and the transcript stays unknown.
3. Without them, a key that can be computed, then one that is linked, where it is the only one.
4. What merely narrows, and what merely hints, is told and names nobody.
"""

from __future__ import annotations

from msgspec import Struct, field

from steno.session_keys import agent_of, kind_of
from steno.transcripts.flaws import Flaw
from steno.transcripts.recovery.evidence import (
    COMPUTED,
    CONFIDENCE,
    CONTESTED,
    EXACT,
    HEADER,
    HINT,
    INHERITED,
    LINKED,
    NARROWED,
    NONE,
    RANKS,
    STORE,
    Evidence,
    comparable_key,
    group_keys,
)
from steno.transcripts.recovery.hints import Hint

BY_HEADER = "header"
BY_STORE = "store"
BY_EVIDENCE = "evidence"
BY_NONE = "none"


class Conflict(Struct, frozen=True):
    """Two statements that can't both be true.

    Attributes:
        about: ``session_key``, ``session_id`` or ``agent_id``.
        kind: Who says otherwise.
        value: What.
        source: Where.
    """

    about: str
    kind: str
    value: str
    source: str


class Verdict(Struct, kw_only=True):
    """One transcript, and who it is.

    Attributes:
        path: The file.
        session_id: The session that it belongs to; None where neither name nor header tells.
        session_key: Its key; None where it is unknown.
        agent_id: Its agent: the key's, or that of the folder.
        identified_by: ``header``, ``store``, ``evidence`` or ``none``.
        confidence: 0 to 1, by the grade.
        grade: ``exact``, ``computed``, ``linked``, ``contested``, ``narrowed``, ``hint``, ``none``.
        kind: What kind of conversation the key names.
        file_kind: What kind of file it is.
        header_id: The session's id in its header; None without one.
        evidence: What speaks for it, and what was heard beside that, the strongest first.
        conflicts: What contradicts it.
        hints: What the text lets suspect.
        damage: What of the file is not as it should be, with byte offsets in its text.
        being_written: A program seems to write to it at this moment.
        size: Bytes of the file.
        failure: Why it could not be read; None where it could.
    """

    path: str
    session_id: str | None
    session_key: str | None = None
    agent_id: str | None = None
    identified_by: str = BY_NONE
    confidence: float = 0.0
    grade: str = NONE
    kind: str | None = None
    file_kind: str
    header_id: str | None = None
    evidence: list[Evidence] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    damage: list[Flaw] = field(default_factory=list)
    being_written: bool = False
    size: int = 0
    failure: str | None = None


def judge(verdict: Verdict, said: list[Evidence], folder_agent: str | None) -> None:
    """Complete a verdict by what is said of its transcript.

    Args:
        verdict: With its path, ids, hints and damage.
        said: All statements about it.
        folder_agent: The agent whose folder it lies in.
    """
    verdict.evidence = sorted(said, key=_strength)
    own = [each for each in said if each.kind == HEADER]
    exact = [each for each in said if each.grade == EXACT and each.kind != HEADER]
    groups = group_keys(exact, folder_agent)
    if own:
        _by_header(verdict, own, exact, folder_agent)
    elif groups:
        _by_others(verdict, groups)
    else:
        _by_reasoning(verdict, said, folder_agent)
    verdict.confidence = CONFIDENCE[verdict.grade]
    for each in verdict.evidence:
        if each.grade in {COMPUTED, LINKED} and verdict.session_key is not None:
            _oppose(verdict, [each], folder_agent)
    _tell_agent(verdict, folder_agent)
    verdict.kind = kind_of(verdict.session_key)


def _strength(evidence: Evidence) -> tuple[float, int]:
    return (-CONFIDENCE[evidence.grade], RANKS.get(evidence.kind, 9))


def _by_header(
    verdict: Verdict, own: list[Evidence], exact: list[Evidence], agent: str | None
) -> None:
    verdict.session_key = own[0].key.strip()
    verdict.identified_by = BY_HEADER
    known = len(verdict.conflicts)
    _oppose(verdict, [*own, *exact], agent)
    verdict.grade = EXACT if len(verdict.conflicts) == known else CONTESTED


def _oppose(verdict: Verdict, said: list[Evidence], agent: str | None) -> None:
    """Note those statements that give another key than the verdict does."""
    ours = Evidence(HEADER, EXACT, verdict.session_key or "", "")
    for each in said:
        if len(group_keys([ours, each], agent)) > 1:
            verdict.conflicts.append(Conflict("session_key", each.kind, each.key, each.source))


def _by_others(verdict: Verdict, groups: dict[str, tuple[str, list[Evidence]]]) -> None:
    ranked = sorted(groups.values(), key=lambda group: _best(group[1]))
    key, members = ranked[0]
    if len(ranked) > 1:
        if _best(members) == _best(ranked[1][1]) or _best(members) > RANKS[STORE]:
            for _, others in ranked:
                _note_all(verdict, others)
            return
        for _, others in ranked[1:]:
            _note_all(verdict, others)
    verdict.session_key = key
    verdict.grade = CONTESTED if len(ranked) > 1 else EXACT
    stored = any(each.kind == STORE for each in members)
    verdict.identified_by = BY_STORE if stored else BY_EVIDENCE


def _best(members: list[Evidence]) -> int:
    return min(RANKS.get(each.kind, 9) for each in members)


def _note_all(verdict: Verdict, members: list[Evidence]) -> None:
    for each in members:
        verdict.conflicts.append(Conflict("session_key", each.kind, each.key, each.source))


def _by_reasoning(verdict: Verdict, said: list[Evidence], agent: str | None) -> None:
    for grade in (COMPUTED, LINKED):
        reasoned = [each for each in said if each.grade == grade]
        keys = {comparable_key(each.key, agent) for each in reasoned}
        if len(keys) == 1:
            verdict.session_key, verdict.grade = reasoned[0].key, grade
            verdict.identified_by = BY_EVIDENCE
            return
    for each in said:
        if each.grade in {NARROWED, HINT}:
            verdict.hints.append(Hint("candidate", each.key))
    if any(each.grade == NARROWED for each in said):
        verdict.grade = NARROWED
    elif verdict.hints or any(each.kind == INHERITED for each in said):
        verdict.grade = HINT


def _tell_agent(verdict: Verdict, folder_agent: str | None) -> None:
    of_key = agent_of(verdict.session_key)
    verdict.agent_id = of_key or verdict.agent_id or folder_agent
    if of_key is not None and folder_agent is not None and of_key != folder_agent.lower():
        verdict.conflicts.append(Conflict("agent_id", "folder", folder_agent, verdict.path))
