"""Feed mutated lines to the reader of values, in a process of its own whose memory is measured.

``fuzz_values.py LINES SEED`` mutates lines of its own; ``fuzz_values.py --atheris RUNS FOLDER``
lets atheris find them by the paths that they take. What is found wrong ends the program with a
traceback; a text that takes longer than ten seconds ends it too.
"""

import io
import json
import random
import resource
import signal
import sys

import msgspec

from steno.transcripts.values import read_values

LINES_AT_ONCE = 200
HANGS_S = 10
SHORT = 1024

SEEDS = [
    b'{"type":"session","version":3,"id":"0199","timestamp":"2026-11-20T12:00:00.000Z","cwd":"/x"}',
    b'{"type":"user","message":{"role":"user","content":"say \\"hi\\"\\n\\u00e9\\ud83d\\ude00"},"n":[1,2.5e-3,-0]}',
    '{"type":"assistant","message":{"content":[{"type":"text","text":"é → 🙂"}],"usage":{"input":3}}}'.encode(),
    b'{"a":[[[{"b":{"c":[]}}]]],"d":null,"e":true,"f":false}',
    b'[1,"two",{"three":3}]',
    b'{\n  "a": [\n    {}\n  ]\n}',
    b'"text"',
    b"12",
]
PIECES = [
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"\r\n", b"\x00", b"\x00" * 64, b" ",
    b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"\xc3", b"NaN", b"-Infinity", b"1e999", b"1E+400",
    b"9" * 500, b"\\ud83d", b"\\ude00", b"\\u12", b'{"type":', b'{"a":"x', b"[" * 1200, b"{}", b"-",
    b'{"a":' * 1100, b"tru", b"\x1b[0m", b'"}', b"\t", b"\x7f",
]  # fmt: skip


def mutate(chance, lines):
    """Join lines to a text, each of them changed in up to four places."""
    text = bytearray()
    for line in lines:
        line = bytearray(line)
        for _ in range(chance.choice((0, 0, 1, 1, 2, 4))):
            at = chance.randint(0, len(line))
            match chance.randrange(6):
                case 0:
                    del line[at:]
                case 1:
                    del line[:at]
                case 2:
                    del line[at : at + chance.randint(1, 20)]
                case 3:
                    line[at:at] = chance.choice(PIECES)
                case 4:
                    line[at : at + 1] = bytes([chance.randrange(256)])
                case 5:
                    line[at:at] = chance.choice(SEEDS)
        text += line + chance.choice((b"\n", b"\n", b"\n", b"\n", b"\r\n", b"", b" ", b"\r"))
    return bytes(text)


def check(text):
    """Read a text and check what holds for every text; returns the number of values."""
    flaws = []
    last = -1
    count = 0
    for value in read_values(io.BytesIO(text), flaws):
        assert last < value.offset < len(text), value
        last = value.offset
        decoder = (
            json_decode if len(value.data) <= SHORT else msgspec.json.Decoder(msgspec.Raw).decode
        )
        decoder(value.data)
        value.data.decode()
        count += 1
    assert len(flaws) <= 1000
    assert sum(flaw.lost for flaw in flaws) <= len(text)
    for flaw in flaws:
        assert 0 <= flaw.offset <= flaw.offset + flaw.length <= len(text) + 1, flaw
        assert flaw.lost <= flaw.length or flaw.kind in ("nul", "encoding"), flaw
    return count


json_decode = msgspec.json.Decoder().decode


def run(lines, seed):
    """Feed so many mutated lines; prints what it took."""
    chance = random.Random(seed)
    check(mutate(chance, SEEDS))  # what is loaded once is loaded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values = 0
    longest = 0
    for _ in range(lines // LINES_AT_ONCE):
        text = mutate(chance, chance.choices(SEEDS, k=LINES_AT_ONCE))
        longest = max(longest, len(text))
        signal.alarm(HANGS_S)
        values += check(text)
        signal.alarm(0)
    rise = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"lines": lines, "values": values, "rise": rise, "longest": longest}))


def run_atheris(runs, folder):
    """Let atheris make so many texts, beginning with the lines of this file."""
    import os

    for number, seed in enumerate(SEEDS):
        with open(os.path.join(folder, f"seed-{number}"), "wb") as file:
            file.write(seed + b"\n" + seed)
    import atheris

    from steno.transcripts import checking, flaws, salvaging, tokens, values

    for module in (checking, flaws, salvaging, tokens, values):
        for name, function in vars(module).items():
            if (
                getattr(function, "__module__", "") == module.__name__
                and callable(function)
                and not isinstance(function, type)
            ):
                setattr(module, name, atheris.instrument_func(function))
    atheris.Setup(
        [
            sys.argv[0],
            f"-runs={runs}",
            f"-timeout={HANGS_S}",
            "-max_len=4096",
            "-rss_limit_mb=512",
            folder,
        ],
        lambda data: check(bytes(data)) and None,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--atheris":
        run_atheris(int(sys.argv[2]), sys.argv[3])
    else:
        run(int(sys.argv[1]), int(sys.argv[2]))
