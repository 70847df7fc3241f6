"""``steno import``: other programs' transcripts as sessions, and bundles of steno's own."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steno.bundles.detecting import is_bundle
from steno.cli.import_bundle import ON_CLASH, import_bundles, recover_imports
from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import clean, number, print_json, print_table, progress_line
from steno.cli.passphrases import passphrase_options
from steno.errors import ConfigError
from steno.storage.home import find_home
from steno.transcripts.finding import find_transcripts
from steno.transcripts.importers.importing import Importer, learn_claims
from steno.transcripts.importers.landing import Landing
from steno.transcripts.importers.ledger import Ledger
from steno.transcripts.importers.registry import FORMATS, load_format
from steno.transcripts.importers.report import FAILED, PARTIAL, SKIPPED, UNCHANGED, FileReport
from steno.transcripts.importers.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steno.config import Config

_AUTO = "auto"
_EVERY_S = 2.0
_MAX_SHOWN = 40
_OBJECTS = 20_000


@click.command("import")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@place_options
@json_option
@click.option(
    "--from", "format_name", default=_AUTO, show_default=True,
    type=click.Choice((_AUTO, *FORMATS)), help="The format of the transcripts.",
)  # fmt: skip
@click.option("--dry-run", "-n", is_flag=True, help="Report what would be read; write nothing.")
@click.option("--again", is_flag=True, help="Read files again that have not changed.")
@click.option("--watch", is_flag=True, help="Go on, and import what changes, until stopped.")
@click.option("--all", "show_all", is_flag=True, help="List files that were left alone, too.")
@click.option(
    "--on-clash",
    type=click.Choice(ON_CLASH),
    default="refuse",
    show_default=True,
    help="What to do with sessions of a bundle of which others are here.",
)
@click.option(
    "--max-size",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="How large a bundle may become; 64 GiB.",
)
@passphrase_options
@click.option("--identity", metavar="FILE", help="age identities that open a sealed bundle.")
def command(
    paths: tuple[Path, ...],
    home: str | None,
    config_path: str | None,
    as_json: bool,
    format_name: str,
    dry_run: bool,
    again: bool,
    watch: bool,
    show_all: bool,
    on_clash: str,
    max_size: int | None,
    passphrase_file: str | None,
    ask_passphrase: bool,
    identity: str | None,
) -> int:
    """Import transcripts that other programs wrote, or bundles.

    PATH is a file, a folder (with all below it) or a database; without one, the folders are taken
    in which the known programs keep theirs. Sources are only read. Importing again adds what is
    new; what a source has lost since stays.

    A PATH that is a bundle, as `steno export -o FILE.steno` makes it, is checked to the last byte
    and then placed as a whole, or not at all. Where another session of an id is here, --on-clash
    says whether to skip it, to replace the one here, or to rename the one in the bundle. Bundles
    that lie in a folder are left alone.

    \b
    Examples:
      steno import session.steno
      steno import session.steno --dry-run --json
      steno import ~/.claude/projects
      steno import --from codex ~/.codex/sessions --json
      steno import --dry-run session.jsonl
      steno import --watch
    """
    if watch and dry_run:
        raise click.UsageError("--watch imports: it can't be a dry run")
    config = read_config(home, config_path)
    if not (config.enabled and config.jsonl.enabled):
        raise ConfigError(
            "transcripts are switched off, and what is imported goes there",
            hint="set session_recording.enabled and session_recording.jsonl.enabled to true",
        )
    bundles = [path for path in paths if is_bundle(path)]
    _check_use(
        bundles,
        others=watch or again or show_all or format_name != _AUTO,
        of_bundles=any(
            (on_clash != ON_CLASH[0], max_size, identity, passphrase_file, ask_passphrase)
        ),
    )
    code = 0
    if bundles:
        places = _check(paths, given=True)
        code = import_bundles(
            config, bundles, on_clash=on_clash, dry_run=dry_run, max_size=max_size,
            passphrase_file=passphrase_file, ask_passphrase=ask_passphrase, identity=identity,
            as_json=as_json,
        )  # fmt: skip
        paths = tuple(path for path in paths if path not in bundles)
        if not paths:
            return code
    elif not dry_run:
        recover_imports(config)
    chosen = None if format_name == _AUTO else format_name
    places = paths or tuple(dict.fromkeys(_usual_places(chosen)))
    if not watch:
        places = _check(places, given=bool(paths))
    index = config.sqlite.path if config.sqlite.enabled else None
    landing = Landing(config.jsonl.directory, index, durability=config.jsonl.durability)
    with contextlib.ExitStack() as stack:
        stack.callback(landing.close)
        stack.enter_context(_collecting_seldom())
        ledger = Ledger(_ledger_path(config, stack, dry_run=dry_run))
        stack.callback(ledger.close)
        _recall(config, ledger)
        importer = Importer(
            landing, ledger, format_name=chosen, dry_run=dry_run, again=again and not watch
        )
        if watch:
            return _watch(importer, places, as_json=as_json)
        reports = _import(importer, places, as_json=as_json)
        _tell_bundles(reports)
        if not as_json:
            _print(reports, dry_run=dry_run, show_all=show_all)
        failed = any(each.status in {FAILED, PARTIAL} for each in reports)
        return 1 if failed else code


def _check_use(bundles: list[Path], *, others: bool, of_bundles: bool) -> None:
    """Refuse options of the one where only the other is named."""
    if bundles and others:
        raise click.UsageError("--from, --again, --watch and --all are not for bundles")
    if of_bundles and not bundles:
        raise click.UsageError("that is for bundles, and none was named")


def _tell_bundles(reports: list[FileReport]) -> None:
    """Say which bundles lay in a folder: whoever names the folder may expect them to be taken."""
    for each in reports:
        if each.status == SKIPPED and each.path.endswith(".steno"):
            click.echo(
                f"steno: {clean(each.path)} was left alone: a bundle has to be named", err=True
            )


def _ledger_path(config: Config, stack: contextlib.ExitStack, *, dry_run: bool) -> Path:
    """Name the ledger; a dry run makes none in the home."""
    path = find_home(config.home).imports
    if dry_run and not path.exists():
        return Path(stack.enter_context(tempfile.TemporaryDirectory())) / path.name
    return path


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Search for cycles seldom: an import makes objects by the million, and hardly any of these."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _usual_places(format_name: str | None) -> Iterator[Path]:
    """Yield the folders in which programs keep their transcripts."""
    for name in FORMATS if format_name is None else (format_name,):
        for place in load_format(name).homes:
            expanded = os.path.expandvars(os.path.expanduser(place))
            if "$" not in expanded:  # else the variable is not set
                yield Path(expanded)


def _check(places: tuple[Path, ...], *, given: bool) -> tuple[Path, ...]:
    """Make sure that there is something to import; places that nobody named may be missing."""
    there = tuple(place for place in places if os.path.lexists(place))
    if given and len(there) < len(places):
        missing = next(place for place in places if place not in there)
        raise click.UsageError(f"there is no {missing}")
    if not there:
        raise click.UsageError(
            "no transcripts of a known program in their usual places; name a file or folder"
        )
    return there


def _recall(config: Config, ledger: Ledger) -> None:
    """Bring back into a new ledger what earlier imports have counted."""
    if not ledger.is_new:
        return
    transcripts = list(find_transcripts(config.jsonl.directory))
    show = progress_line("looking for earlier imports in transcript")
    done = 0

    def progress() -> None:
        nonlocal done
        done += 1
        if show is not None:
            show(done, len(transcripts))

    learn_claims(transcripts, ledger, progress)


def _import(importer: Importer, places: Iterable[Path], *, as_json: bool) -> list[FileReport]:
    candidates = importer.find(places)
    progress = progress_line("importing file")
    reports = []
    for at, candidate in enumerate(candidates, 1):
        report = importer.run(candidate)
        if as_json:
            print_json([report.facts()])
        reports.append(report)
        if progress is not None:
            progress(at, len(candidates))
    return reports


def _watch(importer: Importer, places: Iterable[Path], *, as_json: bool) -> int:
    """Import what changes until somebody stops it."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    watcher = Watcher(importer, places)
    if not as_json:
        click.echo(f"watching {', '.join(clean(place) for place in places)}", err=True)
    while not stop.is_set():
        for report in watcher.look():
            if report.tally.new or report.status in {FAILED, PARTIAL}:
                _print_one(report, as_json=as_json)
            if stop.is_set():
                break
        stop.wait(_EVERY_S)
    return 0


