"""``steno recover``: tell whose transcripts lie in a folder, and what of them can be read."""

from __future__ import annotations

import math
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import clean, print_line, print_table, progress_line
from steno.transcripts.recovery.mending import mend
from steno.transcripts.recovery.recovering import recover
from steno.transcripts.recovery.remembering import remember
from steno.transcripts.recovery.rows import encode_row, row_of
from steno.transcripts.recovery.stamping import (
    FAILED,
    SKIPPED,
    Stamp,
    check_destination,
    clear_leftovers,
    stamp_copy,
    stamp_in_place,
    target_of,
    why_not,
)
from steno.transcripts.recovery.verdicts import BY_NONE

if TYPE_CHECKING:
    from steno.transcripts.recovery.mending import Mended
    from steno.transcripts.recovery.recovering import Recovered
    from steno.transcripts.recovery.verdicts import Verdict

_MOST_NOTES = 20


@click.command("recover")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True)
@place_options
@json_option
@click.option("--dry-run", "-n", is_flag=True, help="Write nothing: no index, no copies.")
@click.option("--store", metavar="FILE", help="An index, or a database, that lies elsewhere.")
@click.option("--stamp", metavar="DEST", help="Write copies with the key in their header.")
@click.option("--stamp-in-place", is_flag=True, help="Write keys into the transcripts themselves.")
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=1.0, show_default=True,
    help="Stamp nothing that is less sure.",
)  # fmt: skip
@click.option("--repair", "repairs", metavar="DEST", help="Write clean copies of damaged files.")
def command(
    folders: tuple[str, ...],
    home: str | None,
    config_path: str | None,
    as_json: bool,
    dry_run: bool,
    store: str | None,
    stamp: str | None,
    stamp_in_place: bool,
    min_confidence: float,
    repairs: str | None,
) -> int:
    """Tell of each transcript in a folder who it is, and what of it is damaged.

    The folder is only read. What is found goes into the index, where `steno sql` can ask for it.

    \b
    Examples:
      steno recover ~/.openclaw/agents/main/sessions
      steno recover ~/.openclaw --dry-run --json
      steno recover old-sessions --store backup/sessions.json --stamp named-sessions
    """
    if stamp is not None and stamp_in_place:
        raise click.UsageError("--stamp and --stamp-in-place exclude each other.")
    if math.isnan(min_confidence):
        raise click.UsageError("--min-confidence is a number between 0 and 1.")
    for destination in filter(None, (stamp, repairs)):
        check_destination(list(folders), destination)
    config = read_config(home, config_path)
    done = recover(
        [Path(folder) for folder in folders],
        store=Path(store) if store else None,
        progress=progress_line("reading transcript"),
    )
    kept = 0
    if not dry_run and config.sqlite.enabled:
        kept = remember(config.sqlite.path, done.verdicts, datetime.now(UTC))
    elif not dry_run:
        click.echo("steno: no index is kept (sqlite.enabled is false)", err=True)
    stamps: list[Stamp] | None = None
    if stamp is not None or stamp_in_place:
        stamps = _stamp(done, list(folders), stamp, min_confidence, dry_run=dry_run)
    mended: list[Mended | None] | None = None
    if repairs is not None:
        mended = mend(done, list(folders), repairs, dry_run=dry_run)
    _print(done, stamps, mended, as_json=as_json)
    if not as_json and kept:
        click.echo(f"{kept} verdicts are in {config.sqlite.path}, in the table recovered")
    failed = sum(verdict.failure is not None for verdict in done.verdicts)
    failed += sum(each.outcome == FAILED for each in stamps or ())
    failed += sum(each is not None and each.outcome == FAILED for each in mended or ())
    return 1 if failed else 0


