"""``steno config``: show the settings in force."""

from __future__ import annotations

import click

from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import print_json, print_table
from steno.config import describe


@click.group("config")
def command() -> None:
    """Show the settings in force."""


@command.command("show")
@place_options
@json_option
def show(home: str | None, config_path: str | None, as_json: bool) -> None:
    """Show every setting, its value and where the value comes from.

    \b
    Examples:
      steno config show
      STENO_WORKER_BATCH_SIZE=500 steno config show --json
    """
    settings = describe(read_config(home, config_path))
    if as_json:
        print_json(settings)
        return
    print_table(
        ("key", "value", "source", "meaning"),
        [
            (
                each.key.removeprefix("session_recording."), _show(each.value), each.source,
                each.meaning,
            )
            for each in settings
        ],
    )  # fmt: skip


def _show(value: object) -> object:
    """Write a value as the file has it."""
    if value is None:
        return "null"
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else value
