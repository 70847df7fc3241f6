"""``steno export``: a transcript with its references followed, or its requests byte for byte.

Also in the form of OpenClaw, for the programs that read that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from steno.cli.options import place_options, read_config
from steno.cli.output import clean, print_damage
from steno.errors import StenoError, TranscriptError
from steno.events.codec import encode_event, encode_header
from steno.events.header import Header
from steno.events.references import Expander
from steno.identity import safe_name
from steno.storage.files import make_folder, replace_file
from steno.transcripts.bodies import expand_event, read_requests
from steno.transcripts.finding import resolve_session
from steno.transcripts.openclaw_export import export_session, export_verbatim
from steno.transcripts.reader import read_transcript


@click.command("export")
@click.argument("session")
@place_options
@click.option("-o", "--output", metavar="FILE", help="Write to a file, whole or not at all.")
@click.option("--requests", metavar="DIR", help="Write the body of each request to a folder.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["steno", "openclaw"]),
    default="steno",
    show_default=True,
    help="Whose JSON lines to write.",
)
@click.option(
    "--verbatim", is_flag=True, help="With --format openclaw: the entries as they were imported."
)
def command(
    session: str,
    home: str | None,
    config_path: str | None,
    output: str | None,
    requests: str | None,
    form: str,
    verbatim: bool,
) -> None:
    """Write a transcript, or its requests, whole.

    A transcript refers to what it holds already; here every event has all of it, as JSON lines.
    With --requests, each request's body is written as it was sent, byte for byte. With --format
    openclaw, the conversation is written as OpenClaw and pi keep it.

    \b
    Examples:
      steno export latest > session.jsonl
      steno export 2k7p213k -o session.jsonl
      steno export latest --requests ./requests
      steno export latest --format openclaw -o session.jsonl
    """
    if verbatim and form != "openclaw":
        raise click.UsageError("--verbatim goes with --format openclaw")
    config = read_config(home, config_path)
    path = resolve_session(config.jsonl.directory, session)
    if requests is not None:
        _export_requests(path, config.home, Path(requests))
    if output is None and requests is not None:
        return
    lines = _lines(path) if form == "steno" else _convert(path, verbatim=verbatim)
    if output is not None:
        replace_file(Path(output).absolute(), b"".join(lines))
    else:
        for line in lines:
            sys.stdout.buffer.write(line)


def _convert(path: Path, *, verbatim: bool) -> list[bytes]:
    transcript = read_transcript(path)
    convert = export_verbatim if verbatim else export_session
    lines = list(convert(entry.event for entry in transcript))
    for damage in transcript.damage:
        print_damage(damage)
    return lines


def _lines(path: Path) -> list[bytes]:
    expander = Expander()
    transcript = read_transcript(path)
    lines = []
    for entry in transcript:
        event = entry.event
        if isinstance(event, Header):
            lines.append(encode_header(event) + b"\n")
            continue
        expander.learn(event)
        lines.append(encode_event(expand_event(event, expander)) + b"\n")
    for damage in transcript.damage:
        print_damage(damage)
    return lines


def _export_requests(path: Path, home: Path, folder: Path) -> None:
    make_folder(folder.absolute())
    failed = count = 0
    for number, (request_id, body) in enumerate(read_requests(path, home), 1):
        if isinstance(body, TranscriptError):
            failed += 1
            click.echo(f"steno: {clean(body.message)}", err=True)
            continue
        name = f"{number:04d}-{safe_name(request_id)}.json"
        replace_file(folder.absolute() / name, body)
        count += 1
    click.echo(f"{count} request(s) written to {os.fspath(folder)}", err=True)
    if failed:
        raise StenoError(f"{failed} request(s) can't be given back", hint="stderr says why")
