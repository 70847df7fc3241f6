"""When a question is asked again: after what, and how long it is waited before.

Waits double with each try, and differ, so that not everybody comes back at the same moment.
"""

from __future__ import annotations

import random

RETRIED = frozenset({429, 500, 502, 503, 504})
"""Statuses that pass by themselves, so that it helps to ask again."""

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 30.0
_CHANCE = random.SystemRandom()  # a program's seeded numbers are its own


def seconds_before(again: int, wanted: float | None = None) -> float:
    """Tell how long to wait before a question is asked again.

    Args:
        again: For which time, from 1 on; the wait doubles with each.
        wanted: What the server says, or None; more than `_LONGEST_WAIT_S` is not waited.
    """
    own = _FIRST_WAIT_S * 2 ** (again - 1) * _CHANCE.uniform(1, 1.5)
    return min(own if wanted is None else wanted, _LONGEST_WAIT_S)


def read_retry_after(value: object) -> float | None:
    """Read a ``Retry-After`` of seconds; one that is a date is as good as none."""
    text = str(value).strip()
    return float(text) if text.isascii() and text.isdecimal() else None
