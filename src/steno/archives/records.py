"""Log lines as an archive holds them: JSON for programs, text for people. Pure.

Strategy: the JSON line is the record, and the text is made from it, so that the two can't differ.
The time comes first in both, at a fixed place and in a form that sorts, so records are put in
order without being decoded. In the text a record is the line that begins with a time: everything in
a message that could end a line or move a cursor is written as an escape, and the lines of a
traceback follow under a bar. All times are UTC.
"""

from __future__ import annotations

import functools
import re
import time
from typing import TYPE_CHECKING

import msgspec

from steno.wire.scrubbing import scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from steno.archives.identifiers import ArchiveIds
    from steno.logs.lines import LogLine

TEXT_HEAD = b"# Times are UTC. A record is a line that begins with a time.\n"
BAR = "    | "

_HOSTILE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r"}
_KINDS = (
    ("OpenRouter request headers:", "openrouter.request.headers"),
    ("OpenRouter request payload:", "openrouter.request.payload"),
    ("OpenRouter payload:", "openrouter.sse.event"),
    ("Tool ", "pipe.tools"),
    ("\U0001f527", "pipe.tools"),
    ("Skipping ", "pipe.tools"),
)
_LATEST = 253_402_300_799.0  # the last second of the year 9999
_KEY = slice(7, 31)
_TEXT_RECORD = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[")


class Trace(msgspec.Struct, frozen=True, gc=False):
    """The traceback and stack of a record."""

    text: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of ``logs.jsonl``; its keys and their order are what readers of such files know."""

    ts: str
    level: str = ""
    logger: str = ""
    request_id: str = ""
    user_id: str = ""
    session_id: str = ""
    chat_id: str = ""
    message_id: str = ""
    event_type: str = "pipe"
    module: str = ""
    func: str = ""
    lineno: int = 0
    exception: Trace | msgspec.UnsetType = msgspec.UNSET
    message: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


@functools.lru_cache(maxsize=64)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))


def stamp(created: float) -> str:
    """Write a time as UTC with milliseconds."""
    if not 0 <= created <= _LATEST:
        created = 0.0 if not created > 0 else _LATEST
    millis = int(created * 1000)
    return f"{_second(millis // 1000)}.{millis % 1000:03d}Z"


def time_of(line: LogLine) -> float:
    """Tell when a line was logged: a number that sorts, also where a record was made by hand."""
    created = line.created
    if type(created) is not float:
        try:
            created = float(created)
        except (TypeError, ValueError, OverflowError):
            return 0.0
    if 0.0 <= created <= _LATEST:
        return created
    return _LATEST if created > 0 else 0.0


def _text(value: object) -> str:
    return value if type(value) is str else "" if value is None else str(value)


def _whole_number(value: object) -> int:
    return value if type(value) is int and abs(value) < 1 << 53 else 0


def classify(message: str) -> str:
    """Tell what kind of record a message is, by how it begins."""
    for start, kind in _KINDS:
        if message.startswith(start):
            return kind
    return "pipe"


def encode_line(line: LogLine, ids: ArchiveIds, pause: Callable[[], object] = bool) -> bytes:
    """Encode a log line for an archive, without the secrets in it.

    Args:
        line: What was logged.
        ids: The ids of the archive to which it goes; they stand in every record.
        pause: Called in the midst of long texts: other threads may want to go on.
    """
    record = Record(
        ts=stamp(time_of(line)),
        level=_text(line.level_name),
        logger=_text(line.logger),
        request_id=_text(line.request_id) or ids.request_id,
        user_id=ids.user_id,
        session_id=ids.session_id,
        chat_id=ids.chat_id,
        message_id=ids.message_id,
        event_type=classify(line.message),
        module=_text(line.module),
        func=_text(line.function),
        lineno=_whole_number(line.line_number),
        exception=Trace(scrub(line.exception, pause)) if line.exception else msgspec.UNSET,
        message=scrub(line.message, pause),
    )
    try:
        return _encode(record) + b"\n"
    except UnicodeEncodeError:
        # Half of a surrogate pair has no form in UTF-8.
        return _encode(_whole(record)) + b"\n"


def _whole(record: Record) -> Record:
    def mend(value: str) -> str:
        return value.encode("utf-8", "backslashreplace").decode()

    changed = {
        name: mend(value)
        for name, value in msgspec.structs.asdict(record).items()
        if isinstance(value, str)
    }
    if isinstance(record.exception, Trace):
        changed["exception"] = Trace(mend(record.exception.text))  # type: ignore[assignment]
    return msgspec.structs.replace(record, **changed)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")  # noqa: PLR2004 - one byte


def plain(text: str) -> str:
    """Make a text stay on its line, and do nothing to a terminal."""
    return text if text.isprintable() else _HOSTILE.sub(_escape, text)


def text_of(line: bytes) -> bytes:
    """Write a line of ``logs.jsonl`` as ``logs.txt`` has it.

    Raises:
        msgspec.MsgspecError: It is no record.
    """
    record = _decode(line)
    ts = record.ts
    first = (
        f"{ts[:10]} {ts[11:19]},{ts[20:23]} [{plain(record.level)}] [user={plain(record.user_id)}]"
        f" {plain(record.message)}\n"
    )
    if isinstance(record.exception, Trace):
        lines = record.exception.text.splitlines()
        first += "".join(f"{BAR}{plain(each)}\n" for each in lines)
    return first.encode("utf-8", "backslashreplace")


def key_of(line: bytes) -> bytes:
    """Return that part of a JSON line by which records sort in time."""
    return line[_KEY]


def text_key_of(record: bytes) -> bytes:
    """Return that part of a record in ``logs.txt`` by which records sort in time."""
    return record[:23]


def split_text(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Gather the lines of a ``logs.txt`` into records, each with its traceback."""
    held: list[bytes] = []
    for line in lines:
        if not _TEXT_RECORD.match(line):
            if held:
                held.append(line)
            continue
        if held:
            yield b"".join(held)
        held = [line]
    if held:
        yield b"".join(held)
