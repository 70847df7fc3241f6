"""LunaRoute's first recorder: a folder of ``metadata.json`` and ``events.ndjson`` each session.

Strategy: one folder is one session, and one request: the first line of the events is the request in
LunaRoute's own form (that of OpenAI's chat, with ``system`` apart), the others are the reply in one
piece or its pieces. The metadata come last, since they are written again at the end: they tell how
it went, and count where no line has.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from steno.storage.compressed import open_text
from steno.transcripts.importers.fields import amount, count, decode_value, listing, milliseconds
from steno.transcripts.importers.formats.chats import messages_of, replied, request_facts
from steno.transcripts.importers.formats.usage import normalised
from steno.transcripts.importers.formats.verbatim import file_text
from steno.transcripts.importers.model import (
    Aborted,
    Call,
    Conversation,
    Entry,
    Fact,
    Identity,
    Replied,
)
from steno.transcripts.importers.times import read_time
from steno.transcripts.values import Flaw, read_values
from steno.wire.providers.openai_chat import OpenAIChat
from steno.wire.providers.reading import mapping, optional_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from steno.transcripts.importers.source import Probe, Source

_EVENTS = "events.ndjson"
_METADATA = "metadata.json"
_PIECES = frozenset({"start", "delta", "tool_call_delta", "usage", "end", "error"})
_CHAT = OpenAIChat()


class LunaRouteV1:
    """The format of the first recorder, see `steno.transcripts.importers.source.Format`."""

    name = "lunaroute-v1"
    title = "LunaRoute (V1 recorder)"
    homes: tuple[str, ...] = ()

    def recognise(self, probe: Probe) -> float:
        """Tell how surely a folder, or its file of events, is a session of that recorder."""
        if probe.names:
            return 1.0 if self.takes_folder(probe) else 0.0
        if probe.name != _EVENTS or not probe.first:
            return 0.0
        return 0.95 if _is_request(probe.first[0]) else 0.0

    def takes_folder(self, probe: Probe) -> bool:
        """Take a folder that holds a file of events."""
        return _EVENTS in probe.names

    def neighbour(self, path: Path) -> str | None:
        """Name the file that is read with the events."""
        beside = path.name == _METADATA and (path.parent / _EVENTS).exists()
        return "metadata of a session, read with its events" if beside else None

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the session.

        Raises:
            OSError: Its events can't be read.
            TranscriptError: They are compressed, and zstd is not installed.
        """
        folder = source.path if source.path.is_dir() else source.path.parent
        events = folder / _EVENTS if source.path.is_dir() else source.path
        metadata = folder / _METADATA
        data = metadata.read_bytes() if metadata.is_file() else None
        told = mapping(decode_value(data)) if data is not None else {}
        session = _Session(optional_text(told.get("id")) or folder.name, told)
        yield Conversation(session.identity(), _entries(source, events, data, session))


FORMAT = LunaRouteV1()


