"""``steno archive``: find, open, verify and seal anew what was archived."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from steno.archives.choosing import (
    find_named,
    is_of,
    kind_of,
    path_below,
    read_identities,
    read_password,
    row_of,
)
from steno.archives.identifiers import ArchiveIds
from steno.archives.layout import ZIP, find_archives, folder_names
from steno.archives.settings import ArchiveSettings, clean_password
from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import clean, number, print_json, print_line, print_table, progress_line
from steno.errors import ArchiveError
from steno.identity import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from steno.archives.packing import Packing
    from steno.archives.reading import Keys, OpenArchive
    from steno.config import ArchiveConfig

_F = TypeVar("_F", bound="Callable[..., Any]")

_COLUMNS = ("changed", "user", "chat", "archive", "bytes")


@click.group("archive")
def command() -> None:
    """Find, open and verify sealed archives.

    The password comes from --password-file, from SESSION_LOG_ZIP_PASSWORD or steno.yaml, or is
    asked for at a terminal: never from an argument, which other users of the machine can see.

    \b
    Examples:
      steno archive find --user user-1 --message message-1
      steno archive open message-1 --password-file secret.txt
      steno archive verify
    """


def _folder_options(function: _F) -> _F:
    function = click.option(
        "--dir", "directory", metavar="DIR", help="The folder of the archives; as configured."
    )(function)
    return place_options(function)


def _key_options(function: _F) -> _F:
    function = click.option(
        "--identity", metavar="FILE", help="age identities that open what was sealed to them."
    )(function)
    return _password_option(function)


def _password_option(function: _F) -> _F:
    return click.option(
        "--password-file", metavar="FILE", help="A file whose first line is the password."
    )(function)


class _Place:
    """Where archives are, and what opens them, by the options and the configuration."""

    def __init__(self, home: str | None, config_path: str | None, directory: str | None) -> None:
        self.config: ArchiveConfig = read_config(home, config_path).archive
        self.directory = Path(directory) if directory else self.config.directory

    def keys(self, password_file: str | None, identity: str | None, kinds: Iterable[str]) -> Keys:
        """Gather what opens archives of these kinds; a person is asked for what is missing."""
        from steno.archives.ciphers import parse_identities  # which loads age
        from steno.archives.reading import Keys  # which loads the compressors

        password = self.config.password
        if password_file is not None:
            password = read_password(password_file)
        needed = not clean_password(password) and identity is None and ZIP in kinds
        if needed and sys.stdin.isatty():
            password = click.prompt("password", hide_input=True, err=True)
        identities = ()
        if identity is not None:
            identities = tuple(parse_identities(read_identities(identity)))
        return Keys(clean_password(password), identities)

    def find(self, names: tuple[str, ...]) -> list[Path]:
        """Find archives by their paths or the ids of their messages; all, where none is named."""
        if not names:
            return [path for path, _ in find_archives(self.directory)]
        return [path for name in names for path in find_named(self.directory, name)]


def _print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    print_table(
        _COLUMNS,
        [
            (
                row["changed_at"][:19].replace("T", " "), row["user"], row["chat"], row["archive"],
                number(row["bytes"]),
            )
            for row in rows
        ],
        right=("bytes",),
    )  # fmt: skip


@command.command("ls")
@_folder_options
@json_option
def ls(home: str | None, config_path: str | None, directory: str | None, as_json: bool) -> None:
    """List the archives; no password is needed."""
    from steno.archives.orphans import count_spools  # which loads the compressors

    place = _Place(home, config_path, directory)
    rows = [row_of(path, status) for path, status in find_archives(place.directory)]
    if rows or as_json:
        _print_rows(rows, as_json=as_json)
    else:
        click.echo(f"no archives in {clean(place.directory)}", err=True)
    waiting = count_spools(place.directory)
    if waiting:
        told = "not sealed yet; `steno archive seal` seals what killed processes left"
        click.echo(f"{waiting} request(s) are {told}", err=True)


@command.command("find")
@_folder_options
@json_option
@click.option("--user", default="", help="The user's id.")
@click.option("--chat", default="", help="The chat's id.")
@click.option("--message", default="", help="The message's id, or that of a call without one.")
def find(
    home: str | None, config_path: str | None, directory: str | None, as_json: bool,
    user: str, chat: str, message: str,
) -> None:  # fmt: skip
    """Find the archives of a user, a chat or a message; exit code 1 where there are none."""
    if not (user or chat or message):
        raise click.UsageError("give --user, --chat or --message")
    place = _Place(home, config_path, directory)
    ids = ArchiveIds(user_id=user, chat_id=chat, message_id=message or "-")
    user_folder, chat_folder = folder_names(ids)
    rows = [
        row_of(path, status)
        for path, status in find_archives(place.directory)
        if (not user or path.parent.parent.name == user_folder)
        and (not chat or path.parent.name == chat_folder)
        and (not message or is_of(path, safe_name(message)))
    ]
    if not rows:
        click.echo(f"no such archive in {clean(place.directory)}", err=True)
        sys.exit(1)
    _print_rows(rows, as_json=as_json)


@command.command("open")
@click.argument("archives", nargs=-1, required=True)
@_folder_options
@_key_options
@json_option
@click.option("--jsonl", "as_jsonl", is_flag=True, help="The records as JSON; also --json.")
@click.option("--meta", "only_meta", is_flag=True, help="What the archive says of itself.")
@click.option("-o", "--output", metavar="FOLDER", help="Write the members into a folder.")
def open_(
    archives: tuple[str, ...], home: str | None, config_path: str | None, directory: str | None,
    password_file: str | None, identity: str | None, as_json: bool, as_jsonl: bool,
    only_meta: bool, output: str | None,
) -> None:  # fmt: skip
    """Print what is in archives, once all of it was checked.

    ARCHIVES are paths, or ids of messages.
    """
    from steno.archives.extracting import extract
    from steno.archives.reading import open_archive  # which loads the compressors

    place = _Place(home, config_path, directory)
    paths = place.find(archives)
    keys = place.keys(password_file, identity, map(kind_of, paths))
    as_json = as_json or as_jsonl
    for path in paths:
        try:
            with open_archive(path, keys) as archive:
                archive.verify()
                if output is not None:
                    folder = Path(output, path.name) if len(paths) > 1 else Path(output)
                    for written in extract(archive, folder):
                        click.echo(f"written: {clean(written)}", err=True)
                    continue
                if len(paths) > 1:
                    # Only logs have comments: JSON is to stay clean.
                    click.echo(f"# {clean(path)}", err=as_json or only_meta)
                if only_meta:
                    _print_meta(archive, as_json=as_json)
                else:
                    _print_records(archive, as_json=as_json)
        except ArchiveError as error:
            told = f"{path}: {error.message}"
            raise ArchiveError(told, hint=error.hint, reason=error.reason) from error


def _print_meta(archive: OpenArchive, *, as_json: bool) -> None:
    if as_json:
        print_line(archive.meta_bytes.replace(b"\n", b" "))
    else:
        text = archive.meta_bytes.decode("utf-8", "replace").rstrip("\n")
        click.echo(clean(text, lines=True))


def _print_records(archive: OpenArchive, *, as_json: bool) -> None:
    if as_json:
        lines = archive.lines()
        if not archive.is_batches and "logs.jsonl" not in archive.names:
            raise ArchiveError("the archive holds text alone", hint="leave out --jsonl")
        for line in lines:
            print_line(line)
        return
    for text in archive.texts():
        click.echo(clean(text.decode("utf-8", "replace"), lines=True), nl=False)


@command.command("verify")
@click.argument("archives", nargs=-1)
@_folder_options
@_key_options
@json_option
def verify(
    archives: tuple[str, ...], home: str | None, config_path: str | None, directory: str | None,
    password_file: str | None, identity: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Read archives whole and check them; exit code 1 where one is not what was sealed.

    Without ARCHIVES, all of them. A line for each says ok, or what is wrong: password, truncated,
    tampered, foreign, missing, other.
    """
    from steno.archives.checking import check, failure  # which loads the compressors

    place = _Place(home, config_path, directory)
    found: list[tuple[Path, ArchiveError | None]] = []
    if not archives:
        found = [(path, None) for path in place.find(())]
    for name in archives:
        try:
            found += [(path, None) for path in place.find((name,))]
        except ArchiveError as error:
            found.append((Path(name), error))
    kinds = [kind_of(path) for path, problem in found if not problem]
    keys = place.keys(password_file, identity, kinds)
    failed = 0
    for path, problem in found:
        row = {"path": str(path), **(failure(problem) if problem else check(path, keys))}
        failed += row["result"] != "ok"
        if as_json:
            print_json([row])
        else:
            told = f": {row['message']}" if row["message"] else ""
            click.echo(f"{row['result']:9}  {clean(path)}{clean(told)}")
    if not found:
        click.echo(f"no archives in {clean(place.directory)}", err=True)
    if failed:
        sys.exit(1)


