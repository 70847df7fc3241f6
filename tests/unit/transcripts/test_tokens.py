"""Where a value ends that a strict parser refuses."""

import pytest

from steno.transcripts.tokens import MAX_DEPTH, Effort, measure, rewrite


def find(data, begin=0, effort=10_000):
    """Measure a value; the outcome and the index."""
    return measure(data, begin, Effort(effort))[:2]


class TestMeasure:
    @pytest.mark.parametrize(
        "value",
        [
            b"{}", b"[]", b'"x"', b"-1.5e+3", b"true", b"null", b'{"a":[1,{"b":{}}],"c":""}',
            b"[ 1 ,\r\n\t2 ]", b'"\\u00e9\\ud83d\\ude00\\n\\/"', b"NaN", b"[-Infinity]", b'"\\ud83d"',
            b'"a\tb"', b'"\xff"', b"1e999",
        ],
    )  # fmt: skip
    def test_whole(self, value):
        """A value ends where it ends, whatever follows it."""
        assert find(b"??" + value + b' "x"', 2) == ("whole", 2 + len(value))

    @pytest.mark.parametrize(
        ("data", "at"),
        [
            (b"x", 0), (b"[1,]", 3), (b'{"a":1,}', 7), (b"{1:2}", 1), (b'{"a" 1}', 4), (b"[1}", 2),
            (b'{"a":1]', 6), (b"[01]", 2), (b"[.5]", 1), (b"[trux]", 1), (b'"\\x"', 2), (b"]", 0),
            (b'"\\u12x"', 5), (b'"a\nb"', 2), (b'{"a":"xx{"type":1}', 10), (b"{,}", 1), (b"[,]", 1),
            (b'{"a"  x', 4),
        ],
    )  # fmt: skip
    def test_broken(self, data, at):
        """A byte that can't stand where it stands breaks a value; behind a text, its end counts."""
        assert find(data) == ("broken", at)

    @pytest.mark.parametrize("data", [b"{", b"[1,", b'{"a":', b'{"a"', b"[1 ", b'{"a":1,\n', b""])
    def test_unfinished(self, data):
        """A value may end too early between two tokens."""
        assert find(data) == ("unfinished", len(data))

    @pytest.mark.parametrize(
        "data", [b'"x', b'"\\', b'"\\u12', b"[tr", b"[-", b"[1.", b"[1e+", b"[-Infi", b"[Na"]
    )
    def test_cut(self, data):
        """Or within one."""
        assert find(data) == ("cut", len(data))

    def test_deep(self):
        """What is too deep for every parser is broken there."""
        assert find(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) == ("whole", 2 * MAX_DEPTH)
        assert find(b"[" * (MAX_DEPTH + 1)) == ("broken", MAX_DEPTH)

    def test_effort(self):
        """No more tokens are looked at than may be, and what was used is taken off."""
        effort = Effort(10)

        assert measure(b"[" + b"1," * 100, 0, effort).outcome == "weary"
        assert effort.left < 0
        assert find(b'"' + b"\t" * 100 + b'"', effort=10)[0] == "weary"


class TestRewrite:
    @pytest.mark.parametrize(
        ("data", "anew", "holes"),
        [
            (b"[NaN,Infinity]", b'["NaN","Infinity"]', 0),
            (b'["\\ud83d!"]', b'["\\\\ud83d!"]', 0),
            (b'["a\x01\tb"]', b'["a\\u0001\\u0009b"]', 0),
            (b'["a\x00\x00b"]', '["a\ufffdb"]'.encode(), 2),
            (b"[1e999, 1.0]", b'["1e999", 1.0]', 0),
            (b'{"a":1, "a":2}', b'{"a":1, "a":2}', 0),
        ],
    )
    def test_data(self, data, anew, holes):
        """What no parser takes is written anew, and every other byte is kept."""
        found = rewrite(data, measure(data, 0, Effort(100)))

        assert (found.data, found.holes) == (anew, holes)

    def test_detail(self):
        """What was written anew is counted by its kind."""
        data = b'[NaN,NaN,"\x01"]'
        found = rewrite(data, measure(data, 0, Effort(100)))

        assert found.detail == "a number that is none (2), a control character (1)"

    def test_part(self):
        """A value may stand in a longer text."""
        data = b"xx[NaN]yy"

        assert rewrite(data, measure(data, 2, Effort(100)), 2).data == b'["NaN"]'
