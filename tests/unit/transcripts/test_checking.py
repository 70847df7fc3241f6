"""Whether a value is JSON that every parser takes."""

import msgspec
import pytest

from steno.transcripts.checking import SHORT, Bad, check, find_bad, replace_bad, settle
from steno.transcripts.flaws import Flaw, Flaws


class Nothing(msgspec.Struct):
    """An object of which nothing is read."""


MEBIBYTE = 1024 * 1024
LONG = [0, SHORT, MEBIBYTE]


def settled(data, offset=0):
    """Settle a value; what is given, and its flaws."""
    flaws = []
    return settle(data, offset, Flaws(flaws)), flaws


class TestParser:
    """A long value may be checked by who has to decode it anyway."""

    def test_is_asked(self):
        """The parser gets each long value; a short one is decoded as a whole."""
        seen = []
        long = b'{"a":"%b"}' % (b"x" * SHORT)
        check(long, seen.append)
        check(b'{"a":1}', seen.append)

        assert seen == [long]

    def test_other_types(self):
        """A value that is not what the parser expects passes all the same, if it is JSON."""
        parse = msgspec.json.Decoder(dict[str, int]).decode
        check(b'{"a":"%b"}' % (b"x" * SHORT), parse)
        with pytest.raises(msgspec.DecodeError):
            check(b'{"a":"%b",}' % (b"x" * SHORT), parse)

    def test_bytes_that_it_passes_over(self):
        """What is no UTF-8 is refused, also where the parser does not look."""
        parse = msgspec.json.Decoder(Nothing).decode
        with pytest.raises(UnicodeDecodeError):
            check(b'{"a":"%b\xff"}' % (b"x" * SHORT), parse)

    @pytest.mark.parametrize("number", [b"1e+999", b"-2e+400"])
    def test_numbers_that_it_passes_over(self, number):
        """A number beyond all range is refused, also where the parser does not look."""
        parse = msgspec.json.Decoder(Nothing).decode
        with pytest.raises(msgspec.DecodeError):
            check(b'{"a":"%b","b":%b}' % (b"x" * SHORT, number), parse)


class TestCheck:
    @pytest.mark.parametrize("length", LONG)
    def test_fine(self, length):
        """JSON in UTF-8 passes, however long it is."""
        check(b'{"a":"%b","b":[1.5e+30,"\xc3\xa9 +123"]}' % (b"x" * length))

    @pytest.mark.parametrize("length", LONG)
    @pytest.mark.parametrize(
        "end", [b'"', b'\n"}', b'",}', b'\\x"}', b'","b":NaN}', b'","b":1e+999}']
    )
    def test_refused(self, length, end):
        """What no parser takes is refused, however long it is."""
        with pytest.raises(msgspec.DecodeError):
            check(b'{"a":"%b' % (b"x" * length) + end)

    @pytest.mark.parametrize("length", LONG)
    @pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
    def test_bytes(self, length, bad):
        """What is no UTF-8 is refused, however long it is."""
        with pytest.raises(UnicodeDecodeError):
            check(b'{"a":"%b"}' % (b"x" * length + bad))


class TestSettle:
    def test_fine(self):
        """A value that is fine is given as the object that it is."""
        data = b'{"a":1}'
        given, flaws = settled(data)

        assert given is data
        assert flaws == []

    def test_both(self):
        """A value may hold several things that no parser takes; the offsets are the file's."""
        given, flaws = settled(b'{"a":NaN,"b":"\xff"}', 100)

        assert given == '{"a":"NaN","b":"\ufffd"}'.encode()
        assert [(flaw.offset, flaw.kind, flaw.lost) for flaw in flaws] == [
            (105, "syntax", 0), (114, "encoding", 1),
        ]  # fmt: skip

    def test_deep(self):
        """What is too deep can't be given, and is lost as a whole."""
        data = b"[" * 100_000 + b"]" * 100_000

        assert settled(data) == (None, [Flaw(0, 200_000, "syntax", 200_000, "nested too deeply")])

    def test_no_json(self):
        """What is no JSON can't be given."""
        assert settled(b"{,}") == (None, [Flaw(0, 3, "syntax", 3, "not JSON")])


class TestBad:
    @pytest.mark.parametrize("before", [b"", b"x" * (MEBIBYTE - 1), "é".encode() * MEBIBYTE])
    def test_found(self, before):
        """Bytes that are no UTF-8 are counted, and found across pieces."""
        assert find_bad(before + b"\xff-\xe2\x82") == Bad(4 - 1, len(before), len(before) + 4)

    def test_none(self):
        """There may be none."""
        assert find_bad("é".encode()).lost == 0
        assert find_bad(b"e").lost == 0

    def test_replaced(self):
        """They are replaced as every decoder does it."""
        text = b"a\xff\xe2\x82b\xed\xa0\x80" + "€".encode() * MEBIBYTE

        assert replace_bad(text) == text.decode("utf-8", "replace").encode()
