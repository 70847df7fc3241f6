"""Session keys: the names of logical conversations, read by their grammar.

A key is ``agent:<agent>:<rest>``; the rest says what kind of conversation it is. Keys come from
other programs and from before there was a grammar, so any text is read: what can't be understood
has the kind ``other``, and what names no agent has none. The kind follows from the key whenever
it is asked for and is stored nowhere, so that it can't contradict the key.

Keys are compared without regard to case, but for the ids that Signal and Matrix give to their
groups and rooms: those are opaque, and a Matrix id may hold colons and empty parts.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

KINDS = (
    "main", "direct", "group", "channel", "thread", "cron", "subagent", "acp", "explicit", "hook",
    "heartbeat", "dashboard", "tui", "other",
)  # fmt: skip
"""All kinds of conversations that a key can name."""

_AGENT = "agent"
_SIGNAL = re.compile(r"(?:^|:)signal:group:([^:]+)", re.IGNORECASE)
_MATRIX = re.compile(r"(?:agent:+[^:]+:+)?matrix:(?:channel|group|room):", re.IGNORECASE)
_MARKER = re.compile(r":(?:thread|topic):", re.IGNORECASE)
_HEARTBEAT = ":heartbeat"
_DIRECT = frozenset({"direct", "dm"})
_GROUPS = {"group": "group", "channel": "channel", "room": "channel"}
_FIRST_WORDS = frozenset({"acp", "explicit", "hook", "dashboard"})
_LONGEST_HEAD = 3
"""Parts before a peer or a group at most: channel, account, and the word that says which it is."""


class SessionKey(Struct, frozen=True):
    """What a session key says; parts that it doesn't have are None.

    Attributes:
        text: The key as it was given.
        agent: The agent's id.
        kind: One of `KINDS`.
        rest: What follows the agent, in the form of `normalise_key`; the whole key where it names
            no agent.
        base: The key of the conversation that this one hangs on: of a thread, a heartbeat, a cron
            job's run, or a sub-agent's sub-agent.
        thread: The thread's or topic's id.
        channel: The messenger, such as ``telegram``.
        account: The account there.
        peer: Whom a direct conversation is with.
        group: Id of the group, channel or room.
        job: Id of the cron job.
        run: Id of its run.
        name: What follows the word of an explicit conversation, a hook, a dashboard or a bridge.
        depth: How many sub-agents deep.
    """

    text: str
    agent: str | None
    kind: str
    rest: str
    base: str | None = None
    thread: str | None = None
    channel: str | None = None
    account: str | None = None
    peer: str | None = None
    group: str | None = None
    job: str | None = None
    run: str | None = None
    name: str | None = None
    depth: int = 0


def normalise_key(text: object) -> str:
    """Bring a key into the form in which two keys are the same text when they mean the same.

    Args:
        text: Any text.

    Returns:
        The key in lower case without blanks around it; ids of Signal groups and of Matrix rooms,
        with their threads, keep their case.
    """
    if not isinstance(text, str):
        return ""
    text = text.strip()
    matrix = _MATRIX.match(text)
    if matrix is not None:
        room = text[matrix.end() :]
        marker = _last(_MARKER, room)
        if marker is not None:
            room = room[: marker.start()] + marker[0].lower() + room[marker.end() :]
        return matrix[0].lower() + room
    pieces, at = [], 0
    for found in _SIGNAL.finditer(text):
        pieces += [text[at : found.start(1)].lower(), found[1].strip()]
        at = found.end(1)
    return "".join([*pieces, text[at:].lower()])


def parse_key(text: object) -> SessionKey:
    """Read a session key.

    Args:
        text: Any text; what is no key at all is one of kind ``other``, without an agent.
    """
    if not isinstance(text, str):
        return SessionKey("", None, "other", "")
    whole = normalise_key(text)
    agent, rest = _split_agent(whole)
    head = whole[: len(whole) - len(rest)] if agent is not None else ""
    return SessionKey(text, agent, rest=rest, **_read_rest(head, rest))


def kind_of(text: str | None) -> str | None:
    """Tell which of `KINDS` a key is of; None for no key."""
    return parse_key(text).kind if text else None


def agent_of(text: object) -> str | None:
    """Read the agent's id from a session key such as ``agent:main:cron:nightly``.

    Returns:
        The second part of a key that begins with ``agent:``, else None.
    """
    return _split_agent(normalise_key(text))[0]


def cron_run_key(agent: str, job: str, run: str) -> str:
    """Make the key of one run of a cron job."""
    return normalise_key(f"{_AGENT}:{agent}:cron:{job}:run:{run}")


def _split_agent(whole: str) -> tuple[str | None, str]:
    """Split a key into agent and rest; empty parts around them don't count."""
    word, colon, after = whole.lstrip(":").partition(":")
    if word != _AGENT or not colon:
        return None, whole
    agent, _, rest = after.lstrip(":").partition(":")
    if not agent:
        return None, whole
    return agent, rest.lstrip(":")


