"""Reading the values of a file, whatever is damaged between them."""

import io
import json

import msgspec
import pytest

from steno.storage.compressed import load_zstd, open_text
from steno.transcripts.values import read_values

MEBIBYTE = 1024 * 1024


def read(text, *, start=0):
    """Read a text; its values as (offset, data), and its flaws as (offset, length, kind, lost)."""
    flaws = []
    values = [tuple(value) for value in read_values(io.BytesIO(text), flaws, start=start)]
    return values, [(flaw.offset, flaw.length, flaw.kind, flaw.lost) for flaw in flaws]


class TestWhole:
    @pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
    def test_newlines(self, newline):
        """A line may end in any of the three ways, and the last one in none."""
        text = newline.join([b'{"a":1}', b'{"b":2}', b'{"c":3}'])
        step = 7 + len(newline)

        assert read(text) == (
            [(0, b'{"a":1}'), (step, b'{"b":2}'), (2 * step, b'{"c":3}')],
            [],
        )

    def test_mark(self):
        """A byte order mark at the beginning of a file is passed over."""
        assert read(b'\xef\xbb\xbf{"a":1}\n') == ([(3, b'{"a":1}')], [])

    def test_start(self):
        """Reading begins at any line, and offsets are those in the file."""
        assert read(b'{"a":1}\n{"b":2}\n', start=8) == ([(8, b'{"b":2}')], [])

    def test_scalars(self):
        """A value need not be an object."""
        assert [data for _, data in read(b'12\nnull\n"x"\n[1]\n')[0]] == [
            b"12", b"null", b'"x"', b"[1]",
        ]  # fmt: skip

    def test_empty(self):
        """An empty file has neither values nor flaws."""
        assert read(b"") == ([], [])

    def test_blank(self):
        """Blank lines are said to be there, and cost nothing."""
        assert read(b'{"a":1}\n\n \n{"b":2}\n') == (
            [(0, b'{"a":1}'), (11, b'{"b":2}')],
            [(8, 3, "blank", 0)],
        )

    def test_repeated(self):
        """A line that stands twice is given twice: others decide."""
        assert len(read(b'{"a":1}\n{"a":1}\n')[0]) == 2

    @pytest.mark.parametrize("length", [MEBIBYTE - 9, MEBIBYTE, MEBIBYTE + 1, 5 * MEBIBYTE])
    def test_long(self, length):
        """A line may be longer than any block, and what follows it keeps its offset."""
        long = b'{"a":"%b"}' % (b"x" * length)

        assert read(b"[0]\n" + long + b"\r\n[1]\n") == (
            [(0, b"[0]"), (4, long), (6 + len(long), b"[1]")],
            [],
        )


class TestGlued:
    def test_two(self):
        """Two objects on a line are two values."""
        assert read(b'{"a":1}{"b":2}\n') == (
            [(0, b'{"a":1}'), (7, b'{"b":2}')],
            [(7, 0, "glued", 0)],
        )

    def test_words(self):
        """Numbers and texts are told apart by what is between them."""
        assert [data for _, data in read(b'12 34 "x" {"a":1}\n')[0]] == [
            b"12", b"34", b'"x"', b'{"a":1}',
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "torn",
        [
            b'{"a":"xx', b'{"a":"x\\', b'{"a":"x\\u00', b'{"a":"x\\ud83d', b'{"a', b'{"a":1,',
            b'{"a":12', b'{"a":tr', b'{"a":"x,', b'{"a":"x: ', b"{", b'{"a":1,"b":[{"c":"',
            b'{"a":"xx\x00\x00\x00',
        ],
    )  # fmt: skip
    def test_behind_torn(self, torn):
        """An object that was glued behind a torn one is read, and the torn one is lost alone."""
        good = b'{"type":"user","n":{"m":[1]}}'
        values, flaws = read(torn + good + b'\n{"c":3}\n')

        assert values == [(len(torn), good), (len(torn + good) + 1, b'{"c":3}')]
        assert sum(lost for *_, lost in flaws) == len(torn)

    @pytest.mark.parametrize(
        "line",
        [
            b'{"a":BAD,"b":{"c":1}}', b'{"a":BAD,"b":[{"c":1}]}', b'{"a":BAD,"b":{"c":1}',
            b'"x":1,"b":{"c":1}}', b'{"a":"see {"b":1} there"}',
        ],
    )  # fmt: skip
    def test_parts(self, line):
        """A part of a damaged object is never given as a value."""
        assert read(line + b"\n") == ([], [(0, len(line), "syntax", len(line))])

    def test_behind_tail(self):
        """An object behind the tail of another one is read."""
        assert read(b'x","b":{"c":1}}{"d":1}\n')[0] == [(15, b'{"d":1}')]

    def test_comma(self):
        """A comma behind a value costs the comma."""
        assert read(b'{"a":1},\n') == ([(0, b'{"a":1}')], [(7, 1, "syntax", 1)])


