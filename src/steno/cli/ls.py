"""``steno ls``: list sessions."""

from __future__ import annotations

import atexit
import gc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from steno.cli.filter_words import FilterCommand, filter_argument
from steno.cli.options import index_places, json_option, place_options
from steno.cli.output import (
    clean,
    milliseconds,
    number,
    print_damage,
    print_json,
    print_table,
    progress_line,
)
from steno.query.index import has_index, open_index
from steno.query.sessions import (
    STATES,
    SessionFilter,
    SessionRow,
    list_sessions,
    parse_since,
)
from steno.session_keys import KINDS

if TYPE_CHECKING:
    from pathlib import Path

_COLUMNS = (
    "started", "session", "key", "user", "state", "requests", "model", "in", "out", "tools", "time",
)  # fmt: skip
_RIGHT = ("requests", "in", "out", "tools", "time")


@click.command("ls", cls=FilterCommand)
@place_options
@json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="At most.")
@click.option("--key", help="Sessions of one session key.")
@click.option("--agent", help="Sessions of one agent.")
@click.option("--kind", type=click.Choice(KINDS), help="Sessions of one kind of conversation.")
@click.option("--user", help="Sessions of one user.")
@click.option("--state", type=click.Choice(STATES), help="Sessions in one state.")
@click.option("--since", metavar="WHEN", help="Begun since: 30m, 7d, today, 2026-11-20.")
@filter_argument
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
    words: tuple[str, ...],
) -> None:
    """List sessions, the newest first: all, or those that a filter describes.

    The kind follows from the session key: agent:main:cron:nightly is of the kind cron.

    Where there is no index, the first lines of the transcripts tell what they can; only --state
    needs the whole of them.

    \b
    Examples:
      steno ls
      steno ls --key agent:main:main --since 7d
      steno ls --agent main --kind cron
      steno ls --state failed --json | jq -r .session_id
      steno ls 'model:claude* tokens>10k -failed "connection reset"'
    """
    # When the process ends there is no garbage worth looking for, which would take 10 ms of it.
    atexit.register(gc.freeze)
    wanted = SessionFilter(
        key=key,
        agent=agent,
        kind=kind,
        user=user,
        state=state,
        since=parse_since(since, datetime.now(UTC)) if since else None,
    )
    sessions, index = index_places(home, config_path)
    if words:
        rows = _find(home, config_path, words, wanted, limit)
    elif state is None and not has_index(index):
        rows = _list_by_headers(sessions, index, wanted, limit)
    else:
        progress = progress_line("reading transcript")
        with open_index(index, sessions, progress=progress) as connection:
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
                (row.started_at or "")[:19].replace("T", " "), row.session_id, row.session_key,
                row.user_id, row.state, number(row.requests), row.model, number(row.input_tokens),
                number(row.output_tokens), number(row.tool_calls), milliseconds(row.duration_ms),
            )
            for row in rows
        ],
        right=_RIGHT,
    )  # fmt: skip


def _find(
    home: str | None,
    config_path: str | None,
    words: tuple[str, ...],
    wanted: SessionFilter,
    limit: int,
) -> list[SessionRow]:
    """List the sessions that a filter describes, and the options too."""
    from steno.cli.filtering import open_for, read_filter  # most lists have no filter
    from steno.query.filter.model import When, all_of, exactly

    terms = [
        exactly(name, value)
        for name in ("key", "agent", "kind", "user", "state")
        if (value := getattr(wanted, name)) is not None
    ]
    since = [When("since", wanted.since.isoformat())] if wanted.since is not None else []
    tree = all_of([read_filter(words), *terms, *since])
    with open_for(home, config_path, tree) as finder:
        return [found.row for found in finder.find_sessions(tree, limit=limit).rows]


def _list_by_headers(
    sessions: Path, index: Path, wanted: SessionFilter, limit: int
) -> list[SessionRow]:
    """List sessions without an index, and say what is missing for it."""
    from steno.query.headers import list_by_headers  # those who have an index don't wait for it

    found = list_by_headers(sessions, wanted, limit=limit)
    for each in found.damage:
        print_damage(each)
    if found.rows or found.damage:
        click.echo(
            f"steno: no index at {clean(index)}; listed by headers alone, which tell no state, "
            "requests or tokens. `steno reindex` makes one",
            err=True,
        )
    if found.nameless:
        click.echo(
            f"steno: {found.nameless} of these transcripts have no header that tells whose they "
            "are; `steno recover` looks for it elsewhere",
            err=True,
        )
    return found.rows
