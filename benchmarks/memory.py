"""Bar 5: memory while the buffer is full and the writers hang."""

import subprocess
import sys

from benchmarks.measuring import Result

_SCRIPT = """
import resource, sys
from datetime import UTC, datetime
import steno
from steno.recording.engine import Settings
from steno.recording.recorder import Recorder
from steno.testing import FailingWriter

def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

def event(number):
    return steno.ResponseRecorded("s", f"r-{number}", datetime.now(UTC),
        response_text=f"{number} " + "x" * 2300, tokens=steno.Tokens(input=1))

capacity = 10_000
before = used()
if sys.argv[1] == "events":
    kept = [event(number) for number in range(capacity)]
    print(used() - before)
    sys.exit()
writers = [FailingWriter("one"), FailingWriter("two")]
for writer in writers:
    writer.gate.clear()
recorder = Recorder(writers, Settings(channel_buffer_size=capacity))
for number in range(300_000):
    recorder.record(event(number))
print(used() - before)
for writer in writers:
    writer.gate.set()
recorder.close()
"""


def run() -> list[Result]:
    """Fill the buffer thirty times over; each measure in a process of its own."""

    def grow(what: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, what], check=True, capture_output=True, text=True
        )
        return int(done.stdout) / 1e6

    own, grown = grow("events"), grow("recorder")
    return [
        Result("5 full buffer, stalled writers", "<= the buffer's own events + 20 MB",
               f"{grown - own:+.1f} MB", grown - own <= 20,
               f"grew by {grown:.1f} MB; 10,000 events are {own:.1f} MB; 300,000 were recorded")
    ]  # fmt: skip
