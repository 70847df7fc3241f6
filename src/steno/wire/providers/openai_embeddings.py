"""The protocol ``openai.embeddings``.

Format: OpenAI API reference, "Embeddings". The vectors are left as they are; they may be numbers or
base64.
"""

from __future__ import annotations

from typing import Any

from steno.wire.facts import Reply, RequestFacts, StreamReader
from steno.wire.providers import reading
from steno.wire.providers.openai_chat import read_usage


class OpenAIEmbeddings:
    """Reads embeddings."""

    name = "openai.embeddings"

    def read_request(self, body: Any) -> RequestFacts:
        """Read a request; inputs that are tokens already have no text."""
        body = reading.mapping(body)
        given = body.get("input")
        said = reading.text(given)
        inputs = 1 if given else 0
        if isinstance(given, list):
            said = "\n".join(part for part in given if isinstance(part, str))
            # One input may be an array of tokens, several are an array of such arrays.
            is_tokens = bool(given) and isinstance(given[0], int)
            inputs = 1 if is_tokens else len(given)
        return RequestFacts(model=reading.text(body.get("model")), text=said, message_count=inputs)

    def read_reply(self, body: Any) -> Reply:
        """Read embeddings, or an error."""
        found = reading.mapping(body)
        usage = reading.mapping(found.get("usage"))
        return Reply(
            body=body,
            model=reading.text(found.get("model")),
            response_id=reading.optional_text(found.get("id")),
            tokens=read_usage(usage, is_final=True),
            cost_usd=reading.money(usage.get("cost")),
            content_blocks=reading.length(found.get("data")),
            error=reading.error_text(found.get("error")),
            ended=isinstance(found.get("data"), list),
        )

    def read_stream(self) -> StreamReader:
        """Begin to read what no provider sends: embeddings are never streamed."""
        return _LastEvent()


class _LastEvent:
    """Takes the last event for the reply."""

    def __init__(self) -> None:
        self._body: Any = None

    def feed(self, event: str, data: str) -> bool:
        """Take the next event; see `StreamReader`."""
        del event
        body = reading.decode_json(data)
        if isinstance(body, dict):
            self._body = body
        return False

    def reply(self) -> Reply:
        """Return the reply; see `StreamReader`."""
        return OpenAIEmbeddings().read_reply(self._body)
