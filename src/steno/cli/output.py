"""Print rows: JSON for machines, tables that fit the terminal for people.

What was recorded is hostile input: control characters, terminal escapes and marks that reverse the
direction of writing never reach the terminal as they are.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from steno.transcripts.reader import Damage

_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SHORT = 12
_encode = msgspec.json.Encoder(enc_hook=str).encode


def clean(value: object, *, lines: bool = False) -> str:
    """Make text safe for a terminal.

    Args:
        value: Anything.
        lines: Keep line ends and tabs.
    """
    text = "" if value is None else str(value)
    text = _HOSTILE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text if lines else text.replace("\n", "\\n").replace("\t", " ")


def print_json(rows: Iterable[object]) -> None:
    """Print one JSON object per line."""
    for row in rows:
        try:
            line = _encode(row)
        except UnicodeEncodeError:  # the name of a file need not be text
            line = json.dumps(msgspec.to_builtins(row, enc_hook=str)).encode()
        print_line(line)


def print_line(line: bytes) -> None:
    """Print a line of JSON as it stands; it is UTF-8, whatever the terminal's encoding."""
    # A carriage return that a foreign program left stands between two values, never inside one.
    text = line.replace(b"\r", b" ").decode("utf-8", "replace").strip()
    # Some characters that a terminal obeys are allowed in JSON as they are.
    text = _HOSTILE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    click.echo(text.encode("utf-8", "replace"))


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print comma-separated values: as they are into a file or a pipe, harmless to a terminal."""
    import csv  # only one command needs it

    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    if sys.stdout.isatty():
        writer.writerows([clean(cell) for cell in row] for row in rows)
    else:
        writer.writerows(rows)


def print_damage(damage: Damage) -> None:
    """Say on stderr what of a transcript can't be read."""
    click.echo(
        f"damage: {clean(damage.path)} at byte {damage.offset}: {clean(damage.reason)}", err=True
    )


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    right: Iterable[str] = (),
    err: bool = False,
) -> None:
    """Print a table; wide cells are cut to the terminal, and only there.

    Args:
        columns: The heads.
        rows: The cells.
        right: Columns that are aligned to the right.
        err: Print on stderr.
    """
    columns = [clean(name) for name in columns]
    if (sys.stderr if err else sys.stdout).isatty():
        _print_rich(columns, rows, set(right), err=err)
        return
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[at]) for row in cells)]) for at, name in enumerate(columns)]
    aligned = set(right)
    for row in [columns, *cells]:
        parts = [
            cell.rjust(width) if name in aligned else cell.ljust(width)
            for name, cell, width in zip(columns, row, widths, strict=True)
        ]
        click.echo("  ".join(parts).rstrip(), err=err)


def _print_rich(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], right: set[str], *, err: bool
) -> None:
    # 30 ms of import that only a person at a terminal waits for
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=err)
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = _fit(columns, cells, console.width)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name, width in zip(columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if name in right else "left"
        table.add_column(
            Text(name), justify=justify, no_wrap=True, overflow="ellipsis", width=width
        )
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _fit(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Choose the widths of columns: the longest give way, short ones stay readable."""
    widths = [max([len(name), *(len(row[at]) for row in cells)]) for at, name in enumerate(columns)]
    while sum(widths) + 2 * len(widths) > width and max(widths) > _SHORT:
        widths[widths.index(max(widths))] -= 1
    return widths


def progress_line(what: str) -> Callable[[int, int], None] | None:
    """Make a function that shows how far long work has come; None where nobody would see it."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, of: int) -> None:
        if done % 100 == 0 or done == of:
            end = "\n" if done == of else ""
            click.echo(f"\r{what} {done} of {of}{end}", nl=False, err=True)

    return show


def number(value: int | None) -> str:
    """Write a number with separators; nothing for None."""
    return "" if value is None else f"{value:,}"


def milliseconds(value: int | None) -> str:
    """Write a duration as a person says it."""
    if value is None:
        return ""
    if value < 1000:  # noqa: PLR2004 - a second
        return f"{value} ms"
    return f"{value / 1000:.1f} s" if value < 120_000 else f"{value / 60_000:.0f} min"  # noqa: PLR2004 - two minutes


def fields(pairs: Mapping[str, object]) -> None:
    """Print known facts, one per line."""
    width = max(
        (len(name) for name, value in pairs.items() if value not in (None, "", ())), default=0
    )
    for name, value in pairs.items():
        if value not in (None, "", ()):
            click.echo(f"{name.ljust(width)}  {clean(value)}")