@command.command("rekey")
@click.argument("archives", nargs=-1)
@_folder_options
@_key_options
@click.option("--new-password-file", metavar="FILE", help="A file with the new password.")
@click.option("--new-recipient", "recipients", multiple=True, metavar="KEY",
              help="An age public key to seal to instead; may be given several times.")  # fmt: skip
def rekey(
    archives: tuple[str, ...], home: str | None, config_path: str | None, directory: str | None,
    password_file: str | None, identity: str | None, new_password_file: str | None,
    recipients: tuple[str, ...],
) -> None:  # fmt: skip
    """Seal archives anew: for another password, or to age public keys.

    Without ARCHIVES, all of them, and what dead processes left under the old password. One that
    can't be opened stays as it is, and the exit code is 1.
    """
    from steno.archives.rekeying import is_done  # which loads the compressors
    from steno.archives.rekeying import rekey as seal_anew

    place = _Place(home, config_path, directory)
    packing = _new_packing(place, new_password_file, recipients)
    paths = place.find(archives)
    keys = place.keys(password_file, identity, map(kind_of, paths))
    if not archives and keys.password:
        _recover(place, keys, ())  # while somebody knows the old password
        paths = place.find(())
    show = progress_line("sealing archive")
    failed = already = 0
    for done, path in enumerate(paths, 1):
        try:
            seal_anew(place.directory, path_below(place.directory, path), keys, packing)
        except (ArchiveError, OSError) as error:
            if getattr(error, "reason", "") == "password" and is_done(path, packing):
                already += 1  # by a round that was cut short
            else:
                failed += 1
                told = error.message if isinstance(error, ArchiveError) else str(error)
                click.echo(f"{clean(path)} stays as it is: {clean(told)}", err=True)
        if show:
            show(done, len(paths))
    told = f", {already} had the new password already" if already else ""
    click.echo(f"{len(paths) - failed - already} of {len(paths)} archives were sealed anew{told}")
    if failed:
        sys.exit(1)


