"""What a transcript already holds is not written again: references by digest, and back. Pure.

An agent sends its whole history with every request. Three marks, each an object in the place of
what it stands for, keep the growth of a transcript linear:

- ``{"steno.prefix": D, "steno.count": N}`` at the head of a list: its first N elements are those
  of a list that was recorded before. D is a chained digest: each element's digest is hashed with
  the chain of the elements before it.
- ``{"steno.item": D}``: an element of such a list that was recorded before in another place.
- ``{"steno.text": D}``: a string of at least `MIN_TEXT` characters that stands in an earlier
  event, or earlier in the same one; ``{"steno.json": D}``: the value of a tool call's arguments,
  which stand as JSON text in the call's own event.

Digests are BLAKE2b of 128 bits in hexadecimal: of a string's UTF-8, of an element's compact JSON.
A body that itself has a key beginning with ``steno.`` is never written with references.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec

from steno.events.model import Event, RequestRecorded, ResponseRecorded, ToolCallRecorded

if TYPE_CHECKING:
    from collections.abc import Callable

MIN_TEXT = 96
"""Characters from which a string is worth a reference."""

_MARK = "steno."
_TEXT, _JSON, _ITEM, _PREFIX, _COUNT = (
    "steno.text", "steno.json", "steno.item", "steno.prefix", "steno.count",
)  # fmt: skip
_MIN_ITEM = 64
_MAX_DEPTH = 200
_LIMIT = 1_000_000

_encode = msgspec.json.Encoder().encode


def echoes(body: Any) -> list[dict[str, Any]]:
    """List the messages of a reply in the forms in which clients send them back.

    A chat completion has them under ``choices``; one of Anthropic's is the reply without what
    surrounds it. The items of a Responses reply are those of a list already.
    """
    if not isinstance(body, dict):
        return []
    choices = body.get("choices")
    found = [
        choice["message"]
        for choice in (choices if isinstance(choices, list) else [])
        if isinstance(choice, dict) and isinstance(choice.get("message"), dict)
    ]
    if isinstance(body.get("content"), list) and "role" in body:
        found.append({"role": body["role"], "content": body["content"]})
    return found


class ReservedKeyError(Exception):
    """A body uses a key that would read as a reference, or is nested too deeply to look."""


class MissingReferenceError(Exception):
    """What a reference stands for is not in the transcript."""


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16, usedforsecurity=False).digest()


def _text_digest(text: str) -> bytes:
    return _digest(text.encode("utf-8", "surrogatepass"))


def _is_chained(value: Any) -> bool:
    """Tell whether elements of a list are recorded one by one: messages, tools, blocks."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def is_reference(value: Any) -> bool:
    """Tell whether a value stands for something that was recorded before."""
    return isinstance(value, dict) and not value.keys().isdisjoint((_TEXT, _JSON, _ITEM, _PREFIX))


