"""``steno ls``: list sessions."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from steno.cli.options import index_places, json_option, place_options
from steno.cli.output import (
    milliseconds,
    number,
    print_json,
    print_table,
    progress_line,
)
from steno.query.index import open_index
from steno.query.sessions import STATES, SessionFilter, list_sessions, parse_since
from steno.session_keys import KINDS

_COLUMNS = (
    "started", "session", "key", "user", "state", "requests", "model", "in", "out", "tools", "time",
)  # fmt: skip
_RIGHT = ("requests", "in", "out", "tools", "time")


@click.command("ls")
@place_options
@json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="At most.")
@click.option("--key", help="Sessions of one session key.")
@click.option("--agent", help="Sessions of one agent.")
@click.option("--kind", type=click.Choice(KINDS), help="Sessions of one kind of conversation.")
@click.option("--user", help="Sessions of one user.")
@click.option("--state", type=click.Choice(STATES), help="Sessions in one state.")
@click.option("--since", metavar="WHEN", help="Begun since: 30m, 12h, 7d, 2026-11-20.")
def command(
    home: str | None,
    config_path: str | None,
    as_json: bool,
    limit: int,
    key: str | None,
    agent: str | None,
    kind: str | None,
    user: str | None,
    state: str | None,
    since: str | None,
) -> None:
    """List sessions, the newest first.

    The kind follows from the session key: agent:main:cron:nightly is of the kind cron.

    \b
    Examples:
      steno ls
      steno ls --key agent:main:main --since 7d
      steno ls --agent main --kind cron
      steno ls --state failed --json | jq -r .session_id
    """
    sessions, index = index_places(home, config_path)
    wanted = SessionFilter(
        key=key,
        agent=agent,
        kind=kind,
        user=user,
        state=state,
        since=parse_since(since, datetime.now(UTC)) if since else None,
    )
    with open_index(index, sessions, progress=progress_line("reading transcript")) as connection:
        rows = list_sessions(connection, sessions, wanted, limit=limit)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no sessions; `steno ls --help` tells where it looks", err=True)
        return
    print_table(
        _COLUMNS,
        [
            (
                row.started_at[:19].replace("T", " "), row.session_id, row.session_key, row.user_id,
                row.state, number(row.requests), row.model, number(row.input_tokens),
                number(row.output_tokens), number(row.tool_calls), milliseconds(row.duration_ms),
            )
            for row in rows
        ],
        right=_RIGHT,
    )  # fmt: skip
