"""Plain logs of messages, requests and replies, in the forms of OpenAI's and Anthropic's APIs.

Strategy: no program stands behind these files, so each value is looked at for what it is:

- a whole conversation (fine-tuning data; ``conversations`` of ``from`` and ``value``) is a session
  of its own, each message of it an entry;
- a message, a request, a reply, or a request with its reply (logs, batches and their results)
  belongs to the session that its file is.

Requests carry what was said before them: that is told once.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from steno.transcripts.importers.fields import decode_value, milliseconds
from steno.transcripts.importers.formats.chats import (
    Spoken,
    is_message,
    messages_of,
    protocol_of,
    provider_of,
    replied,
    request_facts,
    role_of,
    spoken,
)
from steno.transcripts.importers.model import Aborted, Conversation, Entry, Fact, Identity
from steno.transcripts.importers.times import read_time
from steno.wire.providers.reading import error_text, mapping, optional_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from steno.transcripts.importers.source import Probe, Source

_REQUESTS = ("request", "request_body", "req", "kwargs", "params", "input", "body")
_REPLIES = ("response", "response_body", "res", "completion", "output", "result")
_TIMES = ("timestamp", "created_at", "time", "ts", "date", "datetime", "start_time", "created")
_FOREIGN = frozenset(
    {"sessionId", "session_id", "payload", "uuid", "traceSchema", "instructions", "mapping"}
)
"""Fields of other programs' transcripts."""

_ITEMS = frozenset({"reasoning", "function_call", "function_call_output", "local_shell_call"})
"""Lines of the Codex CLI's oldest files, among which messages stand."""

_WHOLE = (
    "conversations", "messages", "conversation", "history", "chat_history", "dialogue", "traj",
    "trajectory",
)  # fmt: skip
"""Under which names the messages of a conversation stand: fine-tuning data, logs of agents."""

_BEGINNING = re.compile(
    rb'\s*\[?\s*\{\s*"(messages|conversations|request|custom_id)"'
    rb'|\s*[\[{].{0,60000}?"(' + "|".join(_WHOLE).encode() + rb')"\s*:\s*\[\s*\{\s*'
    rb'"(role|from|content|value|message_type|action)"\s*:',
    re.DOTALL,
)
"""How a document begins that is longer than what is looked at."""

_SURE, _LIKELY, _HALF = 0.8, 0.6, 0.5
_MAX_TOLD = 1_000_000
_MIN_ID = 8
_LOOKED_AT = 20


class Shape(Struct, frozen=True):
    """What a value is.

    Attributes:
        kind: ``conversation``, ``message``, ``request``, ``reply``, ``exchange`` or "".
        request: The request body.
        reply: The reply body.
    """

    kind: str
    request: dict[str, Any] = {}
    reply: dict[str, Any] = {}


