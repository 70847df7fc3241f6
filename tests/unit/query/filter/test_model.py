"""The tree of a filter."""

from steno.query.filter.model import (
    EVERYTHING,
    And,
    Not,
    Or,
    Pattern,
    Text,
    all_of,
    any_of,
    exactly,
    leaves,
)

A, B, C = Text("a"), Text("b"), Text("c")


def test_one_form():
    """Groups of one kind flow together, and a group of one is its member."""
    assert all_of([A, And((B, C))]) == And((A, B, C))
    assert any_of([Or((A, B)), C]) == Or((A, B, C))
    assert all_of([A]) == any_of([A]) == A
    assert all_of([EVERYTHING, A]) == A
    assert all_of([]) == EVERYTHING


def test_leaves():
    """All terms that hold no others are listed, wherever they stand."""
    assert list(leaves(all_of([A, Not(any_of([B, C]))]))) == [A, B, C]
    assert list(leaves(EVERYTHING)) == []


def test_exact():
    """A pattern is exact when nothing in it is left open."""
    assert Pattern(("a*",)).exact == "a*"
    assert Pattern(("a", "")).exact is None
    assert exactly("key", "a*b").patterns == (Pattern(("a*b",)),)
