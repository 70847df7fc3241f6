"""The traffic's side of a recorder in a process of its own: begins it, hears it, ends it.

If that process dies, another one takes its place: it recovers the log of the first, and what is
noted from then on goes into a new one.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from steno import notices
from steno.capture.desk import REFUSED, Assignment, Standing, encode_assignment
from steno.capture.log import list_segments
from steno.capture.notebook import Notebook
from steno.capture.tapes import LOCK_NAME, claim_folder
from steno.identity import new_recorder_id
from steno.storage.home import find_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steno.capture.gathering import LogPen
    from steno.config import Config
    from steno.wire.opening import Opening

_MOST_DEATHS = 5
_CLOSE_S = 60.0
_PIPE_BYTES = 65_536


class Office:
    """Notes what passes, and has it recorded; used by one thread.

    Attributes:
        standing: How the recorder stood when it last said so.
    """

    def __init__(self, config: Config, *, program: str | None = None) -> None:
        """Begin the recorder's process.

        Args:
            config: The settings in force.
            program: The program that is recorded; steno itself when it is not given.

        Raises:
            OSError: Nothing can be written to the home.
        """
        self.standing = Standing()
        self._config = config
        self._program = program
        self._deaths = 0
        self._closing = False
        self._changing = threading.Lock()
        self._retired: list[Notebook] = []
        self._open_log()
        try:
            self._begin()
        except OSError:
            self._notebook.close(1.0)
            for segment in list_segments(self._folder):
                segment.unlink(missing_ok=True)
            self._leave()
            raise

    def _open_log(self) -> None:
        """Begin a log; from now on it is noted there."""
        folder = find_home(self._config.home).tapes / new_recorder_id()
        # Held by this process and the recorder's: whoever lives longest keeps others away.
        lock = claim_folder(folder)
        try:
            notebook = Notebook(folder)
        except OSError:
            os.close(lock)
            raise
        self._folder, self._lock, self._notebook = folder, lock, notebook

    def _begin(self) -> None:
        """Begin a process that records the log."""
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "steno.capture.desk"],
                stdin=reading, stdout=subprocess.PIPE, pass_fds=(self._lock,),
                process_group=0,
            )  # fmt: skip
        except OSError:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        assignment = Assignment(
            config=self._config, folder=os.fspath(self._folder), program=self._program
        )
        line = encode_assignment(assignment)
        with contextlib.suppress(BrokenPipeError):
            os.write(writing, line)
        os.set_blocking(writing, False)
        self._notebook.poke(writing)
        self._listener = threading.Thread(
            target=self._listen, args=(self._process,), name="steno-office", daemon=True
        )
        self._listener.start()

    @property
    def open_count(self) -> int:
        """Exchanges that have not ended."""
        return sum(each.open_count for each in (*self._retired, self._notebook))

    @property
    def lost_bytes(self) -> int:
        """Bytes that passed and could not be noted."""
        return sum(each.lost_bytes for each in (*self._retired, self._notebook))

    @property
    def is_full(self) -> bool:
        """Tell whether notes take as much memory as they may."""
        return self._notebook.is_full

    async def room(self) -> None:
        """Wait until there is room for more notes, or until patience ends."""
        await self._notebook.room()

    def open(self, describe: Callable[[], Opening]) -> LogPen:
        """Begin to note an exchange.

        Args:
            describe: Tells how it began; called once, soon, where it costs the traffic least.
        """
        return self._notebook.open(describe)

    def close(self, timeout_s: float = _CLOSE_S) -> Standing:
        """End the log, and wait until all of it is recorded.

        Returns:
            How the recorder stood in the end; not `final` when it did not come to its end.
        """
        deadline = time.monotonic() + timeout_s
        with self._changing:  # no other process is begun from here on
            self._closing = True
        self._notebook.close(timeout_s)
        self._listener.join(max(0.0, deadline - time.monotonic()))
        if self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.1, deadline - time.monotonic()))
        if not self.standing.final:
            notices.say(
                "office", "ERROR the recorder has not come to its end; what is left in "
                f"{self._folder} is recorded at the next start",
            )  # fmt: skip
        self._leave()
        return self.standing

    def _leave(self) -> None:
        _remove_if_empty(self._folder)
        os.close(self._lock)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(msgspec.DecodeError):
                self.standing = msgspec.json.decode(line, type=Standing)
        process.stdout.close()
        process.wait()
        if not self._closing and not self.standing.final:
            self._replace(process.returncode)

    def _replace(self, code: int) -> None:
        """Put another recorder in the place of one that died."""
        self._deaths += 1
        if code == REFUSED:
            notices.say("office-end", f"ERROR what passes is kept in {self._folder}, and recorded "
                        "by the first start that can")  # fmt: skip
            return
        notices.say("office", f"ERROR the recorder's process died ({code})")
        if self._deaths > _MOST_DEATHS:
            notices.say("office-end", "ERROR it died too often: nothing is recorded any more, and "
                        f"what passes is kept in {self._folder}")  # fmt: skip
            return
        time.sleep(0.1 * self._deaths)
        with self._changing:
            if self._closing:
                return
            before, lock = self._notebook, self._lock
            try:
                self._open_log()
                self._retired.append(before)
                if before.close(1.0):  # else what lies there is recorded at the next start
                    os.close(lock)  # the next one recovers it
                self._begin()
            except OSError as error:
                notices.say("office-end", f"ERROR no other one can be begun: {error}")


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if [path.name for path in folder.iterdir()] == [LOCK_NAME]:
            (folder / LOCK_NAME).unlink()
            folder.rmdir()
