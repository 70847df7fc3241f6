"""``steno hold``: keep a session or archives, whatever the settings say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
import msgspec

from steno.archives.identifiers import ArchiveIds
from steno.archives.layout import find_archives, folder_names, stem_of
from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import clean, print_json, print_table
from steno.errors import IdentityError
from steno.identity import safe_name
from steno.retention.covering import collect_ids
from steno.storage.compressed import PACKED, plain_name
from steno.storage.holds import Hold, Holds
from steno.storage.home import find_home
from steno.transcripts.finding import find_days, resolve_session
from steno.transcripts.reader import read_header

if TYPE_CHECKING:
    from steno.config import Config


@click.command("hold")
@click.argument("session", required=False)
@place_options
@json_option
@click.option("--user", metavar="ID", help="Hold archives of this user, with --chat.")
@click.option("--chat", metavar="ID", help="Hold archives of this chat.")
@click.option("--message", metavar="ID", help="Hold those of one message alone.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for those who see it later.")
@click.option("--list", "as_list", is_flag=True, help="List what is held.")
def command(
    session: str | None,
    home: str | None,
    config_path: str | None,
    as_json: bool,
    user: str | None,
    chat: str | None,
    message: str | None,
    reason: str,
    as_list: bool,
) -> None:
    """Keep a session, or archives, whatever the settings say.

    Of a session, its transcript, its artefacts and the archives of the chats and messages that the
    transcript names are kept, until `steno release`.

    \b
    Examples:
      steno hold latest --reason "case 4711"
      steno hold --user u1 --chat c1 --message m1
      steno hold --list
    """
    config = read_config(home, config_path)
    holds = Holds(find_home(config.home).holds)
    if as_list:
        _print_list(holds.read(), as_json=as_json)
        return
    wanted = _wanted(config, session, user, chat, message, reason)
    new = holds.place(wanted)
    if session is not None and not _is_there(config, session, wanted):
        holds.release([wanted] if new else [])
        raise IdentityError(
            f"the transcript of {wanted.session_id} went while it was being held",
            hint="a round of retention was faster; nothing is held",
        )
    if as_json:
        print_json([as_row(wanted)])
        return
    click.echo(f"{'held' if new else 'held already, written anew'}: {clean(wanted.describe())}")
    if session is None and not _has_archives(config, wanted):
        click.echo(
            f"note: no such archive is in {clean(str(config.archive.directory))} now; ids count "
            "whole, and SESSION_LOG_DIR names another folder",
            err=True,
        )
    if wanted.session_id is not None:
        archives = ", ".join(clean(each) for each in wanted.chats) or "none, it names no chat"
        click.echo(f"with the archives of its chats: {archives}")


def _is_there(config: Config, session: str, hold: Hold) -> bool:
    """Tell whether what was just held had not gone before: from now on it stays."""
    if _find_sealed(config, str(hold.session_id)) == hold.session_id:
        return True
    if session.endswith((".jsonl", PACKED)):
        return any(os.path.lexists(f"{plain_name(session)}{form}") for form in ("", PACKED))
    name = f"{safe_name(str(hold.session_id))}.jsonl"
    sessions = config.jsonl.directory
    return any(
        os.path.lexists(sessions / day / f"{name}{form}")
        for day in find_days(sessions)
        for form in (PACKED, "")
    )


def _has_archives(config: Config, hold: Hold) -> bool:
    """Tell whether a hold on archives covers any that is there."""
    ids = [
        ArchiveIds(user_id=hold.user_id or "", chat_id=chat, message_id=message)
        for chat, messages in hold.chats.items()
        for message in messages or ("any",)
    ]
    for each, chat in zip(ids, hold.chats, strict=False):
        folder = config.archive.directory.joinpath(*folder_names(each))
        stem = f"{stem_of(each)}." if hold.chats[chat] else ""
        if any(path.name.startswith(stem) for path, _ in find_archives(folder)):
            return True
    return False


def _wanted(
    config: Config,
    session: str | None,
    user: str | None,
    chat: str | None,
    message: str | None,
    reason: str,
) -> Hold:
    if session is None:
        check_ids(user, chat)
        assert chat is not None
        return Hold(user_id=user, chats={chat: (message,) if message else ()}, reason=reason)
    if user or chat or message:
        raise click.UsageError("either a SESSION, or --user and --chat")
    try:
        path = resolve_session(config.jsonl.directory, session)
    except IdentityError:
        incident = _find_sealed(config, session)
        if incident is None:
            raise
        return Hold(session_id=incident, reason=reason)
    header = read_header(path)
    if header is None:
        raise IdentityError(f"{path} has no header, so nobody knows whose it is")
    user_id, chats = collect_ids(path)
    return Hold(
        session_id=header.session_id,
        user_id=user_id,
        chats=chats if user_id is not None else {},
        reason=reason,
    )


def _find_sealed(config: Config, session: str) -> str | None:
    """Tell the id of a sealed incident, which has no transcript among the others."""
    # Most of what is held is no incident, and does without these.
    from steno.cli.incident_files import resolve_incident
    from steno.recording.incidents.folder import find_folder

    home = find_home(config.home)
    try:
        _, facts = find_folder(home, resolve_incident(home, session))
    except IdentityError:
        return None
    return facts.id if facts.sealed else None


def check_ids(user: str | None, chat: str | None) -> None:
    """Refuse what names neither a session nor archives."""
    if not user or not chat:
        raise click.UsageError("give a SESSION, or --user and --chat")


def as_row(hold: Hold) -> dict[str, Any]:
    """Write a hold as ``--json`` prints it."""
    row: dict[str, Any] = msgspec.to_builtins(hold)
    return row


def _print_list(holds: list[Hold], *, as_json: bool) -> None:
    if as_json:
        print_json([as_row(hold) for hold in holds])
        return
    if not holds:
        click.echo("nothing is held", err=True)
        return
    print_table(
        ("since", "what", "reason"),
        [(f"{hold.held_at:%Y-%m-%d %H:%M:%S}", hold.describe(), hold.reason) for hold in holds],
    )