def _new_packing(place: _Place, password_file: str | None, recipients: tuple[str, ...]) -> Packing:
    from steno.archives.ciphers import parse_recipients  # which loads age
    from steno.archives.packing import Packing  # which loads the compressors

    password = None
    if recipients and password_file is not None:
        raise click.UsageError("give --new-password-file or --new-recipient, not both")
    if recipients:
        parse_recipients(recipients)
    elif password_file is not None:
        password = read_password(password_file, "--new-password-file")
    elif sys.stdin.isatty():
        password = click.prompt("new password", hide_input=True, confirmation_prompt=True, err=True)
        if not clean_password(password):
            raise click.UsageError("the new password is empty")
    else:
        raise click.UsageError("give --new-password-file or --new-recipient")
    config = place.config
    return Packing(password, recipients, config.compression, config.compresslevel)


@command.command("seal")
@_folder_options
@_password_option
@json_option
def seal(
    home: str | None, config_path: str | None, directory: str | None, password_file: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Seal what killed processes left, which else the next start of the program does.

    Prints the archives. What can't be opened stays as it is, and the exit code is 1.
    """
    from steno.archives.orphans import count_spools  # which loads the compressors

    place = _Place(home, config_path, directory)
    if not count_spools(place.directory):
        click.echo(f"nothing to seal in {clean(place.directory)}", err=True)
        return
    recipients = place.config.recipients
    keys = place.keys(password_file, None, () if recipients else (ZIP,))
    sealed, left = _recover(place, keys, recipients)
    if sealed:
        _print_rows([row_of(path, path.stat()) for path in sealed], as_json=as_json)
    running = count_spools(place.directory) - left
    if running > 0:
        click.echo(f"{running} request(s) are still running", err=True)
    if left:
        sys.exit(1)


def _recover(place: _Place, keys: Keys, recipients: tuple[str, ...]) -> tuple[list[Path], int]:
    """Seal what dead processes left: the archives, and how many requests could not be opened."""
    from msgspec.structs import replace

    from steno.archives.archivist import Archivist  # which loads the compressors

    archivist = Archivist(
        replace(
            ArchiveSettings.from_config(place.config),
            enabled=True, directory=place.directory, password=keys.password, recipients=recipients,
        )
    )  # fmt: skip
    if not keys.password and not archivist.settings.recipients:
        raise ArchiveError("a password is needed", hint="--password-file names it")
    problem = archivist.find_problem()
    if problem:
        raise ArchiveError(f"nothing can be sealed: {problem}")
    left = []

    def tell(name: str, why: str) -> None:
        left.append(name)
        click.echo(f"not sealed: {clean(name)}: {clean(why)}", err=True)

    return list(dict.fromkeys(archivist.recover(tell))), len(left)
