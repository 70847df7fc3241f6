"""What a filter says, as an immutable tree.

Strategy: seven small classes. A tree that was made by `all_of` and `any_of` has one form only: no
group stands directly in a group of its own kind, and none has a single member. What was typed is
kept as far as its meaning depends on when it is asked (``since:7d``), so that a filter can be
saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Pattern(Struct, frozen=True):
    """A text, or several pieces of text with anything between them.

    Attributes:
        parts: The pieces; one alone is the whole text, and ``("claude-", "")`` is ``claude-*``.
    """

    parts: tuple[str, ...]

    @property
    def exact(self) -> str | None:
        """The text, where nothing in it is left open."""
        return self.parts[0] if len(self.parts) == 1 else None


class Match(Struct, frozen=True, tag=True):
    """A field is as one of several patterns says; ``model:gpt-5,claude*``."""

    field: str
    patterns: tuple[Pattern, ...]


class Compare(Struct, frozen=True, tag=True):
    """A figure is greater or smaller than another; durations are milliseconds; ``tokens>10k``.

    Attributes:
        field: The field's name.
        op: One of ``>``, ``>=``, ``<``, ``<=`` and ``=``.
        value: The figure.
    """

    field: str
    op: str
    value: int | float


class When(Struct, frozen=True, tag=True):
    """It began in a span of time; ``since:7d``, ``until:2026-11-20``, ``on:2026-11-20``.

    Attributes:
        field: ``since``, ``until`` or ``on``.
        text: The time as it was typed.
    """

    field: str
    text: str


class Text(Struct, frozen=True, tag=True):
    """Words that follow each other were said, replied, given to a tool, or logged.

    Attributes:
        text: The words.
        prefix: The last word may go on.
    """

    text: str
    prefix: bool = False


class Not(Struct, frozen=True, tag=True):
    """The term does not hold."""

    term: Filter


class And(Struct, frozen=True, tag=True):
    """All terms hold; where there is none, this is so for everything."""

    terms: tuple[Filter, ...] = ()


class Or(Struct, frozen=True, tag=True):
    """One of the terms holds."""

    terms: tuple[Filter, ...]


Filter: TypeAlias = "Match | Compare | When | Text | Not | And | Or"

EVERYTHING = And()
"""The filter that lets everything pass: that of an empty text."""


def all_of(terms: Iterable[Filter]) -> Filter:
    """Demand all terms."""
    flat = tuple(
        each for term in terms for each in (term.terms if isinstance(term, And) else (term,))
    )
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(terms: Iterable[Filter]) -> Filter:
    """Demand one of the terms, of which there must be at least one."""
    flat = tuple(
        each for term in terms for each in (term.terms if isinstance(term, Or) else (term,))
    )
    return flat[0] if len(flat) == 1 else Or(flat)


def exactly(field: str, text: str) -> Match:
    """Demand that a field is one text, whatever characters are in it."""
    return Match(field, (Pattern((text,)),))


def leaves(term: Filter) -> Iterator[Match | Compare | When | Text]:
    """Yield the terms that hold no others."""
    if isinstance(term, Not):
        yield from leaves(term.term)
    elif isinstance(term, And | Or):
        for each in term.terms:
            yield from leaves(each)
    else:
        yield term
