"""A program that logs into archives until it is killed, and acknowledges each line over its stdout.

Run by the crash tests: ``python archiving_child.py FOLDER BATCH_TIMEOUT_MS [RECIPIENT]``. Each line
that it prints is the text of a log line and the monotonic time at which it had been taken.
"""

import os
import sys
import time
from pathlib import Path

from steno.archives import ArchiveIds, ArchiveSettings, Archivist
from steno.logs.lines import LogLine


def main() -> None:
    """Log for several messages, for ever; some of the requests end."""
    folder, timeout_ms, *recipients = sys.argv[1:]
    archivist = Archivist(
        ArchiveSettings(
            enabled=True, directory=Path(folder), password=None if recipients else "secret",
            recipients=tuple(recipients), batch_timeout_ms=int(timeout_ms),
        )
    )  # fmt: skip
    begun = str(os.getpid())
    number = 0
    spools: dict[str, object] = {}
    while True:
        message = f"message-{number // 300 % 4}"
        spool = spools.get(message)
        if spool is None:
            ids = ArchiveIds("user", "session", "chat", message, f"{begun}-{number}")
            spool = spools[message] = archivist.open(ids)
        text = f"{begun}-{number}"
        spool.take(
            LogLine(time.time(), 10, "DEBUG", "pipe", text + " " + "x" * (number * 37 % 900))
        )
        os.write(1, f"{text} {time.monotonic()}\n".encode())
        number += 1
        if number % 300 == 0:
            spools.pop(message).end("ok")
        if number % 5 == 0:
            time.sleep(0.001)


if __name__ == "__main__":
    main()
