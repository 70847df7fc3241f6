"""Sealing: a turn of 20,000 records against pyzipper on the same bytes, and what a loop feels."""

import asyncio
import gc
import os
import random
import tempfile
import time
from pathlib import Path

import pyzipper

from benchmarks.measuring import Result, alternate, seconds
from steno.archives import ArchiveIds, ArchiveSettings, ArchiveSpool, Archivist
from steno.archives.layout import find_archives
from steno.archives.reading import Keys, open_archive
from steno.logs.lines import LogLine

_RECORDS = 20_000
_ROUNDS = 7
_PASSWORD = "benchmark"
_LETTERS = "etaoinshrdlucmfwyp"
_IDS = ArchiveIds("user", "session", "chat", "message", "request")


def _lines() -> list[LogLine]:
    """Make records of 400 bytes: a provider's pieces of a reply, as DEBUG logs them."""
    chance = random.Random(1)  # the same records each time
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 9))) for _ in range(2000)]
    start = time.time()
    lines = []
    for number in range(_RECORDS):
        text = (
            f'OpenRouter payload: {{"id":"gen-{number // 500}","choices":[{{"index":0,"delta":'
            f'{{"role":"assistant","content":"{" ".join(chance.choices(words, k=50))}'
        )
        text = f'{text[:360]}"}},"finish_reason":null}}],"n":{number:5}}}'
        lines.append(
            LogLine(start + number / 1000, 10, "DEBUG", "pipe", text, "pipe", "run", 42, "session",
                    "request", "user")
        )  # fmt: skip
    return lines


def _settings(folder: str) -> ArchiveSettings:
    return ArchiveSettings(enabled=True, directory=Path(folder) / "archives", password=_PASSWORD)


def _spooled(archivist: Archivist, lines: list[LogLine]) -> ArchiveSpool:
    """Have a turn's records on disk, as they are when it ends."""
    spool = archivist.open(_IDS)
    assert spool is not None
    for line in lines:
        spool.take(line)
    assert archivist.flush(60)
    return spool


def _seal(lines: list[LogLine]) -> float:
    """Seal a turn: seconds from its end to the archive."""
    with tempfile.TemporaryDirectory() as folder:
        archivist = Archivist(_settings(folder))
        spool = _spooled(archivist, lines)

        def work() -> None:
            spool.end("ok")
            assert spool.wait(60)

        took = seconds(work)
        archivist.close()
    return took


def _members(lines: list[LogLine]) -> dict[str, bytes]:
    """Return what sealing writes."""
    with tempfile.TemporaryDirectory() as folder:
        archivist = Archivist(_settings(folder))
        _spooled(archivist, lines).end("ok")
        archivist.close()
        ((path, _),) = find_archives(Path(folder) / "archives")
        with open_archive(path, Keys(_PASSWORD)) as archive:
            return {
                "meta.json": archive.meta_bytes,
                **{name: b"".join(archive.blocks(name)) for name in archive.names},
            }


def _pyzipper(members: dict[str, bytes]) -> float:
    """Write the same members with pyzipper and nothing else; seconds."""
    with tempfile.TemporaryDirectory() as folder:

        def work() -> None:
            with pyzipper.AESZipFile(
                f"{folder}/plain.zip", "w", compression=pyzipper.ZIP_DEFLATED,
                encryption=pyzipper.WZ_AES,
            ) as archive:  # fmt: skip
                archive.setpassword(_PASSWORD.encode())
                for name, data in members.items():
                    archive.writestr(name, data)
            fd = os.open(f"{folder}/plain.zip", os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)

        return seconds(work)


async def _watch(begin, is_done) -> float:
    """Begin something and measure the longest stall of a loop until it is done; milliseconds."""
    stall = 0.0
    await asyncio.sleep(0.01)
    begin()
    while not is_done():
        at = time.perf_counter()
        await asyncio.sleep(0.0005)
        stall = max(stall, (time.perf_counter() - at - 0.0005) * 1000)
    return stall


def _stalls(lines: list[LogLine]) -> tuple[float, float]:
    """Measure the longest stall of a loop while a turn is sealed, and while nothing is done."""
    gc.collect()
    with tempfile.TemporaryDirectory() as folder:
        archivist = Archivist(_settings(folder))
        spool = _spooled(archivist, lines)
        stall = asyncio.run(_watch(lambda: spool.end("ok"), lambda: spool.wait(0)))
        archivist.close()
    until = time.monotonic() + 0.5
    idle = asyncio.run(_watch(lambda: None, lambda: time.monotonic() > until))
    return stall, idle


def _spooling(lines: list[LogLine]) -> float:
    """Measure the longest stall of a loop that logs, while its records go to disk."""
    gc.collect()
    with tempfile.TemporaryDirectory() as folder:
        archivist = Archivist(_settings(folder))
        _spooled(archivist, lines[:10])  # the key is made
        spool = archivist.open(_IDS)
        assert spool is not None

        async def log() -> float:
            stall = 0.0
            for at in range(0, len(lines), 40):
                for line in lines[at : at + 40]:
                    spool.take(line)
                begun = time.perf_counter()
                await asyncio.sleep(0.002)
                stall = max(stall, (time.perf_counter() - begun - 0.002) * 1000)
            return stall

        stall = asyncio.run(log())
        archivist.close()
    return stall


def run() -> list[Result]:
    """Measure pyzipper and steno in turn, then the loop."""
    lines = _lines()
    members = _members(lines)
    bare, sealed = alternate(_ROUNDS, lambda: _pyzipper(members), lambda: _seal(lines))
    ratio = sealed / bare
    pairs = [_stalls(lines) for _ in range(_ROUNDS)]
    stall, idle = (sorted(each)[_ROUNDS // 2] for each in zip(*pairs, strict=True))
    spooling = sorted(_spooling(lines) for _ in range(_ROUNDS))[_ROUNDS // 2]
    size = sum(map(len, members.values())) / 1e6
    return [
        Result("sealing 20,000 records", "<= 1.2x of pyzipper", f"{ratio:.2f}x", ratio <= 1.2,
               f"{sealed * 1000:.0f} ms from the end to the archive; pyzipper on the same {size:.1f} MB {bare * 1000:.0f} ms"),
        Result("sealing, longest stall of a loop", "<= 5 ms", f"{stall:.2f} ms", stall <= 5,
               f"while nothing is done {idle:.2f} ms"),
        Result("spooling, longest stall of a loop", "<= 5 ms", f"{spooling:.2f} ms", spooling <= 5,
               "20,000 records a second are logged meanwhile"),
    ]  # fmt: skip
