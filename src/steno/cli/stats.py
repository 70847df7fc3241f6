"""``steno stats``: sum up requests and tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from steno.cli.options import index_places, json_option, place_options
from steno.cli.output import print_json, print_table, progress_line
from steno.query.index import open_index
from steno.query.sessions import parse_since
from steno.query.totals import GROUPS, sum_up

_HEADS = {
    "success_rate": "ok %", "input_tokens": "in", "output_tokens": "out",
    "thinking_tokens": "thinking", "reasoning_tokens": "reasoning", "cache_read_tokens": "cached",
    "cache_creation_tokens": "to cache", "total_tokens": "total",
    "tool_calls": "tools", "avg_duration_ms": "avg ms",
}  # fmt: skip


@click.command("stats")
@place_options
@json_option
@click.option("--by", type=click.Choice(list(GROUPS)), help="One line for each.")
@click.option("--since", metavar="WHEN", help="Requests since: 30m, 12h, 7d, 2026-11-20.")
def command(
    home: str | None, config_path: str | None, as_json: bool, by: str | None, since: str | None
) -> None:
    """Sum up requests, tokens and tool calls.

    \b
    Examples:
      steno stats
      steno stats --by model --since 7d
      steno stats --by day --json
    """
    sessions, index = index_places(home, config_path)
    begin = parse_since(since, datetime.now(UTC)) if since else None
    with open_index(index, sessions, progress=progress_line("reading transcript")) as connection:
        table = sum_up(connection, by=by, since=begin)
    if as_json:
        print_json(table.dicts())
    elif by is None:
        print_table(("figure", "value"), list(zip(table.columns, table.rows[0], strict=True)),
                    right=("value",))  # fmt: skip
    else:
        heads = [_HEADS.get(name, name) for name in table.columns]
        print_table(heads, table.rows, right=heads[1:])
