"""One transcript on its way to a verdict: its ids, what it says, and what is said of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from steno.identity import safe_name
from steno.transcripts.recovery.cron import compute_key
from steno.transcripts.recovery.evidence import (
    CHECKPOINT,
    COMPUTED,
    EXACT,
    FAMILY,
    HEADER,
    HINT,
    INHERITED,
    NARROWED,
    OLD_STORE,
    REPORT,
    ROTATION,
    SIBLING,
    STORE,
    Evidence,
    folder_of_days,
    is_key,
)
from steno.transcripts.recovery.folder import agent_of_folder
from steno.transcripts.recovery.hints import find_hints
from steno.transcripts.recovery.names import is_uuid
from steno.transcripts.recovery.presence import find_writer
from steno.transcripts.recovery.verdicts import Conflict, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.recovery.evidence import Claims
    from steno.transcripts.recovery.folder import Found
    from steno.transcripts.recovery.reading import Reading

_OF_INDEX = frozenset({STORE, FAMILY, CHECKPOINT, REPORT})


class Subject:
    """One transcript on its way to a verdict."""

    def __init__(self, found: Found, reading: Reading, claims: Claims) -> None:
        """Choose the session's id, and compute a key where one can be."""
        self.found, self.reading = found, reading
        self.agent = agent_of_folder(found.folder)
        self.said: list[Evidence] = []
        self.conflicts: list[Conflict] = []
        self.header_id = reading.header.id if reading.header else None
        if self.header_id is None and reading.named:
            self.header_id = reading.named[0].session_id
        self.session_id, self._other = self._choose_id(claims)
        self.computed = compute_key(
            reading, self.session_id, self.agent, found.path, claims, found.folder
        )

    def _choose_id(self, claims: Claims) -> tuple[str | None, str | None]:
        """Choose between the ids of name and header; the one that was not chosen comes second.

        A name that is a UUID, or that somebody knows, is the id under which its program finds the
        file. Any other name may have been given by a person, and then the header's id counts.
        """
        named, header = self.found.name.session_id, self.header_id
        stem = os.path.basename(self.found.path).split(".jsonl", 1)[0]
        if named is None or header is None:
            return named or header, None
        if named.lower() == header.lower() or safe_name(header) == stem:
            return header, None
        self.conflicts.append(Conflict("session_id", HEADER, header, self.found.path))
        if is_uuid(named) or claims.about(named, self.found.folder):
            return named, header
        return header, None

    def tell(self, claims: Claims) -> None:
        """Tell the others what this transcript says of its session."""
        for each in self._own():
            if each.kind == HEADER and each.session_id is not None:
                claims.add(replace(each, kind=SIBLING), self.found.folder)
        if self.computed is not None:
            claims.add(replace(self.computed, kind=SIBLING), self.found.folder)
        if not any(each.kind == HEADER for each in self._own()):
            return
        for related in self.reading.related:
            evidence = Evidence(
                ROTATION, EXACT, related.key, self.found.path, str(related.offset),
                related.session_id,
            )  # fmt: skip
            claims.add(evidence, folder_of_days(self.found.folder))

    def _own(self) -> Iterator[Evidence]:
        mine = {self.header_id, self.session_id, None}
        for named in self.reading.named:
            if named.session_id not in mine or not is_key(named.key):
                continue
            kind, grade = HEADER, EXACT
            forked = self.reading.header is not None and self.reading.header.forked
            if named.place == "metadata" and forked:
                kind, grade = INHERITED, HINT
            yield Evidence(
                kind, grade, named.key, self.found.path, str(named.offset), named.session_id
            )

    def hear(self, claims: Claims) -> None:
        """Gather what is said of this transcript."""
        folder, path = self.found.folder, self.found.path
        self.said = list(self._own())
        others = claims.about_file(os.path.basename(path), folder)
        others += claims.about(self.session_id, folder)
        others = [self._placed(each, claims) for each in others]
        others += [replace(each, grade=NARROWED) for each in claims.about(self._other, folder)]
        self.said += [each for each in others if each.kind != SIBLING or each.source != path]
        if self.computed is not None:
            self.said.append(self.computed)
        if any(each.grade == HINT and each.kind == SIBLING for each in self.said) or (
            self.computed is not None and self.computed.grade == HINT
        ):
            # One of the session's files shows that it is no run of its own: none of them is.
            self.said = [replace(each, grade=HINT) if each.grade == COMPUTED else each
                         for each in self.said]  # fmt: skip

    def _placed(self, evidence: Evidence, claims: Claims) -> Evidence:
        """Take what the index of another folder says as that of an older copy."""
        if evidence.kind not in _OF_INDEX or evidence.source in claims.stores:
            return evidence
        place = os.path.dirname(os.path.abspath(evidence.source))
        if place in {self.found.folder, os.path.dirname(self.found.folder)}:
            return evidence
        return replace(evidence, kind=OLD_STORE)

    @property
    def is_known(self) -> bool:
        """Whether somebody names the session exactly, or its key can be computed."""
        return any(each.grade in {EXACT, COMPUTED} for each in self.said)

    def verdict(self) -> Verdict:
        """Judge."""
        verdict = Verdict(
            path=self.found.path, session_id=self.session_id, header_id=self.header_id,
            file_kind=self.found.name.kind, size=self.found.size, conflicts=self.conflicts,
            damage=self.reading.flaws, failure=self.reading.failure,
            being_written=find_writer(self.found.path) is not None,
        )  # fmt: skip
        agents = [named.agent for named in self.reading.named if named.agent]
        verdict.agent_id = agents[0] if agents else None
        verdict.hints = list(find_hints(self.reading.text))
        judge(verdict, self.said, self.agent)
        return verdict
