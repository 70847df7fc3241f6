"""The recorder's own process: reads the log of a proxy and records what it says.

Begun by `steno.capture.office` with a pipe as its input: first a line of JSON that says what to do,
then a byte for each piece of news, then the end, which comes also when the proxy dies. On its
output it says in lines of JSON how the recorder is, and in the end what was recorded.

It runs at a lower priority than the traffic, and takes no signal of the terminal's: it ends when
all is recorded.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from steno import notices
from steno.capture.beginning import begin_session
from steno.capture.clerk import Clerk
from steno.capture.courtesy import Courtesy
from steno.capture.log import LogReader, compact_segment, list_segments
from steno.capture.recovery import left_open, recover
from steno.capture.spools import FileSpool
from steno.capture.tally import ModelSum, Tally
from steno.capture.tapes import DeadTapes
from steno.config import Config
from steno.errors import StenoError
from steno.opening import from_config
from steno.recording.statistics import RecorderStats
from steno.storage.home import find_home
from steno.wire.opening import Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from steno.events.model import Event
    from steno.recording.recorder import Recorder
    from steno.storage.home import Home
    from steno.wire.bodies import Spool
    from steno.wire.grouping import Identity
    from steno.wire.opening import Opening, Recording

_PAUSE_S = 0.01
"""Between two looks at the log: frames are cheaper by the dozen."""

_TELL_S = 0.25
_SETTLE_S = 0.5
_NICE = 10
_PATIENCE_MS = 600_000
_CLOSE_S = 30.0

REFUSED = 3
"""Exit code of a desk that can't record, and would not if it were begun again."""

STOPPED = Outcome(kind="stopped", detail="steno was stopped")
INTERRUPTED = Outcome(kind="interrupted", detail="the proxy ended before the request did")


class Assignment(Struct, frozen=True, kw_only=True):
    """What a desk is to do.

    Attributes:
        config: The settings in force.
        folder: The folder of the log.
        program: The program that is recorded; steno itself when it is not given.
    """

    config: Config
    folder: str
    program: str | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """How a desk stands, as it says in a line.

    Attributes:
        stats: The recorder's figures.
        final: All is done, and `sessions`, `models` and `errors` tell what was recorded.
    """

    stats: RecorderStats = RecorderStats()
    final: bool = False
    sessions: tuple[str, ...] = ()
    models: tuple[ModelSum, ...] = ()
    errors: dict[str, int] = {}


class DeskRecording:
    """Records for all exchanges of a desk."""

    def __init__(
        self, recorder: Recorder, home: Home, tally: Tally, program: str | None = None
    ) -> None:
        """Take the parts."""
        self._recorder = recorder
        self._home = home
        self._tally = tally
        self._program = program

    def of(self, _opening: Opening) -> Recording:
        """Return the place where events go: the same for all."""
        return self

    def begin_session(self, identity: Identity, began: datetime) -> None:
        """Make a session known to the recorder before its first event."""
        begin_session(self._recorder, identity, began, program=self._program)

    def record(self, event: Event) -> bool:
        """Record an event."""
        accepted = self._recorder.record(event)
        if accepted:
            self._tally.add(event)
        return accepted

    def open_spool(self, session_id: str, name: str) -> Spool:
        """Open a file for a large body."""
        return FileSpool(self._home, session_id, name)


