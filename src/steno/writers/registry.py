"""Writers by name, loaded when they are first asked for.

``import steno`` must load no database driver, so the registry holds dotted names.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

from steno.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from steno.writers.base import Writer

WRITERS = {
    "jsonl": "steno.writers.jsonl:JsonlWriter",
    "sqlite": "steno.writers.sqlite:SqliteWriter",
}
"""Where each writer's class is."""


def load_writer(name: str) -> Callable[..., Writer]:
    """Return a writer's class.

    Raises:
        ConfigError: There is no such writer, or what it needs is not installed.
    """
    try:
        module, _, attribute = WRITERS[name].partition(":")
    except KeyError:
        message = f"there is no writer named {name!r}"
        raise ConfigError(message, hint=f"allowed: {', '.join(sorted(WRITERS))}") from None
    try:
        loaded: Any = importlib.import_module(module)
    except ImportError as error:
        message = f"the writer {name!r} needs {error.name}"
        raise ConfigError(message, hint=f"install it with: pip install 'steno[{name}]'") from error
    return cast("Callable[..., Writer]", getattr(loaded, attribute))
