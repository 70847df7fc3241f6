"""Short ids for incidents, such as ``INC-7F3K``: easy to say, and no two alike.

Strategy: an id is reserved by making the session's folder, which one alone can do, in whatever
process or thread. Four characters give a million ids; when more than one in 64 of them are taken,
new ones are a character longer, and so they are after a few that were taken by chance: finding a
free one never takes many attempts, and never goes on for ever.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from steno.errors import IdentityError
from steno.identity import random_letters, safe_name
from steno.recording.incidents.transcripts import find_transcripts
from steno.storage.files import FOLDER_MODE, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steno.storage.home import Home

SHORTEST = 4
LONGEST = 16
_ATTEMPTS = 8
_SHARE = 64
_LETTERS = 32
_PREFIX = re.compile(r"[A-Za-z0-9]{1,16}\Z")


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that could not stand in an id.

    Raises:
        IdentityError: It has other characters than letters and digits, none, or more than 16.
    """
    if not isinstance(prefix, str) or not _PREFIX.match(prefix):
        raise IdentityError(
            f"{prefix!r} can't be the prefix of an id",
            hint="allowed: 1 to 16 letters and digits, such as INC",
        )


def reserve_id(home: Home, prefix: str) -> str:
    """Draw an id that no session has, and make its folder.

    Args:
        home: The home.
        prefix: What the id begins with.

    Raises:
        IdentityError: The prefix can't be used, or no id is free.
        OSError: The folder can't be made.
    """
    check_prefix(prefix)
    make_folder(home.artefacts)
    length = choose_length(os.listdir(home.artefacts), prefix)
    while length <= LONGEST:
        for _ in range(_ATTEMPTS):
            session_id = f"{prefix}-{random_letters(length).upper()}"
            if find_transcripts(home.sessions, session_id):
                # Ids of ordinary sessions are chosen by programs, too.
                continue
            try:
                os.mkdir(home.artefacts / safe_name(session_id), FOLDER_MODE)
            except FileExistsError:
                continue
            return session_id
        length += 1
    raise IdentityError(
        f"no free id with the prefix {prefix} was found in {home.artefacts}",
        hint="choose another prefix",
    )


def choose_length(names: Iterable[str], prefix: str) -> int:
    """Tell how many characters a new id needs, given the names of the folders that there are."""
    counts: dict[int, int] = {}
    begin = f"{prefix}-"
    for name in names:
        if name.startswith(begin):
            size = len(name) - len(begin)
            counts[size] = counts.get(size, 0) + 1
    length = SHORTEST
    while length < LONGEST and counts.get(length, 0) * _SHARE > _LETTERS**length:
        length += 1
    return length
