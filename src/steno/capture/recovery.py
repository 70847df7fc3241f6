"""Exchanges that a dead process left open: closed as interrupted, with what had arrived.

Strategy: a tape is played back into an exchange like the first time; of the events that come out,
those that the transcript has already are left away. The end is the time of the last frame: nobody
knows what came after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from steno import notices
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
from steno.errors import IdentityError, TranscriptError
from steno.events.model import Event, ToolCallRecorded
from steno.identity import safe_name
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript
from steno.wire.exchange import Exchange, Outcome
from steno.wire.grouping import Identity
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
    """Return the ids of the requests that the tapes tell of."""
    ids = set()
    for tape in dead.tapes:
        first = next(_frames(tape), None)
        if first is not None and first.kind == OPENED:
            try:
                ids.add(decode_opening(first.data).request_id)
            except msgspec.DecodeError:
                continue  # `recover` says so
    return frozenset(ids)


def recover(
    dead: DeadTapes,
    recorder: Recorder,
    sessions: Path,
    open_spool: Callable[[str, str], Spool],
) -> int:
    """Close the exchanges on the tapes, and remove the tapes once that is on disk.

    Args:
        dead: Tapes whose recorders are no more; closed in the end.
        recorder: Takes the events.
        sessions: The folder of transcripts.
        open_spool: Opens a file for a large body.

    Returns:
        How many exchanges were closed.
    """
    count = 0
    for tape in dead.tapes:
        try:
            count += _recover_one(tape, recorder, sessions, open_spool)
        except (OSError, msgspec.DecodeError, IdentityError, TranscriptError) as error:
            notices.say("recovery", f"ERROR {tape.path} can't be recovered, and stays: {error}")
            continue
        if recorder.flush():
            tape.path.unlink(missing_ok=True)
    dead.close()
    return count


def _frames(tape: Tape) -> Iterator[Frame]:
    try:
        yield from tape.frames()
    except OSError:
        return


def _recover_one(
    tape: Tape, recorder: Recorder, sessions: Path, open_spool: Callable[[str, str], Spool]
) -> int:
    frames = tape.frames()
    first = next(frames, None)
    if first is None or first.kind != OPENED:
        return 0  # killed while its first frame was written: nothing had been promised
    opening = decode_opening(first.data)
    rest = list(frames)
    session_id = next(
        (msgspec.json.decode(each.data, type=str) for each in rest if each.kind == SESSION), None
    )
    if session_id is not None:
        opening = replace(opening, identity=Identity(session_id=session_id).over(opening.identity))
    known = _recorded(sessions, session_id or opening.session_id, opening.request_id)
    into = _Rest(recorder, known, open_spool)
    exchange = Exchange(opening, into, Sessions())
    last_s = opening.begun_s
    for each in rest:
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
    return int(into.recorded)


def _recorded(sessions: Path, session_id: str, request_id: str) -> set[tuple[str, str]]:
    """List what the session's transcripts hold of a request: types of events, and tool calls."""
    known: set[tuple[str, str]] = set()
    name = f"{safe_name(session_id)}.jsonl"
    for path in find_transcripts(sessions):
        if path.name != name:
            continue
        for entry in read_transcript(path, lossless=False):
            if isinstance(entry.event, Event) and entry.event.request_id == request_id:
                known.add(_kind(entry.event))
    return known


def _kind(event: Event) -> tuple[str, str]:
    call = event.tool_call_id if isinstance(event, ToolCallRecorded) else ""
    return type(event).__name__, call


class _Rest:
    """Takes the events of an exchange that its transcript lacks."""

    def __init__(
        self,
        recorder: Recorder,
        known: set[tuple[str, str]],
        open_spool: Callable[[str, str], Spool],
    ) -> None:
        self.recorded = False
        self._recorder = recorder
        self._known = known
        self._open_spool = open_spool

    def begin_session(self, identity: Identity, began: datetime, *, new: bool) -> None:
        """Make the session known; its transcript keeps the header that it has."""
        if new:
            self._recorder.session(
                identity.session_id, key=identity.key, user_id=identity.user_id,
                chat_id=identity.chat_id, message_id=identity.message_id, parent=identity.parent,
                tags=identity.tags, began=began,
            )  # fmt: skip

    def record(self, event: Event) -> bool:
        """Record what is not there yet."""
        if _kind(event) in self._known:
            return True
        self.recorded = True
        return self._recorder.record(event)

    def open_spool(self, session_id: str, name: str) -> Spool:
        """Open a file for a large body."""
        return self._open_spool(session_id, name)
