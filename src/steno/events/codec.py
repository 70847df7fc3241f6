"""Events to lines of a transcript and back.

Strategy: the way out is the hot path of the worker, so the common event is encoded once, straight
into the buffer that will be written, and its ``recorder`` and ``seq`` go over the closing brace.
Only when the encoder refuses, or the
line shows a sign that something can't be kept as it was given (a ``null`` that may have been a
NaN, a line beyond the limit), is the event walked by `Salvage`. The way in decodes straight to the
typed event; a line that doesn't encode to the same bytes again is compared key by key with what
was understood, and the rest is kept in ``extra``.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from steno.errors import TranscriptError
from steno.events.header import Header, upgrade_header
from steno.events.model import (
    EntryImported,
    Event,
    KnownEvent,
    RequestRecorded,
    ResponseRecorded,
    ToolCallRecorded,
    UnknownEvent,
)
from steno.events.parts import Alteration
from steno.events.salvage import Salvage, clean_text, has_non_finite

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Length of a line beyond which an event's texts are cut."""

_LARGE_TEXT = 65_536

_EPOCH = datetime.fromtimestamp(0, UTC)

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_encode_into = _encoder.encode_into
_decode_known = msgspec.json.Decoder(KnownEvent | Header).decode
_decode_any = msgspec.json.Decoder().decode

_TYPES: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind
    for kind in KnownEvent.__args__  # the members of the union
}

_STAMP_KEY = b'"timestamp":"'
_STAMP_LENGTH = len("2026-11-20T12:00:00")


def _no_bulk(_event: Event) -> tuple[None, None]:
    return None, None


def _entry_bulk(event: EntryImported) -> tuple[memoryview | None, Any]:
    entry = event.entry
    return (memoryview(entry), None) if isinstance(entry, msgspec.Raw) else (None, entry)


_BULK: dict[type[Event], Callable[[Any], tuple[Any, Any]]] = {
    **dict.fromkeys(_TYPES.values(), _no_bulk),
    RequestRecorded: attrgetter("request_text", "request_json"),
    ResponseRecorded: attrgetter("response_text", "response_json"),
    ToolCallRecorded: attrgetter("tool_arguments", "tool_output"),
    EntryImported: _entry_bulk,
}
"""Reads the text of an event, which may be long, and the payload beside it: its last fields.

Types that are not here, an `UnknownEvent` or somebody's own, are encoded the slow way.
"""

_TEXTS = frozenset({str, memoryview})

_UNALTERED: tuple[Alteration, ...] = ()


class LineEncoder:
    """Encodes the events of one recorder as lines.

    Used by one thread.

    Attributes:
        recorder: The recorder's id, written into every line.
        max_event_bytes: Length of a line beyond which texts are cut.
    """

    def __init__(self, recorder: str, max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES) -> None:
        """Prepare the part of a line that is the same for all events."""
        self.recorder = recorder
        self.max_event_bytes = max_event_bytes
        self._tail = b',"recorder":%b,"seq":' % _encode(recorder)

    def encode(self, event: Event, seq: int) -> tuple[bytes, tuple[Alteration, ...]]:
        """Encode one event as a line of its own; see `append`.

        Returns:
            The line with its newline, and what could not be kept as it was given.
        """
        line = bytearray()
        notes = self.append(event, seq, line)
        return bytes(line), notes

    def append(self, event: Event, seq: int, lines: bytearray) -> tuple[Alteration, ...]:
        """Encode one event behind the lines of others; never fails on what an event holds.

        Args:
            event: The event, as the program recorded it.
            seq: Its number among the recorder's events.
            lines: Gets the line, with its newline.

        Returns:
            What could not be kept as it was given.
        """
        begin = len(lines)
        try:
            stamp = event.timestamp
            if stamp.tzinfo is not UTC or event.extra is not UNSET:
                return self._append_slowly(event, seq, lines, begin)
            _encode_into(event, lines, begin)
            # The bulk of a line is its text, which stands last and can't hold a NaN: to search it
            # for the mark of one would cost as much as the encoding.
            end = len(lines)
            length = end - begin
            text, payload = _BULK[type(event)](event)
            last = text if payload is None else payload
            if type(last) in _TEXTS:
                end -= len(last)
            if length > self.max_event_bytes or (
                lines.find(b"null", begin, end) >= 0 and has_non_finite(event)
            ):
                return self._append_slowly(event, seq, lines, begin)
        except Exception:  # noqa: BLE001 - whatever a value makes the encoder raise, it is salvaged
            return self._append_slowly(event, seq, lines, begin)
        lines[-1:] = b"%b%d}\n" % (self._tail, seq)
        if not stamp.microsecond:
            _write_microseconds(lines, begin)
        return _UNALTERED

    def _append_slowly(
        self, event: Event, seq: int, lines: bytearray, begin: int
    ) -> tuple[Alteration, ...]:
        del lines[begin:]  # what was begun of it
        line, notes = salvage_event(event, self.max_event_bytes)
        line.pop("recorder", None)
        line.pop("seq", None)
        line["recorder"] = self.recorder
        line["seq"] = seq
        lines += _encode(line)
        lines += b"\n"
        return notes


