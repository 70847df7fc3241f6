"""A program that records until it is killed, and acknowledges each event over its stdout.

Run by the crash tests: ``python recording_child.py HOME BATCH_TIMEOUT_MS``. Each line that it
prints is the text of an event and the monotonic time at which it had been accepted.
"""

import os
import sys
import time
from datetime import UTC, datetime

import steno
from steno.recording.engine import Settings
from steno.recording.recorder import Recorder


def main() -> None:
    """Record events of several sessions, for ever."""
    home, timeout_ms = sys.argv[1], int(sys.argv[2])
    recorder = Recorder(
        (steno.JsonlWriter(f"{home}/sessions"), steno.SqliteWriter(f"{home}/sessions.db")),
        Settings(batch_timeout_ms=timeout_ms),
    )
    begun = str(os.getpid())
    number = 0
    while True:
        session = f"session-{number % 5}"
        request = f"{begun}-{number}"
        recorder.record(
            steno.Started(
                session, request, datetime.now(UTC), model_requested="m", provider="p", listener="l"
            )
        )
        accepted = recorder.record(
            steno.ResponseRecorded(
                session,
                request,
                datetime.now(UTC),
                response_text=f"{request} " + "x" * (number * 37 % 3000),
                tokens=steno.Tokens(input=1, output=2),
            )
        )
        if accepted:
            os.write(1, f"{request} {session} {time.monotonic()}\n".encode())
        number += 1
        if number % 20 == 0:
            time.sleep(0.001)


if __name__ == "__main__":
    main()
