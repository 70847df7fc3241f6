"""What one transcript says of itself, read once from end to end.

Strategy: every line is looked at by a search for bytes, and only the few that can matter are
decoded: the header, the first thing a user said, repeated headers, and sub-agents that were begun.
In a text inside a line each quote is escaped, so a quoted name in these searches is the name of a
field and never a word that somebody said.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from msgspec import Struct, field

from steno.errors import TranscriptError
from steno.storage.compressed import PACKED, PackedText, damage_of
from steno.transcripts.flaws import MAX_FLAWS, Flaw
from steno.transcripts.recovery.fields import decode_field, decode_string, split_entry
from steno.transcripts.values import read_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

_READ_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
REPEATED = "repeated"
"""The kind of flaw of a line that stands twice; beside those of `steno.transcripts.flaws`."""

_LONGEST_TEXT = 16 * 1024
_MOST_SPAWNS = 10_000
_MOST_NAMED = 64
_REMEMBERED = 4096
_HEADER_MARK = b'{"type":"session"'
_ROTATIONS = frozenset({"reset", "compaction"})
"""Reasons for which steno begins a session under the key of the one before it; forks may differ."""

_SHORTEST_REPEATED = 64
"""Shorter lines have no id and no time in them and may well be the same."""

_MATTERS = re.compile(rb'"session(?:Key|s_spawn)?"').search
"""One search for three names: nearly no line has any of them. Twice as fast as ``in`` for this."""


class Named(Struct, frozen=True):
    """A place where a transcript gives its own key.

    Attributes:
        key: The key.
        agent: The agent beside it, if one stands there.
        session_id: The session that the place speaks of.
        offset: Byte offset of the line.
        place: ``header``, ``metadata`` (of the header) or the type of a later line.
    """

    key: str
    agent: str | None
    session_id: str | None
    offset: int
    place: str


class Related(Struct, frozen=True):
    """Another session that a transcript says to be of its own key: the one before or behind it.

    Attributes:
        key: The key.
        session_id: The other session.
        offset: Byte offset of the line.
    """

    key: str
    session_id: str
    offset: int


class Spawned(Struct, frozen=True):
    """A sub-agent that was begun in a transcript.

    Attributes:
        key: The sub-agent's session key.
        at: When, as it stands there.
        task: What it was told to do; None where that does not stand there.
        offset: Byte offset of the line.
    """

    key: str
    at: str | None
    task: str | None
    offset: int


class Header(Struct, frozen=True):
    """The header of a transcript, of any version.

    Attributes:
        offset: Byte offset of its object.
        length: Bytes of the object.
        id: The session's id in it.
        timestamp: When the session began, as it stands there.
        has_key: It has a session key already.
        has_agent: It names an agent already.
        forked: It goes on from another transcript, whose metadata it may have inherited.
    """

    offset: int
    length: int
    id: str | None
    timestamp: str | None
    has_key: bool
    has_agent: bool
    forked: bool


class Reading(Struct):
    """What was read.

    Attributes:
        header: The first header; None where there is none.
        named: Where the transcript gives its key, in the order of the file.
        related: The sessions from which it goes on, and that go on from it, under its key.
        text: The first thing that a user said, cut after 16 KiB; None where nobody did.
        text_offset: Byte offset of its line.
        cron_texts: How many things that a user said begin as a scheduled job's do.
        spawned: The sub-agents that were begun.
        first_timestamp: The time of the first line that has one.
        values: How many JSON values there are.
        flaws: What is damaged, or stands twice.
        failure: Why the file could not be read; None where it could.
    """

    header: Header | None = None
    named: list[Named] = field(default_factory=list)
    related: list[Related] = field(default_factory=list)
    text: str | None = None
    text_offset: int = 0
    cron_texts: int = 0
    spawned: list[Spawned] = field(default_factory=list)
    first_timestamp: str | None = None
    values: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    failure: str | None = None


@contextlib.contextmanager
def open_found(path: str) -> Iterator[BinaryIO]:
    """Open the text of a file of exactly this name, a regular one, without following a link.

    Raises:
        OSError: It can't be opened, or is something else.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    if path.endswith(PACKED):
        import io

        file = cast("BinaryIO", io.BufferedReader(PackedText(path, opener=_open), 256 * 1024))
    else:
        file = open(path, "rb", opener=_open)  # noqa: SIM115 - closed below
    with file:
        yield file