class Messages:
    """The format of plain logs, see `steno.transcripts.importers.source.Format`."""

    name = "messages"
    title = "OpenAI or Anthropic messages"
    homes: tuple[str, ...] = ()

    def recognise(self, probe: Probe) -> float:
        """Tell by its first values how surely a file is such a log."""
        values = [
            value
            for each in probe.first
            for value in (each[:_LOOKED_AT] if isinstance(each, list) else [each])
            if isinstance(value, dict)
        ]
        if not values:
            return _HALF if not probe.first and _BEGINNING.match(probe.head) else 0.0
        if any(value.keys() & _FOREIGN or text(value.get("type")) in _ITEMS for value in values):
            return 0.0
        kinds = [kind for value in values if (kind := shape_of(value).kind)]
        share = len(kinds) / len(values)
        if share < _HALF:
            return 0.0
        return share * (_LIKELY if set(kinds) == {"message"} else _SURE)

    def takes_folder(self, probe: Probe) -> bool:  # noqa: ARG002 - the protocol's
        """Take no folder."""
        return False

    def neighbour(self, path: Path) -> str | None:  # noqa: ARG002 - the protocol's
        """Know no file that lies beside such logs."""
        return None

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the conversations of a file.

        Raises:
            OSError: It can't be read.
            TranscriptError: It is compressed, and zstd is not installed.
        """
        stem = PurePath(source.name).stem
        own: Identity | None = None
        log = _Log()
        for whole, group in itertools.groupby(_items(source), lambda item: item.whole):
            if whole:
                for item in group:
                    yield Conversation(_identity_of(stem, item), _conversation(item))
                continue
            first = next(group)
            if own is None:
                own = Identity(format="messages", id=f"{stem}-{_digest(first.raw)}", began=first.at)
            every = itertools.chain((first,), group)  # noqa: B031 - what is behind the first
            yield Conversation(own, (log.entry(item) for item in every))


FORMAT = Messages()


class _Item(NamedTuple):
    """One value of a file, or of an array that the file is."""

    raw: bytes
    offset: int
    told: dict[str, Any]
    shape: Shape
    at: datetime | None

    @property
    def whole(self) -> bool:
        """Whether it is a conversation."""
        return self.shape.kind == "conversation"


class _Log:
    """Reads messages, requests and replies in their order."""

    def __init__(self) -> None:
        self._told: set[bytes] = set()

    def entry(self, item: _Item) -> Entry:
        """Tell what a value tells."""
        kind = item.shape.kind
        facts: list[Fact] = []
        if kind == "message":
            facts += _message(item.told)
        elif kind:
            facts += self._request(item)
            facts += self._reply(item)
        return Entry(
            raw=item.raw,
            kind=kind or "?",
            facts=tuple(facts),
            known=bool(kind),
            at=item.at,
            offset=item.offset,
            id=optional_text(item.told.get("id")) or optional_text(item.told.get("custom_id")),
        )

    def _request(self, item: _Item) -> list[Fact]:
        body = item.shape.request
        if not body:
            return []
        messages = messages_of(body)
        facts, history = request_facts(messages)
        noted: list[Fact] = []
        for each in history:
            if self._is_new(each):
                noted.extend(each.noted())
        for each in messages:
            self._is_new(each)
        return [*noted, *facts]

    def _reply(self, item: _Item) -> list[Fact]:
        told, body = item.told, item.shape.reply
        wrong = error_text(told.get("error"))
        if not body:
            return [Aborted(error=wrong)] if wrong is not None and item.shape.request else []
        protocol = protocol_of(body)
        if protocol is None:
            return []
        reply = protocol.read_reply(body)
        known = reply.response_id is not None and len(reply.response_id) >= _MIN_ID
        fact = replied(
            reply,
            id=reply.response_id if known else None,
            claim=f"messages:{reply.response_id}" if known else None,
            model=reply.model or text(item.shape.request.get("model")),
            provider=text(told.get("provider")) or provider_of(protocol),
            duration_ms=_took(told),
            error=reply.error or wrong,
        )
        self._is_new(Spoken("assistant", fact.text, fact))
        return [fact]

    def _is_new(self, message: Spoken) -> bool:
        """Tell whether a message was not told before; from then on it was."""
        calls = message.reply.calls if message.reply is not None else ()
        told = (message.role, message.text, *(call.id for call in calls))
        results = (each.call_id for each in message.results)
        key = hashlib.blake2b(
            repr((*told, *results)).encode("utf-8", "replace"), digest_size=8
        ).digest()
        if key in self._told:
            return False
        if len(self._told) >= _MAX_TOLD:
            self._told.clear()
        self._told.add(key)
        return True


def shape_of(value: dict[str, Any]) -> Shape:
    """Tell what a value is."""
    name = conversation_in(value)
    if name not in {None, "messages"}:
        turns = value[name or ""]
        return Shape("conversation", {"messages": turns, "system": value.get("system")})
    if is_message(value):
        whole = value.get("type") == "message" and "usage" in value
        return Shape("reply", reply=value) if whole else Shape("message")
    request = next((body for key in _REQUESTS if (body := _request_in(value.get(key)))), {})
    prompted = isinstance(value.get("prompt"), str)
    asked = bool(request) or prompted or _are_messages(value.get("messages"))
    reply = next((body for key in _REPLIES if (body := _reply_in(value.get(key), asked))), {})
    if prompted and reply and not request:
        request = value
    if _are_messages(value.get("messages")) and not request:
        messages = value["messages"]
        sent = "model" in value and role_of(mapping(messages[-1])) != "assistant"
        if not sent and not reply and protocol_of(value) is None:
            return Shape("conversation", value)
        request = value
    if not reply:
        form = protocol_of(value)
        itself = form is not None and (not request or isinstance(value.get("choices"), list))
        reply = value if itself else {}
    if request:
        return Shape("exchange" if reply else "request", request, reply)
    return Shape("reply", reply=reply) if reply and _is_reply(value, reply) else Shape("")


def _is_reply(value: dict[str, Any], reply: dict[str, Any]) -> bool:
    """Tell a reply, or a line that holds one, from anything that has an error."""
    named = reply.keys() & {"object", "choices", "content"}
    return bool(named) or "custom_id" in value


def conversation_in(value: dict[str, Any]) -> str | None:
    """Tell under which name the messages of a conversation stand; None where there are none."""
    return next((name for name in _WHOLE if _are_messages(value.get(name))), None)


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and any(map(is_message, value))


def _opened(value: Any) -> dict[str, Any]:
    """Open what a body may be wrapped in: text, an HTTP message, a batch's result."""
    for _layer in range(3):
        if isinstance(value, str) and value[:1] == "{":
            value = decode_value(value)
        inner = mapping(value).get("body")
        if inner is None and mapping(value).get("type") == "succeeded":
            inner = mapping(value).get("message")
        if not isinstance(inner, dict | str):
            break
        value = inner
    return mapping(value)


