"""Bundles: a session of 1 GB out and in again, against zstd on the same bytes, and its memory.

zstd is given the same bytes and the same level, on one thread: it reads a file, writes a compressed
one, and unpacks that into a third. A bundle does the same, makes two digests and a checksum on each
way (beside the compressing, on the other core), checks all of them, and makes what it wrote
durable; so the last is asked of zstd too. The bar is on both ways together; each way stands beside
that of zstd as well. What the index takes to read a transcript afterwards is not part of the bar,
because it depends on the number of events and is the same however a transcript came there; but
whoever imports waits for it, so it is told, with its memory.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Result
from steno.storage.compressed import load_zstd

_BYTES = 1_000_000_000
_ROUNDS = 2
_LEVEL = 3
_BLOCK = 1 << 20
_DAY = "2026-11-20"
_CHILD = """
import json, resource, sys, time
from pathlib import Path
from steno.bundles.exporting import export_bundle
from steno.bundles.importing import import_bundle
from steno.bundles.places import Places

def places(home):
    return Places(home, home / "sessions", home / "artefacts", home / "archives", home / "holds")

root = Path(sys.argv[1])
begun = time.perf_counter()
export_bundle(["s"], root / "s.steno", places(root / "from"))
exported = time.perf_counter()
index = root / "to" / "sessions.db" if sys.argv[2] == "index" else None
import_bundle(root / "s.steno", places(root / "to"), index=index)
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([exported - begun, done - exported, peak]))
"""


def _write(path: Path) -> None:
    """Write a transcript of 1 GB: a header, and entries that compress as recorded ones do."""
    chance = random.Random(1)  # the same session each time
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(5000)]
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        head = {
            "type": "session", "version": 4, "id": "s", "session_id": "s",
            "timestamp": f"{_DAY}T10:00:00.000000Z",
        }  # fmt: skip
        file.write(json.dumps(head, separators=(",", ":")).encode() + b"\n")
        pieces = []
        for number in range(4000):
            text = " ".join(chance.choices(words, k=chance.randint(20, 400)))
            pieces.append(
                f'{{"type":"response_recorded","session_id":"s","request_id":"req-{number:016x}",'
                f'"timestamp":"{_DAY}T10:00:00.{number:06d}Z","response_text":"{text}","recorder":'
                '"b3mz5z1z4qvg09gc","seq":'
            )
        seq = 0
        while file.tell() < _BYTES:
            block = []
            for piece in chance.choices(pieces, k=2000):
                seq += 1
                at = chance.randrange(200, len(piece))
                block.append(f"{piece[:at]}{chance.getrandbits(64):x}{piece[at:]}{seq}}}\n")
            file.write("".join(block).encode())


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def _zstd(source: Path, folder: Path) -> tuple[float, float]:
    """Compress a file and unpack it again; seconds of each."""
    zstd = load_zstd()
    packed, plain = folder / "plain.zst", folder / "plain"
    begun = time.perf_counter()
    with source.open("rb") as file, packed.open("wb") as out:
        packer = zstd.ZstdCompressor(level=_LEVEL)
        while block := file.read(_BLOCK):
            out.write(packer.compress(block))
        out.write(packer.flush())
    _sync(packed)
    middle = time.perf_counter()
    with packed.open("rb") as file, plain.open("wb") as out:
        decoder = zstd.ZstdDecompressor()
        while block := file.read(_BLOCK):
            out.write(decoder.decompress(block))
    _sync(plain)
    took = (middle - begun, time.perf_counter() - middle)
    packed.unlink()
    plain.unlink()
    return took


def _bundle(root: Path, index: str = "none") -> tuple[float, float, float]:
    """Export and import in a process of its own; seconds of each, and its greatest memory."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(root), index],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    exported, imported, peak = json.loads(done.stdout)
    subprocess.run(["rm", "-rf", str(root / "to"), str(root / "s.steno")], check=True)
    return exported, imported, peak


def run() -> list[Result]:
    """Measure; the best of two rounds of each, in turns."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("STENO_BENCH_DIR")) as folder:
        root = Path(folder)
        source = root / "from" / "sessions" / _DAY / "s.jsonl"
        _write(source)
        rounds = [(_zstd(source, root), _bundle(root)) for _ in range(_ROUNDS)]
        _, indexed, indexed_peak = _bundle(root, "index")
    packed, unpacked = min((each for each, _ in rounds), key=sum)
    exported, imported, _ = min((each for _, each in rounds), key=lambda each: each[0] + each[1])
    peak = max(each[2] for _, each in rounds)
    share = (packed + unpacked) / (exported + imported)
    return [
        Result(
            bar="bundle of 1 GB, out and in",
            demand=">= 0.6 of zstd -3 and back, synced",
            measured=f"{share:.2f}",
            met=share >= 0.6,
            note=f"{exported + imported:.1f} s, and zstd {packed + unpacked:.1f} s; best of "
            f"{_ROUNDS}, without the index",
        ),
        Result(
            bar="export of 1 GB",
            demand="none: a part of the bar",
            measured=f"{exported:.1f} s",
            met=True,
            note=f"zstd compresses in {packed:.1f} s: {packed / exported:.2f} of its speed",
        ),
        Result(
            bar="import of 1 GB, without the index",
            demand="none: a part of the bar",
            measured=f"{imported:.1f} s",
            met=True,
            note=f"zstd unpacks in {unpacked:.1f} s: {unpacked / imported:.2f} of its speed",
        ),
        Result(
            bar="import of 1 GB, with the index",
            demand="none: for information",
            measured=f"{indexed:.1f} s",
            met=True,
            note=f"until it is listed; {indexed_peak / 1e6:.0f} MB",
        ),
        Result(
            bar="memory of a bundle of 1 GB",
            demand="<= 100 MB",
            measured=f"{peak / 1e6:.0f} MB",
            met=peak <= 100_000_000,
            note="greatest of the process that exports and imports",
        ),
    ]
