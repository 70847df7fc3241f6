"""Claude Code: one file of lines for each session, and one for each sub-agent of it.

Strategy: a main file is named by its session's id, and the name counts, since forks and resumed
sessions hold lines of other sessions too. A sub-agent's lines bear the id of the session that
began it; the sub-agent's own id stands in its file's name. Which of several copies of a reply
counts is decided by claims elsewhere: a fork repeats the lines of its parent.
"""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from steno.storage.compressed import plain_name
from steno.transcripts.importers.formats.claude_code_entries import (
    CHAIN,
    SIDE,
    Reading,
    agent_conversation,
)
from steno.transcripts.importers.formats.claude_code_lines import Head, LineReader, read_head
from steno.transcripts.importers.model import Conversation, Identity
from steno.transcripts.importers.times import read_time
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steno.transcripts.importers.model import Entry
    from steno.transcripts.importers.source import Probe, Source
    from steno.transcripts.values import Value

_HEAD_LINES = 200
_HEAD_BYTES = 256 * 1024
"""How much of a file is looked at for who it is; held in memory meanwhile."""

_MAX_META = 64 * 1024
_MAX_ID = 200
_LONG_LINE_HEAD = 4096

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_AGENT_FILE = re.compile(r"agent-(.+)\.jsonl", re.DOTALL)

_SPOKEN = frozenset({"user", "assistant"})

_NEIGHBOURS = {
    "history.jsonl": "the prompts of all sessions, no transcript",
    "journal.jsonl": "the journal of a workflow, no transcript",
    "sessions-index.json": "an index of sessions, often out of date",
    ".last-cleanup": "when the program last deleted old transcripts",
}
_NEIGHBOUR_FOLDERS = {
    "tool-results": "a tool's result that was too large for the transcript",
    "memory": "a note of the project's memory",
    "file-history": "a file's earlier version",
    "todos": "a list of tasks",
    "tasks": "a list of tasks",
}