def _open(path: str, flags: int) -> int:
    fd = os.open(path, flags | _READ_FLAGS)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(0, "no regular file", path)
    return fd


def read_found(path: str) -> Reading:
    """Read a transcript as far as it goes; what can't be read is told in the answer."""
    reading = Reading()
    try:
        with open_found(path) as file:
            _read(reading, file)
            damage = damage_of(file)
            if damage and not any(flaw.kind == "compressed" for flaw in reading.flaws):
                reading.flaws.append(Flaw(file.tell(), 0, "compressed", detail=damage))
    except OSError as error:
        reading.failure = error.strerror or str(error)
    except TranscriptError as error:
        reading.failure = f"{error.message}; {error.hint}" if error.hint else error.message
    return reading


def _read(reading: Reading, file: BinaryIO) -> None:
    tasks: dict[str, str] = {}
    repeats = _Repeats()
    for count, (offset, data) in enumerate(read_values(file, reading.flaws), 1):
        reading.values = count
        if repeats.add(offset, data):
            continue
        if _MATTERS(data):
            if b'"sessionKey"' in data or (reading.header is None and b'"session"' in data):
                _take_identity(reading, offset, data)
            if b'"sessions_spawn"' in data:
                _take_spawn(reading, offset, data, tasks)
        if reading.text is None or reading.cron_texts:
            _take_text(reading, offset, data)
        if reading.first_timestamp is None and b'"timestamp"' in data:
            entry = split_entry(data) or {}
            reading.first_timestamp = decode_string(entry.get("timestamp"))
    if repeats.found:
        reading.flaws = sorted([*reading.flaws, *repeats.found], key=lambda flaw: flaw.offset)


class _Repeats:
    """Notices lines that stand twice near each other: an interrupted write that was repeated.

    Two generations of marks are kept, so that forgetting the oldest costs nothing.
    """

    def __init__(self) -> None:
        self.found: list[Flaw] = []
        self._recent: set[bytes] = set()
        self._older: set[bytes] = set()

    def add(self, offset: int, data: bytes) -> bool:
        """Add a line; True where it was there."""
        if len(data) < _SHORTEST_REPEATED or data.startswith(_HEADER_MARK):
            return False  # steno repeats the header of a long transcript on purpose
        # Id and time of an entry stand at its beginning or at its end.
        mark = data[:128] + data[-48:]
        if mark in self._recent or mark in self._older:
            if len(self.found) < MAX_FLAWS:
                self.found.append(Flaw(offset, len(data), REPEATED))
            return True
        self._recent.add(mark)
        if len(self._recent) >= _REMEMBERED:
            self._recent, self._older = set(), self._recent
        return False


