"""``steno incident``: sessions for incident work, plain or sealed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from steno.cli.incident_files import given_password, open_incident, resolve_incident
from steno.cli.options import json_option, password_option, place_options, read_config
from steno.cli.output import clean, fields, number, print_json, print_table
from steno.errors import RetentionError
from steno.recording.incidents.extracting import extract_incident
from steno.recording.incidents.folder import NOTE, find_folder
from steno.recording.incidents.listing import list_incidents
from steno.recording.incidents.state import STATUSES, usage_of
from steno.recording.incidents.verifying import verify_incident
from steno.storage.holds import Holds
from steno.storage.home import Home, find_home

if TYPE_CHECKING:
    from steno.recording.incidents.files import IncidentFiles


@click.group("incident")
def command() -> None:
    """Sessions for incident work: a short id, a scratchpad, artefacts, and a password.

    With a password, everything of an incident on disk is encrypted. The password comes from
    --password-file, from STENO_PASSWORD, or is asked for.

    \b
    Examples:
      steno incident new --name "payments are slow"
      steno incident new --password-prompt
      steno incident list
      steno incident show INC-7F3K
      steno incident note INC-7F3K FINAL_DIAGNOSIS "the pool was too small"
    """


def _home(home: str | None, config_path: str | None) -> Home:
    return find_home(read_config(home, config_path).home)


@command.command("new")
@place_options
@json_option
@password_option
@click.option("--password-prompt", is_flag=True, help="Ask for a password, and seal with it.")
@click.option("--prefix", default="INC", show_default=True, help="What the id begins with.")
@click.option("--name", default="", metavar="TEXT", help="What it is called, for people.")
@click.option("--key", metavar="KEY", help="The session key.")
def new(
    home: str | None, config_path: str | None, as_json: bool, password_file: str | None,
    password_prompt: bool, prefix: str, name: str, key: str | None,
) -> None:  # fmt: skip
    """Create an incident and print its id.

    With a password nobody can read it without that password, and nobody can bring it back.

    \b
    Examples:
      steno incident new --name "payments are slow"
      steno incident new --prefix OPS --password-file secret.txt
    """
    from steno.recording.session import Session  # which the other commands don't need

    if password_prompt and password_file is not None:
        raise click.UsageError("either --password-file or --password-prompt")
    password = given_password(password_file)
    if password_prompt:
        password = click.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
    place = _home(home, config_path)
    incident = Session.create(password, prefix, name=name, key=key, home=place.path)
    incident.close()
    if as_json:
        row = {
            "session_id": incident.session_id,
            "sealed": incident.sealed,
            "created": incident.created,
            "path": os.fspath(incident.data_dir),
        }
        print_json([row])
    else:
        click.echo(incident.session_id)
    if not incident.sealed:
        click.echo(f"note: {NOTE}; --password-prompt seals it", err=True)


@command.command("list")
@place_options
@json_option
@click.option("--prefix", help="Those alone whose ids begin with it.")
def list_(home: str | None, config_path: str | None, as_json: bool, prefix: str | None) -> None:
    """List the incidents, the newest first; no password is needed.

    \b
    Examples:
      steno incident list
      steno incident list --prefix OPS --json
    """
    found = list_incidents(home=_home(home, config_path).path, prefix=prefix)
    if as_json:
        print_json(map(msgspec.to_builtins, found))
        return
    if not found:
        click.echo("there is no incident", err=True)
        return
    print_table(
        ("id", "created", "sealed", "status", "bytes", "name"),
        [
            (
                info.session_id,
                info.created[:19].replace("T", " "),
                "yes" if info.sealed else "no",
                f"error: {info.error}" if info.error else info.status or "",
                number(info.size_bytes),
                info.name or "",
            )
            for info in found
        ],
        right=("bytes",),
    )


@command.command("show")
@click.argument("incident")
@place_options
@json_option
@password_option
def show(
    incident: str, home: str | None, config_path: str | None, as_json: bool,
    password_file: str | None,
) -> None:  # fmt: skip
    """Show an incident: how it stands, its scratchpad and what was collected.

    INCIDENT is an id, the beginning of one, or `latest`. `steno show INCIDENT` shows its
    transcript.

    \b
    Examples:
      steno incident show INC-7F3K
      steno incident show latest --json | jq .scratchpad
    """
    place = _home(home, config_path)
    files = open_incident(place, incident, password_file)
    state, scratchpad = files.state.read(), files.scratchpad
    artefacts = files.artefacts()
    if as_json:
        row = {
            **msgspec.to_builtins(files.facts, builtin_types=(bytes,)),
            "path": os.fspath(files.folder.path),
            "state": state,
            "scratchpad": {each: scratchpad.read_section(each) for each in scratchpad.sections},
            "artefacts": msgspec.to_builtins(artefacts),
        }
        for secret in ("kdf", "check"):
            row.pop(secret, None)  # of no use to a reader
        print_json([row])
        return
    usage = usage_of(state)
    fields(
        {
            "incident": files.facts.id,
            "name": state.get("name"),
            "status": state.get("status"),
            "created": files.facts.created,
            "updated": max(str(state.get("updated") or ""), scratchpad.updated_at or ""),
            "sealed": "yes" if files.facts.sealed else f"no: {files.facts.note}",
            "tokens": f"{number(usage['input_tokens'])} in, {number(usage['output_tokens'])} out",
            "folder": files.folder.path,
            "transcript": ", ".join(map(str, files.find_transcripts(place))),
        }
    )
    _show_artefacts(files, [msgspec.to_builtins(each) for each in artefacts])
    if scratchpad.sections:
        click.echo()
        click.echo(clean(scratchpad.to_markdown(), lines=True).rstrip())
        click.echo(f"\n{number(scratchpad.size_bytes)} bytes with all versions", err=True)
    if scratchpad.unreadable:
        click.echo(f"damage: {scratchpad.unreadable} entries can't be read", err=True)


def _show_artefacts(files: IncidentFiles, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    click.echo()
    columns = ("kind", "name", "source", "entries", "bytes", "file", "status")
    print_table(
        columns if files.facts.sealed else [each for each in columns if each != "file"],
        [
            [
                row["kind"], row["name"], row["source"], number(row["count"]),
                number(row["size_bytes"]), *([row["relative"]] if files.facts.sealed else []),
                row["status"],
            ]
            for row in rows
        ],
        right=("entries", "bytes"),
    )  # fmt: skip


@command.command("note")
@click.argument("incident")
@click.argument("section")
@click.argument("text")
@place_options
@password_option
@click.option("--replace", is_flag=True, help="Make a new version, without what stands there.")
def note(
    incident: str, section: str, text: str, home: str | None, config_path: str | None,
    password_file: str | None, replace: bool,
) -> None:  # fmt: skip
    """Add to a section of the scratchpad; every version is kept.

    By custom the sections are PROBLEM_DESCRIPTION, DATA_COLLECTED, PATTERN_ANALYSIS,
    CODE_INSPECTION and FINAL_DIAGNOSIS; any other name will do. The text `-` is read from stdin,
    where other users can't see it.

    \b
    Examples:
      steno incident note INC-7F3K PROBLEM_DESCRIPTION "500s since 14:00"
      steno incident note INC-7F3K FINAL_DIAGNOSIS - < diagnosis.txt
    """
    files = open_incident(_home(home, config_path), incident, password_file)
    if text == "-":
        text = sys.stdin.read()
    if replace:
        files.scratchpad.write_section(section, text)
    else:
        files.scratchpad.append_to_section(section, text)
    versions = files.scratchpad.version_count(section)
    click.echo(f"{files.facts.id} {clean(section)}: version {versions}")


@command.command("close")
@click.argument("incident")
@place_options
@password_option
@click.option("--status", type=click.Choice(STATUSES), default="completed", show_default=True)
def close(
    incident: str, home: str | None, config_path: str | None, password_file: str | None, status: str
) -> None:
    """Say how an investigation ended; it can still be resumed.

    \b
    Examples:
      steno incident close INC-7F3K
      steno incident close INC-7F3K --status failed
    """
    files = open_incident(_home(home, config_path), incident, password_file)
    files.state.change(lambda facts: facts.update(status=status))
    click.echo(f"{files.facts.id}: {status}")


@command.command("extract")
@click.argument("incident")
@click.argument("target", metavar="DIR")
@place_options
@password_option
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def extract(
    incident: str, target: str, home: str | None, config_path: str | None,
    password_file: str | None, yes: bool,
) -> None:  # fmt: skip
    """Write everything of an incident to a new folder, in plain text.

    \b
    Examples:
      steno incident extract INC-7F3K ./plain --yes
    """
    place = _home(home, config_path)
    files = open_incident(place, incident, password_file)
    if files.facts.sealed and not yes:
        click.confirm(
            f"Write {files.facts.id} to {clean(target)} in plain text?", abort=True, err=True
        )
    written, failed = extract_incident(files, place, target)
    for path in written:
        click.echo(clean(path))
    for told in failed:
        click.echo(f"damage: {clean(told)}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


@command.command("verify")
@click.argument("incident")
@place_options
@json_option
@password_option
def verify(
    incident: str, home: str | None, config_path: str | None, as_json: bool,
    password_file: str | None,
) -> None:  # fmt: skip
    """Check every byte of an incident, and that nothing is missing; exit 1 where it is not well.

    \b
    Examples:
      steno incident verify INC-7F3K
      steno incident verify latest --json
    """
    place = _home(home, config_path)
    files = open_incident(place, incident, password_file)
    bad = 0
    for finding in verify_incident(files, place):
        bad += finding.status in {"damaged", "missing"}
        if as_json:
            print_json([msgspec.to_builtins(finding)])
            continue
        name = f" ({clean(finding.name)})" if finding.name else ""
        reason = f": {clean(finding.reason)}" if finding.reason else ""
        click.echo(f"{finding.status}  {clean(finding.path)}{name}{reason}")
    if bad:
        raise click.exceptions.Exit(1)


@command.command("delete")
@click.argument("incident")
@place_options
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def delete(incident: str, home: str | None, config_path: str | None, yes: bool) -> None:
    """Delete an incident: its folder, its transcript and what the index knows; no password needed.

    One that is held stays, and so does one that somebody records in.

    \b
    Examples:
      steno incident delete INC-7F3K
    """
    from steno.recording.incidents.deleting import delete_incident, name_what_goes  # the index too

    place = _home(home, config_path)
    session_id = resolve_incident(place, incident)
    folder, facts = find_folder(place, session_id)
    if any(hold.session_id == session_id for hold in Holds(place.holds).read()):
        raise RetentionError(
            f"{session_id} is held", hint=f"`steno release {session_id}` lets the hold go"
        )
    going = name_what_goes(place, folder, facts)
    for path in going:
        click.echo(clean(path), err=True)
    if not yes:
        click.confirm(f"Delete {session_id} for ever?", abort=True, err=True)
    delete_incident(session_id, home=place.path)
    click.echo(f"deleted {session_id}")