class _ToolCall(Struct):
    """A call whose arguments arrive in pieces."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class _Session:
    """What is told of a session so far."""

    def __init__(self, session_id: str, metadata: dict[str, Any]) -> None:
        self.id = session_id
        self.began: datetime | None = read_time(metadata.get("timestamp"))
        self._metadata = metadata
        self._model = text(metadata.get("model"))
        self._answered = False
        self._counted = False
        self._calls: dict[int, _ToolCall] = {}

    def identity(self) -> Identity:
        told = self._metadata
        facts = {
            name: value
            for name in ("listener", "request_id", "user_agent", "client_ip")
            if (value := optional_text(told.get(name))) is not None
        }
        custom = mapping(told.get("custom"))
        return Identity(
            format="lunaroute-v1",
            id=self.id,
            began=self.began,
            program="LunaRoute",
            facts={**facts, **({"custom": custom} if custom else {})},
        )

    def line(self, value: Any, *, first: bool) -> tuple[str, tuple[Fact, ...], bool]:
        """Tell what a line tells: its kind, the facts, and whether the kind is known."""
        told = mapping(value)
        kind = text(told.get("type"))
        if isinstance(told.get("choices"), list):
            return "response", self._response(told), True
        if kind in _PIECES:
            return f"stream/{kind}", self._piece(kind, told), True
        if first or _is_request(told):
            return "request", self._request(told), _is_request(told)
        return kind or "?", (), False

    def end(self) -> tuple[Fact, ...]:
        """Tell what the metadata tell."""
        told = self._metadata
        calls = self._take_calls()
        if not told:
            return (self._reply(calls=calls),) if calls else ()
        counted = self._counted
        tokens = normalised((told.get("prompt_tokens"), told.get("completion_tokens")))
        latency = amount(told.get("latency_seconds"))
        error = optional_text(told.get("error"))
        failed = told.get("success") is False
        if failed and error is None and not latency:
            # Written at the start, and never again.
            reason = Aborted(error="interrupted: the end was not recorded", request=None)
            return (*((self._reply(calls=calls),) if calls or self._answered else ()), reason)
        return (
            self._reply(
                calls=calls,
                tokens=None if counted else tokens,
                finish_reason=_reason(told.get("finish_reason")),
                error=error or ("failed" if failed else None),
                duration_ms=milliseconds(latency, unit=1000) if latency else None,
            ),
        )

    # -- lines ---------------------------------------------------------------------------

    def _reply(self, **fields: Any) -> Replied:
        self._answered = True
        told = self._metadata
        self._model = fields.pop("model", "") or self._model
        return Replied(id=self.id, model=self._model, provider=text(told.get("provider")), **fields)

    def _request(self, told: dict[str, Any]) -> tuple[Fact, ...]:
        facts, history = request_facts(messages_of(told))
        return (*itertools.chain.from_iterable(each.noted() for each in history), *facts)

    def _response(self, told: dict[str, Any]) -> tuple[Fact, ...]:
        reply = replied(_CHAT.read_reply(told))
        self._counted |= reply.tokens is not None
        return (
            self._reply(
                model=reply.model,
                text=reply.text,
                thinking=reply.thinking,
                calls=reply.calls,
                tokens=reply.tokens,
                finish_reason=reply.finish_reason,
                error=reply.error,
                refused=reply.refused,
            ),
        )

    def _piece(self, kind: str, told: dict[str, Any]) -> tuple[Fact, ...]:
        if kind == "start":
            return (self._reply(model=text(told.get("model"))),)
        if kind == "delta":
            words = text(mapping(told.get("delta")).get("content"))
            shown = words and not count(told.get("index"))
            return (self._reply(text=words),) if shown else ()
        if kind == "tool_call_delta":
            self._add(told)
            return ()
        if kind == "usage":
            usage = mapping(told.get("usage"))
            tokens = normalised((usage.get("prompt_tokens"), usage.get("completion_tokens")))
            self._counted |= tokens is not None
            return (self._reply(tokens=tokens),) if tokens is not None else ()
        if kind == "error":
            return (self._reply(error=text(told.get("error")) or "error"),)
        reason = optional_text(told.get("finish_reason"))
        return (self._reply(calls=self._take_calls(), finish_reason=reason),)

    def _add(self, told: dict[str, Any]) -> None:
        call = self._calls.setdefault(count(told.get("tool_call_index")) or 0, _ToolCall())
        function = mapping(told.get("function"))
        call.id = call.id or text(told.get("id"))
        call.name = call.name or text(function.get("name"))
        call.arguments.append(text(function.get("arguments")))

    def _take_calls(self) -> tuple[Call, ...]:
        calls, self._calls = self._calls, {}
        return tuple(
            Call(name=call.name, id=call.id, arguments="".join(call.arguments))
            for _number, call in sorted(calls.items())
        )


def _entries(
    source: Source, events: Path, metadata: bytes | None, session: _Session
) -> Iterator[Entry]:
    at = session.began
    with open_text(events) as file:
        for number, value in enumerate(read_values(file, source.flaws)):
            told = decode_value(value.data)
            kind, facts, known = session.line(told, first=number == 0)
            created = mapping(told).get("created") if kind == "response" else None
            yield Entry(
                raw=value.data,
                kind=kind,
                facts=facts,
                known=known,
                at=read_time(created) or at,
                offset=value.offset,
            )
    if metadata is None:
        return
    if decode_value(metadata) is None:
        source.flaws.append(Flaw(0, len(metadata), "syntax", 0, _METADATA))
    yield Entry(
        raw=file_text(metadata),
        kind="metadata",
        facts=session.end(),
        known=isinstance(decode_value(metadata), dict),
    )


def _is_request(value: Any) -> bool:
    told = mapping(value)
    return (
        isinstance(told.get("messages"), list)
        and "model" in told
        and not listing(told.get("choices"))
    )


def _reason(value: Any) -> str | None:
    """Read a finish reason as the metadata have it: ``ToolCalls`` for ``tool_calls``."""
    reason = text(value)
    words = "".join(f"_{each.lower()}" if each.isupper() else each for each in reason)
    return words.lstrip("_") or None
