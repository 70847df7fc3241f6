"""``steno tail``: the last events, and new ones as they come."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import click

from steno.cli.options import json_option, place_options, places
from steno.cli.output import clean, print_damage, print_line
from steno.errors import IdentityError
from steno.events.codec import format_timestamp, type_of
from steno.events.header import Header
from steno.transcripts.finding import LATEST, name_of, resolve_session
from steno.transcripts.following import Follower, find_tail
from steno.transcripts.reader import TORN, Damage, Entry, read_transcript

if TYPE_CHECKING:
    from pathlib import Path

_POLL_S = 0.1
_SHOWN = (
    "model_requested", "tool_name", "reason", "successor", "message", "error", "finish_reason",
    "response_text", "request_text", "summary", "text",
)  # fmt: skip


@click.command("tail")
@click.argument("session", required=False)
@place_options
@json_option
@click.option("-n", "lines", default=20, show_default=True, type=click.IntRange(min=0),
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
    # Made first, so that nothing is missed that is written while the last lines are printed.
    follower = Follower(sessions if follow and session is None else None)
    try:
        path = resolve_session(sessions, session or LATEST)
    except IdentityError:
        if session is not None or not follow:
            raise
    else:
        follower.start(path, _print_last(path, lines, as_json=as_json, follow=follow))
    while follow:
        for path, what in follower.poll():
            if isinstance(what, Damage):
                print_damage(what)
            else:
                _print(what, path, as_json=as_json)
        time.sleep(_POLL_S)


def _print_last(path: Path, lines: int, *, as_json: bool, follow: bool) -> int:
    """Print the last lines; returns the byte offset behind them."""
    # One of the last lines may be the header, repeated, which is no entry: one more is read.
    begin = find_tail(path, lines + 1 if lines else 0)
    transcript = read_transcript(path, offset=begin, lossless=False)
    for entry in deque(transcript, maxlen=lines):
        _print(entry, path, as_json=as_json)
    for damage in transcript.damage:
        # A line that is being written has no newline yet; whoever follows reads it later.
        if damage.reason != TORN or not follow:
            print_damage(damage)
    return transcript.position


def _print(entry: Entry, path: Path, *, as_json: bool) -> None:
    if as_json:
        print_line(entry.line)
        return
    event = entry.event
    stamp = format_timestamp(event.timestamp)[11:23]
    if isinstance(event, Header):
        click.echo(f"{stamp} {name_of(path)[:12]} session {clean(event.session_key)}")
        return
    facts = " ".join(clean(value)[:80] for name in _SHOWN if (value := getattr(event, name, None)))
    click.echo(f"{stamp} {name_of(path)[:12]} {clean(type_of(event))} {facts}".rstrip())
