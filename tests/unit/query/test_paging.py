"""Pages and cursors."""

import pytest

from steno.errors import QueryError
from steno.query.paging import Order, Term, read_cursor, write_cursor

ORDER = Order("x:time", (Term("at", down=True), Term("name")))


def test_there_and_back():
    """A cursor gives back the place that it was made of, and can stand in a URL."""
    text = write_cursor(ORDER, ["2026-11-20", 'n"\u65e5'])

    assert read_cursor(ORDER, text) == ("2026-11-20", 'n"\u65e5')
    assert text.replace("-", "").replace("_", "").isalnum()
    assert read_cursor(ORDER, write_cursor(ORDER, [0.1, 5])) == (0.1, 5)


@pytest.mark.parametrize(
    "text",
    ["", "x", "....", "\u65e5", "e30", "WzFd", write_cursor(ORDER, ["a"]),
     write_cursor(ORDER, [2**63, "a"]), write_cursor(ORDER.reversed(), ["a", "b"]),
     "W" * 10_000],
)  # fmt: skip
def test_no_cursor(text):
    """What is no cursor, or one of another order, is an error."""
    with pytest.raises(QueryError):
        read_cursor(ORDER, text)


def test_sql():
    """An order goes down and up, and from its other end the other way round."""
    assert ORDER.sql() == "at DESC, name"
    assert ORDER.reversed().sql() == "at, name DESC"
    assert ORDER.behind(("t", "n")) == ("at <= ? AND (at < ? OR (name > ?))", ("t", "t", "n"))
