"""A million mutated lines, and lines of a gigabyte, under the reader of values."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak

FUZZER = Path(__file__).parent / "fuzz_values.py"
LINES = 1_000_000
PROCESSES = 2
RUNS = 200_000
MEBIBYTE = 1024 * 1024

MEASURE = """
import json, resource, sys
from steno.transcripts.values import read_values
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
flaws, sizes = [], []
with open(sys.argv[1], "rb") as file:
    for value in read_values(file, flaws):
        sizes.append(len(value.data))
        del value
rise = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
print(json.dumps({"sizes": sizes, "lost": sum(flaw.lost for flaw in flaws), "rise": rise}))
"""


@pytest.mark.timeout(3600)
def test_mutated():
    """A million mutated lines neither crash nor hang the reader, nor take more than 64 MiB."""
    running = [
        subprocess.Popen(
            [sys.executable, FUZZER, str(LINES // PROCESSES), str(seed)], stdout=subprocess.PIPE
        )
        for seed in range(PROCESSES)
    ]
    for process in running:
        out, _ = process.communicate()

        assert process.returncode == 0
        report = json.loads(out)
        assert report["values"] > report["lines"] / 4
        assert report["rise"] <= 64 * MEBIBYTE + report["longest"]


@pytest.mark.timeout(3600)
def test_atheris(tmp_path):
    """Lines that are found by the paths they take do no more than mutated ones."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("there is no atheris for this Python")
    process = subprocess.run(
        [sys.executable, FUZZER, "--atheris", str(RUNS), tmp_path],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert process.returncode == 0, process.stderr[-4000:]


@pytest.mark.parametrize(
    ("head", "fill", "tail", "lost"),
    [
        (b'{"a":"', b"x", b'"}', False),
        (b'{"a":"', b"x", b"", True),
        (b"", b"\xfe", b"", True),
        (b"", b"[", b"", True),
        (b"", b"\x00", b"", True),
    ],
    ids=["whole", "torn", "garbage", "brackets", "holes"],
)
def test_gigabyte(tmp_path, head, fill, tail, lost):
    """A line of a gigabyte costs its length and 64 MiB, and the line behind it is read."""
    length = len(head) + 1024 * MEBIBYTE + len(tail)
    with open(tmp_path / "x.jsonl", "wb") as file:
        file.write(head)
        file.writelines(fill * MEBIBYTE for _ in range(1024))
        file.write(tail + b'\n{"b":1}\n')
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path / "x.jsonl"],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    os.unlink(tmp_path / "x.jsonl")
    report = json.loads(process.stdout)

    assert report["sizes"] == ([7] if lost else [length, 7])
    assert report["lost"] == (length if lost else 0)
    assert report["rise"] <= length + 64 * MEBIBYTE
