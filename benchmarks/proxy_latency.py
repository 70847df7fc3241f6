"""The proxy's first bar: what it adds to the time of a request.

Requests are sent at a steady rate, whatever became of those before (open loop), in turn to the
provider and through the proxy, from one process over kept-alive connections: both see the same
machine in the same seconds. The provider answers in microseconds, so what the direct requests take
is what a client, a socket and the scheduler cost, and the difference is the proxy's, recording
included. The first byte of a stream is timed in the same way, one stream at a time.
"""

import asyncio
import gc
import statistics
import tempfile
from pathlib import Path

from benchmarks.measuring import Result, percentile
from benchmarks.proxy_child import (
    CHAT,
    Child,
    Line,
    ask,
    assert_nothing_lost,
    await_completed,
    chat_body,
    proxy,
    upstream,
)

_RATE = 100
_SECONDS = 15.0
_WARM = 200
_STREAMS = 60


class _Lines:
    """Connections to one server; a request takes one that is free."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[Line] = []
        self.made = 0

    async def send(self, request: bytes) -> tuple[float, float]:
        """Send a request; milliseconds to the first and to the last byte of its reply."""
        line = self._free.pop() if self._free else await Line.open(self._url)
        self.made += 1
        answer = await line.ask(request)
        assert answer.status == 200, answer
        self._free.append(line)
        return answer.first_s * 1000, answer.whole_s * 1000

    def close(self) -> None:
        for line in self._free:
            line.close()


async def _at_a_rate(direct: _Lines, proxied: _Lines) -> tuple[list[float], list[float]]:
    """Send at the rate to each of both, half an interval apart."""
    times: tuple[list[float], list[float]] = ([], [])

    async def one(which: int, number: int) -> None:
        request = ask(CHAT, chat_body(f"question {number}: what is recorded, and where?"))
        times[which].append((await (direct, proxied)[which].send(request))[1])

    for number in range(_WARM):
        await one(number % 2, number)
    times[0].clear()
    times[1].clear()
    gc.collect()
    gc.disable()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(_RATE * _SECONDS) * 2):
            due = begun + number / (2 * _RATE)
            await asyncio.sleep(max(0.0, due - loop.time()))
            tasks.create_task(one(number % 2, number))
    gc.enable()
    return times


async def _streams(direct: _Lines, proxied: _Lines) -> tuple[list[float], list[float]]:
    """Time the first bytes of streams of 100 chunks, one each millisecond."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(_STREAMS + 5):
        body = chat_body(f"stream {number}", stream=True)
        there = await direct.send(ask(f"/paced/1{CHAT}", body))
        through = await proxied.send(ask(f"/paced1{CHAT}", body))
        if number >= 5:
            times[0].append(there[0])
            times[1].append(through[0])
    return times


async def _measure(behind: Child, server: Child) -> tuple[list[list[float]], int]:
    direct, proxied = _Lines(behind.url), _Lines(server.url)
    try:
        times = [*await _at_a_rate(direct, proxied), *await _streams(direct, proxied)]
    finally:
        direct.close()
        proxied.close()
    return times, proxied.made


def run() -> list[Result]:
    """Measure both ways in turn."""
    with (
        tempfile.TemporaryDirectory() as name,
        upstream() as behind,
        proxy(Path(name), behind) as server,
    ):
        (there, through, first_there, first_through), made = asyncio.run(_measure(behind, server))
        await_completed(Path(name), made)
        assert_nothing_lost(server)
    middle = percentile(there, 0.5), percentile(through, 0.5)
    slow = percentile(there, 0.99), percentile(through, 0.99)
    first = statistics.median(first_there), statistics.median(first_through)
    rest = f"{len(through)} requests each way at {_RATE}/s, in turn; all recorded"

    def result(bar: str, pair: tuple[float, float], most: float, note: str) -> Result:
        added = pair[1] - pair[0]
        return Result(bar, f"<= {most} ms over direct", f"{added:+.2f} ms", added <= most,
                      f"{pair[1]:.2f} ms against {pair[0]:.2f} ms; {note}")  # fmt: skip

    return [
        result("proxy: reply of 2 kB, p50", middle, 0.8, rest),
        result("proxy: reply of 2 kB, p99", slow, 3, rest),
        result("proxy: first streamed byte", first, 1,
               f"medians of {_STREAMS} streams each way, in turn"),
    ]  # fmt: skip