def _write_microseconds(lines: bytearray, begin: int) -> None:
    """Write the six digits that the encoder leaves out when they are all zero."""
    at = lines.find(_STAMP_KEY, begin) + len(_STAMP_KEY)
    end = lines.find(b'Z"', at)
    if end - at == _STAMP_LENGTH:
        lines[end:end] = b".000000"


def format_timestamp(stamp: datetime) -> str:
    """Write a time as RFC 3339 in UTC with microseconds and ``Z``; naive times are taken as UTC."""
    stamp = stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
    return stamp.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def salvage_event(event: Event, max_bytes: int) -> tuple[dict[str, Any], tuple[Alteration, ...]]:
    """Bring an event into a form that JSON can carry within ``max_bytes``.

    Returns:
        The line as a dict, and what was changed.
    """
    if isinstance(event, UnknownEvent):
        return dict(event.raw), ()
    limits: tuple[int | None, ...] = (None, _LARGE_TEXT)
    for limit in limits:
        walk = Salvage(limit)
        line: dict[str, Any] = {"type": str(type(event).__struct_config__.tag)}
        line |= {name: walk.value(_builtin(value), f"/{name}") for name, value in _fields(event)}
        if event.extra is not msgspec.UNSET:
            line = _merge(line, event.extra)
        _note(line, event, walk.notes)
        encoded = _encode(line)
        if len(encoded) <= max_bytes:
            return line, tuple(walk.notes)
    for name, value in list(line.items()):
        if isinstance(value, (dict, list)) and name not in {"altered", "tokens"}:
            data = _encode(value)
            if len(data) > _LARGE_TEXT:
                walk.notes.append(
                    Alteration(
                        path=f"/{name}",
                        reason="too_large",
                        size=len(data),
                        sha256=hashlib.sha256(data).hexdigest(),
                    )
                )
                line[name] = None
    _note(line, event, walk.notes)
    return line, tuple(walk.notes)


def _fields(event: Event) -> list[tuple[str, Any]]:
    kind = type(event)
    pairs = []
    for name, encoded in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        value = getattr(event, name, None)
        absent = value is msgspec.UNSET or value is None or value == ()
        if name in {"extra", "altered"} or (absent and name != "timestamp"):
            continue
        if isinstance(value, datetime):
            value = format_timestamp(value)
        pairs.append((encoded, value))
    return pairs


def _builtin(value: Any) -> Any:
    """Turn a part of an event into plain values where that loses nothing."""
    if isinstance(value, msgspec.Raw):
        return _decode_any(value)
    return value


def _note(line: dict[str, Any], event: Event, notes: list[Alteration]) -> None:
    noted = [*event.altered, *notes]
    if noted:
        line["altered"] = msgspec.to_builtins(noted)


def _merge(known: Any, extra: Any) -> Any:
    """Lay what was not understood over what was."""
    if isinstance(known, dict) and isinstance(extra, dict):
        merged = dict(known)
        for key, value in extra.items():
            merged[key] = _merge(known[key], value) if key in known else value
        return merged
    if isinstance(known, list) and isinstance(extra, _ListExtra):
        return [
            _merge(item, extra.items.get(at)) if at in extra.items else item
            for at, item in enumerate(known)
        ]
    return extra


class _ListExtra(msgspec.Struct, frozen=True):
    """What was not understood in some items of a list, by position."""

    items: dict[int, Any]


def _left_over(raw: Any, known: Any) -> Any:
    """Find what of a raw value the typed one lacks; `msgspec.UNSET` for nothing."""
    if isinstance(raw, dict) and isinstance(known, dict):
        rest = {}
        for key, value in raw.items():
            missing = _left_over(value, known[key]) if key in known else value
            if missing is not msgspec.UNSET:
                rest[key] = missing
        return rest or msgspec.UNSET
    if isinstance(raw, list) and isinstance(known, list) and len(raw) == len(known):
        found = {at: _left_over(*pair) for at, pair in enumerate(zip(raw, known, strict=True))}
        items = {at: rest for at, rest in found.items() if rest is not msgspec.UNSET}
        return _ListExtra(items) if items else msgspec.UNSET
    return msgspec.UNSET


def encode_event(event: Event) -> bytes:
    """Encode one event that was read from a transcript, without a newline.

    Nothing that the line held is lost, be it of a newer version.
    """
    if isinstance(event, UnknownEvent):
        return _encode(event.raw)
    recorder = event.recorder if isinstance(event.recorder, str) else ""
    seq = event.seq if isinstance(event.seq, int) else 0
    bare = msgspec.structs.replace(event, recorder=msgspec.UNSET, seq=msgspec.UNSET)
    line = LineEncoder(recorder, max_event_bytes=1 << 62).encode(bare, seq)[0][:-1]
    if not recorder and not seq:
        line = line.removesuffix(b',"recorder":"","seq":0}') + b"}"
    return line


