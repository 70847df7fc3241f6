"""Pages of rows in a fixed order, and the cursors between them. Pure.

Strategy: a cursor is the last row's place in the order, not a number of rows to skip: rows that
come or go elsewhere move nothing, and page 1,000 costs what the first one costs. Orders end in what
is unique, so that no row is given twice or left out.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from steno.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

_GREATEST = 2**63


class Term(NamedTuple):
    """One part of an order.

    Attributes:
        sql: What is ordered by; never NULL.
        down: The greatest comes first.
    """

    sql: str
    down: bool = False


class Order(NamedTuple):
    """A total order.

    Attributes:
        name: By which a cursor knows it.
        terms: What is ordered by, the most important first.
    """

    name: str
    terms: tuple[Term, ...]

    def reversed(self) -> Order:
        """Give the same order from its other end."""
        terms = tuple(Term(sql, not down) for sql, down in self.terms)
        return Order(f"{self.name}-", terms)

    def sql(self) -> str:
        """Write it as SQL."""
        return ", ".join(f"{sql} DESC" if down else sql for sql, down in self.terms)

    def behind(self, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """Tell in SQL which rows come behind one, and the values of the parameters."""
        return _behind(self.terms, tuple(values))


def _behind(terms: tuple[Term, ...], values: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    (sql, down), value = terms[0], values[0]
    op = "<" if down else ">"
    if len(terms) == 1:
        return f"{sql} {op} ?", (value,)
    rest, more = _behind(terms[1:], values[1:])
    # The first half lets an index be used, which the second one alone would hide.
    return f"{sql} {op}= ? AND ({sql} {op} ? OR ({rest}))", (value, value, *more)


def write_cursor(order: Order, values: Sequence[Any]) -> str:
    """Write the place of a row in an order, as a text that can stand in a URL."""
    data = msgspec.json.encode([order.name, *values])
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_cursor(order: Order, text: str) -> tuple[Any, ...]:
    """Read the place of a row in an order.

    Raises:
        QueryError: It is no cursor, or one of another order.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        name, *values = msgspec.json.decode(data, type=list[str | int | float])
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        name, values = "", []
    if not isinstance(name, str) or ":" not in name or not all(map(_is_value, values)):
        raise QueryError(f"{text!r} is no cursor", hint="give one as an earlier page told it")
    if name != order.name or len(values) != len(order.terms):
        raise QueryError(
            "the cursor is of another list", hint="go on with the same sort as on the page before"
        )
    return tuple(values)


def _is_value(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() or value.encode("utf-8", "ignore").decode() == value
    return abs(value) < _GREATEST and math.isfinite(value)