class Desk:
    """Reads one log to its end."""

    def __init__(
        self, folder: Path, recorder: Recorder, clerk: Clerk, courtesy: Courtesy | None = None
    ) -> None:
        """Begin at the log's beginning.

        Args:
            folder: The folder of the log.
            recorder: Takes the events.
            clerk: Takes the frames.
            courtesy: Decides when to let the traffic go first; never, when it is not given.
        """
        self._folder = folder
        self._recorder = recorder
        self._clerk = clerk
        self._courtesy = courtesy or Courtesy()
        self._reader = LogReader(folder)
        self._unsettled: dict[Path, set[int]] = {}
        self._settled_s = 0.0

    def read(self) -> None:
        """Read what there is."""
        while frames := self._reader.read():
            segment = self._reader.segment
            assert segment is not None
            numbers = self._unsettled.setdefault(segment, set())
            for frame in frames:
                self._clerk.take(frame)
                numbers.add(frame.number)
                self._courtesy.give_way(frame.at_s)
            self._settle_at_times()
        self._settle_at_times()

    def _settle_at_times(self) -> None:
        if time.monotonic() - self._settled_s > _SETTLE_S:
            self.settle()

    def settle(self) -> None:
        """Remove segments of which all is in the transcripts; leave in others what is not."""
        self._settled_s = time.monotonic()
        done = [segment for segment in self._unsettled if segment != self._reader.segment]
        if not done or not self._recorder.flush(2.0):
            return
        for segment in done:
            numbers = self._unsettled[segment]
            left = numbers & self._clerk.open.keys()
            if not left:
                segment.unlink(missing_ok=True)
                del self._unsettled[segment]
            elif len(left) < len(numbers):
                # A disk that refuses leaves the whole segment, for the next time.
                with contextlib.suppress(OSError):
                    compact_segment(segment, left)
                    self._unsettled[segment] = left

    def remove_all(self) -> None:
        """Remove the log: all of it is recorded."""
        self._reader.close()
        for segment in list_segments(self._folder):
            segment.unlink(missing_ok=True)


def tell(recorder: Recorder, tally: Tally | None = None) -> bytes:
    """Write how a recorder is, in a line; with a tally it is the last one."""
    standing = Standing(stats=recorder.stats())
    if tally is not None:
        standing = Standing(
            stats=standing.stats, final=True, sessions=tuple(tally.sessions),
            models=tuple(tally.sums()), errors=tally.errors,
        )  # fmt: skip
    return msgspec.json.encode(standing) + b"\n"


def encode_assignment(assignment: Assignment) -> bytes:
    """Write what a desk is to do, in a line."""
    return msgspec.json.encode(assignment, enc_hook=os.fspath) + b"\n"


def _decode_path(kind: type[Any], value: Any) -> Any:
    return kind(value)


def work(assignment: Assignment, news_fd: int, say: Any) -> None:
    """Record a log to its end.

    Args:
        assignment: What to do.
        news_fd: Gives a byte for each piece of news, and ends with the proxy.
        say: Takes lines that tell how the recorder is.
    """
    home = find_home(assignment.config.home)
    dead = DeadTapes(home.tapes)
    tally = Tally()
    with from_config(_patient(assignment.config), left_open=left_open(dead)) as recorder:
        sessions = assignment.config.jsonl.directory
        recover(dead, recorder, sessions, functools.partial(FileSpool, home))
        recording = DeskRecording(recorder, home, tally, assignment.program)
        clerk = Clerk(recording)
        desk = Desk(Path(assignment.folder), recorder, clerk, Courtesy(news_fd))
        told_s = 0.0
        while _wait(news_fd):
            time.sleep(_PAUSE_S)
            desk.read()
            if time.monotonic() - told_s > _TELL_S:
                told_s = time.monotonic()
                say(tell(recorder))
        desk.read()
        clerk.end_all(STOPPED if clerk.closed else INTERRUPTED)
        if recorder.flush(_CLOSE_S):
            desk.remove_all()
        say(tell(recorder, tally))


def _patient(config: Config) -> Config:
    """Let the desk wait for its writers: the log keeps what is yet to come."""
    worker = replace(config.worker, overflow="block", block_timeout_ms=_PATIENCE_MS)
    return replace(config, worker=worker)


def _wait(news_fd: int) -> bool:
    """Wait for news, or a while; False when the proxy has gone."""
    ready, _, _ = select.select([news_fd], [], [], _SETTLE_S)
    return not ready or bool(os.read(news_fd, 65536))


def main() -> None:
    """Work as the first line of the input says."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICE)
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return
        line += piece
    assignment = msgspec.json.decode(line, type=Assignment, dec_hook=_decode_path)

    def say(told: bytes) -> None:
        try:
            sys.stdout.buffer.write(told)
            sys.stdout.buffer.flush()
        except OSError:
            pass  # the proxy has died: nobody listens, and what is left is recorded all the same

    try:
        work(assignment, 0, say)
    except StenoError as error:
        notices.say("desk", f"ERROR nothing can be recorded: {error.message}; {error.hint}")
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
