"""Issue 5, bar 2: how fast transcripts of Claude Code become transcripts and an index."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.claude_transcripts import write_transcript
from benchmarks.measuring import Result

_FILES = 8
_FILE_MB = 40
_ROUNDS = 5

_CHILD = """
import json, resource, sys
from steno.cli.main import group
code = group.main(["import", *sys.argv[1:]], standalone_mode=False)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]), file=sys.stderr)
"""


def run() -> list[Result]:
    """Import a folder with a fresh process each time; its CPU time is what a core takes."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "projects"
        source.mkdir()
        expected = 0
        for number in range(_FILES):
            session = f"0d6f2c1e-5b1a-4a57-9d57-{number:012x}"
            path = source / f"{session}.jsonl"
            expected += write_transcript(path, _FILE_MB, session=session, seed=number)
        size = sum(path.stat().st_size for path in source.iterdir())
        fastest, memory = 0.0, 0
        for number in range(_ROUNDS):
            home = Path(scratch) / f"home-{number}"
            seconds, memory = _import(source, home, expected, Path(scratch) / "bytecode")
            fastest = max(fastest, size / seconds / 1e6)
    return [
        Result("5.2 import", ">= 60 MB/s per core", f"{fastest:.0f} MB/s", fastest >= 60,
               f"{size / 1e6:.0f} MB of Claude Code's JSONL in {_FILES} files, into transcripts "
               f"and the index; best of {_ROUNDS} by CPU time of the whole process, which took "
               f"{memory / 1024:.0f} MB"),
    ]  # fmt: skip


def _import(source: Path, home: Path, expected: int, bytecode: Path) -> tuple[float, int]:
    """Return the CPU seconds and the greatest memory in KiB of one import.

    Modules are compiled once for all rounds, as they are when steno is installed.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(source), "--home", str(home), "--json"],
        capture_output=True, text=True, check=True, env={
            **os.environ, "STENO_HOME": str(home), "PYTHONPYCACHEPREFIX": str(bytecode),
            "PYTHONDONTWRITEBYTECODE": "",
        },
    )  # fmt: skip
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    counted = sum(each["output_tokens"] for each in reports)
    if counted != expected:
        raise RuntimeError(f"{counted} output tokens were counted, {expected} are there")
    code, seconds, memory = json.loads(done.stderr.splitlines()[-1])
    if code:
        raise RuntimeError(done.stderr)
    return seconds, memory
