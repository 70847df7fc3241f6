"""The format ``openclaw``: JSON lines of OpenClaw, of pi, on which it is built, and of oh-my-pi.

A file is one session, or one generation of it. Its id is that of its header, unless the file's
name holds another one that the program gave (a UUID): OpenClaw copies headers from one session to
the next, and its store goes by the file's name. Its key stands in the header of files that steno
wrote or stamped; elsewhere the neighbours may tell it.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import decode_value
from steno.transcripts.importers.formats.openclaw_entries import EntryReader
from steno.transcripts.importers.formats.openclaw_index import find_name
from steno.transcripts.importers.formats.openclaw_names import (
    Name,
    agent_of,
    parent_by_folder,
    program_of,
    read_name,
    read_parent,
    why_no_transcript,
)
from steno.transcripts.importers.model import Conversation, Entry, Identity
from steno.transcripts.importers.times import read_time
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from steno.transcripts.importers.source import Probe, Source
    from steno.transcripts.values import Value

NAME = "openclaw"
"""The format's name, and the one under which sessions of the store go as well."""

_MAX_HEAD_VALUES = 20
_MAX_HEAD_BYTES = 1024 * 1024
_HEADER_FIELDS = frozenset({"version", "timestamp", "cwd", "sessionKey", "parentSession"})
_HEADERLESS = re.compile(
    rb'\{\s*"type":\s*"message",\s*"id":\s*".{0,300}?"message":\s*\{\s*"role":\s*"'
)


def is_header(value: Any) -> bool:
    """Tell whether a value is a header of this format, if without an id; steno's own are none."""
    return (
        isinstance(value, dict)
        and value.get("type") == "session"
        and "session_id" not in value
        and (isinstance(value.get("id"), str) or bool(_HEADER_FIELDS & value.keys()))
    )


class OpenClaw:
    """Reads one file of JSON lines."""

    name = NAME
    title = "OpenClaw, pi"
    homes = (
        "$OPENCLAW_STATE_DIR/agents",
        "$OPENCLAW_HOME/agents",
        "~/.openclaw/agents",
        "~/.clawdbot/agents",
        "~/.moltbot/agents",
        "~/.pi/agent/sessions",
        "~/.omp/agent/sessions",
    )

    def recognise(self, probe: Probe) -> float:
        """Tell by the header, or by messages where it is missing; see `Format`."""
        if not probe.head or why_no_transcript(probe.name) is not None:
            return 0.0
        for value in probe.first:
            if not isinstance(value, dict):
                continue
            if value.get("type") == "session" and "session_id" in value:
                return 0.0
            if is_header(value):
                whole = isinstance(value.get("id"), str) and _HEADER_FIELDS & value.keys()
                return 1.0 if whole else 0.6
        if any(map(_is_message, probe.first)) or (
            not probe.first and _HEADERLESS.match(probe.head) is not None
        ):
            # Late appends make files that have no header.
            return 0.9
        return 0.0

    def takes_folder(self, probe: Probe) -> bool:  # noqa: ARG002 - the protocol's
        """Tell that folders are looked into."""
        return False

    def neighbour(self, path: Path) -> str | None:
        """Tell what lies beside transcripts; see `Format`."""
        return why_no_transcript(path.name)

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the one conversation of a file; see `Format`."""
        values = source.values()
        head = read_head(values)
        if head:
            name = read_name(source.name)
            identity = _identify(source.path, name, [decode_value(value.data) for value in head])
            yield Conversation(identity, read_entries(chain(head, values)))


def read_head(values: Iterator[Value]) -> list[Value]:
    """Take the first values, up to the header; where there is none, a small number."""
    head: list[Value] = []
    size = 0
    for value in values:
        head.append(value)
        size += len(value.data)
        if is_header(decode_value(value.data)):
            break
        if len(head) >= _MAX_HEAD_VALUES or size > _MAX_HEAD_BYTES:
            break
    return head


def read_entries(values: Iterable[Value]) -> Iterator[Entry]:
    """Yield the entries of one conversation."""
    reader = EntryReader()
    for value in values:
        yield reader.read(value.data, value.offset)


def read_header(head: Iterable[Any]) -> dict[str, Any]:
    """Return the header among the first values of a transcript; {} where it is missing."""
    return next((value for value in head if is_header(value)), {})


def describe_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a header tells of its conversation, for `Identity`; its id and key apart."""
    facts: dict[str, Any] = {}
    version = header.get("version")
    if header:
        facts["version"] = version if isinstance(version, int) else 1
    given = reading.optional_text(header.get("parentSession")) or reading.optional_text(
        header.get("branchedFrom")
    )
    previous = read_parent(given) if given else None
    if given:
        facts["parent_session"] = given
    return {
        "began": read_time(header.get("timestamp")),
        "cwd": reading.optional_text(header.get("cwd")),
        "title": reading.optional_text(header.get("title")),
        "previous": previous,
        "reason": "fork" if previous else None,
        "facts": facts,
    }


def key_in(header: Mapping[str, Any]) -> str | None:
    """Read the session key from a header, or from the metadata that newer versions keep there."""
    metadata = header.get("metadata")
    inner = metadata if isinstance(metadata, dict) else {}
    return reading.optional_text(header.get("sessionKey")) or reading.optional_text(
        inner.get("sessionKey")
    )


def _identify(path: Path, name: Name, head: list[Any]) -> Identity:
    header = read_header(head)
    told = describe_header(header)
    facts = told["facts"]
    session_id = reading.text(header.get("id")) or name.id
    if header and name.is_certain and name.id != session_id:
        facts["header_id"], session_id = session_id, name.id
    if told["previous"] == session_id:
        told["previous"] = told["reason"] = None
    agent = reading.optional_text(header.get("agentId")) or agent_of(path)
    if agent:
        facts["agent"] = agent
    if name.generation != "live":
        facts["generation"] = name.generation
    if name.stamp:
        facts["put_aside"] = name.stamp
    key = key_in(header)
    if key is None:
        named = find_name(path, session_id, _suffix(path.name))
        if named is not None:
            key = named.key
            facts["key_from"] = named.source
            told["title"] = told["title"] or named.title
            if named.spawned_by:
                facts["spawned_by"] = named.spawned_by
    titles = (value.get("title") for value in head if _is_title(value))
    told["title"] = next(filter(None, map(reading.optional_text, titles)), told["title"])
    return Identity(
        format=NAME,
        id=session_id,
        key=key,
        program=program_of(path),
        parent=parent_by_folder(path),
        **told,
    )


def _suffix(name: str) -> str:
    return name.partition(".jsonl")[2].removesuffix(".zst")


def _is_title(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "title"


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("type") != "message":
        return False
    message = value.get("message")
    return isinstance(message, dict) and isinstance(message.get("role"), str)


FORMAT = OpenClaw()
