"""``steno archive``: find, open, verify and seal anew what was archived."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from steno.archives.identifiers import ArchiveIds
from steno.archives.layout import AGE, ZIP, find_archives, folder_names
from steno.archives.settings import ArchiveSettings
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
      steno archive find --user 714affbb --message 2e5b92d9
      steno archive open 2e5b92d9 --password-file secret.txt
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
            password = _first_line(password_file)
        if not password and identity is None and ZIP in kinds and sys.stdin.isatty():
            password = click.prompt("password", hide_input=True, err=True)
        identities = ()
        if identity is not None:
            identities = tuple(parse_identities(Path(identity).read_text(encoding="utf-8")))
        return Keys((password or "").strip() or None, identities)

    def find(self, names: tuple[str, ...]) -> list[Path]:
        """Find archives by their paths or the ids of their messages; all, where none is named."""
        if not names:
            return [path for path, _ in find_archives(self.directory)]
        found: list[Path] = []
        for name in names:
            if os.path.lexists(name) and not os.path.isdir(name):
                found.append(Path(name))
                continue
            wanted = [
                path
                for path, _ in find_archives(self.directory)
                if _is_of(path, safe_name(name))
            ]  # fmt: skip
            if not wanted:
                raise ArchiveError(
                    f"there is no archive of {name!r} in {self.directory}",
                    hint="`steno archive ls` lists what is there",
                    reason="missing",
                )
            found += wanted
        return found


def _first_line(path: str) -> str:
    text = Path(path).read_text(encoding="utf-8").split("\n", 1)[0].strip()
    if not text:
        raise ArchiveError(f"{path} holds no password", reason="password")
    return text


def _is_of(path: Path, stem: str) -> bool:
    return path.name.startswith(f"{stem}.")


def _kind(path: Path) -> str:
    return AGE if path.name.endswith(AGE) else ZIP


def _row(path: Path, status: os.stat_result) -> dict[str, Any]:
    changed = datetime.fromtimestamp(status.st_mtime, UTC)
    return {
        "path": str(path),
        "user": path.parent.parent.name,
        "chat": path.parent.name,
        "archive": path.name,
        "sealed_with": "age" if _kind(path) == AGE else "password",
        "bytes": status.st_size,
        "changed_at": changed.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


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
    place = _Place(home, config_path, directory)
    rows = [_row(path, status) for path, status in find_archives(place.directory)]
    if rows or as_json:
        _print_rows(rows, as_json=as_json)
    else:
        click.echo(f"no archives in {clean(place.directory)}", err=True)


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
        _row(path, status)
        for path, status in find_archives(place.directory)
        if (not user or path.parent.parent.name == user_folder)
        and (not chat or path.parent.name == chat_folder)
        and (not message or _is_of(path, safe_name(message)))
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
    keys = place.keys(password_file, identity, map(_kind, paths))
    for path in paths:
        with open_archive(path, keys) as archive:
            archive.verify()
            if output is not None:
                folder = Path(output, path.name) if len(paths) > 1 else Path(output)
                for written in extract(archive, folder):
                    click.echo(f"written: {clean(written)}", err=True)
            elif only_meta:
                text = archive.meta_bytes.decode("utf-8", "replace").rstrip("\n")
                if as_json:
                    print_line(archive.meta_bytes.replace(b"\n", b" "))
                else:
                    click.echo(clean(text, lines=True))
            else:
                _print_records(archive, as_json=as_json or as_jsonl)


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
    tampered, foreign.
    """
    from steno.archives.reading import open_archive  # which loads the compressors

    place = _Place(home, config_path, directory)
    paths = place.find(archives)
    keys = place.keys(password_file, identity, map(_kind, paths))
    failed = 0
    for path in paths:
        row: dict[str, Any] = {"path": str(path), "result": "ok", "message": ""}
        try:
            with open_archive(path, keys) as archive:
                archive.verify()
                meta = archive.meta
                row |= {"status": meta.status, "complete": meta.complete}
                row |= {"records": meta.records, "dropped": meta.dropped}
        except ArchiveError as error:
            failed += 1
            row |= {"result": error.reason, "message": error.message}
        if as_json:
            print_json([row])
        else:
            told = f": {row['message']}" if row["message"] else ""
            click.echo(f"{row['result']:9}  {clean(path)}{clean(told)}")
    if not paths:
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
    from steno.archives.rekeying import rekey as seal_anew  # which loads the compressors

    place = _Place(home, config_path, directory)
    packing = _new_packing(place, new_password_file, recipients)
    paths = place.find(archives)
    keys = place.keys(password_file, identity, map(_kind, paths))
    if not archives:
        _recover(place, keys)
        paths = place.find(())
    show = progress_line("sealing archive")
    failed = 0
    for done, path in enumerate(paths, 1):
        try:
            seal_anew(place.directory, _inside(place.directory, path), keys, packing)
        except (ArchiveError, OSError) as error:
            failed += 1
            reason = error.message if isinstance(error, ArchiveError) else str(error)
            click.echo(f"{clean(path)} stays as it is: {clean(reason)}", err=True)
        if show:
            show(done, len(paths))
    click.echo(f"{len(paths) - failed} of {len(paths)} archives were sealed anew")
    if failed:
        sys.exit(1)


def _new_packing(place: _Place, password_file: str | None, recipients: tuple[str, ...]) -> Packing:
    from steno.archives.ciphers import parse_recipients  # which loads age
    from steno.archives.packing import Packing  # which loads the compressors

    password = None
    if recipients:
        parse_recipients(recipients)
    elif password_file is not None:
        password = _first_line(password_file)
    elif sys.stdin.isatty():
        password = click.prompt("new password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise click.UsageError("give --new-password-file or --new-recipient")
    config = place.config
    return Packing(password, recipients, config.compression, config.compresslevel)


def _inside(directory: Path, path: Path) -> Path:
    """Name an archive by the folder of all, under which it is looked for without links."""
    try:
        return directory / path.absolute().relative_to(directory.absolute())
    except ValueError as error:
        raise ArchiveError(f"{path} is not in {directory}", hint="--dir names the folder") from (
            error
        )


def _recover(place: _Place, keys: Keys) -> None:
    """Seal what dead processes left under the old password, while somebody knows it."""
    import time

    from steno.archives.finishing import Finisher  # which loads the compressors

    if keys.password:
        settings = ArchiveSettings.from_config(place.config)
        values = {"directory": place.directory, "password": keys.password, "recipients": ()}
        Finisher(_changed(settings, values), time.time).recover()


def _changed(settings: ArchiveSettings, values: dict[str, Any]) -> ArchiveSettings:
    import msgspec

    return ArchiveSettings(**{**msgspec.structs.asdict(settings), **values})
