"""What commands that take a filter share: reading it, opening what it asks, and what is missing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from steno.cli.options import index_places, read_config
from steno.cli.output import clean, print_damage, progress_line
from steno.query.filter.parsing import parse_filter
from steno.query.finding import open_finder
from steno.storage.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.query.catching_up import CaughtUp
    from steno.query.filter.model import Filter
    from steno.query.finding import Finder

_SHOWN = 20


def read_filter(words: tuple[str, ...]) -> Filter:
    """Read the filter that a command's words make.

    Raises:
        FilterError: It can't be read; the message shows where.
    """
    return parse_filter(" ".join(words))


@contextlib.contextmanager
def open_for(home: str | None, config_path: str | None, tree: Filter) -> Iterator[Finder]:
    """Open what a filter asks, and say on stderr what of it is missing.

    Raises:
        StenoError: The configuration or the index can't be used.
    """
    sessions, index = index_places(home, config_path)
    search = Home(read_config(home, config_path).home).search
    progress = progress_line("reading transcript")
    with open_finder(index, sessions, search, tree, progress=progress) as finder:
        if finder.caught_up is not None:
            _tell(finder.caught_up, sessions)
        yield finder


def _tell(caught_up: CaughtUp, sessions: Path) -> None:
    for damage in caught_up.damage[:_SHOWN]:
        print_damage(damage)
    if len(caught_up.damage) > _SHOWN:
        click.echo(f"damage: and {len(caught_up.damage) - _SHOWN} more places", err=True)
    if caught_up.damaged > len(caught_up.damage):
        click.echo(
            f"steno: {caught_up.damaged} places in transcripts can't be read; what stood there is "
            "not found",
            err=True,
        )
    if not (caught_up.transcripts or caught_up.damage or caught_up.busy):
        click.echo(
            f"steno: no transcripts in {clean(sessions)}, from which words are known", err=True
        )
    if caught_up.busy:
        click.echo(
            "steno: another process is reading the transcripts; the newest texts may be missing",
            err=True,
        )
