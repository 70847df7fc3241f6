"""``steno release``: let a hold go."""

from __future__ import annotations

import click

from steno.cli.hold import as_row, check_ids
from steno.cli.options import json_option, place_options, read_config
from steno.cli.output import clean, print_json
from steno.errors import IdentityError
from steno.storage.holds import Hold, Holds
from steno.storage.home import find_home
from steno.transcripts.finding import resolve_session
from steno.transcripts.reader import read_header


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
        name = Hold(user_id=user, chats={chat: (message,) if message else ()}).name
        found = [hold for hold in placed if hold.session_id is None and hold.name == name]
        said = f"the archives of user {user}, chat {chat}"
    else:
        # Its transcript may be gone all the same, so the holds themselves are asked first.
        ids = [hold for hold in placed if hold.session_id is not None]
        found = [hold for hold in ids if hold.session_id == session]
        found = found or [hold for hold in ids if str(hold.session_id).startswith(session)]
        if not found:
            header = read_header(resolve_session(config.jsonl.directory, session))
            found = [hold for hold in ids if header and hold.session_id == header.session_id]
        said = f"session {session}"
    if len(found) != 1:
        raise IdentityError(
            f"{len(found) or 'no'} hold(s) on {said}", hint="`steno hold --list` lists all holds"
        )
    holds.release(found)
    if as_json:
        print_json([as_row(hold) for hold in found])
    else:
        click.echo(f"released: {clean(found[0].describe())}")
