"""``steno find``: requests, or sessions, that a filter describes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from steno.cli.filter_words import FilterCommand, filter_argument
from steno.cli.filtering import open_for, read_filter
from steno.cli.options import json_option, place_options
from steno.cli.output import clean, milliseconds, number, print_json, print_table
from steno.query.finding import SORTS
from steno.query.found import FoundSession, Page, RequestRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steno.query.found import Snippet

_REQUEST_HEADS = ("started", "session", "request", "state", "model", "in", "out", "tools", "time")
_SESSION_HEADS = (
    "started", "session", "key", "state", "requests", "model", "in", "out", "tools", "time",
)  # fmt: skip
_COUNTS = ("requests", "in", "out", "tools")
_RIGHT = (*_COUNTS, "time")


@click.command("find", cls=FilterCommand)
@place_options
@json_option
@click.option("--sessions", "of_sessions", is_flag=True, help="Find sessions, not requests.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000),
              help="At most.")  # fmt: skip
@click.option("--after", metavar="CURSOR", help="Go on behind a page, by what it told at its end.")
@click.option("--sort", type=click.Choice(SORTS), default="time", show_default=True,
              help="The newest or greatest first.")  # fmt: skip
@click.option("--reverse", is_flag=True, help="The oldest or smallest first.")
@filter_argument
def command(
    home: str | None,
    config_path: str | None,
    as_json: bool,
    of_sessions: bool,
    limit: int,
    after: str | None,
    sort: str,
    reverse: bool,
    words: tuple[str, ...],
) -> None:
    """Find requests that a filter describes, the newest first.

    Terms: field:value, field:a,b (one of them), tokens>10k, duration>=2s, since:7d, until:, on:,
    failed ok running interrupted, words and "phrases" that were said; * stands for anything; -term
    or not, or, and parentheses. Put the whole between single quotes, for the shell's sake.
    docs/finding.md lists the fields.

    \b
    Examples:
      steno find 'model:claude* tokens>10k'
      steno find 'tool:bash failed since:7d "connection reset"'
      steno find -failed 'user:u1 or user:u2' --sort tokens --limit 5
      steno find --sessions 'kind:cron interrupted' --json
    """
    tree = read_filter(words)
    with open_for(home, config_path, tree) as finder:
        ask = finder.find_sessions if of_sessions else finder.find_requests
        page: Page[RequestRow] | Page[FoundSession] = ask(
            tree, limit=limit, after=after, sort=sort, reverse=reverse
        )
    if as_json:
        print_json(_as_object(row) for row in page.rows)
    elif page.rows:
        _print(page.rows, of_sessions=of_sessions)
    else:
        click.echo("nothing was found; `steno find --help` tells what a filter can say", err=True)
    if page.after is not None:
        click.echo(f"steno: there is more: --after {page.after}", err=True)


def _as_object(row: RequestRow | FoundSession) -> object:
    return {**asdict(row.row), "snippet": row.snippet} if isinstance(row, FoundSession) else row


def _print(rows: Sequence[RequestRow | FoundSession], *, of_sessions: bool) -> None:
    """Print a table, or with each row the words that were found in it."""
    heads = _SESSION_HEADS if of_sessions else _REQUEST_HEADS
    cells = [_cells(row) for row in rows]
    if not any(row.snippet for row in rows):
        print_table(heads, cells, right=_RIGHT)
        return
    for row, values in zip(rows, cells, strict=True):
        # Without columns, a figure says itself what it counts.
        click.echo("  ".join(
            f"{clean(value)} {head}" if head in _COUNTS else clean(value)
            for head, value in zip(heads, values, strict=True) if value not in (None, "")
        ))  # fmt: skip
        if row.snippet is not None:
            click.echo(f"    {row.snippet.part}: {_marked(row.snippet)}")


def _cells(found: RequestRow | FoundSession) -> list[object]:
    row = found.row if isinstance(found, FoundSession) else found
    began = (row.started_at or "")[:19].replace("T", " ")
    middle = (
        [row.request_id, row.state]
        if isinstance(row, RequestRow)
        else [row.session_key, row.state, number(row.requests)]
    )
    return [
        began, row.session_id, *middle, row.model, number(row.input_tokens),
        number(row.output_tokens), number(row.tool_calls), milliseconds(row.duration_ms),
    ]  # fmt: skip


def _marked(snippet: Snippet) -> str:
    """Write a snippet; click takes the marks out where no terminal shows them."""
    text, pieces, at = snippet.text.replace("\n", " "), [], 0
    for begin, end in snippet.marks:
        pieces += [clean(text[at:begin]), _mark(clean(text[begin:end]))]
        at = end
    return "".join([*pieces, clean(text[at:])])


def _mark(text: str) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, bold=True, fg="yellow")
