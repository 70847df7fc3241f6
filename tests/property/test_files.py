"""Whatever a file has become, importing and recovering it ends, and keeps what it can read."""

import json
import subprocess
import sys
from pathlib import Path

FUZZER = Path(__file__).parents[1] / "soak" / "fuzz_files.py"


def test_mutated():
    """Some hundred mutated files of all formats crash nothing; `make soak` tries ten thousand."""
    process = subprocess.run(
        [sys.executable, FUZZER, "200", "7"], capture_output=True, text=True, check=False
    )

    assert process.returncode == 0, process.stderr[-4000:]
    report = json.loads(process.stdout)
    assert report["entries"] > report["files"]
    assert report["rise"] <= 64 * 1024 * 1024
