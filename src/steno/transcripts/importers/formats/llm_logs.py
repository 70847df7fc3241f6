"""``llm`` of Simon Willison: its database ``logs.db``, in its older and its newer form.

Strategy: what ``llm logs`` shows is read, and once. The older tables (``conversations``,
``responses`` and what belongs to them) are history; the newer ones (``threads``, ``turns``,
``messages``, ``parts``) are addressed by content, so that threads share what they have in common. A
conversation has one id in both, and a response that is a turn too is left to the turn. Of a turn,
the messages are told that its thread has not told before: what stands before the last words of the
user and of tools was sent along, or is the thread's that this one was forked from.

Counts: those of Anthropic's models leave out what was read from the cache or written to it; those
of all others include it. Output includes reasoning.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import milliseconds
from steno.transcripts.importers.formats.llm_messages import (
    Chains,
    claim_of,
    finish_of,
    older_reply,
    tokens_of,
)
from steno.transcripts.importers.formats.verbatim import row_object
from steno.transcripts.importers.linked import Linked, columns
from steno.transcripts.importers.model import (
    Call,
    Conversation,
    Entry,
    Fact,
    Identity,
    Replied,
    Returned,
    Said,
)
from steno.transcripts.importers.times import read_time
from steno.wire.providers.reading import optional_text, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from steno.transcripts.importers.source import Probe, Source

_JSON = ("prompt_json", "options_json", "response_json", "token_details", "payload")
_RESPONSES = {"id", "model", "prompt", "response"}
_LOGS = {"id", "model", "prompt", "response", "datetime_utc"}
_TURNS = {"id", "thread_id", "model"}


class LlmLogs:
    """The format of llm, see `steno.transcripts.importers.source.Format`."""

    name = "llm"
    title = "llm"
    homes = (
        "$LLM_USER_PATH",
        "~/.config/io.datasette.llm",
        "~/Library/Application Support/io.datasette.llm",
    )

    def recognise(self, probe: Probe) -> float:
        """Tell by its tables how surely a path is a database of llm."""
        tables = probe.tables
        if tables.get("responses", frozenset()) >= _RESPONSES and "conversations" in tables:
            return 1.0
        if tables.get("turns", frozenset()) >= _TURNS and "threads" in tables:
            return 1.0
        old = tables.get("logs", frozenset()) >= _LOGS and "_llm_migrations" in tables
        return 0.95 if old else 0.0

    def takes_folder(self, probe: Probe) -> bool:  # noqa: ARG002 - the protocol's
        """Take no folder."""
        return False

    def neighbour(self, path: Path) -> str | None:
        """Name the files that llm keeps beside its database."""
        return _NEIGHBOURS.get(path.name)

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the conversations, in the order of their ids, which is that of time.

        Raises:
            sqlite3.Error: The database can't be read.
        """
        with source.database() as connection:
            yield from _Database(connection, source).conversations()


FORMAT = LlmLogs()

_NEIGHBOURS = {
    "keys.json": "credentials",
    "aliases.json": "names of models",
    "default_model.txt": "settings",
    "model_options.json": "settings",
    "embeddings.db": "embeddings",
    "logs.db-wal": "write-ahead log of a database",
    "logs.db-shm": "shared memory of a database",
    "logs-off": "settings",
}


