"""``steno prune``: delete and compress what the settings let go."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import clean, number, print_json, print_table, progress_line
from steno.retention.configured import places_of, rules_of
from steno.retention.plan import COMPRESS, DELETE, TRANSCRIPT
from steno.retention.rounds import preview, run_round

if TYPE_CHECKING:
    from steno.config import Config
    from steno.retention.applying import Done
    from steno.retention.plan import Found, Kept
    from steno.retention.rounds import Account

_MAX_KEPT = 20
_UNCONFIGURED = """nothing is deleted or compressed: no limit is set. For transcripts, set one of
  session_recording.jsonl.retention.max_age_days
  session_recording.jsonl.retention.max_total_size_gb
  session_recording.jsonl.retention.compress_after_days
in steno.yaml; for archives, archive.enabled or archive.retention_days."""


@click.command("prune")
@place_options
@json_option
@click.option("--dry-run", "-n", is_flag=True, help="Show what would go, and touch nothing.")
def command(home: str | None, config_path: str | None, as_json: bool, dry_run: bool) -> int:
    """Delete and compress what the settings let go, once.

    What is held, in use or not steno's stays. `steno proxy`, and programs that record as a
    steno.yaml says, do this by themselves.

    \b
    Examples:
      steno prune --dry-run
      steno prune
      STENO_JSONL_RETENTION_COMPRESS_AFTER_DAYS=7 steno prune --json
    """
    config = read_config(home, config_path)
    if not rules_of(config):
        click.echo(_UNCONFIGURED, err=True)
        if as_json:
            print_json([_total(0, 0, 0, 0, configured=False)])
        return 0
    return _preview(config, as_json=as_json) if dry_run else _prune(config, as_json=as_json)


def _preview(config: Config, *, as_json: bool) -> int:
    plan = preview(places_of(config), rules_of(config))
    deleted = [step for step in plan.steps if step.action == DELETE]
    compressed = [step for step in plan.steps if step.action == COMPRESS]
    freed = sum(step.file.bytes for step in deleted)
    if as_json:
        print_json(
            [{"action": each.action, **_facts(each.file), "why": each.why} for each in plan.steps]
        )
        print_json([{"action": "keep", **_facts(each.file), "why": each.why} for each in plan.kept])
        print_json([_total(len(deleted), len(compressed), 0, freed, dry_run=True)])
        return 0
    if plan.steps:
        print_table(
            ("would", "what", "size", "quiet for", "why"),
            [(step.action, _name(step.file), number(step.file.bytes), _age(step.file), step.why)
             for step in plan.steps],
            right=("size", "quiet for"),
        )  # fmt: skip
    _print_kept(plan.kept)
    click.echo(
        f"{len(deleted)} would be deleted ({freed:,} bytes), {len(compressed)} compressed; "
        f"transcripts take {plan.total:,} bytes now"
    )
    if config.jsonl.retention.max_total_size_gb is not None and compressed:
        click.echo("what compressing saves is not known before: fewer may be deleted", err=True)
    return 0


def _prune(config: Config, *, as_json: bool) -> int:
    account = run_round(places_of(config), rules_of(config), progress=progress_line("step"))
    if account.busy:
        click.echo("another process is pruning this home; nothing was done", err=True)
        if as_json:
            print_json([_total(0, 0, 0, 0, busy=True)])
        return 0
    failures = account.failures
    total = _total(account.count(DELETE), account.count(COMPRESS), len(failures), account.freed)
    if as_json:
        print_json([
            {"action": each.step.action, **_facts(each.step.file), "why": each.step.why,
             "outcome": each.outcome, "detail": each.detail or each.trouble, "freed": each.freed}
            for each in account.done
        ])  # fmt: skip
        print_json(
            [{"action": "keep", **_facts(each.file), "why": each.why} for each in account.kept]
        )
        print_json([total])
    else:
        _print_account(account)
    for failure in failures:
        click.echo(f"steno: error: {clean(failure)}", err=True)
    return 1 if failures else 0


def _print_account(account: Account) -> None:
    if account.done:
        print_table(
            ("done", "what", "freed", "quiet for", "why"),
            [(_outcome(each), _name(each.step.file), number(each.freed), _age(each.step.file),
              each.detail or each.step.why) for each in account.done],
            right=("freed", "quiet for"),
        )  # fmt: skip
    _print_kept(account.kept)
    if account.left_behind:
        click.echo(f"{account.left_behind:,} bytes that earlier rounds had left were removed")
    click.echo(
        f"{account.count(DELETE)} deleted, {account.count(COMPRESS)} compressed, "
        f"{account.freed:,} bytes freed, {len(account.failures)} failed"
    )


def _outcome(done: Done) -> str:
    words = {DELETE: "deleted", COMPRESS: "compressed"}
    return words.get(done.step.action, "tidied") if done.outcome == "done" else done.outcome


def _print_kept(kept: list[Kept] | tuple[Kept, ...]) -> None:
    for each in kept[:_MAX_KEPT]:
        click.echo(f"kept {clean(_name(each.file))}: {clean(each.why)}")
    if len(kept) > _MAX_KEPT:
        click.echo(f"kept {len(kept) - _MAX_KEPT} more; --json names them")


def _name(file: Found) -> str:
    if file.kind == TRANSCRIPT and file.session_id:
        return file.session_id
    return os.path.join(*file.path.split("/")[-3:])


def _age(file: Found) -> str:
    days = (time.time() - file.modified_ns / 1e9) / 86_400
    return f"{days:.0f} d"


def _facts(file: Found) -> dict[str, Any]:
    return {
        "kind": file.kind, "path": file.path, "session_id": file.session_id, "bytes": file.bytes,
    }  # fmt: skip


def _total(deleted: int, compressed: int, failed: int, freed: int, **more: bool) -> dict[str, Any]:
    return {
        "action": "total", "deleted": deleted, "compressed": compressed, "failed": failed,
        "freed": freed, **more,
    }  # fmt: skip
