"""What a dead recorder has left open is closed at the next start.

Strategy: leases that no living process holds name the recorder and the transcripts it touched.
In these, a request with ``started`` and without ``completed`` of that recorder ended with its
process; it gets its ``completed`` now, with ``success: false`` and what is known. The transcripts
are handed to the follower too, which may not have seen their last lines.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steno import notices
from steno.errors import TranscriptError
from steno.events.codec import decode_line
from steno.events.model import Completed, Event, ResponseRecorded, Started
from steno.recording.measures import token_totals
from steno.storage.lease import find_dead
from steno.storage.lines import read_lines

if TYPE_CHECKING:
    from pathlib import Path

FINISH_REASON = "interrupted"


def close_interrupted(
    sessions: Path, take_over: TakeOver, *, keep_leases: bool = False
) -> list[Event]:
    """Find the requests that dead recorders left open.

    Args:
        sessions: The folder of transcripts.
        take_over: Called with the transcripts of each dead recorder before its lease is removed,
            so that they are not forgotten if this process dies too.
        keep_leases: Leave the leases for another start: an index that is not open here still
            has to read the transcripts.

    Returns:
        One ``completed`` event for each, to be written by the caller.
    """
    events: list[Event] = []
    for dead in find_dead(sessions):
        settled = False
        try:
            take_over(dead.paths)
            for path in dead.paths:
                events.extend(_close_one(sessions / path, dead.recorder))
            settled = not keep_leases
        except OSError as error:
            notices.say("interrupted", f"ERROR cannot look for interrupted requests: {error}")
        finally:
            dead.close(settled=settled)
    return events


def _close_one(path: Path, recorder: str) -> list[Event]:
    open_requests: dict[tuple[str, str], Started] = {}
    replies: dict[tuple[str, str], ResponseRecorded] = {}
    try:
        with path.open("rb") as file:
            for line in read_lines(file):
                try:
                    event = decode_line(line.data, lossless=False)
                except TranscriptError:
                    continue  # damage is reported by those who read transcripts for a person
                if not isinstance(event, Event):
                    continue
                key = (event.session_id, event.request_id)
                if isinstance(event, Completed):
                    open_requests.pop(key, None)
                elif event.recorder == recorder and isinstance(event, Started):
                    open_requests[key] = event
                elif isinstance(event, ResponseRecorded):
                    replies[key] = event
    except FileNotFoundError:
        return []  # noted in the lease, but the process died before it began the file
    return [_interrupted(started, replies.get(key)) for key, started in open_requests.items()]


def _interrupted(started: Started, reply: ResponseRecorded | None) -> Completed:
    totals = token_totals(reply.tokens, reply.model_used) if reply is not None else {}
    return Completed(
        started.session_id,
        started.request_id,
        datetime.now(UTC),
        success=False,
        error="interrupted: the recording process ended before the request did",
        finish_reason=FINISH_REASON,
        **totals,
    )


if TYPE_CHECKING:
    from collections.abc import Callable

    TakeOver = Callable[[list[str]], None]