def _stamp(
    done: Recovered, roots: list[str], destination: str | None, least: float, *, dry_run: bool
) -> list[Stamp]:
    show = progress_line("stamping transcript")
    stamps = []
    total = len(done.verdicts)
    cleared: set[str] = set()
    whole = zip(done.found, done.verdicts, done.readings, strict=True)
    for at, (found, verdict, reading) in enumerate(whole, 1):
        reason = why_not(verdict, reading, least)
        if reason is not None:
            stamps.append(Stamp(SKIPPED, reason=reason))
        elif dry_run:
            stamps.append(Stamp("planned"))
        else:
            target = found.path if destination is None else target_of(found, roots, destination)
            folder = os.path.dirname(target) or "."
            if folder not in cleared:
                cleared.add(folder)
                clear_leftovers(folder)
            stamps.append(
                stamp_copy(found, verdict, reading, target)
                if destination is not None
                else stamp_in_place(found, verdict, reading)
            )
        if show is not None:
            show(at, total)
    return stamps


def _print(
    done: Recovered,
    stamps: list[Stamp] | None,
    mended: list[Mended | None] | None,
    *,
    as_json: bool,
) -> None:
    if as_json:
        for at, verdict in enumerate(done.verdicts):
            row = row_of(verdict)
            if stamps is not None:
                row["stamp"] = stamps[at]
            if mended is not None:
                row["repair"] = mended[at]
            print_line(encode_row(row))
    elif done.verdicts:
        print_table(
            ("session key", "by", "sure", "file", "damage", "transcript"),
            [_cells(verdict) for verdict in done.verdicts],
            right=("sure", "damage"),
        )
    _print_notes(done)
    if not as_json:
        _print_summary(done, stamps, mended)


def _print_notes(done: Recovered) -> None:
    for note in done.notes[:_MOST_NOTES]:
        click.echo(f"note: {clean(note.path)}: {clean(note.reason)}", err=True)
    if len(done.notes) > _MOST_NOTES:
        click.echo(f"note: {len(done.notes) - _MOST_NOTES} more", err=True)
    for verdict in done.verdicts:
        if verdict.failure is not None:
            click.echo(
                f"steno: error: cannot read {clean(verdict.path)}: {clean(verdict.failure)}",
                err=True,
            )


def _cells(verdict: Verdict) -> tuple[str, ...]:
    key = verdict.session_key or f"unknown ({verdict.grade})"
    contradicted = "!" if verdict.conflicts else ""
    return (
        key, verdict.identified_by + contradicted, f"{verdict.confidence:g}", verdict.file_kind,
        str(len(verdict.damage) or ""), os.path.basename(verdict.path),
    )  # fmt: skip


def _print_summary(
    done: Recovered, stamps: list[Stamp] | None, mended: list[Mended | None] | None
) -> None:
    by = Counter(verdict.identified_by for verdict in done.verdicts)
    parts = [f"{by[name]} by {name}" for name in ("header", "store", "evidence")]
    damaged = sum(bool(verdict.damage) for verdict in done.verdicts)
    contradicted = sum(bool(verdict.conflicts) for verdict in done.verdicts)
    click.echo(
        f"{len(done.verdicts)} transcripts: {', '.join(parts)}, {by[BY_NONE]} unknown; "
        f"{contradicted} contradicted (!), {damaged} with damage"
    )
    if stamps is not None:
        _print_stamps(stamps)
    for each in filter(None, mended or ()):
        if each.report is not None:
            click.echo(
                f"repaired {clean(each.target)}: {each.report.values} values, "
                f"{each.report.lost} bytes lost in {len(each.report.cuts)} places"
            )
        elif each.outcome == FAILED:
            click.echo(f"steno: error: {clean(each.reason)}", err=True)
        else:
            click.echo(f"{each.outcome} {clean(each.target)} {clean(each.reason)}".rstrip())


def _print_stamps(stamps: list[Stamp]) -> None:
    counts = Counter(each.outcome for each in stamps)
    click.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    why = Counter(each.reason.split(":")[0] for each in stamps if each.outcome == SKIPPED)
    for reason, count in why.most_common(_MOST_NOTES):
        click.echo(f"  {count} skipped: {clean(reason)}")
    for each in stamps:
        if each.outcome == FAILED:
            click.echo(f"steno: error: {clean(each.reason)}", err=True)
