"""All transcripts of one session key, in the order in which the conversation went.

Strategy: headers tell the key and the predecessor, and the last event of a rotated transcript
tells the successor, so that a link holds while either end of it can be read; no index is asked.
A transcript comes after the one that it goes on from, and otherwise in the order of time: what
began under one key independently, or goes on from one session twice, is mixed as it happened.
Links may come from anywhere: those that lead in a circle, or nowhere, bind nobody.
"""

from __future__ import annotations

import heapq
import os
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from steno.errors import TranscriptError
from steno.events.codec import decode_line
from steno.events.header import Header, make_header
from steno.events.model import Rotated
from steno.identity import safe_name
from steno.session_keys import agent_of
from steno.storage.compressed import open_text
from steno.storage.lines import read_lines
from steno.transcripts.finding import find_transcripts, name_of
from steno.transcripts.following import find_tail
from steno.transcripts.reader import Damage, read_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LAST = 1024
"""Lines at the end of a transcript among which its successor is looked for; what was open when it
was rotated ends behind that."""

_ROTATED_MARK = b'{"type":"rotated"'


class Part(Struct, frozen=True):
    """One transcript of a conversation.

    Attributes:
        path: The transcript.
        header: Whose it is; None where nothing tells.
        forks: Ids of all the sessions that go on from the same one as this, where there are
            several; in the order of time, this one among them.
    """

    path: Path
    header: Header | None
    forks: tuple[str, ...] = ()


def find_conversation(sessions: Path, key: str, damage: list[Damage]) -> list[Part]:
    """Find the transcripts of a session key, in order.

    Args:
        sessions: The folder of transcripts.
        key: The session key, as the headers have it.
        damage: Takes what can't be read, and may therefore be missing.
    """
    headers: dict[Path, Header] = {}
    others: dict[str, tuple[Path, Header | None]] = {}
    for path in find_transcripts(sessions):
        try:
            header = read_header(path)
        except TranscriptError as error:
            damage.append(Damage(os.fspath(path), 0, 0, error.message))
            continue
        if header is not None and header.session_key == key:
            headers[path] = header
        elif header is None or header.session_key is None:
            # Without a header, or with one that was made when nothing was known: the transcript
            # that it goes on from may name it.
            others[name_of(path)] = (path, header)
    if others:
        _add_named(headers, others, key, damage)
    return _order(headers)


def _add_named(
    headers: dict[Path, Header],
    others: dict[str, tuple[Path, Header | None]],
    key: str,
    damage: list[Damage],
) -> None:
    """Add the transcripts without a key that are named as successors."""
    # Most are named by the header of their successor, and need not be opened for it.
    known = {header.previous for header in headers.values()}
    waiting = [path for path, header in headers.items() if header.session_id not in known]
    while waiting:
        path = waiting.pop()
        for rotated in _find_rotated(path, damage):
            successor, header = others.pop(safe_name(rotated.successor), (None, None))
            if successor is None:
                continue
            link = {"previous": headers[path].session_id, "reason": rotated.reason}
            if header is None:
                header = make_header(rotated.successor, rotated.timestamp, session_key=key, **link)
            else:
                agent = header.agent_id or agent_of(key)
                header = structs.replace(header, session_key=key, agent_id=agent, **link)
            headers[successor] = header
            waiting.append(successor)


def _find_rotated(path: Path, damage: list[Damage]) -> Iterator[Rotated]:
    """Yield the events by which a transcript names its successors; they are among its last."""
    try:
        with open_text(path) as file:
            begin = find_tail(path, _LAST)
            for line in read_lines(file, begin):
                if not line.data.startswith(_ROTATED_MARK):
                    continue
                try:
                    event = decode_line(line.data, lossless=False)
                except TranscriptError as error:
                    damage.append(
                        Damage(os.fspath(path), line.offset, len(line.data), error.message)
                    )
                    continue
                if isinstance(event, Rotated):
                    yield event
    except (OSError, TranscriptError) as error:
        damage.append(Damage(os.fspath(path), 0, 0, f"cannot be read: {error}"))


def _order(headers: dict[Path, Header]) -> list[Part]:
    """Bring transcripts into order: behind what they go on from, else by time."""
    ranks = {
        path: (_time(header), header.session_id, str(path)) for path, header in headers.items()
    }
    known = {header.session_id for header in headers.values()}
    followers: dict[str, list[Path]] = {}
    free: list[tuple[tuple[float, str, str], Path]] = []
    for path, header in headers.items():
        previous = header.previous
        if previous is not None and previous in known and previous != header.session_id:
            followers.setdefault(previous, []).append(path)
        else:
            free.append((ranks[path], path))
    heapq.heapify(free)
    forks = {
        path: tuple(headers[each].session_id for each in _by(ranks, paths))
        for paths in followers.values()
        if len(paths) > 1
        for path in paths
    }
    parts: list[Part] = []
    done: set[Path] = set()
    rest = iter(_by(ranks, headers))
    while len(done) < len(headers):
        if not free:
            # Only circles are left: the earliest of them begins.
            free.append(next((ranks[path], path) for path in rest if path not in done))
        _, path = heapq.heappop(free)
        if path in done:
            continue
        done.add(path)
        parts.append(Part(path, headers[path], forks.get(path, ())))
        for follower in followers.pop(headers[path].session_id, ()):
            heapq.heappush(free, (ranks[follower], follower))
    return parts


def _by(ranks: dict[Path, tuple[float, str, str]], paths: Iterable[Path]) -> Sequence[Path]:
    return sorted(paths, key=ranks.__getitem__)


def _time(header: Header) -> float:
    stamp = header.timestamp
    try:
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):  # within a day of the first or the last year
        return 0.0