class _Database:
    """A database of llm, read conversation by conversation."""

    def __init__(self, connection: sqlite3.Connection, source: Source) -> None:
        self._connection = connection
        self._source = source
        self._turns = Linked(connection, "turns", "thread_id", "id")
        self._responses = Linked(connection, "responses", "conversation_id", "id")
        self._calls = Linked(connection, "tool_calls", "response_id", "id")
        self._results = Linked(connection, "tool_results", "response_id", "id")
        self._system = Linked(connection, "system_fragments", "response_id", "order")
        self._prompt = Linked(connection, "prompt_fragments", "response_id", "order")
        self._attached = Linked(connection, "prompt_attachments", "response_id", "order")
        self._logs = Linked(connection, "logs", "chat_id", "id")
        self._chains = Chains(connection)

    def conversations(self) -> Iterator[Conversation]:
        for each in self._ids():
            rows = {
                table: row
                for table in ("threads", "conversations")
                if (row := self._row(table, each)) is not None
            }
            yield Conversation(self._identity(each, rows), self._entries(each, rows))
        for response in self._responses.rows_of(None):
            identity = Identity(
                format="llm",
                id=text(response["id"]) or "?",
                program="llm",
                began=read_time(dict(response).get("datetime_utc")),
            )
            if not self._is_turn(response):
                yield Conversation(identity, self._response(response))
        yield from self._oldest()

    def _ids(self) -> list[str]:
        ids = {*self._turns.owners(), *self._responses.owners()}
        for table in ("threads", "conversations"):
            if "id" in columns(self._connection, table):
                found = self._connection.execute(f"SELECT id FROM {table}")  # noqa: S608 - a constant
                ids.update(row[0] for row in found if isinstance(row[0], str))
        return sorted(ids)

    def _row(self, table: str, key: Any) -> sqlite3.Row | None:
        if "id" not in columns(self._connection, table):
            return None
        query = f"SELECT * FROM {table} WHERE id = ?"  # noqa: S608 - a constant
        row: sqlite3.Row | None = self._connection.execute(query, (key,)).fetchone()
        return row

    def _identity(self, each: str, rows: dict[str, sqlite3.Row]) -> Identity:
        told: dict[str, Any] = {}
        for row in reversed(rows.values()):
            told.update({name: value for name, value in dict(row).items() if value is not None})
        forked = optional_text(told.get("forked_from"))
        return Identity(
            format="llm",
            id=each,
            program="llm",
            began=read_time(told.get("datetime_utc")),
            title=optional_text(told.get("name")),
            previous=forked,
            reason="fork" if forked else None,
        )

    def _entries(self, each: str, rows: dict[str, sqlite3.Row]) -> Iterator[Entry]:
        for table, row in rows.items():
            at = read_time(dict(row).get("datetime_utc"))
            yield Entry(raw=row_object(row), kind=table, id=each, at=at)
        for response in self._responses.rows_of(each):
            if self._is_turn(response):
                self._source.skip("in the newer tables, too")
            else:
                yield from self._response(response)
        forked = (
            optional_text(dict(rows["threads"]).get("forked_from")) if "threads" in rows else None
        )
        told: set[str] = set()
        for turn in self._turns.rows_of(each):
            yield from self._turn(turn, told, forked)

    def _is_turn(self, response: sqlite3.Row) -> bool:
        return self._row("turns", response["id"]) is not None

    # -- the older tables ----------------------------------------------------------------

    def _response(self, row: sqlite3.Row) -> Iterator[Entry]:
        key = row["id"]
        response_id = str(key)
        at = read_time(dict(row).get("datetime_utc"))
        for each in self._results.rows_of(key):
            result = dict(each)
            facts: tuple[Fact, ...] = (
                Returned(
                    call_id=text(result.get("tool_call_id")),
                    name=text(result.get("name")),
                    output=result.get("output") or result.get("exception"),
                    success=result["exception"] is None if "exception" in result else None,
                ),
            )
            yield Entry(raw=row_object(each), kind="tool_results", facts=facts, at=at)
        for kind, role, linked in (
            ("system_fragments", "system", self._system),
            ("prompt_fragments", "user", self._prompt),
        ):
            for each in linked.rows_of(key):
                words = self._chains.fragment(dict(each).get("fragment_id"))
                facts = (Said(role, words),) if words else ()
                yield Entry(raw=row_object(each), kind=kind, facts=facts, at=at)
        for each in self._attached.rows_of(key):
            attachment = self._row("attachments", dict(each).get("attachment_id"))
            raw = row_object({**dict(attachment or {}), **dict(each)})
            yield Entry(raw=raw, kind="prompt_attachments", at=at)
        facts = older_reply(dict(row), response_id)
        raw = row_object(row, json_in=_JSON)
        yield Entry(raw=raw, kind="responses", facts=facts, at=at, id=response_id)
        for each in self._calls.rows_of(key):
            told = dict(each)
            call = Call(
                name=text(told.get("name")),
                id=text(told.get("tool_call_id")),
                arguments=text(told.get("arguments")),
            )
            facts = (Replied(id=response_id, calls=(call,)),)
            yield Entry(raw=row_object(each), kind="tool_calls", facts=facts, at=at)

    # -- the newer tables ----------------------------------------------------------------

    def _turn(self, row: sqlite3.Row, told: set[str], forked: str | None) -> Iterator[Entry]:
        turn = dict(row)
        at = read_time(turn.get("datetime_utc"))
        turn_id = text(turn.get("id"))
        start, end = self._chains.ends(turn)
        inputs = list(self._chains.messages(start, told))
        told.update(message.key for message in inputs)
        last = next(
            (n for n, each in enumerate(reversed(inputs)) if each.role not in {"user", "tool"}),
            len(inputs),
        )
        for number, message in enumerate(inputs):
            history = number < len(inputs) - last
            yield Entry(
                raw=message.raw,
                kind=f"messages/{message.role or '?'}",
                facts=message.sent(history=history),
                at=at,
                id=message.key,
                replayed_from=forked if history else None,
            )
        outputs = list(self._chains.messages(end, {*told, start or ""}))
        told.update(message.key for message in outputs)
        model = optional_text(turn.get("resolved_model")) or text(turn.get("model"))
        for message in outputs:
            yield Entry(
                raw=message.raw,
                kind=f"messages/{message.role or '?'}",
                facts=message.replied(turn_id or None, model),
                at=at,
                id=message.key,
            )
        reply = Replied(
            id=turn_id or None,
            claim=claim_of(turn_id),
            model=model,
            tokens=tokens_of(turn),
            duration_ms=milliseconds(turn.get("duration_ms")),
            finish_reason=finish_of(turn.get("response_json")),
        )
        yield Entry(
            raw=row_object(row, json_in=_JSON), kind="turns", facts=(reply,), at=at, id=turn_id
        )

    # -- before 0.4 ----------------------------------------------------------------------

    def _oldest(self) -> Iterator[Conversation]:
        """Yield what the first versions logged: chats known by the number of their first row."""
        if not self._logs.columns >= _LOGS:
            return
        for row in self._logs.rows_of(None):
            yield self._chat(row["id"], [row])
        query = "SELECT DISTINCT chat_id FROM logs WHERE chat_id NOT IN (SELECT id FROM logs)"
        for (chat,) in self._connection.execute(query).fetchall():
            yield self._chat(chat, [])

    def _chat(self, number: Any, first: list[sqlite3.Row]) -> Conversation:
        key = f"logs-{number}"
        began = read_time(dict(first[0]).get("datetime_utc")) if first else None
        identity = Identity(format="llm", id=key, program="llm", began=began)
        entries = (
            Entry(
                raw=row_object(row, json_in=_JSON),
                kind="logs",
                facts=older_reply(dict(row), f"{key}/{row['id']}"),
                at=read_time(dict(row).get("datetime_utc")),
                id=str(row["id"]),
            )
            for row in itertools.chain(first, self._logs.rows_of(number))
        )
        return Conversation(identity, entries)