class TestTorn:
    @pytest.mark.parametrize("torn", [b'{"a":"xx', b'{"a":', b'{"a":[1,', b"[", b'{"a":1', b"{"])
    def test_line(self, torn):
        """A torn line costs nothing of the lines behind it, however it is torn."""
        values, flaws = read(torn + b'\n{"b":1}\n{"c":2}\n')

        assert values == [(len(torn) + 1, b'{"b":1}'), (len(torn) + 9, b'{"c":2}')]
        assert flaws == [(0, len(torn), "torn", len(torn))]

    def test_every_prefix(self):
        """Wherever the last line ends, those before it are read; it is read when it is whole."""
        line = '{"a":"é\\n\\ud83d\\ude00","b":[1.5e3,true,null,{}]}'.encode()
        for end in range(1, len(line)):
            assert read(b"[0]\n" + line[:end]) == (
                [(0, b"[0]")],
                [(4, end, "torn", end)],
            )
        assert read(line) == ([(0, line)], [])

    def test_compressed(self, tmp_path):
        """Damage of a compressed file is a flaw at the end of what can be read of it."""
        packed = load_zstd().compress(b'{"a":1}\n' * 1000)
        (tmp_path / "x.jsonl.zst").write_bytes(packed[:-3])
        flaws = []
        with open_text(tmp_path / "x.jsonl.zst") as file:
            list(read_values(file, flaws))

        assert flaws[-1].kind == "compressed"


class TestSpread:
    def test_document(self):
        """A document that was written for people is one value."""
        text = json.dumps({"a": [{}, {"b": "x"}], "c": {}}, indent=2).encode()

        assert read(text + b'\n{"d":1}\n') == (
            [(0, text), (len(text) + 1, b'{"d":1}')],
            [],
        )

    def test_large(self):
        """It may be longer than a block, with lines of any length."""
        document = {"a": ["x" * 100] * 30_000, "b": "y" * 3 * MEBIBYTE, "c": float("nan")}
        text = json.dumps(document, indent=2).encode()
        values, flaws = read(b"[0]\n" + text)

        assert [offset for offset, _ in values] == [0, 4]
        assert msgspec.json.decode(values[1][1]) == {**document, "c": "NaN"}
        assert [kind for _, _, kind, _ in flaws] == ["syntax"]

    def test_torn(self):
        """Of a document that was torn, no part is given as a value of its own."""
        text = json.dumps({"a": [{"b": 1}, {"c": 2}]}, indent=2).encode()
        values, flaws = read(text[:-4])

        assert values == []
        assert sum(lost for *_, lost in flaws) > 0

    def test_list(self):
        """A list with an object on each line is one value, and several when it is torn."""
        assert len(read(b'[\n{"a":1},\n{"b":2}\n]\n')[0]) == 1
        assert [data for _, data in read(b'[\n{"a":1},\n{"b":2}\n')[0]] == [b'{"a":1}', b'{"b":2}']

    @pytest.mark.parametrize("line", [b"[\n", b'{"a":\n', b"[1,\n"])
    def test_begun(self, line):
        """Lines that all begin a value cost nothing of the line behind them."""
        values, flaws = read(line * 10_000 + b'{"a":1}\n{"b":2}\n')

        assert [data for _, data in values] == [b'{"a":1}', b'{"b":2}']
        assert sum(lost for *_, lost in flaws) == 10_000 * (len(line) - 1)

    def test_half(self):
        """Half of a surrogate pair at the end of a document does not make it a torn one."""
        (value,), _ = read(b'{\n "a": "\\ud83d"\n}')

        assert msgspec.json.decode(value[1]) == {"a": "\\ud83d"}


