"""Words to a tree.

Strategy: recursive descent, one method for each rule of the grammar:

    filter  = [ either ]
    either  = both { "or" both }
    both    = term { [ "and" ] term }
    term    = ( "-" | "not" ) term | "(" either ")" | field | words
    field   = name ( ":" | "=" | "!=" ) value { "," value } | name ( ">" | ">=" | "<" | "<=" ) value

Depth and number of terms are bounded, so that no text can exhaust Python's stack or SQLite's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steno.query.filter.amounts import read_duration, read_number, read_time
from steno.query.filter.fields import (
    CHOICE,
    DURATION,
    FIELDS,
    NUMBER,
    STATES,
    TIME,
    Field,
    closest,
    find_field,
)
from steno.query.filter.model import (
    EVERYTHING,
    Compare,
    Filter,
    Match,
    Not,
    Pattern,
    Text,
    When,
    all_of,
    any_of,
)
from steno.query.filter.reading import Cursor, Word

if TYPE_CHECKING:
    from typing import NoReturn

MAX_DEPTH = 40
MAX_TERMS = 200
MAX_LENGTH = 20_000

OR, AND, NOT = ("or", "OR"), ("and", "AND"), ("not", "NOT")
"""Words that are not searched for, unless they are quoted."""

_IN_WORDS, _IN_VALUES = "()", "(),"
_SAMPLE = datetime(2026, 1, 1, tzinfo=UTC)
"""A time is resolved when it is asked; here it is only tried."""


def parse_filter(text: str) -> Filter:
    """Read a filter.

    Args:
        text: The filter; an empty one lets everything pass.

    Raises:
        FilterError: It can't be read; tells what is wrong with which character.
    """
    parser = _Parser(text)
    if len(text) > MAX_LENGTH:
        parser.cursor.fail(f"a filter has at most {MAX_LENGTH:,} characters", MAX_LENGTH)
    return parser.parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self.cursor = Cursor(text)
        self._depth = 0
        self._terms = 0

    def parse(self) -> Filter:
        if not self.cursor.peek():
            return EVERYTHING
        tree = self._either()
        if self.cursor.peek():  # the only character at which a filter stops before its end
            self.cursor.fail("this parenthesis was never opened", self.cursor.at)
        return tree

    def _either(self) -> Filter:
        terms = [self._both()]
        while self._take_word(OR):
            terms.append(self._both())
        return any_of(terms)

    def _both(self) -> Filter:
        terms = [self._term()]
        while self.cursor.peek() not in {"", ")"}:
            at = self.cursor.at
            if self._take_word(OR):
                self.cursor.at = at
                break
            self._take_word(AND)
            terms.append(self._term())
        return all_of(terms)

    def _term(self) -> Filter:
        begin, first = self.cursor.at, self.cursor.peek()
        begin = self.cursor.at if first else begin
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.cursor.fail(f"this is nested more than {MAX_DEPTH} deep", begin)
        try:
            if first in {"", ")"} or self._looks_like((*OR, *AND)):
                hint = 'to search for the words themselves, quote them: "or"'
                self.cursor.fail("a term is missing here", begin, hint=hint)
            if first == "-":
                self.cursor.at += 1
                if self.cursor.peek() == "" or self.cursor.at != begin + 1:
                    self.cursor.fail("a minus stands right before what should not be", begin)
                return Not(self._term())
            if self._take_word(NOT):
                return Not(self._term())
            if first == "(":
                return self._group(begin)
            return self._leaf()
        finally:
            self._depth -= 1

    def _group(self, begin: int) -> Filter:
        self.cursor.at += 1
        tree = self._either()
        if self.cursor.peek() != ")":
            self.cursor.fail("this parenthesis is never closed", begin)
        self.cursor.at += 1
        return tree

    def _leaf(self) -> Filter:
        begin = self.cursor.at
        self._count(begin)
        name = self.cursor.take_name()
        if name is None:
            return self._words()
        field = find_field(name[0])
        if field is None:
            self._no_field(name[0], begin)
        return self._field(field, name[1], begin)

    def _words(self) -> Filter:
        word = self.cursor.take_word(_IN_WORDS)
        if word is None:  # pragma: no cover - whoever calls has seen that something stands here
            return EVERYTHING
        text, parts = word.pattern.parts[0], word.pattern.parts
        if word.bare and text in STATES and len(parts) == 1:
            return Match("state", (word.pattern,))
        if len(parts) > 2 or (len(parts) == 2 and (parts[1] or not text)):  # noqa: PLR2004 - a star
            self.cursor.fail("a star can only stand at the end of a word", word.star)
        if not any(character.isalnum() for character in text):
            self.cursor.fail("nothing can be found by this: it has no letter and no digit", word.at)
        return Text(text, prefix=len(parts) > 1)

    def _field(self, field: Field, op: str, begin: int) -> Filter:
        place = self.cursor.at - len(op)
        if op == "!=":
            return Not(self._field_values(field, begin))
        if op in {":", "="}:
            return self._field_values(field, begin)
        if field.kind not in {NUMBER, DURATION}:
            self.cursor.fail(f"{field.name} is no figure, so nothing is greater or smaller", place,
                             hint=f"{field.name}:VALUE asks for it")  # fmt: skip
        return Compare(field.name, op, self._figure(field, self._value(field)))

    def _field_values(self, field: Field, begin: int) -> Filter:
        words = [self._value(field)]
        while self.cursor.text[self.cursor.at : self.cursor.at + 1] == ",":
            self.cursor.at += 1
            self._count(begin)
            words.append(self._value(field))
        if field.kind in {NUMBER, DURATION}:
            return any_of([Compare(field.name, "=", self._figure(field, word)) for word in words])
        if field.kind == TIME:
            return any_of([self._when(field, word) for word in words])
        if field.kind == CHOICE:
            return Match(field.name, tuple(self._choice(field, word) for word in words))
        return Match(field.name, tuple(word.pattern for word in words))

    def _value(self, field: Field) -> Word:
        word = self.cursor.take_word(_IN_VALUES)
        if word is None:
            self.cursor.fail(f"{field.name} needs a value here", self.cursor.at,
                             hint=f"{field.name} is {field.about}")  # fmt: skip
        return word

    def _choice(self, field: Field, word: Word) -> Pattern:
        text = (word.pattern.exact or "").lower()
        if field.choices == ("yes", "no"):
            text = {"true": "yes", "false": "no", "1": "yes", "0": "no"}.get(text, text)
        if text not in field.choices:
            near = closest(text, field.choices)
            meant = f"did you mean {near!r}? " if near else ""
            self.cursor.fail(f"{field.name} is never this", word.at,
                             hint=f"{meant}allowed: {', '.join(field.choices)}")  # fmt: skip
        return Pattern((text,))

    def _figure(self, field: Field, word: Word) -> int | float:
        read = read_number if field.kind == NUMBER else read_duration
        try:
            return read(word.pattern.exact or "")
        except ValueError as error:
            self.cursor.fail(f"{field.name} needs another value", word.at, hint=f"allowed: {error}")

    def _when(self, field: Field, word: Word) -> When:
        text = word.pattern.exact or ""
        try:
            begin, end = read_time(text, _SAMPLE)
        except ValueError as error:
            self.cursor.fail(f"{field.name} needs a time", word.at, hint=f"allowed: {error}")
        if field.name == "on" and begin == end:
            self.cursor.fail("on needs a day", word.at, hint="such as 2026-11-20 or yesterday")
        return When(field.name, text)

    def _no_field(self, name: str, at: int) -> NoReturn:
        near = closest(name)
        meant = f"did you mean {near!r}?" if near else f"fields: {', '.join(FIELDS)}."
        self.cursor.fail(
            f"there is no field {name!r}", at,
            hint=f"{meant} A text with such a sign in it is searched for in quotes",
        )  # fmt: skip

    def _count(self, at: int) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            self.cursor.fail(f"a filter has at most {MAX_TERMS} terms", at)

    def _looks_like(self, words: tuple[str, ...]) -> bool:
        at = self.cursor.at
        found = self._take_word(words)
        self.cursor.at = at
        return found

    def _take_word(self, words: tuple[str, ...]) -> bool:
        """Take one of the words that join terms, where it stands alone and bare."""
        self.cursor.peek()
        begin = self.cursor.at
        word = (
            self.cursor.take_word(_IN_WORDS) if self.cursor.text[begin : begin + 1] != '"' else None
        )
        if word is not None and word.bare and word.pattern.exact in words:
            return True
        self.cursor.at = begin
        return False
