"""Options that several commands share, and the places that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from steno.config import load_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steno.config import Config

_F = TypeVar("_F", bound="Callable[..., Any]")

PASSWORD_VARIABLE = "STENO_PASSWORD"  # noqa: S105 - its name, and no password
"""The variable that holds the password of a sealed incident."""


def place_options(command: _F) -> _F:
    """Add ``--home`` and ``--config``."""
    command = click.option(
        "--config", "config_path", metavar="FILE", help="A steno.yaml; the home's by default."
    )(command)
    return click.option(
        "--home", metavar="DIR", help="The home; STENO_HOME or ~/.steno by default."
    )(command)


def json_option(command: _F) -> _F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")(
        command
    )


def password_option(command: _F) -> _F:
    """Add ``--password-file``."""
    return click.option(
        "--password-file", metavar="FILE",
        help=f"A file whose first line is the incident's password; or {PASSWORD_VARIABLE} has it.",
    )(command)  # fmt: skip


def proxy_options(command: _F) -> _F:
    """Add ``--upstream``."""
    return click.option(
        "--upstream", "upstreams", multiple=True, metavar="NAME=URL",
        help="Where a provider is, as openai=http://127.0.0.1:8000; may be given several times.",
    )(command)  # fmt: skip


def read_config(home: str | None, config_path: str | None) -> Config:
    """Read the configuration that the options name.

    Raises:
        ConfigError: It can't be used.
    """
    return load_config(config_path, home=home)


def index_places(home: str | None, config_path: str | None) -> tuple[Path, Path]:
    """Return the places as `places` does, and say so where the index may lack something.

    Raises:
        ConfigError: The configuration can't be used.
    """
    config = read_config(home, config_path)
    if not (config.enabled and config.sqlite.enabled) and config.sqlite.path.exists():
        click.echo(
            "steno: no index is kept (sqlite.enabled is false), so this one may lack the newest "
            "sessions; `steno reindex` brings it up to date",
            err=True,
        )
    return config.jsonl.directory, config.sqlite.path


def places(home: str | None, config_path: str | None) -> tuple[Path, Path]:
    """Return the folder of transcripts and the index that the options name.

    Raises:
        ConfigError: The configuration can't be used.
    """
    config = read_config(home, config_path)
    return config.jsonl.directory, config.sqlite.path
