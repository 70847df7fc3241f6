"""Steps that change or drop events on the recorder's worker, before they are written.

A processor is a callable that gets an event and returns it, another one in its stead, or None to
drop it. What it drops is counted and told by a gap event; an event on which it raises is set
aside, because what a redactor could not handle must not reach the disk.
"""

from __future__ import annotations

from collections.abc import Callable

from steno.events.model import Event

Processor = Callable[[Event], Event | None]
"""Gets an event; returns it, another one, or None to drop it."""


def drop_types(*types: str) -> Processor:
    """Make a processor that drops all events of some types.

    Args:
        types: Values of the field ``type``, such as ``stats_snapshot``.
    """
    dropped = frozenset(types)

    def drop(event: Event) -> Event | None:
        return None if event.__struct_config__.tag in dropped else event

    return drop
