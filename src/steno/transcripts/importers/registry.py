"""Which formats there are, and which one a file has."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, cast

from steno import notices
from steno.errors import TranscriptError

if TYPE_CHECKING:
    from pathlib import Path

    from steno.transcripts.importers.source import Format, Probe

_MODULES = {
    "claude-code": "claude_code",
    "codex": "codex",
    "gemini": "gemini",
    "openclaw": "openclaw",
    "openclaw-store": "openclaw_store",
    "opencode": "opencode",
    "llm": "llm_logs",
    "lunaroute-v1": "lunaroute_v1",
    "lunaroute-v2": "lunaroute_v2",
    "messages": "messages",
}
"""The modules of the formats, by name; of two that are as sure, the first one is taken."""

FORMATS = tuple(_MODULES)
"""The names of all formats."""

_SURE_ENOUGH = 0.3


@functools.cache
def load_format(name: str) -> Format:
    """Load a format.

    Raises:
        TranscriptError: There is none of that name.
    """
    if name not in _MODULES:
        raise TranscriptError(f"there is no format {name!r}", hint=f"formats: {', '.join(FORMATS)}")
    module = importlib.import_module(f"steno.transcripts.importers.formats.{_MODULES[name]}")
    return cast("Format", module.FORMAT)


def recognise(probe: Probe) -> Format | None:
    """Find the format of what was probed; None where no format is sure enough."""
    best: Format | None = None
    surest = _SURE_ENOUGH
    for name in FORMATS:
        try:
            sure = load_format(name).recognise(probe)
        except Exception as error:  # noqa: BLE001 - one format's defect must not hide the others
            notices.say(f"recognise-{name}", f"WARN format {name} fails on {probe.path}: {error!r}")
            continue
        if sure > surest:
            best, surest = load_format(name), sure
    return best


def takes_folder(probe: Probe) -> Format | None:
    """Find the format of which a folder as a whole is one source; None for a folder of files."""
    return next((each for name in FORMATS if (each := load_format(name)).takes_folder(probe)), None)


def why_no_transcript(path: Path) -> str | None:
    """Say what a file is that lies among transcripts and is none; None where it may be one."""
    return next(
        (why for name in FORMATS if (why := load_format(name).neighbour(path)) is not None), None
    )
