"""The proxy's third bar: memory while much passes, and many streams at once.

A stream of 200 MB goes through as fast as the client reads it; how far the process's memory rose at
its highest (``VmHWM``, reset when it was warm) is compared with what it used before (``VmRSS``). The
client's bytes and the file of the body that was recorded must be the same.

Then 500 clients hold a stream of 100 chunks each, all at the same time. Each has a mark of its own,
which the provider puts into every chunk: what the client got and what the transcript and the index
hold must be the text of that mark, whole, and of no other.
"""

import asyncio
import contextlib
import hashlib
import json
import tempfile
from pathlib import Path

import aiohttp

from benchmarks.measuring import Result
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
from benchmarks.proxy_upstream import BIG_BYTES, stream_text
from steno import Completed, RequestRecorded, ResponseRecorded
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

_MOST_MB = 30
_STREAMS = 500
_WARM = 300


async def _warm(url: str, count: int) -> int:
    """Make ordinary requests and streams, so that what is loaded once is loaded."""
    line = await Line.open(url)
    for number in range(count):
        body = chat_body(f"warm {number}", stream=number % 2 == 1)
        assert (await line.ask(ask(CHAT, body))).status == 200
    line.close()
    return count


async def _take_big(url: str) -> tuple[int, str]:
    """Read the big stream; its bytes and their digest."""
    size, digest, last = 0, hashlib.sha256(), b""
    async with aiohttp.ClientSession(trust_env=False) as session:
        body = chat_body("all of it", stream=True)
        async with session.post(f"{url}/big{CHAT}", json=body) as reply:
            assert reply.status == 200, reply.status
            async for data in reply.content.iter_any():
                size += len(data)
                digest.update(data)
                last = (last + data)[-64:]
    assert last.endswith(b"data: [DONE]\n\n"), last
    return size, digest.hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _big() -> Result:
    with tempfile.TemporaryDirectory() as name, upstream() as behind:
        home = Path(name)
        with proxy(home, behind) as server:
            made = asyncio.run(_warm(server.url, _WARM))
            await_completed(home, made)
            before = server.memory_mb("VmRSS")
            server.forget_peak()
            size, digest = asyncio.run(_take_big(server.url))
            waited = await_completed(home, made + 1)
            assert_nothing_lost(server)
            grown = server.memory_mb("VmHWM") - before
        kept = _digests(home / "artefacts")
    assert size > BIG_BYTES, size
    assert digest in kept.values(), (digest, kept)
    return Result("proxy: memory, 200 MB stream", f"< {_MOST_MB} MB", f"{grown:+.1f} MB",
                  grown < _MOST_MB,
                  f"peak over the {before:.0f} MB when warm; {size / 1e6:.0f} MB passed, and are "
                  f"recorded byte for byte, the last {waited:.1f} s later")  # fmt: skip


# -- many streams --------------------------------------------------------------------------------


def _mark(number: int) -> str:
    return f"marker-{number:06}"


def _said(body: bytes) -> str:
    """Put together what a client read."""
    events = [each[6:] for each in body.decode().split("\n\n") if each]
    assert events.pop() == "[DONE]", body[-100:]
    chunks = [json.loads(each) for each in events]
    return "".join(
        choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]
    )


async def _stream_all(server: Child) -> tuple[int, int]:
    """Hold all streams at once; returns how many were right, and the most that were open."""
    lines = [await Line.open(server.url) for _ in range(_STREAMS)]
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            state = await asyncio.to_thread(server.health)
            most = max(most, state["open_exchanges"])
            await asyncio.sleep(0.5)

    watcher = asyncio.ensure_future(watch())
    try:
        answers = await asyncio.gather(
            *(
                line.ask(ask(f"/paced100{CHAT}", chat_body(f"I am {_mark(number)}", stream=True)))
                for number, line in enumerate(lines, 1)
            ),
            return_exceptions=True,
        )
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        for line in lines:
            line.close()
    right = sum(
        not isinstance(answer, BaseException) and _said(answer.body) == stream_text(_mark(number))
        for number, answer in enumerate(answers, 1)
    )
    return right, most


def _recorded(home: Path) -> tuple[int, int]:
    """Count the streams whose text is recorded under their own mark, and those completed."""
    asked: dict[str, str] = {}
    said: dict[str, str | None] = {}
    completed: set[str] = set()
    for path in find_transcripts(home / "sessions"):
        for entry in read_transcript(path):
            event = entry.event
            if isinstance(event, RequestRecorded):
                asked[event.request_id] = str(event.request_text).removeprefix("I am ")
            elif isinstance(event, ResponseRecorded):
                assert event.chunk_count == 97, event.chunk_count  # those that say something
                said[event.request_id] = event.response_text
            elif isinstance(event, Completed) and event.success:
                completed.add(event.request_id)
    assert len(set(asked.values())) == len(asked), "a mark was recorded twice"
    right = sum(said.get(request) == stream_text(mark) for request, mark in asked.items())
    return right, len(completed)


def _many() -> Result:
    with tempfile.TemporaryDirectory() as name, upstream() as behind:
        home = Path(name)
        with proxy(home, behind) as server:
            got, most = asyncio.run(_stream_all(server))
            waited = await_completed(home, got)
            assert_nothing_lost(server)
        kept, completed = _recorded(home)
    met = got == kept == completed == most == _STREAMS
    return Result("proxy: 500 streams at once", "none lost, none mixed up",
                  f"{min(got, kept, completed)} right", met,
                  f"{got} right at the client, {kept} in the transcripts, {completed} completed there "
                  f"and in the index, {waited:.1f} s after the last byte; {most} open at once")  # fmt: skip


def run() -> list[Result]:
    """Measure both."""
    return [_big(), _many()]
