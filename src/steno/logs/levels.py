"""Which level a run shows: the user's wish, else the operator's, else the environment's, else INFO.

Levels go by the names that the standard library knows, those of ``logging.addLevelName`` included.
A name that it does not know is an error that says where it stands: a log that quietly shows too
much or too little is found out about when it is needed.
"""

from __future__ import annotations

import difflib
import logging
import os
from typing import TYPE_CHECKING

from steno.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

INHERIT = "INHERIT"
"""What a user's valve says who wants what the operator chose."""

GLOBAL_VARIABLE = "GLOBAL_LOG_LEVEL"


def parse_level(level: str | int, place: str = "the level") -> int:
    """Read a level.

    Args:
        level: A name in any case, or a number from 1.
        place: Where it stands, for the error.

    Raises:
        ConfigError: There is no such level; NOTSET is none, for it shows what somebody else chose.
    """
    names = {name.upper(): number for name, number in logging.getLevelNamesMapping().items()}
    allowed = [name for name, number in names.items() if number > 0]
    if isinstance(level, int) and not isinstance(level, bool) and level > 0:
        return level
    if isinstance(level, str):
        name = level.strip().upper()
        if names.get(name, 0) > 0:
            return names[name]
        close = difflib.get_close_matches(name, allowed, n=1)
    else:
        close = []
    meant = f"did you mean {close[0]!r}? " if close else ""
    raise ConfigError(
        f"{place} is {level!r}, which is no level",
        hint=f"{meant}allowed: {', '.join(sorted(allowed, key=names.get))}",  # type: ignore[arg-type] # every name has a number
    )


def resolve_level(
    user: str | int | None = None,
    operator: str | int | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Choose the level of one run.

    Args:
        user: The user's valve; None, "" and ``INHERIT`` leave the choice to the operator.
        operator: The global valve; None, "" and ``INHERIT`` leave it to ``GLOBAL_LOG_LEVEL``.
        environ: The environment; the process's own when it is not given.

    Raises:
        ConfigError: The first of them that was given names no level.
    """
    environ = os.environ if environ is None else environ
    choices = (
        (user, "the user's LOG_LEVEL"),
        (operator, "LOG_LEVEL"),
        (environ.get(GLOBAL_VARIABLE), f"environment {GLOBAL_VARIABLE}"),
    )
    for level, place in choices:
        if level is None or (isinstance(level, str) and level.strip().upper() in {"", INHERIT}):
            continue
        return parse_level(level, place)
    return logging.INFO
