"""What the rows of ``llm``'s database say: chains of messages, and replies of the older tables.

Two forms of chains were seen: ``messages`` that name their parent, with ``parts`` beside them; and
``message_nodes`` that name their parent and a message, which holds its parts as JSON. Text that a
message has in common with others is kept once, as a fragment, and referred to by ``text_ref``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from steno.transcripts.importers.fields import count, decode_value, listing, milliseconds
from steno.transcripts.importers.formats.usage import normalised
from steno.transcripts.importers.formats.verbatim import row_object
from steno.transcripts.importers.linked import Linked, columns
from steno.transcripts.importers.model import Call, Fact, Noted, Replied, Returned, Said
from steno.wire.providers.reading import as_json_text, mapping, optional_text, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator

    from steno.events.parts import Tokens

_JSON = ("payload", "parts", "provider_metadata")


class Message(NamedTuple):
    """One message of a chain.

    Attributes:
        key: Its place in the chain, which is a digest of it and of all before it.
        role: Who speaks.
        parts: What it is made of.
        raw: Its rows, as one object.
    """

    key: str
    role: str
    parts: list[dict[str, Any]]
    raw: bytes

    def sent(self, *, history: bool) -> tuple[Fact, ...]:
        """Tell what it says as a part of a request; history was answered already."""
        facts: list[Fact] = []
        for part in self.parts:
            kind, words = part.get("type"), text(part.get("text"))
            if kind == "tool_result" and not history:
                facts.append(_returned(part))
            elif self.role in {"user", "system", "developer"} and kind == "text" and words:
                facts.append(Said(self.role, words))
            elif words or kind == "tool_result":
                noted = words or text(part.get("output"))
                facts += [Noted(text=noted, role=self.role or None)] if noted else []
        return tuple(facts)

    def replied(self, reply_id: str | None, model: str) -> tuple[Fact, ...]:
        """Tell what it says as a part of a reply."""
        facts: list[Fact] = []
        for part in self.parts:
            kind, words = part.get("type"), text(part.get("text"))
            if kind == "tool_result":  # of a tool that the provider runs
                facts.append(_returned(part))
                continue
            calls = (_call(part),) if kind == "tool_call" else ()
            facts.append(
                Replied(
                    id=reply_id,
                    claim=claim_of(reply_id),
                    model=model,
                    text=words if kind == "text" else "",
                    thinking=words if kind == "reasoning" else "",
                    calls=calls,
                )
            )
        return tuple(facts)


class Chains:
    """The messages of a database, from any of them back to the first."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Look at which form the database has."""
        self._connection = connection
        self._nodes = {"id", "parent_id", "message_id"} <= columns(connection, "message_nodes")
        self._messages = {"hash", "parent_hash"} <= columns(connection, "messages")
        self._parts = Linked(connection, "parts", "message_hash", "position", "id")
        self._fragments = {"id", "content"} <= columns(connection, "fragments")

    def ends(self, turn: dict[str, Any]) -> tuple[str | None, str | None]:
        """Name the last message that a turn sent, and the last that it got."""
        start = optional_text(turn.get("parent_message_hash")) or optional_text(
            turn.get("input_node_id")
        )
        end = optional_text(turn.get("tip_message_hash")) or optional_text(
            turn.get("output_node_id")
        )
        return start, end

    def messages(self, last: str | None, known: Collection[str]) -> Iterator[Message]:
        """Yield a chain, the oldest first, from behind the messages that are known."""
        keys: dict[str, sqlite3.Row] = {}
        key = last
        while key is not None and key not in known and key not in keys:
            row = self._link(key)
            if row is None:
                break
            keys[key] = row
            key = optional_text(row["parent"])
        for each in reversed(keys):
            yield self._message(each)

    def fragment(self, number: Any) -> str:
        """Read the text of a fragment; "" if it is gone."""
        if not self._fragments:
            return ""
        row = self._connection.execute(
            "SELECT content FROM fragments WHERE id = ?", (number,)
        ).fetchone()
        return text(row[0]) if row is not None else ""

    def _link(self, key: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = None
        if self._messages:
            query = "SELECT parent_hash AS parent FROM messages WHERE hash = ?"
            row = self._connection.execute(query, (key,)).fetchone()
        elif self._nodes:
            query = "SELECT parent_id AS parent FROM message_nodes WHERE id = ?"
            row = self._connection.execute(query, (key,)).fetchone()
        return row

    def _message(self, key: str) -> Message:
        if self._messages:
            query = "SELECT * FROM messages WHERE hash = ?"
        else:
            query = (
                "SELECT messages.*, message_nodes.id AS node, parent_id FROM message_nodes"
                " LEFT JOIN messages ON messages.id = message_id WHERE message_nodes.id = ?"
            )
        row = self._connection.execute(query, (key,)).fetchone()
        if row is None:  # deleted meanwhile
            return Message(key, "", [], b"null")
        cells = dict(row)
        if "parts" in cells:
            parts = [mapping(part) for part in listing(decode_value(text(cells["parts"])))]
            raw = row_object(row, json_in=_JSON)
        else:
            rows = list(self._parts.rows_of(key))
            parts = [self._part(dict(part)) for part in rows]
            own = msgspec.json.decode(row_object(row, json_in=_JSON), type=dict[str, msgspec.Raw])
            inside = [msgspec.Raw(row_object(part, json_in=_JSON)) for part in rows]
            raw = msgspec.json.encode({**own, "parts": inside})
        return Message(key, text(cells.get("role")), parts, raw)

    def _part(self, row: dict[str, Any]) -> dict[str, Any]:
        payload = row.get("payload")
        part = dict(mapping(decode_value(payload))) if isinstance(payload, str) else {}
        part["type"] = row.get("type") or part.get("type")
        if isinstance(row.get("text"), str):
            part["text"] = row["text"]
        pieces = part.get("text_ref")
        if isinstance(pieces, list) and "text" not in part:
            part["text"] = "".join(
                text(piece.get("literal")) or self.fragment(count(piece.get("fragment")))
                for piece in map(mapping, pieces)
            )
        if row.get("tool_name") and not part.get("name"):
            part["name"] = row["tool_name"]
        return part


def older_reply(row: dict[str, Any], reply_id: str) -> tuple[Fact, ...]:
    """Tell what a row of ``responses``, or of the still older ``logs``, says."""
    facts: list[Fact] = [
        Said(role, words)
        for role, name in (("system", "system"), ("user", "prompt"))
        if (words := optional_text(row.get(name))) is not None
    ]
    facts.append(
        Replied(
            id=reply_id,
            claim=claim_of(reply_id),
            model=optional_text(row.get("resolved_model")) or text(row.get("model")),
            text=text(row.get("response")),
            thinking=text(row.get("reasoning")),
            tokens=tokens_of(row),
            duration_ms=milliseconds(row.get("duration_ms")),
            finish_reason=finish_of(row.get("response_json")),
        )
    )
    return tuple(facts)


def claim_of(reply_id: str | None) -> str | None:
    """Name a reply as its copies do, also where newer tables tell it in another form.

    Returns:
        None for replies that the first versions logged: every database numbers them anew.
    """
    return f"llm:{reply_id}" if reply_id and "/" not in reply_id else None


def tokens_of(row: dict[str, Any]) -> Tokens | None:
    """Normalise the counts of a response or a turn; None where none are told."""
    told = row.get("token_details")
    details = mapping(decode_value(told)) if isinstance(told, str) else {}
    prompt = mapping(details.get("prompt_tokens_details") or details.get("input_tokens_details"))
    answer = mapping(
        details.get("completion_tokens_details") or details.get("output_tokens_details")
    )
    read, written = (
        details.get("cache_read_input_tokens"),
        details.get("cache_creation_input_tokens"),
    )
    return normalised(
        (row.get("input_tokens"), row.get("output_tokens")),
        cached=_first(read, prompt.get("cached_tokens"), details.get("cachedContentTokenCount")),
        created=written,
        reasoning=answer.get("reasoning_tokens"),
        thinking=details.get("thoughtsTokenCount"),
        apart=count(read) is not None or count(written) is not None,
    )


def finish_of(told: Any) -> str | None:
    """Read why a reply ended, from what the provider sent."""
    reply = mapping(decode_value(told)) if isinstance(told, str) and told else {}
    return optional_text(reply.get("finish_reason")) or optional_text(reply.get("stop_reason"))


def _first(*values: Any) -> int | None:
    return next((number for value in values if (number := count(value)) is not None), None)


def _call(part: dict[str, Any]) -> Call:
    return Call(
        name=text(part.get("name")),
        id=text(part.get("tool_call_id")),
        arguments=as_json_text(part.get("arguments")),
    )


def _returned(part: dict[str, Any]) -> Returned:
    exception = part.get("exception")
    return Returned(
        call_id=text(part.get("tool_call_id")),
        name=text(part.get("name")),
        output=part.get("output") or exception,
        success=exception is None,
    )
