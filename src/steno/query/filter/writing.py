"""A tree to the text that reads as the same tree."""

from __future__ import annotations

import re

from steno.query.filter.fields import DURATION, FIELDS, STATES
from steno.query.filter.model import And, Compare, Filter, Match, Not, Or, Pattern, When
from steno.query.filter.parsing import AND, NOT, OR

_BARE_VALUE = re.compile(r"[\w./@:+-]+")
_BARE_WORD = re.compile(r"\w[\w./@+-]*")
_RESERVED = frozenset((*STATES, *OR, *AND, *NOT))


def format_filter(tree: Filter) -> str:
    """Write a filter as `parse_filter` reads it."""
    if isinstance(tree, Or):
        return " or ".join(_in_both(term) for term in tree.terms)
    return _in_both(tree)


def _in_both(tree: Filter) -> str:
    """Write what stands between two ``or``."""
    if isinstance(tree, And):
        return " ".join(_alone(term) for term in tree.terms)
    return _alone(tree)


def _alone(tree: Filter) -> str:
    """Write what stands beside other terms."""
    if isinstance(tree, And | Or):
        return f"({format_filter(tree)})"
    if isinstance(tree, Not):
        return f"-{_alone(tree.term)}"
    if isinstance(tree, Match):
        return _match(tree)
    if isinstance(tree, Compare):
        # A number is written in digits; of a duration they are milliseconds.
        unit = "ms" if FIELDS[tree.field].kind == DURATION and tree.value else ""
        return f"{tree.field}{tree.op}{tree.value!r}{unit}"
    if isinstance(tree, When):
        return f"{tree.field}:{_quote(tree.text, _BARE_VALUE)}"
    if tree.text in _RESERVED:
        return f'"{tree.text}"' + "*" * tree.prefix
    return _quote(tree.text, _BARE_WORD) + "*" * tree.prefix


def _match(tree: Match) -> str:
    patterns = tree.patterns
    if tree.field == "state" and len(patterns) == 1:
        return "".join(patterns[0].parts)
    return f"{tree.field}:{','.join(map(_pattern, patterns))}"


def _pattern(pattern: Pattern) -> str:
    if len(pattern.parts) == 1:
        return _quote(pattern.parts[0], _BARE_VALUE)
    return "*".join(_quote(part, _BARE_VALUE) if part else "" for part in pattern.parts)


def _quote(text: str, bare: re.Pattern[str]) -> str:
    if bare.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
