"""What functions say to Open WebUI, as the bytes of the protocol that it stands for. Pure.

Source: a Pipe may return or yield plain text, a mapping or model in the form of OpenAI's chat
completions, or lines of their stream, as text or bytes, with or without ``data:``. Version 0.12.4
takes them all, mixed as they come.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATA = "data:"
_FINISH = re.compile(r'"finish_reason"\s*:\s*"')
DONE = b"data: [DONE]\n\n"


def encode(value: object) -> bytes:
    """Encode what a host holds as JSON; what has no form there becomes its text."""
    return msgspec.json.encode(value, enc_hook=_encode_other)


def _encode_other(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    return dump() if callable(dump) else str(value)


class StreamEncoder:
    """Writes what a generator yields as a stream of chat completions.

    Attributes:
        ended: Its end was said.
    """

    def __init__(self, model: str) -> None:
        """Begin a stream of a model."""
        self.ended = False
        self._model = model
        self._finished = False

    def feed(self, item: object) -> bytes:
        """Write one item; b"" where there is nothing in it."""
        if isinstance(item, (bytes, bytearray)):
            item = bytes(item).decode("utf-8", "replace")
        if not isinstance(item, str):
            return self._event(encode(item))
        if not item.lstrip().startswith(_DATA):
            return self._event(encode(self._chunk({"content": item}))) if item else b""
        text = item.strip()
        self.ended = self.ended or text.endswith("[DONE]")
        self._finished = self._finished or _FINISH.search(text) is not None
        return f"{text}\n\n".encode("utf-8", "replace")

    def _event(self, data: bytes) -> bytes:
        self._finished = self._finished or _FINISH.search(data.decode()) is not None
        return b"data: " + data + b"\n\n"

    def end(self) -> bytes:
        """Write what a provider's stream ends with, as far as it was not said."""
        if self.ended:
            return b""
        self.ended = True
        last = b"" if self._finished else self._event(encode(self._chunk({}, "stop")))
        return last + DONE

    def _chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {
            "object": "chat.completion.chunk",
            "model": self._model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }


def encode_reply(value: object, model: str) -> bytes:
    """Write what a pipe returned as one reply."""
    if isinstance(value, str):
        message = {"role": "assistant", "content": value}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return encode({"object": "chat.completion", "model": model, "choices": [choice]})
    return encode(value)