def _take_identity(reading: Reading, offset: int, data: bytes) -> None:
    entry = split_entry(data)
    if entry is None:
        return
    kind = decode_string(entry.get("type"))
    key, agent = decode_string(entry.get("sessionKey")), decode_string(entry.get("agentId"))
    identifier = decode_string(entry.get("session_id")) or decode_string(entry.get("id"))
    if kind == "session":
        if reading.header is None and identifier is not None:
            reading.header = Header(
                offset, len(data), identifier, decode_string(entry.get("timestamp")),
                has_key=key is not None, has_agent=agent is not None,
                forked=decode_string(entry.get("parentSession")) is not None,
            )  # fmt: skip
        if key is not None:
            _add_named(reading, Named(key, agent, identifier, offset, "header"))
            if decode_string(entry.get("reason")) in _ROTATIONS:
                _add_related(reading, key, decode_string(entry.get("previous")), offset)
        metadata = decode_field(entry.get("metadata"))
        if isinstance(metadata, Mapping) and isinstance(metadata.get("sessionKey"), str):
            agent = metadata.get("agentId")
            agent = agent if isinstance(agent, str) else None
            _add_named(
                reading, Named(metadata["sessionKey"], agent, identifier, offset, "metadata")
            )
    elif kind == "rotated" and key is not None:
        # steno ends a transcript with an event that says who it was, for when the head is lost.
        identifier = decode_string(entry.get("session_id"))
        _add_named(reading, Named(key, agent, identifier, offset, kind))
        _add_related(reading, key, decode_string(entry.get("successor")), offset)


def _add_named(reading: Reading, named: Named) -> None:
    """Add a place that gives a key, unless an earlier one of its kind gives the same."""
    if len(reading.named) < _MOST_NAMED and not any(
        (each.key, each.session_id, each.place) == (named.key, named.session_id, named.place)
        for each in reading.named
    ):
        reading.named.append(named)


def _add_related(reading: Reading, key: str, session_id: str | None, offset: int) -> None:
    if session_id and len(reading.related) < _MOST_NAMED:
        reading.related.append(Related(key, session_id, offset))


def _message(entry: dict[str, Raw] | None) -> dict[str, Any] | None:
    message = decode_field(entry.get("message")) if entry else None
    return message if isinstance(message, dict) else None


def _text_of(data: bytes) -> str | None:
    """Return what a user says in a line, None where it is no such line."""
    message = _message(split_entry(data))
    if message is None or message.get("role") != "user":
        return None
    content = message.get("content")
    if isinstance(content, list):
        texts = [block["text"] for block in content
                 if isinstance(block, dict) and isinstance(block.get("text"), str)]  # fmt: skip
        content = "\n".join(texts)
    return content if isinstance(content, str) else None


def _take_text(reading: Reading, offset: int, data: bytes) -> None:
    """Take the first thing that a user says; later ones count where they begin as a job's do."""
    if b'"user"' not in data or (reading.text is not None and b"[cron:" not in data):
        return
    text = _text_of(data)
    if text is None:
        return
    if reading.text is None:
        reading.text, reading.text_offset = text[:_LONGEST_TEXT], offset
    reading.cron_texts += text.startswith("[cron:")


def _take_spawn(reading: Reading, offset: int, data: bytes, tasks: dict[str, str]) -> None:
    entry = split_entry(data)
    message = _message(entry)
    if entry is None or message is None or len(reading.spawned) >= _MOST_SPAWNS:
        return
    if message.get("role") == "assistant" and isinstance(message.get("content"), list):
        for block in message["content"]:
            if not isinstance(block, dict) or block.get("name") != "sessions_spawn":
                continue
            given = block.get("arguments")
            task = given.get("task") if isinstance(given, dict) else None
            if isinstance(task, str) and len(tasks) < _MOST_SPAWNS:
                tasks[str(block.get("id"))] = task[: _LONGEST_TEXT // 2]
    if message.get("role") == "toolResult" and message.get("toolName") == "sessions_spawn":
        key = _child_key(message)
        if key is not None:
            told = tasks.get(str(message.get("toolCallId")))
            at = decode_string(entry.get("timestamp"))
            reading.spawned.append(Spawned(key, at, told, offset))


def _child_key(message: dict[str, Any]) -> str | None:
    details = message.get("details")
    content = message.get("content")
    for told in (details, *_parsed(content)):
        if isinstance(told, dict) and isinstance(told.get("childSessionKey"), str):
            return str(told["childSessionKey"])
    return None


def _parsed(content: Any) -> Iterator[Any]:
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and isinstance(block.get("text"), str):
            yield decode_field(block["text"].encode("utf-8", "replace"))
