"""Sessions as one file, for ``steno export``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from steno.bundles.exporting import export_bundle
from steno.bundles.places import Places
from steno.cli.output import clean, print_json, progress_line
from steno.cli.passphrases import given_passphrase
from steno.storage.home import find_home

if TYPE_CHECKING:
    from pathlib import Path

    from steno.config import Config


def places_of(config: Config) -> Places:
    """Name the folders of a configured home."""
    home = find_home(config.home)
    return Places(
        home=home.path,
        sessions=config.jsonl.directory,
        artefacts=home.artefacts,
        archives=config.archive.directory,
        holds=home.holds,
    )


def make_bundle(
    config: Config,
    sessions: tuple[str, ...],
    output: Path,
    *,
    artefacts: bool,
    archives: bool,
    passphrase_file: str | None,
    ask_passphrase: bool,
    recipients: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a bundle, and say what is in it."""
    if recipients and (passphrase_file is not None or ask_passphrase):
        raise click.UsageError("a bundle is sealed with a passphrase or to recipients, not both")
    passphrase = None
    if not recipients:
        passphrase = given_passphrase(passphrase_file, ask=ask_passphrase, twice=True)
    exported = export_bundle(
        sessions,
        output,
        places_of(config),
        artefacts=artefacts,
        archives=archives,
        passphrase=passphrase,
        recipients=recipients,
        progress=progress_line("packing file"),
    )
    for line in exported.left_out:
        click.echo(f"left out: {clean(line)}", err=True)
    if as_json:
        print_json([exported.facts()])
        return
    count, files = len(exported.manifest.sessions), len(exported.manifest.members)
    how = {"passphrase": "sealed with a passphrase", "recipients": "sealed to age keys"}
    click.echo(
        f"{clean(exported.path)}: {count} session(s), {files} file(s), {exported.contents:,} bytes "
        f"in {exported.size:,}; {how.get(exported.sealed or '', 'not sealed')}",
        err=True,
    )