class TestTolerated:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            (b'{"a":NaN,"b":-Infinity}', {"a": "NaN", "b": "-Infinity"}),
            (b'{"a":"\\ud83d"}', {"a": "\\ud83d"}),
            (b'{"a":"\\ude00x"}', {"a": "\\ude00x"}),
            (b'{"a":"\\ud83d\\u0041"}', {"a": "\\ud83dA"}),
            (b'{"a":"x\ty\x01"}', {"a": "x\ty\x01"}),
            (b'{"a":1e999}', {"a": "1e999"}),
            (b'{"a":%b.5}' % (b"9" * 400), {"a": "9" * 400 + ".5"}),
        ],
    )
    def test_written_anew(self, text, value):
        """What programs write although JSON does not know it is read, and loses nothing."""
        (given,), (flaw,) = read(text + b"\n")

        assert msgspec.json.decode(given[1]) == value
        assert flaw[2:] == ("syntax", 0)

    def test_long(self):
        """It is read in a long line too."""
        text = b'{"a":"%b","b":1e999,"c":NaN}' % (b"x" * 2 * MEBIBYTE)
        (given,), _ = read(text)

        assert given[1].endswith(b'","b":"1e999","c":"NaN"}')

    def test_long_number(self):
        """A number beyond all range is found in a long line that is fine otherwise."""
        text = b'{"a":"%b","b":1E+999}' % (b"x" * 2 * MEBIBYTE)
        (given,), _ = read(text)

        assert given[1].endswith(b'"b":"1E+999"}')

    def test_utf8(self):
        """What is no UTF-8 is replaced, and its place and number of bytes are reported."""
        (value,), flaws = read(b'{"a":"\xc3\xa9 \xff \xe2\x82"}\n')

        assert value == (0, '{"a":"é \ufffd \ufffd"}'.encode())
        assert flaws == [(9, 4, "encoding", 3)]

    @pytest.mark.parametrize("fill", [b"x", "é".encode(), "€".encode()])
    def test_long_utf8(self, fill):
        """The same holds in a long line, across the pieces in which it is looked at."""
        text = b'{"a":"' + fill * (3 * MEBIBYTE // len(fill)) + b'\xff"}'
        (value,), flaws = read(text)

        assert value[1] == text.replace(b"\xff", "\ufffd".encode())
        assert flaws == [(len(text) - 3, 1, "encoding", 1)]

    def test_twice(self):
        """A key that stands twice in an object is nothing that the reader decides on."""
        assert read(b'{"a":1,"a":2}\n') == ([(0, b'{"a":1,"a":2}')], [])

    def test_holes(self):
        """Runs of NUL bytes are lost, and what stands around them is read."""
        text = b'\x00\x00{"a":1}\n{"b":"x\x00\x00y"}\n\x00\x00\x00'
        values, flaws = read(text)

        assert values == [(2, b'{"a":1}'), (10, '{"b":"x\ufffdy"}'.encode())]
        assert flaws == [(0, 2, "nul", 2), (17, 1, "nul", 2), (23, 3, "nul", 3)]


class TestRefused:
    @pytest.mark.parametrize("closers", [0, 1_000_000])
    @pytest.mark.parametrize(("opener", "closer"), [(b"[", b"]"), (b'{"a":', b"}")])
    def test_deep(self, opener, closer, closers):
        """A million brackets are lost, and nothing else."""
        text = opener * 1_000_000 + closer * closers
        values, flaws = read(text + b'\n{"a":1}\n')

        assert values == [(len(text) + 1, b'{"a":1}')]
        assert sum(lost for *_, lost in flaws) == len(text)

    def test_merged(self):
        """A stretch of garbage is one flaw, however many lines it has."""
        assert read(b'x\ny\nz\n{"a":1}\n') == ([(6, b'{"a":1}')], [(0, 5, "syntax", 3)])

    def test_bounded(self):
        """Beyond 1,000 flaws the last one stands for the rest, and no byte is left out of it."""
        values, flaws = read(b'{"a":1}\n{"a\n' * 3000)

        assert len(values) == 3000
        assert len(flaws) == 1000
        assert sum(lost for *_, lost in flaws) == 3 * 3000
        assert flaws[-1][0] + flaws[-1][1] == 12 * 3000 - 1
