"""Bar 4: an asyncio loop that records 3,000 events a second."""

import asyncio
import gc
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import steno
from benchmarks.measuring import TEXT, Result, percentile

_SECONDS = 4.0
_RATE = 1000
_EVENTS = 3
_ROUNDS = 7


async def _serve(record) -> tuple[list[float], float]:
    """Serve requests at a steady rate; the time of each in ms, and the longest stall in ms.

    A request is what a server of a model does: three times it waits for the provider, for 2 ms,
    works on what came, and records an event of 2.6 kB.
    """
    times: list[float] = []
    stall = 0.0

    async def request(number: int) -> None:
        at = time.perf_counter()
        for _ in range(_EVENTS):
            await asyncio.sleep(0.002)
            sum(range(1000))
            record(number)
        times.append((time.perf_counter() - at) * 1000)

    async def watch() -> None:
        nonlocal stall
        while True:
            at = time.perf_counter()
            await asyncio.sleep(0.001)
            stall = max(stall, (time.perf_counter() - at) * 1000 - 1)

    watcher = asyncio.ensure_future(watch())
    begun = time.perf_counter()
    number = 0
    async with asyncio.TaskGroup() as tasks:
        while (now := time.perf_counter()) - begun < _SECONDS:
            while number < int((now - begun) * _RATE):
                tasks.create_task(request(number))
                number += 1
            await asyncio.sleep(0.0005)
    watcher.cancel()
    return times, stall


def run() -> list[Result]:
    """Measure without and with recording, in turn."""
    plain: list[float] = []
    recorded: list[float] = []
    stalls: list[float] = []
    base_stalls: list[float] = []
    for _ in range(_ROUNDS):
        gc.collect()
        times, stall = asyncio.run(_serve(lambda _: None))
        plain.append(percentile(times, 0.999))
        base_stalls.append(stall)
        with tempfile.TemporaryDirectory() as name:
            recorder = steno.open(Path(name))

            def record(number: int, recorder=recorder) -> None:
                recorder.record(
                    steno.ResponseRecorded(
                        "s", f"r-{number}", datetime.now(UTC), response_text=TEXT, model_used="gpt-5",
                        tokens=steno.Tokens(input=7, output=5),
                    )
                )  # fmt: skip

            gc.collect()
            times, stall = asyncio.run(_serve(record))
            recorder.close()
            stats = recorder.stats()
            assert stats.dropped == 0, stats
        recorded.append(percentile(times, 0.999))
        stalls.append(stall)
    ratio = sorted(recorded)[_ROUNDS // 2] / sorted(plain)[_ROUNDS // 2]
    stall = sorted(stalls)[_ROUNDS // 2]
    return [
        Result("4 asyncio, p99.9 of a request", "<= 1.2x of without", f"{ratio:.2f}x", ratio <= 1.2,
               f"{sorted(recorded)[_ROUNDS // 2]:.2f} ms against {sorted(plain)[_ROUNDS // 2]:.2f} ms"),
        Result("4 asyncio, longest stall", "< 3 ms", f"{stall:.2f} ms", stall < 3,
               f"without recording {sorted(base_stalls)[_ROUNDS // 2]:.2f} ms"),
    ]  # fmt: skip