def encode_header(header: Header) -> bytes:
    """Encode a header as the first line of a transcript, without a newline."""
    walk = Salvage()
    line: dict[str, Any] = {"type": "session"}
    for name, encoded in _HEADER_FIELDS:
        value = getattr(header, name)
        if name == "extra" or (value in (None, ()) and name not in _ALWAYS):
            continue
        if isinstance(value, datetime):
            value = format_timestamp(value)
        line[encoded] = walk.value(value, f"/{encoded}")
    if header.extra is not msgspec.UNSET:
        line = _merge(line, header.extra)
    return _encode(line)


_ALWAYS = frozenset({"version", "id", "session_id", "session_key", "agent_id", "timestamp", "cwd"})
_HEADER_FIELDS = tuple(zip(Header.__struct_fields__, Header.__struct_encode_fields__, strict=True))


def decode_line(line: bytes, *, lossless: bool = True) -> Event | Header:
    """Read one line of a transcript.

    Args:
        line: The line, with or without its newline.
        lossless: Keep what this version doesn't know in ``extra``; without it, unknown fields
            of known events are left out, which is twice as fast.

    Returns:
        The header, the event, or an `UnknownEvent` that holds the whole object.

    Raises:
        TranscriptError: The line is no JSON object.
    """
    line = line.strip()
    entry: Event | Header
    try:
        entry = _decode_known(line)
        # What an event does not know is skipped, whatever bytes it is: it may still be no text.
        other = isinstance(entry, Header) or (lossless and encode_event(entry) != line)
        raw = _decode_any(line) if other else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_unknown(line)
    if raw is not None:
        if isinstance(entry, Header):
            return _decode_header(raw)
        rest = _left_over(raw, _plain(entry))
        if rest is not msgspec.UNSET:
            entry = msgspec.structs.replace(entry, extra=rest)
    return entry


def _plain(event: Event) -> dict[str, Any]:
    plain: dict[str, Any] = _decode_any(_encode(event))
    return plain


def _decode_header(raw: dict[str, Any]) -> Event | Header:
    upgraded = upgrade_header(raw)
    if not isinstance(upgraded.get("timestamp"), str):
        upgraded["timestamp"] = format_timestamp(_EPOCH)
    known = {encoded for _, encoded in _HEADER_FIELDS} - {"extra"}
    upgraded = {key: value for key, value in upgraded.items() if value is not None and key in known}
    try:
        header = msgspec.convert(upgraded, Header)
    except msgspec.ValidationError:
        # A field that is not what it should be must not make a transcript anonymous.
        misfits = {key for key in known & upgraded.keys() if not _fits(key, upgraded[key])}
        upgraded = {key: value for key, value in upgraded.items() if key not in misfits}
        upgraded = {"timestamp": format_timestamp(_EPOCH), "version": 1, **upgraded}
        header = msgspec.convert(upgraded, Header)
        known -= misfits
    rest = {key: value for key, value in raw.items() if key not in known and key != "type"}
    return msgspec.structs.replace(header, extra=rest) if rest else header


def _fits(key: str, value: Any) -> bool:
    try:
        msgspec.convert({"timestamp": _EPOCH, key: value}, Header)
    except msgspec.ValidationError:
        return False
    return True


def _decode_unknown(line: bytes) -> Event | Header:
    try:
        raw = _decode_any(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"not a JSON object: {error}"
        raise TranscriptError(message) from error
    if not isinstance(raw, dict):
        message = f"not a JSON object but {type(raw).__name__}"
        raise TranscriptError(message)
    if raw.get("type") == "session":
        return _decode_header(raw)
    return _unknown(raw)


def _unknown(raw: dict[str, Any]) -> UnknownEvent:
    def text(name: str) -> str:
        value = raw.get(name)
        return value if isinstance(value, str) else ""

    try:
        stamp = msgspec.convert(raw.get("timestamp"), datetime)
    except msgspec.ValidationError:
        stamp = _EPOCH
    recorder, seq = raw.get("recorder"), raw.get("seq")
    return UnknownEvent(
        session_id=text("session_id"),
        request_id=text("request_id"),
        timestamp=stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC),
        recorder=recorder if isinstance(recorder, str) else msgspec.UNSET,
        seq=seq if isinstance(seq, int) else msgspec.UNSET,
        raw=raw,
    )


def type_of(event: Event) -> str:
    """Tell an event's ``type``, also that of an event that this version doesn't know."""
    if isinstance(event, UnknownEvent):
        return clean_text(str(event.raw.get("type", "unknown")))
    return str(type(event).__struct_config__.tag)