def _request_in(value: Any) -> dict[str, Any]:
    body = _opened(value)
    given = body.get("input")
    asked = _are_messages(body.get("messages")) or (
        "model" in body and (isinstance(given, str | list) or isinstance(body.get("prompt"), str))
    )
    return body if asked else {}


def _reply_in(value: Any, asked: bool) -> dict[str, Any]:  # noqa: FBT001 - one caller, by place
    """Find a reply; beside a request, the model's message or its text alone is one as well."""
    body = _opened(value)
    if protocol_of(body) is not None:
        return body
    message = body if role_of(body) == "assistant" else {}
    if asked and not body and isinstance(value, str) and value:
        message = {"content": value}
    return {"choices": [{"message": message}]} if message else {}


def _items(source: Source) -> Iterator[_Item]:
    for value in source.values():
        told = decode_value(value.data)
        if isinstance(told, list) and told:
            for raw, each in zip(_pieces(value.data, told), told, strict=True):
                yield _item(raw, value.offset, each)
        else:
            yield _item(value.data, value.offset, told)


def _pieces(data: bytes, values: list[Any]) -> list[bytes]:
    """Cut an array into its values, as they stand in it."""
    try:
        return [bytes(raw) for raw in msgspec.json.decode(data, type=list[msgspec.Raw])]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [msgspec.json.encode(value) for value in values]


def _item(raw: bytes, offset: int, value: Any) -> _Item:
    told = mapping(value)
    shape = shape_of(told) if told else Shape("")
    places = (told, shape.reply, shape.request)
    at = next(
        (time for place in places for name in _TIMES if (time := read_time(place.get(name)))), None
    )
    return _Item(raw, offset, told, shape, at)


def _identity_of(stem: str, item: _Item) -> Identity:
    told = item.told
    own = optional_text(told.get("id")) or optional_text(told.get("conversation_id"))
    return Identity(
        format="messages",
        id=f"{stem}-{own or _digest(item.raw)}",
        began=item.at,
        title=optional_text(told.get("title")),
    )


def _conversation(item: _Item) -> Iterator[Entry]:
    """Yield a conversation's messages, behind what else is told of it."""
    told = item.told
    name = conversation_in(told) or "messages"
    rest = {key: value for key, value in told.items() if key != name}
    if rest:
        facts = [fact for each in messages_of(rest) for fact in each.facts()]
        raw = msgspec.json.encode(rest)
        yield Entry(
            raw=raw, kind="conversation", facts=tuple(facts), at=item.at, offset=item.offset
        )
    for value in told[name]:
        message = mapping(value)
        yield Entry(
            raw=msgspec.json.encode(value),
            kind="message" if role_of(message) else "?",
            facts=_message(message),
            known=bool(role_of(message)),
            at=next((at for key in _TIMES if (at := read_time(message.get(key)))), item.at),
            offset=item.offset,
        )


def _message(told: dict[str, Any]) -> tuple[Fact, ...]:
    return spoken(told).facts()


def _took(told: dict[str, Any]) -> int | None:
    names = ("duration_ms", "latency_ms", "elapsed_ms", "response_ms")
    return next((took for name in names if (took := milliseconds(told.get(name)))), None)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:16]
