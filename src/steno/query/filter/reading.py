"""The characters of a filter: words, quoted texts, and errors that point at a place.

Strategy: a cursor over the text. A value is pieces that touch each other, bare or in quotes; a
star is a wildcard only where it is bare, and a backslash is an escape only inside quotes. Nothing
here knows fields.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple, NoReturn

from steno.errors import FilterError
from steno.query.filter.model import Pattern

_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)(:|>=|<=|!=|=|>|<)")
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")
_SHOWN = 60
"""Characters that are shown on either side of a place."""


class Word(NamedTuple):
    """One value.

    Attributes:
        at: Where it begins.
        pattern: What it says.
        bare: It stands there as it is: no part of it is quoted.
        star: Where its last wildcard stands; -1 where it has none.
    """

    at: int
    pattern: Pattern
    bare: bool
    star: int


class Cursor:
    """A place in the text of a filter.

    Attributes:
        text: The filter.
        at: The place.
    """

    def __init__(self, text: str) -> None:
        """Begin at the beginning.

        Raises:
            FilterError: Some character can't be asked for.
        """
        self.text = text
        self.at = 0
        forbidden = _FORBIDDEN.search(text)
        if forbidden is not None:
            self.fail("this character can't be searched for", forbidden.start())

    def fail(self, message: str, at: int, *, hint: str = "") -> NoReturn:
        """Raise an error that shows the text and a caret under a place in it.

        Raises:
            FilterError: Always.
        """
        raise FilterError(f"{message}\n{point_at(self.text, at)}", hint=hint, position=at)

    def peek(self) -> str:
        """Return the next character that is no blank, having gone there; "" at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take_name(self) -> tuple[str, str] | None:
        """Take a field's name and the operator that touches it, if they stand here."""
        found = _NAME.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[1], found[2]

    def take_word(self, ends: str) -> Word | None:
        """Take a value, up to a blank or a character that ends it; None where there is none."""
        begin, parts, bare, star = self.at, [""], True, -1
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                bare = False
                parts[-1] += self._take_quoted()
                continue
            if character in ends or character.isspace():
                break
            if character == "*":
                star = self.at
                if parts[-1] or len(parts) == 1:
                    parts.append("")  # two stars in a row say no more than one
            else:
                parts[-1] += character
            self.at += 1
        if self.at == begin:
            return None
        return Word(begin, Pattern(tuple(parts)), bare, star)

    def _take_quoted(self) -> str:
        begin = self.at
        pieces: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            character = self.text[self.at]
            self.at += 1
            if character == '"':
                return "".join(pieces)
            if character == "\\" and self.at < len(self.text):
                character = self.text[self.at]
                self.at += 1
            pieces.append(character)
        return self.fail("this quote is never closed", begin, hint='add a " at the end of the text')


def point_at(text: str, at: int) -> str:
    """Write a text, or the part of it around a place, with a caret under that place."""
    begin, end = max(0, at - _SHOWN), at + _SHOWN
    head, tail = "... " if begin else "", " ..." if end < len(text) else ""
    before, behind = _flat(text[begin:at]), _flat(text[at:end])
    # A place lies where the terminal draws it: some characters are two columns wide, some none.
    columns = len(head) + sum(map(_width, before))
    return f"  {head}{before}{behind}{tail}\n  {' ' * columns}^"


def _flat(text: str) -> str:
    """Write a text with nothing in it that a terminal would obey."""
    return "".join(
        " " if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else character
        for character in text
    )


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
