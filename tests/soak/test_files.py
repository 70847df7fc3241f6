"""Ten thousand mutated files under the importers and the recovery."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak

FUZZER = Path(__file__).parent / "fuzz_files.py"
FILES = 10_000
PROCESSES = 2
MEBIBYTE = 1024 * 1024


@pytest.mark.timeout(3600)
def test_mutated():
    """Mutated files of every format neither crash nor hang an importer, nor take more memory."""
    running = [
        subprocess.Popen(
            [sys.executable, FUZZER, str(FILES // PROCESSES), str(seed)], stdout=subprocess.PIPE
        )
        for seed in range(PROCESSES)
    ]
    for process in running:
        out, _ = process.communicate()

        assert process.returncode == 0
        report = json.loads(out)
        assert report["entries"] > report["files"]
        assert report["recognised"] > report["files"] / 3
        assert report["rise"] <= 64 * MEBIBYTE
