"""The words around what was found.

Strategy: the database of words has no texts, only where they stand. So the line is read from its
transcript again, its text is put into a database in memory that splits words in the same way, and
that one is asked for the words around the match. This is done for the rows that are shown, and for
no others.
"""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

from steno.errors import TranscriptError
from steno.events.codec import decode_line
from steno.events.salvage import clean_text
from steno.query.compiling import match_expression
from steno.query.filter.model import And, Filter, Or, Text
from steno.query.found import Snippet
from steno.query.index import explain_errors
from steno.query.search import SHIFT
from steno.query.texts import PARTS, rejoin, separate, texts_of
from steno.storage.compressed import open_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BEGIN, _END, _WORDS = "\x02", "\x03", 24
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f]")
_LINE = 64 * 1024 * 1024
"""Bytes of a line that are read for a snippet at most."""


def wanted_texts(tree: Filter) -> list[Text]:
    """List the texts that a filter demands; what must not be there is none of them."""
    if isinstance(tree, Text):
        return [tree]
    if isinstance(tree, And | Or):
        return [text for term in tree.terms for text in wanted_texts(term)]
    return []


class Snippets:
    """Gives the words around matches."""

    def __init__(self, connection: sqlite3.Connection, sessions: Path, tree: Filter) -> None:
        """Prepare to look for the texts of a filter.

        Args:
            connection: To the index, with the database of words attached as ``search``.
            sessions: The folder of transcripts.
            tree: The filter; it must ask for some text.
        """
        self._connection = connection
        self._sessions = sessions
        self._match = " OR ".join(match_expression(text) for text in wanted_texts(tree))
        self._memory = sqlite3.connect(":memory:", isolation_level=None)
        self._memory.execute(
            "CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='unicode61 remove_diacritics 2')"
        )

    def close(self) -> None:
        """Let the memory go."""
        self._memory.close()

    def find(self, session_id: str, request_id: str | None = None) -> Snippet | None:
        """Find the words around the first match in a request, or in a session.

        Returns:
            None where there is none, or where the transcript can't be read any more.
        """
        for path, offset, part in self._origins(session_id, request_id):
            text = self._read(path, offset, part)
            snippet = self._cut(part, text) if text else None
            if snippet is not None:
                return snippet
        return None

    def _origins(self, session_id: str, request_id: str | None) -> Iterator[tuple[Path, int, str]]:
        """Yield where texts that match stand: one for each place."""
        also, values = ("", ()) if request_id is None else (" AND p.request_id = ?", (request_id,))
        with explain_errors():
            places = self._connection.execute(
                "SELECT p.id, t.day, t.name FROM search.places p JOIN search.transcripts t "  # noqa: S608 - our names
                f"ON t.id = p.transcript WHERE p.session_id = ?{also} ORDER BY p.id",
                (session_id, *values),
            ).fetchall()
            for place, day, name in places:
                row = self._connection.execute(
                    "SELECT o.offset, o.part FROM search.texts t JOIN search.origins o "
                    "ON o.id = t.rowid WHERE texts MATCH ? AND t.rowid BETWEEN ? AND ? "
                    "ORDER BY t.rowid LIMIT 1",
                    (self._match, place << SHIFT, ((place + 1) << SHIFT) - 1),
                ).fetchone()
                if row is not None and row[1] < len(PARTS):
                    yield self._sessions / day / name, row[0], PARTS[row[1]]

    def _read(self, path: Path, offset: int, part: str) -> str | None:
        try:
            with open_text(path) as file:
                file.seek(offset)
                event = decode_line(file.readline(_LINE).rstrip(b"\n"), lossless=False)
        except (OSError, TranscriptError):
            return None  # pruned or damaged since; the search itself says what can't be read
        return next((piece.text for piece in texts_of(event) if piece.part == part), None)

    def _cut(self, part: str, text: str) -> Snippet | None:
        run = self._memory.execute
        run("DELETE FROM texts")
        plain = _CONTROLS.sub(" ", clean_text(text))
        run("INSERT INTO texts (text) VALUES (?)", (separate(plain),))
        row = run(
            "SELECT snippet(texts, 0, ?, ?, '...', ?) FROM texts WHERE texts MATCH ?",
            (_BEGIN, _END, _WORDS, self._match),
        ).fetchone()
        if row is None:
            return None
        shown, begin = "", 0
        marks: list[tuple[int, int]] = []
        for piece in re.split(f"([{_BEGIN}{_END}])", rejoin(row[0])):
            if piece == _BEGIN:
                begin = len(shown)
            elif piece == _END:
                marks.append((begin, len(shown)))
            else:
                shown += piece
        return Snippet(part, shown, tuple(marks))
