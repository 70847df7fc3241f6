"""Saving what was collected: a million log entries against msgspec alone, and what memory it takes."""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec

import steno
from benchmarks.measuring import Result, alternate, seconds

_ENTRIES = 1_000_000
_STREAMED = 10_000_000
_ROUNDS = 5
_AT_ONCE = 1000


def _entry(number: int) -> dict[str, Any]:
    """Make a log entry of about 200 bytes, as a pod's log gives it; some have a null."""
    return {
        "timestamp": f"2026-11-20T12:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z",
        "level": ("INFO", "WARN", "ERROR")[number % 3],
        "pod": f"payments-svc-7d4b9c6f5d-{number % 20}",
        "message": f"order {number * 7919 % 1_000_003} of customer {number * 104_729 % 99_991} was "
        f"charged {number * 31 % 10_000} cents in {number % 977} ms by worker {number % 64}",
        "line": number,
        "trace_id": None if number % 2 else f"{number * 2_654_435_761 % 2**64:016x}",
    }


def _alone(entries: list[dict[str, Any]], path: str) -> None:
    """Encode the entries to a file, a thousand at a time, which is the fastest that msgspec does."""
    encoder = msgspec.json.Encoder()
    with open(path, "wb") as file:
        file.writelines(
            encoder.encode_lines(entries[at : at + _AT_ONCE])
            for at in range(0, len(entries), _AT_ONCE)
        )
        file.flush()
        os.fsync(file.fileno())


def _save(entries: list[dict[str, Any]] | Iterator[dict[str, Any]], home: str) -> None:
    with steno.open(home) as recorder, recorder.session() as session:
        saved = session.save_logs(entries, pod="payments-svc", namespace="production")
        assert saved, saved.error
        Path(saved).unlink()  # the disk is not what is measured


def _peak_kb() -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    return int(line.split()[1])


def _grow() -> int:
    """Save a stream of entries and tell by how much memory grew at most; kB."""
    with tempfile.TemporaryDirectory() as home:
        few = [_entry(number) for number in range(_AT_ONCE)]
        _save(few, home)  # everything is loaded
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _peak_kb()
        _save(islice(cycle(few), _STREAMED), home)
        return _peak_kb() - before


def run() -> list[Result]:
    """Measure msgspec and steno in turn, then memory in a process of its own."""
    entries = [_entry(number) for number in range(_ENTRIES)]
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as home:
        bare, saved = alternate(
            _ROUNDS,
            lambda: seconds(lambda: _alone(entries, f"{home}/alone.json")),
            lambda: seconds(lambda: _save(entries, home)),
        )
        size = Path(home, "alone.json").stat().st_size
    gc.unfreeze()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.artefacts"], capture_output=True, text=True, check=True
    )
    grown = int(done.stdout) / 1000
    return [
        Result("save_logs of a million entries", ">= 0.6 of msgspec", f"{bare / saved:.2f}", bare / saved >= 0.6,
               f"{saved * 1000:.0f} ms, compressed and on disk; msgspec alone to a file {bare * 1000:.0f} ms, {size / 1e6:.0f} MB"),
        Result("save_logs, memory", "< 64 MB", f"{grown:.0f} MB", grown < 64,
               f"at the peak, of an iterator of {_STREAMED:,} entries"),
    ]  # fmt: skip


if __name__ == "__main__":
    print(_grow())
