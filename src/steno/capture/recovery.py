"""Exchanges that dead processes left behind: recorded as far as they came.

Strategy: what was noted of an exchange, in a log or on a tape, is played back into it like the
first time; of the events that come out, those that its transcript has already are left away. An
exchange whose end was not noted is closed as interrupted, at the time of the last note: nobody
knows what came after it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from steno import notices
from steno.capture import log
from steno.capture.beginning import begin_session
from steno.capture.clerk import Clerk
from steno.capture.scribe import decode_opening
from steno.capture.tapes import (
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    SESSION,
    STATUS,
    DeadTapes,
    Frame,
    Tape,
)
from steno.errors import StenoError
from steno.events.model import Event, ToolCallRecorded
from steno.identity import safe_name
from steno.transcripts.finding import find_transcripts, name_of
from steno.transcripts.reader import read_transcript
from steno.wire.exchange import Exchange
from steno.wire.grouping import Identity
from steno.wire.opening import Opening, Outcome
from steno.wire.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from steno.recording.recorder import Recorder
    from steno.wire.bodies import Spool

_INTERRUPTED = Outcome(
    kind="interrupted", detail="the recording process ended before the request did"
)


def left_open(dead: DeadTapes) -> frozenset[str]:
    """Return the ids of the requests that logs and tapes tell of."""
    ids = set()
    for data in _openings(dead):
        with contextlib.suppress(msgspec.DecodeError):  # `recover` says so
            ids.add(decode_opening(data).request_id)
    return frozenset(ids)


def _openings(dead: DeadTapes) -> Iterator[bytes]:
    for tape in dead.tapes:
        first = next(_frames(tape), None)
        if first is not None and first.kind == OPENED:
            yield first.data
    for folder in dead.folders:
        for note in _notes(folder):
            if note.kind == log.OPENED:
                yield note.data


def recover(
    dead: DeadTapes,
    recorder: Recorder,
    sessions: Path,
    open_spool: Callable[[str, str], Spool],
) -> int:
    """Record what dead processes left, and remove it once it is in the transcripts.

    Args:
        dead: Logs and tapes of recorders that are no more; closed in the end.
        recorder: Takes the events.
        sessions: The folder of transcripts.
        open_spool: Opens a file for a large body.

    Returns:
        How many exchanges were recorded, wholly or in part.
    """
    rest = _Rest(recorder, _Recorded(sessions), open_spool)
    for tape in dead.tapes:
        try:
            _play_tape(tape, rest)
        except (OSError, msgspec.DecodeError, StenoError) as error:
            notices.say("recovery", f"ERROR {tape.path} can't be recovered, and stays: {error}")
            continue
        if recorder.flush():
            tape.path.unlink(missing_ok=True)
    for folder in dead.folders:
        clerk = Clerk(rest)
        for note in _notes(folder):
            clerk.take(note)
        clerk.end_all(_INTERRUPTED)
        if recorder.flush():
            for segment in log.list_segments(folder):
                segment.unlink(missing_ok=True)
    dead.close()
    return len(rest.requests)


def _frames(tape: Tape) -> Iterator[Frame]:
    try:
        yield from tape.frames()
    except OSError:
        return


def _notes(folder: Path) -> Iterator[log.Frame]:
    reader = log.LogReader(folder)
    try:
        while notes := reader.read():
            yield from notes
    except OSError as error:
        notices.say("recovery", f"ERROR {folder} can't be read to its end: {error}")
    finally:
        reader.close()


def _play_tape(tape: Tape, rest: _Rest) -> None:
    frames = tape.frames()
    first = next(frames, None)
    if first is None or first.kind != OPENED:
        return  # killed while its first frame was written: nothing had been promised
    opening = decode_opening(first.data)
    notes = list(frames)
    session_id = next(
        (msgspec.json.decode(each.data, type=str) for each in notes if each.kind == SESSION), None
    )
    if session_id is not None:
        opening = replace(opening, identity=Identity(session_id=session_id).over(opening.identity))
    exchange = Exchange(opening, rest, Sessions())
    last_s = opening.begun_s
    for each in notes:
        last_s = max(last_s, each.at_s)
        if each.kind == REQUEST:
            exchange.add_request(each.data)
        elif each.kind == SENT:
            exchange.end_request(each.at_s)
            exchange.send(each.at_s)
        elif each.kind == STATUS:
            status, headers = msgspec.json.decode(each.data, type=tuple[int, dict[str, str]])
            exchange.begin_reply(status, headers, each.at_s)
        elif each.kind == REPLY:
            exchange.add_reply(each.data, each.at_s)
    exchange.end(_INTERRUPTED, last_s)


class _Recorded:
    """What the transcripts hold already; a session's are read when it is first asked for."""

    def __init__(self, sessions: Path) -> None:
        self._sessions = sessions
        self._known: dict[str, set[tuple[object, ...]]] = {}

    def has(self, event: Event) -> bool:
        """Tell whether an event is there."""
        known = self._known.get(event.session_id)
        if known is None:
            known = self._known[event.session_id] = set(self._read(event.session_id))
        return _key(event) in known

    def _read(self, session_id: str) -> Iterator[tuple[object, ...]]:
        name = safe_name(session_id)
        for path in find_transcripts(self._sessions):
            if name_of(path) != name:
                continue
            for entry in read_transcript(path, lossless=False):
                if isinstance(entry.event, Event):
                    yield _key(entry.event)


def _key(event: Event) -> tuple[object, ...]:
    """Tell an event of a request from its others; a tool's call and its result are two."""
    if isinstance(event, ToolCallRecorded):
        return event.request_id, type(event), event.tool_call_id, event.tool_arguments is None
    return event.request_id, type(event)


class _Rest:
    """Takes the events that the transcripts lack.

    Attributes:
        requests: The requests of which something was lacking.
    """

    def __init__(
        self,
        recorder: Recorder,
        recorded: _Recorded,
        open_spool: Callable[[str, str], Spool],
    ) -> None:
        self.requests: set[str] = set()
        self._recorder = recorder
        self._recorded = recorded
        self._open_spool = open_spool

    def of(self, _opening: Opening) -> _Rest:
        """Return the place where events go: the same for all."""
        return self

    def begin_session(self, identity: Identity, began: datetime) -> None:
        """Make a session known to the recorder before its first event."""
        begin_session(self._recorder, identity, began)

    def record(self, event: Event) -> bool:
        """Record what is not there yet."""
        if self._recorded.has(event):
            return True
        self.requests.add(event.request_id)
        return self._recorder.record(event)

    def open_spool(self, session_id: str, name: str) -> Spool:
        """Open a file for a large body."""
        return self._open_spool(session_id, name)
