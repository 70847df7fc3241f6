"""``steno sql``: ask the index with SQL."""

from __future__ import annotations

import click

from steno.cli.options import index_places, json_option, place_options
from steno.cli.output import print_csv, print_json, print_table, progress_line
from steno.query.index import open_index, run_sql


@click.command("sql")
@click.argument("query")
@place_options
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values with a head.")
@click.option("--limit", type=click.IntRange(min=1), help="Rows at most.")
def command(
    query: str,
    home: str | None,
    config_path: str | None,
    as_json: bool,
    as_csv: bool,
    limit: int | None,
) -> None:
    """Ask the index with SQL; it is opened for reading only.

    Tables: sessions, session_stats (one row per request), tool_calls, tool_call_executions, gaps,
    artefacts, transcripts. Times are UTC.

    \b
    Examples:
      steno sql "SELECT model_used, SUM(total_tokens) FROM sessions GROUP BY 1"
      steno sql "SELECT recorded_at, kind, source, path FROM artefacts"
      steno sql "SELECT tool_name, SUM(call_count) FROM tool_calls GROUP BY 1" --json
    """
    sessions, index = index_places(home, config_path)
    with open_index(index, sessions, progress=progress_line("reading transcript")) as connection:
        table = run_sql(connection, query, limit=limit)
    if as_json:
        print_json(table.dicts())
    elif as_csv:
        print_csv(table.columns, table.rows)
    else:
        print_table(table.columns, table.rows)
    if table.truncated:
        click.echo(f"only the first {limit} rows are shown", err=True)