class ClaudeCode:
    """The format of Claude Code, versions 1 and 2; see `steno.transcripts.importers.source`."""

    name = "claude-code"
    title = "Claude Code"
    homes = ("$CLAUDE_CONFIG_DIR/projects", "~/.claude/projects", "~/.config/claude/projects")

    def recognise(self, probe: Probe) -> float:
        """Tell by the first lines, or by the name of a file whose first line says nothing."""
        if any(map(_is_kindred, probe.first)):
            return 0.0
        found = max(map(_likeness, probe.first), default=0.0)
        if found or probe.first:
            return found
        begin = probe.head[:_LONG_LINE_HEAD]
        if begin.startswith(b"{") and b'"parentUuid"' in begin and b'"sessionId"' in begin:
            return 0.9  # its first line is longer than what was looked at
        named = probe.name.endswith(".jsonl") and "projects" in probe.path.parts
        return 0.3 if named and not probe.tables and not probe.names else 0.0

    def takes_folder(self, probe: Probe) -> bool:  # noqa: ARG002 - the protocol's
        """Tell that no folder is one source."""
        return False

    def neighbour(self, path: Path) -> str | None:
        """Say why a file beside the transcripts is none."""
        name = Path(plain_name(path)).name
        if name in _NEIGHBOURS:
            return _NEIGHBOURS[name]
        if name.startswith("agent-") and name.endswith(".meta.json"):
            return "what a sub-agent is, read with its transcript"
        if not name.endswith(".jsonl"):
            return next(
                (_NEIGHBOUR_FOLDERS[part] for part in path.parts if part in _NEIGHBOUR_FOLDERS),
                None,
            )
        return None

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the one conversation of a file.

        Raises:
            OSError: The file can't be read.
        """
        lines = LineReader()
        values = source.values(lines.parse)
        first = _first(values)
        identity = _identify(source, [head for value in first if (head := read_head(value.data))])
        yield Conversation(identity, _entries(Reading(identity.id, lines), first, values))


FORMAT = ClaudeCode()


def _entries(lines: Reading, first: deque[Value], values: Iterator[Value]) -> Iterator[Entry]:
    entry = lines.entry
    while first:
        yield entry(first.popleft())  # let go of it: one of them may be huge
    yield from map(entry, values)


def _first(values: Iterator[Value]) -> deque[Value]:
    found: deque[Value] = deque()
    size = 0
    for value in values:
        found.append(value)
        size += len(value.data)
        if len(found) >= _HEAD_LINES or size >= _HEAD_BYTES:
            break
    return found


def _likeness(value: Any) -> float:
    if not isinstance(value, dict):
        return 0.0
    kind = value.get("type")
    own = isinstance(value.get("sessionId"), str)
    if isinstance(kind, str) and kind in CHAIN:
        if "parentUuid" in value or "isSidechain" in value or (own and "uuid" in value):
            return 1.0
        if own and ("message" in value or kind not in _SPOKEN):
            return 0.9
        return 0.6 if kind in _SPOKEN and _is_message(value.get("message")) else 0.0
    if isinstance(kind, str) and kind in SIDE:
        return 0.9 if own or "leafUuid" in value or "messageId" in value else 0.4
    if kind is None and own and isinstance(value.get("message"), dict):
        return 0.7
    return 0.0


def _is_kindred(value: Any) -> bool:
    """Tell lines of programs that write Claude Code's lines with Gemini's messages in them."""
    message = value.get("message") if isinstance(value, dict) else None
    return isinstance(message, dict) and "parts" in message and "content" not in message


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and "role" in value and "content" in value


def _identify(source: Source, heads: list[Head]) -> Identity:
    named = source.name.removesuffix(".jsonl")
    sessions = dict.fromkeys(filter(_is_id, (head.session_id for head in heads)))
    session = next(iter(sessions), None)
    agent = _agent_of(source, heads)
    facts = _facts(heads)
    identity = Identity(format=FORMAT.name, id=named)
    parent: str | None = None
    if agent is not None:
        if session is not None and session in {agent, f"agent-{agent}"}:
            del sessions[session]  # its lines bear its own name, and nobody's that began it
            session = None
        parent = session or _parent_by_folder(source.path) or _first_of(heads, "parent_session_id")
        identity.id = _agent_name(parent, agent)
        identity.parent = parent
        facts["agent"] = agent
        meta = _read_meta(source)
        if meta is not None:
            facts["meta"] = meta
            identity.title = reading.optional_text(meta.get("description"))
            above = reading.optional_text(meta.get("parentAgentId"))
            if above is not None and _is_id(above) and above != agent:
                identity.parent = _agent_name(parent, above)
        facts |= _workflow(source.path)
    elif session is not None and not _UUID.fullmatch(named):
        identity.id = session  # the file was copied under another name
    others = [other for other in sessions if other not in {identity.id, parent}]
    if others:
        facts["other_sessions"] = others
    origin = next((head.forked_from for head in heads if head.forked_from), None)
    if origin is not None and origin.session_id and origin.session_id != identity.id:
        identity.previous, identity.reason = origin.session_id, "fork"
    identity.began = next((time for head in heads if (time := read_time(head.timestamp))), None)
    identity.cwd = _first_of(heads, "cwd")
    version = _first_of(heads, "version")
    identity.program = f"Claude Code {version}" if version else None
    title = _first_of(reversed(heads), "custom_title") or _first_of(reversed(heads), "ai_title")
    identity.title = title or identity.title
    identity.facts = facts
    return identity


def _is_id(text: str | None) -> bool:
    return bool(text) and len(text or "") <= _MAX_ID


def _agent_of(source: Source, heads: list[Head]) -> str | None:
    """Tell which sub-agent a file is of: by its name, or where only a sub-agent speaks in it."""
    if found := _AGENT_FILE.fullmatch(source.name):
        return found[1]
    if _UUID.fullmatch(source.name.removesuffix(".jsonl")):
        return None
    speaking = [head for head in heads if head.type in _SPOKEN]
    agents = {head.agent_id if head.is_sidechain else None for head in speaking}
    agent = agents.pop() if len(agents) == 1 else None
    return agent if _is_id(agent) else None


def _parent_by_folder(path: Path) -> str | None:
    parts = path.parts
    if "subagents" not in parts:
        return None
    at = parts.index("subagents")
    return parts[at - 1] if at and _UUID.fullmatch(parts[at - 1]) else None


def _workflow(path: Path) -> dict[str, str]:
    folder = path.parent
    return {"workflow": folder.name} if folder.parent.name == "workflows" else {}


def _agent_name(session: str | None, agent: str) -> str:
    return agent_conversation(session, agent) if session else f"agent-{agent}"


def _read_meta(source: Source) -> dict[str, Any] | None:
    """Read what the file beside a sub-agent's transcript says of it; most have none."""
    path = source.path.with_name(f"{source.name.removesuffix('.jsonl')}.meta.json")
    try:
        with path.open("rb") as file:
            meta = msgspec.json.decode(file.read(_MAX_META))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        source.skip("a sub-agent's meta.json that can't be read")
        return None
    return meta if isinstance(meta, dict) else None


def _facts(heads: list[Head]) -> dict[str, Any]:
    names = ("git_branch", "entrypoint", "session_kind", "slug")
    return {name: value for name in names if (value := _first_of(heads, name))}


def _first_of(heads: Iterable[Head], name: str) -> str | None:
    return next((value for head in heads if (value := getattr(head, name))), None)