class Holdings:
    """What one recorder has written into one transcript, as digests.

    What is new in an event counts only once the event was accepted: call `settle` after each.
    """

    def __init__(self) -> None:
        """Begin with an empty transcript."""
        self._held: set[bytes] = set()
        self._new: set[bytes] = set()

    def settle(self, *, accepted: bool) -> None:
        """Keep what the last event brought, or forget it if the event was dropped."""
        if accepted:
            if len(self._held) > _LIMIT:  # begin anew rather than grow: costs repetitions only
                self._held.clear()
            self._held |= self._new
        self._new.clear()

    def holds(self, text: str) -> bool:
        """Tell whether a long text was recorded before."""
        return len(text) >= MIN_TEXT and self._has(_text_digest(text))

    def add_text(self, text: str) -> str:
        """Take note of a text that the event carries as it is."""
        if len(text) >= MIN_TEXT:
            self._new.add(_text_digest(text))
        return text

    def add_arguments(self, text: str) -> str:
        """Take note of a tool call's arguments, which the event carries as JSON text."""
        self.add_text(text)
        value = _decode(text)
        if isinstance(value, dict):
            data = _encode(value)
            if len(data) >= MIN_TEXT:
                self._new.add(b"j" + _digest(data))
        return text

    def add_echoes(self, body: Any) -> None:
        """Take note of the messages of a reply, which clients send back in the next request."""
        for message in echoes(body):
            self._new.add(b"i" + _digest(_encode(message)))

    def compact(self, body: Any) -> Any:
        """Write a body with references in the place of what is held.

        Raises:
            ReservedKeyError: The body can't be written with references.
        """
        if isinstance(body, dict):
            return {
                _checked(key): self._compact_list(value)
                if _is_chained(value)
                else self._compact(value, 0)
                for key, value in body.items()
            }
        return self._compact(body, 0)

    def _has(self, digest: bytes) -> bool:
        return digest in self._held or digest in self._new

    def _compact_list(self, items: list[Any]) -> list[Any]:
        encoded = [_encode(item) for item in items]
        chain, chains = b"", []
        for data in encoded:
            chain = _digest(chain + _digest(data))
            chains.append(chain)
        known = 0
        while known < len(items) and self._has(b"p" + chains[known]):
            known += 1
        if known == 1 and len(encoded[0]) < _MIN_ITEM:
            known = 0
        compacted: list[Any] = []
        if known:
            compacted.append({_PREFIX: chains[known - 1].hex(), _COUNT: known})
        for at in range(known, len(items)):
            item = b"i" + _digest(encoded[at])
            if len(encoded[at]) >= _MIN_ITEM and self._has(item):
                compacted.append({_ITEM: item[1:].hex()})
            else:
                compacted.append(self._compact(items[at], 0))
                self._new.add(item)
            self._new.add(b"p" + chains[at])
        return compacted

    def _compact(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            if len(value) < MIN_TEXT:
                return value
            digest = _text_digest(value)
            if self._has(digest):
                return {_TEXT: digest.hex()}
            self._new.add(digest)
            return value
        if depth > _MAX_DEPTH:
            raise ReservedKeyError
        if isinstance(value, dict):
            return {
                _checked(key): self._compact_input(each, depth)
                if key == "input" and isinstance(each, dict)
                else self._compact(each, depth + 1)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self._compact(each, depth + 1) for each in value]
        return value

    def _compact_input(self, value: dict[str, Any], depth: int) -> Any:
        """Refer to the arguments of a tool call, which stand in its own event already."""
        data = _encode(value)
        if len(data) >= MIN_TEXT and self._has(b"j" + _digest(data)):
            return {_JSON: _digest(data).hex()}
        return self._compact(value, depth + 1)


def _checked(key: str) -> str:
    if key.startswith(_MARK):
        raise ReservedKeyError
    return key


def _decode(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


class Expander:
    """Puts back what references stand for; show it the events of a transcript in their order."""

    def __init__(self) -> None:
        """Begin without having seen an event."""
        self._texts: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._items: dict[str, Any] = {}
        self._chains: dict[str, tuple[str, Any]] = {}

    def learn(self, event: Event) -> None:
        """Take note of what an event holds; references that can't be followed are passed over."""
        if isinstance(event, RequestRecorded):
            self._learn_text(event.request_text)
            self._learn(event.request_json)
            self._learn_lists(event.request_json)
        elif isinstance(event, ResponseRecorded):
            self._learn_text(event.response_text)
            self._learn(event.response_json)
            self._learn_lists(event.response_json)
            self._learn_echoes(event.response_json)
        elif isinstance(event, ToolCallRecorded):
            self._learn(event.tool_output)
            if isinstance(event.tool_arguments, str):
                self._learn_text(event.tool_arguments)
                value = _decode(event.tool_arguments)
                if isinstance(value, dict):
                    self._values[_digest(_encode(value)).hex()] = value

    def expand(self, body: Any) -> Any:
        """Return a value without references.

        Raises:
            MissingReferenceError: Something that it refers to was not seen.
        """
        if isinstance(body, list):
            return self._expand_list(body)
        if not isinstance(body, dict):
            return body
        for mark, known in ((_TEXT, self._texts), (_JSON, self._values), (_ITEM, self._items)):
            if len(body) == 1 and mark in body:
                digest = body[mark]
                if digest not in known:
                    raise MissingReferenceError(digest)
                return known[digest]
        return {key: self.expand(value) for key, value in body.items()}

    def _expand_list(self, items: list[Any]) -> list[Any]:
        head = items[0] if items else None
        if not (isinstance(head, dict) and _PREFIX in head):
            return [self.expand(item) for item in items]
        chain, before = head[_PREFIX], []
        for _ in range(head[_COUNT]):
            if chain not in self._chains:
                raise MissingReferenceError(chain)
            chain, item = self._chains[chain]
            before.append(item)
        return [*reversed(before), *(self.expand(item) for item in items[1:])]

    def _learn_text(self, text: Any) -> None:
        if isinstance(text, str) and len(text) >= MIN_TEXT:
            self._texts[_text_digest(text).hex()] = text

    def _learn(self, value: Any) -> None:
        if isinstance(value, str):
            self._learn_text(value)
        elif isinstance(value, dict):
            for each in value.values():
                self._learn(each)
        elif isinstance(value, list):
            for each in value:
                self._learn(each)

    def _learn_echoes(self, body: Any) -> None:
        try:
            messages = echoes(self.expand(body))
        except (MissingReferenceError, TypeError, KeyError):
            return  # something was lost; `expand` says so to whoever asks for it
        for message in messages:
            self._items[_digest(_encode(message)).hex()] = message

    def _learn_lists(self, body: Any) -> None:
        for value in body.values() if isinstance(body, dict) else ():
            if not _is_chained(value):
                continue
            chain = b""
            for element in value:
                try:
                    # One by one: an element may stand for another one of its own list.
                    items = self._expand_list([element])
                except (MissingReferenceError, TypeError, KeyError):
                    break  # something was lost; `expand` says so to whoever asks for it
                for item in items:
                    digest = _digest(_encode(item))
                    self._items[digest.hex()] = item
                    before, chain = chain, _digest(chain + digest)
                    self._chains[chain.hex()] = (before.hex(), item)


# -- the way a body was written --------------------------------------------------------------


def _go(value: Any) -> bytes:
    """Write as Go's encoding/json: characters that matter to HTML are escaped."""
    data = _encode(value)
    for plain, escaped in _GO_ESCAPES:
        data = data.replace(plain, escaped)
    return data


_GO_ESCAPES = (
    (b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"), ("\u2029".encode(), b"\\u2029"),
)  # fmt: skip

_STYLES: dict[str, Callable[[Any], bytes]] = {
    "compact": _encode,
    "spaced-ascii": lambda value: json.dumps(value).encode(),
    "compact-ascii": lambda value: json.dumps(value, separators=(",", ":")).encode(),
    "spaced": lambda value: json.dumps(value, ensure_ascii=False).encode(),
    "html-safe": _go,
}
"""How the common libraries write JSON: JavaScript, Rust and httpx; requests and aiohttp; Go."""


def find_style(body: bytes, value: Any) -> str | None:
    """Find the style that writes a decoded body byte for byte as it was; None if there is none."""
    for name, write in _STYLES.items():
        try:
            if write(value) == body:
                return name
        except (ValueError, TypeError, RecursionError, UnicodeError):
            continue
    return None


def write_in_style(value: Any, style: str) -> bytes:
    """Write a value in a style that `find_style` found.

    Raises:
        KeyError: A newer version of steno knows this style; this one does not.
    """
    return _STYLES[style](value)