def _print_one(report: FileReport, *, as_json: bool) -> None:
    if as_json:
        print_json([report.facts()])
        return
    what = clean(report.why) if report.why else f"{report.tally.new:,} new entries"
    click.echo(f"{clean(report.path)}: {report.status}, {what}")


def _print(reports: list[FileReport], *, dry_run: bool, show_all: bool) -> None:
    quiet = {UNCHANGED, SKIPPED}
    shown = [each for each in reports if show_all or each.status not in quiet]
    if shown:
        limit = len(shown) if show_all else _MAX_SHOWN
        folder = _common_folder(shown)
        if folder:
            click.echo(f"{clean(folder)}:")
        print_table(
            ("file", "format", "status", "new", "replies", "tools", "in", "out", "notes"),
            [_row(each, folder) for each in shown[:limit]],
            right=("new", "replies", "tools", "in", "out"),
        )
        if len(shown) > limit:
            click.echo(f"... and {len(shown) - limit:,} more; --all lists them, --json tells all")
    left = {status: sum(each.status == status for each in reports) for status in sorted(quiet)}
    total = sum(each.tally.new for each in reports)
    sessions = len({session for each in reports for session in each.sessions})
    verb = "would be imported" if dry_run else "imported"
    click.echo(
        f"{total:,} entries {verb} into {sessions:,} sessions"
        + "".join(f"; {count:,} {status}" for status, count in left.items() if count)
    )


def _common_folder(reports: list[FileReport]) -> str:
    """Find the folder that all sources lie below, so that it is told once; "" for none."""
    folders = [os.path.dirname(each.path) for each in reports]
    try:
        return os.path.commonpath(folders)
    except ValueError:  # some are absolute and some are not
        return ""


def _row(report: FileReport, folder: str) -> tuple[str, ...]:
    tally = report.tally
    return (
        clean(os.path.relpath(report.path, folder) if folder else report.path),
        report.format or "",
        report.status,
        number(tally.new),
        number(tally.messages.get("assistant", 0)),
        number(tally.tool_calls),
        number(tally.input_tokens),
        number(tally.output_tokens),
        _notes(report),
    )


def _notes(report: FileReport) -> str:
    """Say in a few words what was not as it should be."""
    tally = report.tally
    notes = [clean(report.why)] if report.why else []
    if tally.unknown:
        notes.append(f"{tally.unknown.total():,} of unknown kinds, kept")
    if tally.replayed:
        notes.append(f"{tally.replayed:,} copies")
    if tally.duplicates:
        notes.append(f"{tally.duplicates:,} twice")
    if report.lost:
        notes.append(f"{report.lost:,} bytes unreadable")
    elif report.flaws:
        notes.append(f"{len(report.flaws):,} damaged places, nothing lost")
    if tally.guessed:
        notes.append(f"{tally.guessed.total():,} guessed")
    return "; ".join(notes)
