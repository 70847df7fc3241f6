"""``steno reindex``: make the index anew from the transcripts."""

from __future__ import annotations

import click

from steno.cli.options import json_option, place_options, places
from steno.cli.output import print_json, progress_line
from steno.query.reindex import reindex


@click.command("reindex")
@place_options
@json_option
def command(home: str | None, config_path: str | None, as_json: bool) -> int:
    """Make the index anew from the transcripts; recorders may go on meanwhile.

    Rows of sessions whose transcript is gone are removed. A damaged database is moved aside.

    \b
    Examples:
      steno reindex
      steno reindex --home /srv/steno --json
    """
    sessions, index = places(home, config_path)
    done = reindex(sessions, index, progress=progress_line("reading transcript"))
    if as_json:
        print_json([done])
    else:
        if done.moved_aside:
            click.echo(f"the damaged index was moved to {done.moved_aside}")
        click.echo(
            f"{done.transcripts} transcripts indexed, {done.failed} failed, "
            f"{done.removed} gone, in {index}"
        )
    return 1 if done.failed else 0
