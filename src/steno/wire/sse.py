"""Splits a response body into server-sent events.

The rules are those of the WHATWG HTML standard, section "Parsing an event stream", but for three
points: the fields ``id`` and ``retry`` are passed over, since nobody here reconnects; an event
without a name is named "" instead of "message"; and `EventSplitter.close` hands out an event that
no blank line ends.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_EVENT_BYTES = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One server-sent event.

    Attributes:
        event: Its ``event`` field; "" when it has none.
        data: Its ``data`` lines, joined by line feeds.
    """

    event: str
    data: str


class EventSplitter:
    """Turns the bytes of a body, however they were cut, into events.

    Every byte is looked at a fixed number of times: what waits for its blank line is not searched
    again when more comes.

    Attributes:
        dropped: Events that were longer than allowed, and are missing.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        """Begin a body.

        Args:
            max_event_bytes: The longest event that is kept, in bytes as sent, with its field names
                and comments, each line end counted as one byte.
        """
        self.dropped = 0
        self._limit = max_event_bytes
        self._pending = bytearray()  # an event without its blank line; line ends are LF already
        self._at_start = True  # a byte order mark may stand here
        self._after_cr = False  # a LF that comes next belongs to the CR before it
        self._skipping = False  # inside an event that is too long

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Take the next bytes, and return the events that they complete."""
        if self._at_start:
            data = self._pass_mark(data)
        if self._after_cr or b"\r" in data:
            data = self._join_line_ends(data)
        if not data:
            return []
        pending = self._pending
        if pending:
            # A blank line may have begun in the chunk before: one byte of it is searched again.
            begin = len(pending) - 1
            pending += data
            if pending.find(b"\n\n", begin) < 0:
                return self._wait()
            end = pending.rfind(b"\n\n", begin)
            whole = bytes(pending[:end])
            del pending[: end + 2]
        else:
            end = data.rfind(b"\n\n")
            if end < 0:
                pending += data
                return self._wait()
            whole = data[:end]
            pending += data[end + 2 :]
        events = self._parse(whole)
        if len(pending) > self._limit:
            self._wait()
        return events

    def close(self) -> list[ServerEvent]:
        """End the body, and return the event that no blank line ended, if there is one.

        A browser throws it away. A recorder keeps it: where a provider's reply broke off, its last
        event may be all that tells of the text or the usage in it.
        """
        last = bytes(self._pending)
        events = self._parse(last) if last else []
        self._pending = bytearray()
        self._at_start, self._after_cr, self._skipping = True, False, False
        return events

    def _pass_mark(self, data: bytes) -> bytes:
        """Take a byte order mark off the front, also when it comes in pieces."""
        self._pending += data
        front = bytes(self._pending)
        if len(front) < len(_BOM) and _BOM.startswith(front):
            return b""
        self._pending.clear()
        self._at_start = False
        return front.removeprefix(_BOM)

    def _join_line_ends(self, data: bytes) -> bytes:
        """Write CRLF and CR as LF; a CR at the end is a line end at once, whatever follows."""
        if not data:
            return data
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
            if b"\r" not in data:
                return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _wait(self) -> list[ServerEvent]:
        """Leave what is pending until more comes, unless it is too long already."""
        pending = self._pending
        if self._skipping or _is_longer(pending, self._limit):
            if not self._skipping:
                self._skipping = True
                self.dropped += 1
            # The event's bytes go; whether its last line has ended decides on what comes next.
            ends_line = pending.endswith(b"\n")
            pending.clear()
            pending += b"\n" if ends_line else b"."
        return []

    def _parse(self, whole: bytes) -> list[ServerEvent]:
        """Read complete events, with the blank lines between them."""
        if self._skipping:
            self._skipping = False
            _, _, whole = whole.partition(b"\n\n")
        if len(whole) > self._limit:
            kept = []
            for block in whole.split(b"\n\n"):
                if _is_longer(block, self._limit):
                    self.dropped += 1
                else:
                    kept.append(block)
            whole = b"\n\n".join(kept)
        # No character of UTF-8 holds the byte of a line feed: decoding it all at once gives what
        # decoding each line would, broken characters included.
        events = []
        for lines in whole.decode("utf-8", "replace").split("\n\n"):
            event = _read_event(lines)
            if event is not None:
                events.append(event)
        return events


def _is_longer(block: bytes | bytearray, limit: int) -> bool:
    """Tell whether an event is too long, blank lines around it left out."""
    return len(block) > limit and len(block.strip(b"\n")) > limit


def _read_event(block: str) -> ServerEvent | None:
    """Read the lines of one event; None when no data is among them, as with comments."""
    if block.startswith("data: ") and "\n" not in block:
        return ServerEvent("", block[6:])
    name = ""
    data: list[str] | None = None
    for line in block.split("\n"):
        if line.startswith("data:"):
            value = line[6:] if line.startswith(" ", 5) else line[5:]
        elif line.startswith("event:"):
            name = line[7:] if line.startswith(" ", 6) else line[6:]
            continue
        elif line == "data":
            value = ""
        else:
            if line == "event":
                name = ""
            continue
        if data is None:
            data = [value]
        else:
            data.append(value)
    return None if data is None else ServerEvent(name, "\n".join(data))
