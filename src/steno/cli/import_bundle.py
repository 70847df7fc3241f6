"""Bundles into the home, for ``steno import``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from steno.bundles.deciding import facts_of
from steno.bundles.importing import import_bundle
from steno.cli.export_bundle import places_of
from steno.cli.output import clean, number, print_json, print_table, progress_line
from steno.cli.passphrases import ask_if_needed
from steno.storage.home import find_home

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from steno.bundles.deciding import OnClash
    from steno.bundles.importing import Imported
    from steno.config import Config

ON_CLASH = ("refuse", "skip", "replace", "rename")


def import_bundles(
    config: Config,
    paths: Sequence[Path],
    *,
    on_clash: str,
    dry_run: bool,
    max_size: int | None,
    passphrase_file: str | None,
    ask_passphrase: bool,
    identity: str | None,
    as_json: bool,
) -> int:
    """Import bundles, one after the other, and say what became of each.

    Returns:
        The exit code: 1 where the index could not be written.
    """
    identities = None
    if identity is not None:
        from steno.archives.choosing import read_identities  # most bundles need none

        identities = read_identities(identity)
    failed = 0
    for path in paths:
        imported = import_bundle(
            path,
            places_of(config),
            index=config.sqlite.path if config.sqlite.enabled else None,
            on_clash=cast("OnClash", on_clash),
            dry_run=dry_run,
            max_size=max_size,
            ask=ask_if_needed(passphrase_file, ask=ask_passphrase),
            identities=identities,
            progress=progress_line("checking file"),
        )
        if as_json:
            print_json([_facts(imported, dry_run=dry_run)])
        else:
            _print(imported, dry_run=dry_run)
        if imported.trouble:
            click.echo(f"steno: {clean(imported.trouble)}", err=True)
            failed = 1
    return failed


def recover_imports(config: Config) -> None:
    """Complete what an import has left over which somebody died; costs one look otherwise."""
    if not (find_home(config.home).path / ".importing").is_dir():
        return
    from steno.bundles.placing import recover_if_needed  # seldom needed

    index = config.sqlite.path if config.sqlite.enabled else None
    for line in recover_if_needed(places_of(config), index):
        click.echo(f"steno: {line}", err=True)


def _facts(imported: Imported, *, dry_run: bool) -> dict[str, Any]:
    return {
        "bundle": imported.path,
        "created": imported.manifest.created,
        "contents_bytes": imported.size,
        "files": len(imported.manifest.members),
        "sealed": imported.sealed,
        "dry_run": dry_run,
        "sessions": [facts_of(each) for each in imported.decided],
        "recovered": list(imported.recovered),
        "index": imported.trouble or "ok",
    }


def _print(imported: Imported, *, dry_run: bool) -> None:
    for line in imported.recovered:
        click.echo(f"steno: {line}", err=True)
    print_table(
        ("session", "outcome", "files", "notes"),
        [
            (
                each.placed_as, f"would be {each.outcome}" if dry_run else each.outcome,
                number(each.files), each.detail,
            )
            for each in imported.decided
        ],
        right=("files",),
    )  # fmt: skip
    checked = len(imported.manifest.members)
    click.echo(
        f"{clean(imported.path)}: {checked} file(s), {imported.size:,} bytes, every digest as told"
    )