def _read_rest(head: str, rest: str) -> dict[str, Any]:
    """Tell the kind of a key, and its parts, from what follows the agent.

    Args:
        head: What stands before it, so that the keys of bases can be told.
        rest: It, in its normal form.
    """
    parts = [part for part in rest.split(":") if part]
    if not parts:
        return {"kind": "other"}
    first = parts[0]
    if first == _AGENT:
        # Whose conversation of another agent this is, only its owner knows.
        return {"kind": "other"}
    if first in _FIRST_WORDS and len(parts) > 1:
        return {"kind": first, "name": rest.lstrip(":").partition(":")[2]}
    if parts[-1] == "heartbeat":
        base = rest.removesuffix(_HEARTBEAT)
        return {"kind": "heartbeat", "base": head + base if base != rest else None}
    marker = _last(_MARKER, rest)
    if marker is not None and marker.start() and rest[marker.end() :]:
        base = rest[: marker.start()]
        return {
            **_read_plain(head, base),
            "kind": "thread", "base": head + base, "thread": rest[marker.end() :],
        }  # fmt: skip
    return _read_plain(head, rest)


def _read_plain(head: str, rest: str) -> dict[str, Any]:
    """As `_read_rest`, for what has no thread."""
    parts = [part for part in rest.split(":") if part]
    match parts:
        case ["main"]:
            return {"kind": "main"}
        case ["cron", job]:
            return {"kind": "cron", "job": job}
        case ["cron", job, "run", run, *_]:
            return {"kind": "cron", "job": job, "run": run, "base": f"{head}cron:{job}"}
        case ["cron", job, *_]:
            return {"kind": "cron", "job": job}
        case ["subagent", _, *_]:
            before, marker, _ = rest.rpartition(":subagent:")
            return {
                "kind": "subagent",
                "base": head + before if marker else None,
                "depth": f":{rest}".count(":subagent:"),
            }
        case [first] if first.startswith("tui-"):
            return {"kind": "tui"}
        case [channel, account, guild, place] if guild.startswith("guild-"):
            if place.startswith("channel-"):
                group = place.removeprefix("channel-")
                return {"kind": "channel", "channel": channel, "account": account, "group": group}
    return _read_conversation(rest, parts)


def _read_conversation(rest: str, parts: list[str]) -> dict[str, Any]:
    """Read who talks where: ``[channel:[account:]]direct:<peer>``, ``channel:group:<id>``."""
    for at, word in enumerate(parts[:_LONGEST_HEAD]):
        if at + 1 >= len(parts):
            break
        where = dict(zip(("channel", "account"), parts[:at], strict=False))
        # An id may hold colons, and empty parts: it is taken as it stands.
        identity = rest.split(f"{word}:", 1)[1] if at == 0 else rest.split(f":{word}:", 1)[-1]
        if word in _DIRECT:
            return {"kind": "direct", **where, "peer": identity}
        if word in _GROUPS and at:
            return {"kind": _GROUPS[word], **where, "group": identity}
    return {"kind": "other"}


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return found
