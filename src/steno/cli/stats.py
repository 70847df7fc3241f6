"""``steno stats``: sum up requests and tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from steno.cli.filter_words import FilterCommand, filter_argument
from steno.cli.filtering import open_for, read_filter
from steno.cli.options import json_option, place_options
from steno.cli.output import print_json, print_table
from steno.query.sessions import parse_since
from steno.query.totals import GROUPS, sum_up

_HEADS = {
    "success_rate": "ok %", "input_tokens": "in", "output_tokens": "out",
    "thinking_tokens": "thinking", "reasoning_tokens": "reasoning", "cache_read_tokens": "cached",
    "cache_creation_tokens": "to cache", "total_tokens": "total",
    "tool_calls": "tools", "avg_duration_ms": "avg ms",
}  # fmt: skip


def _read_groups(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    groups = tuple(filter(None, (value or "").replace(" ", "").split(",")))
    for name in groups:
        if name not in GROUPS:
            allowed = ", ".join(GROUPS)
            raise click.BadParameter(f"{name!r} is none of {allowed}", param=parameter)
    return groups


@click.command("stats", cls=FilterCommand)
@place_options
@json_option
@click.option("--by", metavar="GROUP,...", callback=_read_groups,
              help=f"One line for each: {', '.join(GROUPS)}, or several of them.")  # fmt: skip
@click.option("--since", metavar="WHEN", help="Requests since: 30m, 7d, today, 2026-11-20.")
@filter_argument
def command(
    home: str | None,
    config_path: str | None,
    as_json: bool,
    by: tuple[str, ...],
    since: str | None,
    words: tuple[str, ...],
) -> None:
    """Sum up requests, tokens and tool calls, of all or of those that a filter describes.

    \b
    Examples:
      steno stats
      steno stats --by model --since 7d
      steno stats --by model,day 'failed since:30d'
      steno stats --by day --json
    """
    begin = parse_since(since, datetime.now(UTC)) if since else None
    tree = read_filter(words)
    with open_for(home, config_path, tree) as finder:
        table = sum_up(finder.connection, by=by, since=begin, where=tree)
    if as_json:
        print_json(table.dicts())
    elif not by:
        print_table(("figure", "value"), list(zip(table.columns, table.rows[0], strict=True)),
                    right=("value",))  # fmt: skip
    else:
        heads = [_HEADS.get(name, name) for name in table.columns]
        print_table(heads, table.rows, right=heads[len(by) :])
