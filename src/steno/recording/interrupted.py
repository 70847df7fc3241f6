"""What a dead recorder has left open is closed at the next start.

Strategy: leases that no living process holds name the recorder and the transcripts it touched.
In these, a request with ``started`` and without ``completed`` of that recorder ended with its
process; it gets its ``completed`` now, with ``success: false`` and what is known. The transcripts
are handed to the follower too, which may not have seen their last lines.

The transcripts may be large and the recorder has events of its own to write meanwhile, so the work
is a generator that goes on by small steps.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steno import notices
from steno.errors import SealError, TranscriptError
from steno.events.codec import decode_line
from steno.events.model import Completed, Event, ResponseRecorded, Started
from steno.recording.measures import token_totals
from steno.storage.compressed import open_text
from steno.storage.lease import DeadLease, find_dead
from steno.storage.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    TakeOver = Callable[[list[str]], None]
    OpenFile = Callable[[Path], BinaryIO]

FINISH_REASON = "interrupted"

_STEP = 100
"""Lines after which somebody else may have the interpreter."""

_TELLING = (b'{"type":"started"', b'{"type":"completed"', b'{"type":"response_recorded"')
"""How the lines begin that tell of a request's begin and end."""


class LookBack:
    """What the dead recorders of a folder have left, and whether it has been dealt with.

    Their leases stay locked, and stay, until `settle`: if this process dies before its own events
    about them are on disk, the next start finds them again. To deal with them twice does no harm.

    Attributes:
        done: Everything was read.
    """

    def __init__(
        self,
        sessions: Path,
        take_over: TakeOver,
        left_open: frozenset[str] = frozenset(),
        *,
        open_file: OpenFile = open_text,
    ) -> None:
        """Prepare to look; nothing is read yet.

        Args:
            sessions: The folder of transcripts.
            take_over: Called once with all transcripts that dead recorders have touched.
            left_open: Ids of requests that somebody else closes, who knows more of them.
            open_file: Opens a transcript; another one where they are sealed.
        """
        self.done = False
        self._sessions = sessions
        self._take_over = take_over
        self._left_open = left_open
        self._open_file = open_file
        self._dead: list[DeadLease] = []
        self._failed = False

    def steps(self) -> Iterator[Sequence[Event]]:
        """Find the requests that were left open.

        Yields:
            After each small step the ``completed`` events that it found, mostly none, for the
            caller to write.
        """
        self._dead = find_dead(self._sessions)
        recorders = frozenset(dead.recorder for dead in self._dead)
        paths = list(dict.fromkeys(path for dead in self._dead for path in dead.paths))
        self._take_over(paths)
        for path in paths:
            try:
                yield from _close_one(
                    self._sessions / path, recorders, self._left_open, self._open_file
                )
            except (OSError, SealError, TranscriptError) as error:
                self._failed = True
                notices.say("interrupted", f"ERROR cannot look for interrupted requests: {error}")
        self.done = True

    def settle(self, *, settled: bool) -> None:
        """Let the leases go; they are removed if everything is done, and on disk."""
        while self._dead:
            self._dead.pop().close(settled=settled and self.done and not self._failed)


def _close_one(
    path: Path, recorders: frozenset[str], left_open: frozenset[str], open_file: OpenFile
) -> Iterator[Sequence[Event]]:
    open_requests: dict[tuple[str, str], Started] = {}
    replies: dict[tuple[str, str], ResponseRecorded] = {}
    try:
        with open_file(path) as file:
            for count, line in enumerate(read_lines(file), 1):
                if count % _STEP == 0:
                    yield ()
                if not line.data.startswith(_TELLING):
                    continue
                try:
                    event = decode_line(line.data, lossless=False)
                except TranscriptError:
                    continue  # damage is reported by those who read transcripts for a person
                if not isinstance(event, Event):
                    continue
                key = (event.session_id, event.request_id)
                if isinstance(event, Completed):
                    open_requests.pop(key, None)
                    replies.pop(key, None)
                elif isinstance(event, Started) and event.recorder in recorders:
                    open_requests[key] = event
                elif isinstance(event, ResponseRecorded) and key in open_requests:
                    replies[key] = event
    except FileNotFoundError:
        return  # noted in the lease, but the process died before it began the file
    yield [
        _interrupted(started, replies.get(key))
        for key, started in open_requests.items()
        if started.request_id not in left_open
    ]


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
