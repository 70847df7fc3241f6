"""Sub-agents: the transcript that began one says its key and when, though not its session's id.

Strategy: a key and a transcript are brought together where the transcript begins as a sub-agent's,
its agent is the key's, and its time is near; both must fit nobody else. Where the task that was
given is also the one that was taken up, word for word, the two are linked; else the key is only a
candidate, which narrows the search and names nobody.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.session_keys import agent_of, normalise_key
from steno.transcripts.recovery.evidence import LINKED, NARROWED, SPAWN, Evidence, is_key
from steno.transcripts.recovery.hints import is_subagent
from steno.transcripts.recovery.reading import Spawned
from steno.transcripts.recovery.times import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steno.transcripts.recovery.reading import Reading

_NEAR_S = 60.0
_SHORTEST_TASK = 16


class Child(Struct, frozen=True):
    """A transcript that may be a sub-agent's.

    Attributes:
        session_id: The session.
        agent: The agent whose folder it lies in.
        began: When it began, in seconds since the epoch.
        text: The first thing that was said in it.
    """

    session_id: str
    agent: str | None
    began: float
    text: str


class Begun(Struct, frozen=True):
    """A sub-agent that a transcript says it has begun.

    Attributes:
        spawned: What stands there.
        at: When, in seconds since the epoch.
        path: The transcript.
    """

    spawned: Spawned
    at: float
    path: str


def child_of(reading: Reading, session_id: str | None, agent: str | None) -> Child | None:
    """Describe a transcript as a possible sub-agent's; None where it is none."""
    if session_id is None or reading.text is None or not is_subagent(reading.text):
        return None
    began = seconds_of(reading.header.timestamp if reading.header else None)
    began = seconds_of(reading.first_timestamp) if began is None else began
    return None if began is None else Child(session_id, agent, began, reading.text)


def begun_in(reading: Reading, path: str) -> list[Begun]:
    """List the sub-agents that a transcript began, where it says when."""
    return [
        Begun(spawned, at, path)
        for spawned in reading.spawned
        if is_key(spawned.key) and (at := seconds_of(spawned.at)) is not None
    ]


def match_spawns(children: Iterable[Child], begun: Iterable[Begun]) -> list[Evidence]:
    """Bring keys and transcripts together.

    Args:
        children: Transcripts of which nobody else says who they are; one per session.
        begun: Sub-agents whose keys no transcript is known to have.

    Returns:
        At most one statement that links, or several that narrow, for each transcript.
    """
    waiting = sorted({child.session_id: child for child in children}.values(), key=_began)
    offered: dict[str, list[Begun]] = {}
    linked: dict[str, set[str]] = {}
    # The same result may stand in several copies of one transcript.
    for start in {(each.spawned.key, each.at): each for each in begun}.values():
        key = normalise_key(start.spawned.key)
        near = bisect.bisect_left(waiting, start.at - _NEAR_S, key=_began)
        for child in waiting[near:]:
            if child.began > start.at + _NEAR_S:
                break
            if child.agent is not None and agent_of(key) != child.agent:
                continue
            offered.setdefault(child.session_id, []).append(start)
            if _same_task(child.text, start.spawned.task):
                linked.setdefault(child.session_id, set()).add(key)
    return [
        _statement(start, identifier, linked)
        for identifier, starts in offered.items()
        for start in _fitting(starts, identifier, linked)
    ]


def _began(child: Child) -> float:
    return child.began


def _same_task(text: str, task: str | None) -> bool:
    return task is not None and len(task) >= _SHORTEST_TASK and task.strip() in text


def _fitting(starts: list[Begun], identifier: str, linked: dict[str, set[str]]) -> list[Begun]:
    keys = linked.get(identifier, set())
    if len(keys) == 1 and _alone(keys, identifier, linked):
        return [start for start in starts if normalise_key(start.spawned.key) in keys][:1]
    return starts


def _alone(keys: set[str], identifier: str, linked: dict[str, set[str]]) -> bool:
    """Tell whether no other transcript took up the same task."""
    return not any(keys & others for other, others in linked.items() if other != identifier)


def _statement(start: Begun, identifier: str, linked: dict[str, set[str]]) -> Evidence:
    keys = linked.get(identifier, set())
    sure = keys == {normalise_key(start.spawned.key)} and _alone(keys, identifier, linked)
    pointer = str(start.spawned.offset)
    grade = LINKED if sure else NARROWED
    return Evidence(SPAWN, grade, start.spawned.key, start.path, pointer, identifier)
