"""The characters of a filter."""

import pytest

from steno.errors import FilterError
from steno.query.filter.model import Pattern
from steno.query.filter.reading import Cursor, point_at


@pytest.mark.parametrize(
    ("text", "parts", "bare"),
    [("a", ("a",), True), ('"a b"', ("a b",), False), ('a"*"*', ("a*", ""), False),
     (r'"a\"b\\"', ('a"b\\',), False), ("a**b", ("a", "b"), True), (r"a\b", (r"a\b",), True)],
)  # fmt: skip
def test_words(text, parts, bare):
    """A star is a wildcard where it is bare, a backslash an escape where it is quoted."""
    word = Cursor(text).take_word("(),")

    assert (word.pattern, word.bare) == (Pattern(parts), bare)


def test_ends():
    """A word ends at a blank, or at a character that has a meaning there."""
    cursor = Cursor("a,b c")

    assert cursor.take_word("(),").pattern.exact == "a"
    assert cursor.take_word("(),") is None
    assert cursor.take_word("()").pattern.exact == ",b"
    assert cursor.peek() == "c"


@pytest.mark.parametrize("character", ["\x00", "\ud800"])
def test_what_nobody_can_ask(character):
    """Characters that SQLite can't be asked for are refused, with their place."""
    with pytest.raises(FilterError) as caught:
        Cursor(f"ab{character}")
    assert caught.value.position == 2


def test_caret():
    """The caret stands under the character, also behind wide ones and in a long text."""
    assert point_at("ab cd", 3).split("\n")[1] == "  " + "   ^"
    assert point_at("\u65e5\u672c x", 3).split("\n")[1] == "  " + "     ^"
    assert point_at("e\u0301 x", 3).split("\n")[1] == "  " + "  ^"
    shown, caret = point_at("x" * 500 + "!" + "y" * 500, 500).split("\n")
    assert shown[caret.index("^")] == "!"
    assert len(shown) < 140


def test_nothing_hostile_is_shown():
    """Control characters and line ends never reach the terminal by an error."""
    assert "\x1b" not in point_at("a\x1b[2J\nb\u202e", 1)
    assert point_at("a\nb", 2).count("\n") == 1
