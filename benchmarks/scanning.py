"""Reading transcripts for recovery: every value checked, against the reading of bytes alone."""

import json
import random
import tempfile
from pathlib import Path

from benchmarks.measuring import Result, alternate, seconds
from steno.transcripts.flaws import Flaw
from steno.transcripts.values import read_values

_SIZE = 128 * 1024 * 1024
_ROUNDS = 5
_BAR = 300
_LETTERS = "etaoinshrdlucmfwyp"


def _make_lines(count: int) -> list[bytes]:
    """Make lines as an agent's program writes them: replies, results of tools, progress."""
    chance = random.Random(1)  # the same lines each time
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 9))) for _ in range(3000)]

    def text(length: int) -> str:
        said = []
        while length > 0:
            word = chance.choice(words)
            word += chance.choice(("", "", "", "", "", "", "", "", ".\n", ' "x"', "\t"))
            said.append(word)
            length -= len(word) + 1
        if chance.random() < 0.2:
            said.append("é → „ü“ 🙂")
        return " ".join(said)

    def name() -> str:
        return f"{chance.getrandbits(128):032x}"

    def make() -> bytes:
        kind = chance.choice(("assistant", "user", "progress"))
        line = {
            "parentUuid": name(), "isSidechain": False, "userType": "external",
            "cwd": "/home/somebody/projects/thing", "sessionId": name(), "version": "2.1.42",
            "gitBranch": "main", "type": kind, "uuid": name(),
            "timestamp": "2026-11-20T12:00:00.000Z",
        }  # fmt: skip
        if kind == "assistant":
            line["message"] = {
                "model": "claude", "id": f"msg_{name()}", "type": "message", "role": "assistant",
                "content": [{"type": "text", "text": text(chance.randint(100, 3000))}],
                "stop_reason": None,
                "usage": {
                    "input_tokens": 3, "cache_read_input_tokens": 20_000, "output_tokens": 512,
                    "cache_creation": {"ephemeral_5m_input_tokens": 0}, "service_tier": "standard",
                },
            }  # fmt: skip
        elif kind == "user":
            line["message"] = {
                "role": "user",
                "content": [
                    {
                        "tool_use_id": name(),
                        "type": "tool_result",
                        "content": text(chance.randint(200, 8000)),
                    }
                ],
            }
            line["toolUseResult"] = {"stdout": text(500), "stderr": "", "interrupted": False}
        else:
            line["data"] = {"type": "bash_progress", "output": text(100), "totalLines": 12}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    return [make() for _ in range(count)]


def _write(path: Path, lines: list[bytes]) -> int:
    size = 0
    with path.open("wb") as file:
        while size < _SIZE:
            size += sum(map(len, lines))
            file.writelines(lines)
    return size


def _scan(path: Path) -> list[Flaw]:
    flaws: list[Flaw] = []
    with path.open("rb") as file:
        for _value in read_values(file, flaws):
            pass
    return flaws


def _read(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(1024 * 1024):
            pass


def run() -> list[Result]:
    """Measure a sound transcript, one of which each hundredth line is torn, and bare reading."""
    lines = _make_lines(4000)
    torn = [
        line[: len(line) // 2] + b"\n" if at % 100 == 0 else line for at, line in enumerate(lines)
    ]
    with tempfile.TemporaryDirectory() as folder:
        sound, damaged = Path(folder) / "sound.jsonl", Path(folder) / "damaged.jsonl"
        size, damaged_size = _write(sound, lines), _write(damaged, torn)
        assert not _scan(sound)
        assert _scan(damaged)
        scan, scan_damaged, read = alternate(
            _ROUNDS,
            lambda: seconds(lambda: _scan(sound)),
            lambda: seconds(lambda: _scan(damaged)),
            lambda: seconds(lambda: _read(sound)),
        )
    speed, damaged_speed = size / scan / 1e6, damaged_size / scan_damaged / 1e6
    mean = sum(map(len, lines)) / len(lines) / 1000
    note = f"every value decoded, UTF-8 checked; lines of {mean:.1f} kB; bare reading {size / read / 1e6:.0f} MB/s"
    return [
        Result("recovery scan", f">= {_BAR} MB/s", f"{speed:.0f} MB/s", speed >= _BAR, note),
        Result(
            "recovery scan, 1% of lines torn",
            f">= {_BAR} MB/s",
            f"{damaged_speed:.0f} MB/s",
            damaged_speed >= _BAR,
            "the file of the row above, damaged",
        ),
    ]
