"""``steno export``: sessions as one file, or a transcript with its references followed.

Also its requests byte for byte, or all of it in the form of OpenClaw, for the programs that read
that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import clean, print_damage
from steno.cli.passphrases import passphrase_options
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
@click.argument("sessions", nargs=-1, required=True, metavar="SESSION...")
@place_options
@json_option
@click.option("-o", "--output", metavar="FILE", help="Write to a file, whole or not at all.")
@click.option("--bundle", is_flag=True, help="Make a bundle, whatever FILE is called.")
@click.option("--without-artefacts", is_flag=True, help="Leave out what was collected.")
@click.option("--without-archives", is_flag=True, help="Leave out sealed archives.")
@passphrase_options
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="KEY",
    help="Seal the bundle to an age public key; may be given several times.",
)
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
)  # fmt: skip
def command(
    sessions: tuple[str, ...],
    home: str | None,
    config_path: str | None,
    as_json: bool,
    output: str | None,
    bundle: bool,
    without_artefacts: bool,
    without_archives: bool,
    passphrase_file: str | None,
    ask_passphrase: bool,
    recipients: tuple[str, ...],
    requests: str | None,
    form: str,
    verbatim: bool,
) -> None:
    """Write a session as one file, or its transcript, or its requests.

    With -o FILE.steno, with several sessions, or with --bundle, a bundle is made: transcripts byte
    for byte, artefacts, archives and a manifest with digests, as a zip file that `steno import`
    takes. A passphrase or recipients seal it as one age file.

    Otherwise a transcript is written as JSON lines: it refers to what it holds already; here every
    event has all of it. With --requests, each request's body is written as it was sent, byte for
    byte. With --format openclaw, the conversation is written as OpenClaw and pi keep it.

    \b
    Examples:
      steno export latest -o session.steno
      steno export 2k7p213k 9d0w1x -o both.steno --passphrase-file secret.txt
      steno export latest > session.jsonl
      steno export latest --requests ./requests
      steno export latest --format openclaw -o session.jsonl
    """
    if verbatim and form != "openclaw":
        raise click.UsageError("--verbatim goes with --format openclaw")
    config = read_config(home, config_path)
    of_bundle = as_json or without_artefacts or without_archives or passphrase_file is not None
    if bundle or len(sessions) > 1 or (output is not None and output.endswith(".steno")):
        if output is None:
            raise click.UsageError("a bundle is a file: -o FILE.steno names it")
        if requests is not None or form != "steno":
            raise click.UsageError("--requests and --format are for one transcript, not a bundle")
        from steno.cli.export_bundle import make_bundle  # which loads the archives' code

        make_bundle(
            config, sessions, Path(output), artefacts=not without_artefacts,
            archives=not without_archives, passphrase_file=passphrase_file,
            ask_passphrase=ask_passphrase, recipients=recipients, as_json=as_json,
        )  # fmt: skip
        return
    if of_bundle or ask_passphrase or recipients:
        raise click.UsageError("that is for bundles: -o FILE.steno, or --bundle, makes one")
    path = resolve_session(config.jsonl.directory, sessions[0])
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
