"""The values of one line that is not simply one value."""

import pytest

from steno.transcripts.flaws import Flaws
from steno.transcripts.salvaging import Salvage, find_end
from steno.transcripts.tokens import Effort


def salvage(line, **options):
    """Salvage a line at offset 100; the values and the flaws."""
    flaws = []
    values = [tuple(value) for value in Salvage(line, 100, Flaws(flaws), **options)]
    return values, [(flaw.offset, flaw.length, flaw.kind, flaw.lost) for flaw in flaws]


class TestFindEnd:
    @pytest.mark.parametrize("behind", [b"", b" ", b"{", b' \r {"b":1}', b"x", b"\x00", b"]"])
    def test_whole(self, behind):
        """A value ends where it ends, without the space behind it."""
        extent = find_end(b'xx{"a":1}' + behind, 2, Effort(100))

        assert (extent.outcome, extent.end) == ("whole", 9)

    def test_strict(self):
        """What a strict parser takes costs no effort, so that it is fast."""
        effort = Effort(0)

        assert find_end(b'{"a":[1,2,3]}{"b":1}', 0, effort).outcome == "whole"
        assert effort.left == 0

    def test_partial(self):
        """Where more text follows, it is enough to know that the value does not end here."""
        assert find_end(b'{"a":"x', 0, Effort(0), partial=True).outcome == "unfinished"


class TestValues:
    def test_offsets(self):
        """Offsets are those in the file."""
        assert salvage(b'{"a":1} {"b":2}') == (
            [(100, b'{"a":1}'), (108, b'{"b":2}')],
            [(108, 0, "glued", 0)],
        )

    def test_several_torn(self):
        """Of several torn objects on a line, each loses itself alone."""
        values, flaws = salvage(b'{"a":"x{"b":"y{"c":1}{"d":"z{"e":2}')

        assert [data for _, data in values] == [b'{"c":1}', b'{"e":2}']
        assert [(offset, length) for offset, length, *_ in flaws if length] == [(100, 14), (121, 7)]

    def test_garbage(self):
        """An object behind garbage is found."""
        assert salvage(b'oops {"a":1}') == ([(105, b'{"a":1}')], [(100, 5, "syntax", 5)])

    def test_words_of_garbage(self):
        """Numbers and words in garbage are no values."""
        assert salvage(b"2026-11-20 12:00 it is true")[0] == []

    def test_mark(self):
        """A byte order mark where files were put together is passed over."""
        assert salvage(b'\xef\xbb\xbf{"a":1}') == ([(103, b'{"a":1}')], [(100, 3, "encoding", 0)])

    @pytest.mark.parametrize("line", [b'{"a":' * 100_000, b'{"a"' * 100_000, b"{     " * 100_000])
    def test_weary(self, line):
        """A line that looks like objects all over is given up within its effort."""
        values, flaws = salvage(line)

        assert values == []
        assert [lost for *_, lost in flaws] == [len(line.rstrip())]

    @pytest.mark.parametrize("last", [False, True])
    def test_last(self, last):
        """Of a line that no newline ends, it is said that it may be being written."""
        flaws = []
        list(Salvage(b'{"a":', 0, Flaws(flaws), last=last))

        assert ("may be being written" in flaws[0].detail) is last
