"""The "Logs" citation: the lines of a run as Open WebUI shows them beside a message. Pure.

Source of the form: the events that Open WebUI 0.12.4 appends to a message's ``sources``, those of
type ``citation`` without a ``type`` in their data. They are stored with the chat, and are there
after a reload.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from steno.logs.lines import tidy
from steno.wire.scrubbing import scrub

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steno.logs.lines import LogLine

NAME = "Logs"
MAX_CHARS = 256 * 1024
"""Characters beyond which the oldest lines are left out: the text is stored with the chat."""


def as_text(line: LogLine) -> str:
    """Write a line for a person: UTC time, level and message, then the traceback."""
    seconds = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(line.created))
    millis = int(line.created * 1000) % 1000
    text = f"{seconds},{millis:03d} [{line.level_name}] {line.message}"
    return tidy(f"{text}\n{line.exception}" if line.exception else text)


def logs_citation(
    lines: Sequence[LogLine],
    *,
    dropped: int = 0,
    name: str = NAME,
    max_chars: int = MAX_CHARS,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Build the event that shows the lines of a run.

    Args:
        lines: The lines, in order.
        dropped: How many older ones a full buffer let go; the text says so.
        name: What the citation is called.
        max_chars: Characters of the text; the oldest lines are left out, and counted.
        now: The time that the citation names; the current one by default.
    """
    texts: list[str] = []
    room = max_chars
    for line in reversed(lines):
        text = as_text(line)
        room -= len(text) + 1
        if room < 0:
            if not texts:
                texts.append(text[:max_chars])
            break
        texts.append(text)
    missing = dropped + len(lines) - len(texts)
    if missing:
        texts.append(f"({missing} earlier lines are not shown)")
    accessed = (now or datetime.now(UTC)).isoformat()
    return {
        "type": "citation",
        "data": {
            "document": [scrub("\n".join(reversed(texts)))],
            "metadata": [{"date_accessed": accessed, "source": name}],
            "source": {"name": name},
        },
    }
