"""Import and recover mutated files, in a process of its own whose memory is measured.

``fuzz_files.py FILES SEED`` mutates the fixtures of all formats: bytes, lines, fields and values of
fields. Every file is recognised, read by its format and by that of another, assembled to events, and
every fourth is recovered. What is found wrong ends the program with a traceback; a file that takes
longer than twenty seconds ends it too.
"""

import json
import random
import resource
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from steno.events.codec import LineEncoder, decode_line
from steno.events.header import Header
from steno.transcripts.importers.assembling import Assembler
from steno.transcripts.importers.claims import Claims
from steno.transcripts.importers.importing import header_of
from steno.transcripts.importers.registry import FORMATS, load_format, recognise
from steno.transcripts.importers.source import Source, probe
from steno.transcripts.recovery.recovering import recover

DATA = Path(__file__).parents[1] / "data" / "imports"
HANGS_S = 20
AT = datetime(2026, 3, 1, tzinfo=UTC)
VALUES = [
    None, True, False, 0, -1, 1.5, 1e300, 10**30, "", "x", "\x00\x1b[0m\u202e", "é" * 5000, [], {}, [[]],
    [None], {"": None}, [{"type": "text"}], {"type": []}, "2026-13-45T99:99:99Z", -(10**15), "../../x",
]  # fmt: skip
PIECES = [
    b"{",
    b"}",
    b"[",
    b'"',
    b"\\",
    b",",
    b"\n",
    b"\x00" * 32,
    b"\xff",
    b"\xed\xa0\x80",
    b"NaN",
]


def fixtures():
    """List the fixtures that are single files."""
    return [
        path
        for path in sorted(DATA.rglob("*"))
        if path.suffix in {".jsonl", ".json", ".ndjson", ".zst"} and path.stat().st_size < 200_000
    ]


def change(chance, value, depth=0):
    """Change a decoded value in some places: drop, replace, repeat or rename."""
    if isinstance(value, dict):
        changed = {}
        for key, item in value.items():
            match chance.randrange(30):
                case 0:
                    continue
                case 1:
                    changed[key] = chance.choice(VALUES)
                case 2:
                    changed[chance.choice(["type", "id", "x", "message", key.upper()])] = item
                case _:
                    changed[key] = change(chance, item, depth + 1)
        return changed
    if isinstance(value, list):
        return [
            change(chance, item, depth + 1)
            for item in value
            for _ in range(chance.choice((1, 1, 1, 1, 0, 2)))
        ]
    return chance.choice(VALUES) if not chance.randrange(40) else value


def mutate(chance, data):
    """Change a file: its values, its lines or its bytes."""
    lines = data.split(b"\n")
    kind = chance.randrange(4)
    if kind < 2:
        for at, line in enumerate(lines):
            if chance.randrange(2):
                try:
                    lines[at] = msgspec.json.encode(change(chance, msgspec.json.decode(line)))
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
    if kind == 2:
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(lines))
            match chance.randrange(4):
                case 0:
                    del lines[at:]
                case 1:
                    lines[at : at + 1] = lines[at : at + 1] * 3
                case 2:
                    chance.shuffle(lines)
                case 3:
                    lines[at : at + 1] = [b"".join(lines[at : at + 2])]
            lines = lines or [b""]
    text = bytearray(b"\n".join(lines))
    if kind == 3:
        for _ in range(chance.randint(1, 6)):
            at = chance.randint(0, len(text))
            text[at : at + chance.choice((0, 1, 30))] = chance.choice(PIECES)
    return bytes(text)


def tell(path, name):
    """Read a file as a format and assemble its events; returns the number of entries."""
    source = Source(path)
    entries = 0
    encode = LineEncoder("r").encode
    for conversation in load_format(name).read(source):
        header = header_of(conversation.identity, "s", AT, str(path))
        assert isinstance(header, Header)
        assembler = Assembler(
            "s", format_name=name, origin=path.name, fallback=AT, claims=Claims(), name=str
        )
        kept = 0
        for entry in conversation.entries:
            entries += 1
            kept += check(assembler.feed(entry), encode)
        kept += check(assembler.finish(), encode)
        assert kept + assembler.tally.duplicates == assembler.tally.entries
    assert sum(flaw.lost for flaw in source.flaws) <= path.stat().st_size * 40
    return entries


def check(events, encode):
    """Check that events make lines which can be read; returns the number of entries among them."""
    kept = 0
    for seq, event in enumerate(events, 1):
        line, _ = encode(event, seq)
        assert line.count(b"\n") == 1
        again = decode_line(line)
        assert type(again) is type(event), (event, again)
        kept += type(event).__name__ == "EntryImported"
    return kept


def run(files, seed):
    """Feed so many mutated files; prints what it took."""
    chance = random.Random(seed)
    cases = fixtures()
    for path in cases:  # what is loaded once is loaded
        tell(path, path.relative_to(DATA).parts[0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    entries = recognised = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(files):
            fixture = chance.choice(cases)
            folder = Path(scratch) / str(number % 50)
            folder.mkdir(exist_ok=True)
            path = folder / fixture.name
            data = fixture.read_bytes()
            path.write_bytes(data if path.suffix == ".zst" and number % 2 else mutate(chance, data))
            own = fixture.relative_to(DATA).parts[0]
            signal.alarm(HANGS_S)
            looked = probe(path)
            found = recognise(looked)
            recognised += found is not None
            singles = [name for name in FORMATS if not load_format(name).takes_folder(looked)]
            for name in {own, chance.choice(singles)}:
                if "store" not in name and name not in {"opencode", "llm"}:
                    entries += tell(path, name)
            if not number % 4:
                assert len(recover([folder]).verdicts) <= 1
            signal.alarm(0)
            path.unlink()
    rise = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"files": files, "entries": entries, "recognised": recognised, "rise": rise}))


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
