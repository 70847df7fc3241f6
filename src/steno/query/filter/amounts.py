"""Numbers, spans and times as people type them: ``10k``, ``2s``, ``7d``, ``2026-11-20``.

A `ValueError` says in its text what is allowed; where in a filter the value stands, the parser
knows.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)([A-Za-z]*)", re.ASCII)
_LONGEST = 40
_GREATEST = 2**53
"""What lies beyond it can't be told from its neighbours where figures are not whole."""

_SIZES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_SPANS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_AGO = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGO_FORM = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_DAY_FORM = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME_FORM = re.compile(r"\d{4}-\d{2}-\d{2}[T ][0-9:.,]+(?:Z|[+-][0-9:]+)?", re.ASCII)


def read_number(text: str) -> int | float:
    """Read a number such as ``10000``, ``10k`` or ``1.5M``.

    Raises:
        ValueError: It is none.
    """
    return _read(text, _SIZES, "a number such as 250, 10k or 1.5M")


def read_duration(text: str) -> int | float:
    """Read a duration such as ``500ms``, ``2s`` or ``1.5m``, in milliseconds.

    Raises:
        ValueError: It is none.
    """
    allowed = "a duration with its unit, such as 500ms, 2s, 5m or 1h"
    value = _read(text, {"": math.nan, **_SPANS}, allowed) if text != "0" else 0
    if math.isnan(value):
        raise ValueError(allowed)
    return value


def _read(text: str, units: Mapping[str, float], allowed: str) -> int | float:
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    unit = units.get(found[2].lower()) if found is not None else None
    if found is None or unit is None:
        raise ValueError(allowed)
    value = float(found[1]) * unit
    if value > _GREATEST:
        raise ValueError(f"{allowed}, and no greater than {_GREATEST}")
    return int(value) if value.is_integer() else value


def read_time(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Read a time such as ``7d`` (ago), ``today``, ``2026-11-20`` or ``2026-11-20T12:00:00Z``.

    Args:
        text: The time.
        now: What spans are counted back from; aware.

    Returns:
        When it begins and when it ends, in UTC: a day lasts until the next one begins, and any
        other time no time at all.

    Raises:
        ValueError: It is none.
    """
    try:
        return _read_time(text, now)
    except (ValueError, OverflowError):
        raise ValueError(
            "a time such as 30m, 12h, 7d, 2w (ago), today, yesterday, 2026-11-20 or "
            "2026-11-20T12:00:00Z"
        ) from None


def _read_time(text: str, now: datetime) -> tuple[datetime, datetime]:
    now = now.astimezone(UTC)
    named = {"today": 0, "yesterday": 1}.get(text.lower())
    if named is not None or _DAY_FORM.fullmatch(text):
        if named is not None:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            begin = midnight - timedelta(days=named)
        else:
            begin = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return begin, begin + timedelta(days=1)
    ago = _AGO_FORM.fullmatch(text)
    if ago is not None:
        stamp = now - timedelta(seconds=int(ago[1]) * _AGO[ago[2]])
        return stamp, stamp
    if not _TIME_FORM.fullmatch(text):
        raise ValueError(text)
    stamp = datetime.fromisoformat(text)
    stamp = stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    return stamp, stamp
