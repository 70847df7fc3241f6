"""The headers of all transcripts of a day, as fast as they can be read.

Strategy: one read for each file, of the first few kilobytes; only where no header stands there is
a transcript searched for a copy of it. A file that can't be read, or that nothing names, is in the
list like any other, with what is wrong with it: it must hide neither itself nor the others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from steno.errors import TranscriptError
from steno.storage.compressed import PACKED, plain_name
from steno.transcripts.finding import list_day
from steno.transcripts.reader import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.events.header import Header


class Listed(NamedTuple):
    """One transcript.

    Attributes:
        path: The file, in the form in which it is there.
        header: Whose it is; None where nothing tells.
        damage: Why it can't be read; None where it can.
    """

    path: str
    header: Header | None
    damage: str | None = None


def list_headers(sessions: Path, day: str) -> Iterator[Listed]:
    """Yield the transcripts of one day, in the order of their names.

    Args:
        sessions: The folder of transcripts.
        day: The name of the day's folder, one of `find_days`.
    """
    folder = os.path.join(sessions, day, "")
    for name in list_day(sessions, day):
        path = folder + name
        try:
            listed = Listed(path, read_header(path))
        except TranscriptError as error:
            plain = plain_name(path)
            if not os.path.lexists(plain) and not os.path.lexists(plain + PACKED):
                continue  # deleted since the folder was listed
            listed = Listed(path, None, error.message)
        yield listed
