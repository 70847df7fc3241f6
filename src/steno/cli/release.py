"""``steno release``: let a hold go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from steno.cli.hold import as_row, check_ids
from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import clean, print_json
from steno.errors import IdentityError, StenoError
from steno.storage.holds import Hold, Holds
from steno.storage.home import find_home
from steno.transcripts.finding import LATEST, resolve_session
from steno.transcripts.reader import read_header

if TYPE_CHECKING:
    from pathlib import Path


@click.command("release")
@click.argument("session", required=False)
@place_options
@json_option
@click.option("--user", metavar="ID", help="The user of held archives, with --chat.")
@click.option("--chat", metavar="ID", help="Their chat.")
@click.option("--message", metavar="ID", help="Their message, if one was held alone.")
def command(
    session: str | None,
    home: str | None,
    config_path: str | None,
    as_json: bool,
    user: str | None,
    chat: str | None,
    message: str | None,
) -> None:
    """Let a hold go: what it kept goes its way with the next round.

    \b
    Examples:
      steno release 2k7p213k
      steno release --user u1 --chat c1 --message m1
    """
    config = read_config(home, config_path)
    holds = Holds(find_home(config.home).holds)
    placed = holds.read()
    if session is None:
        check_ids(user, chat)
        assert chat is not None
        if message == "":
            raise click.UsageError("--message is empty, and would mean the whole chat")
        name = Hold(user_id=user, chats={chat: (message,) if message else ()}).name
        found = [hold for hold in placed if hold.session_id is None and hold.name == name]
        said = f"the archives of user {user}, chat {chat}"
    else:
        # Its transcript may be gone all the same, so the holds themselves are asked first.
        found = _find(placed, session, config.jsonl.directory)
        said = f"session {session}"
    # Several may say the same, where one was written by hand: they go together.
    found = list({hold.name: hold for hold in found}.values())
    if len(found) != 1:
        raise IdentityError(
            f"{len(found) or 'no'} hold(s) on {said}", hint="`steno hold --list` lists all holds"
        )
    holds.release(found)
    if as_json:
        print_json([as_row(hold) for hold in found])
    else:
        click.echo(f"released: {clean(found[0].describe())}")


def _find(placed: list[Hold], session: str, sessions: Path) -> list[Hold]:
    """Find the holds on the session that is meant; one of another session is never taken for it."""
    ids = {hold.name: hold for hold in placed if hold.session_id is not None}.values()
    exact = [hold for hold in ids if hold.session_id == session]
    if exact or not session:
        return exact
    try:
        header = read_header(resolve_session(sessions, session))
    except StenoError:
        header = None
    meant = None if header is None else header.session_id
    if session not in {meant, LATEST}:
        begun = [hold for hold in ids if str(hold.session_id).startswith(session)]
        if begun:
            return begun
    return [hold for hold in ids if hold.session_id == meant]
