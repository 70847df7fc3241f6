"""``steno tail``: the last events, and new ones as they come."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import click

from steno.cli.options import json_option, place_options, places
from steno.cli.output import clean, print_line
from steno.errors import IdentityError
from steno.events.codec import format_timestamp, type_of
from steno.events.header import Header
from steno.transcripts.finding import LATEST, find_transcripts, resolve_session
from steno.transcripts.reader import Entry, read_transcript

if TYPE_CHECKING:
    from pathlib import Path

_POLL_S = 0.1
_LOOK_S = 1.0
_SHOWN = (
    "model_requested", "tool_name", "reason", "message", "error", "finish_reason", "response_text",
    "request_text",
)  # fmt: skip


@click.command("tail")
@click.argument("session", required=False)
@place_options
@json_option
@click.option("-n", "lines", default=10, show_default=True, type=click.IntRange(min=0),
              help="Events to begin with.")  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Go on with new events until Ctrl-C.")
def command(
    session: str | None,
    home: str | None,
    config_path: str | None,
    as_json: bool,
    lines: int,
    follow: bool,
) -> None:
    """Show the last events, and follow new ones.

    Without SESSION it is the session that was written to last; with -f, all sessions are followed,
    also those that begin later.

    \b
    Examples:
      steno tail
      steno tail -f
      steno tail -f 2k7p213k --json | jq .type
    """
    sessions, _ = places(home, config_path)
    positions: dict[Path, int] = {}
    try:
        path = resolve_session(sessions, session or LATEST)
        positions[path] = _print_last(path, lines, as_json=as_json)
    except IdentityError:
        if session is not None or not follow:
            raise
    if not follow:
        return
    if session is None:
        for other in find_transcripts(sessions):
            positions.setdefault(other, other.stat().st_size)
    _follow(sessions, positions, everything=session is None, as_json=as_json)


def _print_last(path: Path, lines: int, *, as_json: bool) -> int:
    transcript = read_transcript(path, lossless=False)
    for entry in deque(transcript, maxlen=lines):
        _print(entry, path, as_json=as_json)
    return transcript.position


def _follow(sessions: Path, positions: dict[Path, int], *, everything: bool, as_json: bool) -> None:
    looked = time.monotonic()
    while True:
        for path, position in list(positions.items()):
            try:
                if path.stat().st_size <= position:
                    continue
            except OSError:
                del positions[path]
                continue
            # A line that is being written has no newline yet; it is read next time.
            transcript = read_transcript(path, offset=position, lossless=False)
            for entry in transcript:
                _print(entry, path, as_json=as_json)
            positions[path] = transcript.position
        if everything and time.monotonic() - looked > _LOOK_S:
            looked = time.monotonic()
            for path in find_transcripts(sessions):
                positions.setdefault(path, 0)
        time.sleep(_POLL_S)


def _print(entry: Entry, path: Path, *, as_json: bool) -> None:
    if as_json:
        print_line(entry.line)
        return
    event = entry.event
    stamp = format_timestamp(event.timestamp)[11:23]
    if isinstance(event, Header):
        click.echo(f"{stamp} {path.stem[:12]} session {clean(event.session_key)}")
        return
    facts = " ".join(clean(value)[:80] for name in _SHOWN if (value := getattr(event, name, None)))
    click.echo(f"{stamp} {path.stem[:12]} {clean(type_of(event))} {facts}".rstrip())
