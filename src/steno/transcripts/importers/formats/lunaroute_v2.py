"""LunaRoute's second recorder: one file of events for each session and day.

Strategy: the events are those of steno's own model, and name their request. LunaRoute tells a reply
in several of them, in no fixed order, and never all of it: in its usual mode the reply's text is in
none. So each event is a part of the reply whose id is the request's. Structures that it merges into
the event are looked for under their own names too (``stats``, ``final_stats``, ``metadata``), as
its documentation has them.

Counts: those of Anthropic's models leave out what was read from the cache or written to it. Results
of tools are told again with every request that carries them: the first one counts.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.transcripts.importers.fields import count, decode_value, flag, milliseconds
from steno.transcripts.importers.formats.chats import (
    messages_of,
    protocol_of,
    replied,
    request_facts,
)
from steno.transcripts.importers.formats.usage import normalised
from steno.transcripts.importers.model import (
    Aborted,
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
from steno.wire.providers.reading import mapping, optional_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.events.parts import Tokens
    from steno.transcripts.importers.source import Probe, Source
    from steno.transcripts.values import Value

_TYPES = frozenset(
    {
        "started",
        "stream_started",
        "request_recorded",
        "response_recorded",
        "tool_call_recorded",
        "stats_snapshot",
        "stats_updated",
        "completed",
    }
)
_COMMON = frozenset({"type", "session_id", "request_id", "timestamp"})
_STENO = frozenset({"recorder", "seq"})
_NESTED = ("stats", "final_stats", "metadata")
_BROKEN = ("interrupted", "cancelled", "canceled")
_TOTALS = {
    "input_tokens": "total_input",
    "output_tokens": "total_output",
    "thinking_tokens": "total_thinking",
    "reasoning_tokens": "total_reasoning",
    "cache_read_tokens": "total_cache_read",
    "cache_creation_tokens": "total_cache_creation",
}
_HALF = 0.5
REPEATED = "that a tool's result is told again"


class LunaRouteV2:
    """The format of the second recorder, see `steno.transcripts.importers.source.Format`."""

    name = "lunaroute-v2"
    title = "LunaRoute (V2 recorder)"
    homes = ("~/.lunaroute/sessions",)

    def recognise(self, probe: Probe) -> float:
        """Tell by its events how surely a file is LunaRoute's, and not one of steno's own."""
        events = [value for value in probe.first if isinstance(value, dict)]
        if not events or any(value.get("type") == "session" for value in events):
            return 0.0
        ours = [
            value
            for value in events
            if text(value.get("type")) in _TYPES
            and value.keys() >= _COMMON
            and not value.keys() >= _STENO
        ]
        share = len(ours) / len(events)
        return 0.95 * share if share >= _HALF else 0.0

    def takes_folder(self, probe: Probe) -> bool:  # noqa: ARG002 - the protocol's
        """Take no folder."""
        return False

    def neighbour(self, path: Path) -> str | None:
        """Name what LunaRoute keeps beside its sessions."""
        if path.name in {".encryption_salt", ".healthcheck"}:
            return "settings of the recorder"
        return None

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the sessions of a file: usually one.

        Raises:
            OSError: It can't be read.
            TranscriptError: It is compressed, and zstd is not installed.
        """
        reader = _Reader(source.name)
        for session_id, events in itertools.groupby(reader.decode(source), _session_of):
            first = next(events)
            identity = _identity(session_id, first[1])
            every = itertools.chain((first,), events)  # noqa: B031 - what is behind the first
            yield Conversation(identity, (reader.entry(*each) for each in every))


FORMAT = LunaRouteV2()


class _Request(Struct):
    """What is known of a request; the model that was asked for, and the one that answered."""

    asked: str = ""
    model: str = ""
    provider: str = ""
    listener: str = ""


class _Reader:
    """Reads the events of a file, in order."""

    def __init__(self, name: str) -> None:
        self._last = name.removesuffix(".jsonl")
        self._requests: dict[str, _Request] = {}
        self._returned: set[tuple[str, str]] = set()

    def decode(self, source: Source) -> Iterator[tuple[Value, dict[str, Any], str]]:
        """Yield each value, the object that it is, and its session: its own or the one before."""
        for value in source.values():
            event = mapping(decode_value(value.data))
            self._last = optional_text(event.get("session_id")) or self._last
            yield value, event, self._last

    def entry(self, value: Value, event: dict[str, Any], session_id: str) -> Entry:
        """Tell what an event tells."""
        kind = text(event.get("type"))
        facts: tuple[Fact, ...] = ()
        guessed = None
        if kind in _TYPES:
            request_id = optional_text(event.get("request_id")) or session_id
            facts = self._facts(kind, _flat(event), request_id)
            if kind == "tool_call_recorded":
                facts, guessed = self._once(facts, session_id)
        return Entry(
            raw=value.data,
            kind=kind or "?",
            facts=facts,
            known=kind in _TYPES,
            at=read_time(event.get("timestamp")),
            offset=value.offset,
            guessed=guessed,
        )

    def _facts(self, kind: str, event: dict[str, Any], key: str) -> tuple[Fact, ...]:
        known = self._requests.setdefault(key, _Request())
        if kind == "started":
            known.asked = text(event.get("model_requested"))
            known.provider = text(event.get("provider"))
            known.listener = text(event.get("listener"))
            return ()
        if kind == "request_recorded":
            return _asked(event, key)
        if kind == "response_recorded":
            return self._response(event, key, known)
        if kind == "tool_call_recorded":
            return _tool(event, key, known)
        if kind == "stats_updated":
            model = text(event.get("model_used"))
            tokens = _tokens(_renamed(mapping(event.get("token_updates"))), known, model)
            refused = flag(event.get("has_refusal")) is True and known.provider != "anthropic"
            if tokens is None and not model:
                return ()
            return (_reply(key, known, model=model, tokens=tokens, refused=refused),)
        if kind == "completed":
            return self._completed(event, key, known)
        return ()

    def _response(self, event: dict[str, Any], key: str, known: _Request) -> tuple[Fact, ...]:
        model = text(event.get("model_used"))
        nested = mapping(event.get("tokens"))
        tokens = _tokens(nested or event, known, model)
        words, thinking = text(event.get("response_text")), ""
        body = mapping(event.get("response_json"))
        protocol = protocol_of(body)
        finish = None
        if protocol is not None:
            read = replied(protocol.read_reply(body))
            words, thinking, finish = words or read.text, read.thinking, read.finish_reason
            tokens = tokens or read.tokens
        return (
            _reply(
                key,
                known,
                model=model,
                text=words,
                thinking=thinking,
                tokens=tokens,
                finish_reason=finish,
                duration_ms=milliseconds(event.get("provider_latency_ms")),
            ),
        )

    def _completed(self, event: dict[str, Any], key: str, known: _Request) -> tuple[Fact, ...]:
        del self._requests[key]
        error = optional_text(event.get("error"))
        failed = flag(event.get("success")) is False
        broken = failed and error is not None and error.startswith(_BROKEN)
        by_model = [name for name in mapping(event.get("by_model")) if name]
        reply = _reply(
            key,
            known,
            model=by_model[0] if len(by_model) == 1 else "",
            tokens=_tokens(_renamed(event), known, ""),
            finish_reason=optional_text(event.get("finish_reason")),
            error=None if broken or not failed else error or "failed",
            duration_ms=milliseconds(event.get("total_duration_ms")) or None,
        )
        return (reply, Aborted(error=error or "", request=key)) if broken else (reply,)

    def _once(
        self, facts: tuple[Fact, ...], session_id: str
    ) -> tuple[tuple[Fact, ...], str | None]:
        """Leave out a result that an earlier request carried."""
        kept: list[Fact] = []
        repeated = None
        for fact in facts:
            if isinstance(fact, Returned) and fact.call_id:
                if (session_id, fact.call_id) in self._returned:
                    repeated = REPEATED
                    continue
                self._returned.add((session_id, fact.call_id))
            kept.append(fact)
        return tuple(kept), repeated


def _session_of(read: tuple[Value, dict[str, Any], str]) -> str:
    return read[2]


def _identity(session_id: str, event: dict[str, Any]) -> Identity:
    told = _flat(event)
    tags = told.get("session_tags")
    facts = {
        name: value
        for name in ("provider", "listener", "user_agent", "client_ip")
        if (value := optional_text(told.get(name))) is not None
    }
    return Identity(
        format="lunaroute-v2",
        id=session_id,
        began=read_time(event.get("timestamp")),
        program="LunaRoute",
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        facts=facts,
    )


def _flat(event: dict[str, Any]) -> dict[str, Any]:
    """Put what lies in structures of its own beside the event's fields."""
    flat: dict[str, Any] = {}
    for name in _NESTED:
        flat.update(mapping(event.get(name)))
    return {**flat, **event}


def _asked(event: dict[str, Any], key: str) -> tuple[Fact, ...]:
    words = optional_text(event.get("request_text"))
    messages = messages_of(mapping(event.get("request_json")))
    facts, _history = request_facts(messages, request=key)
    # Results of tools stand in events of their own; the text stands in front of its JSON.
    said = [fact for fact in facts if isinstance(fact, Said)]
    if words is not None and not any(fact.role == "user" for fact in said):
        said.append(Said("user", words, key))
    return tuple(said)


def _tool(event: dict[str, Any], key: str, known: _Request) -> tuple[Fact, ...]:
    name, call_id = text(event.get("tool_name")), text(event.get("tool_call_id"))
    arguments = event.get("tool_arguments")
    success, size = flag(event.get("success")), count(event.get("output_size_bytes"))
    took = milliseconds(event.get("execution_time_ms"))
    returned = success is not None or size is not None or took is not None
    facts: list[Fact] = []
    if isinstance(arguments, str) or not returned:
        call = Call(name=name, id=call_id, arguments=text(arguments))
        facts.append(_reply(key, known, calls=(call,)))
    if returned:
        facts.append(Returned(call_id=call_id, name=name, success=success, duration_ms=took))
    return tuple(facts)


def _reply(key: str, known: _Request, **fields: Any) -> Replied:
    known.model = fields.pop("model", "") or known.model
    return Replied(id=key, model=known.model or known.asked, provider=known.provider, **fields)


def _renamed(totals: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: totals.get(total) for name, total in _TOTALS.items()},
        "cache_read_tokens": totals.get("total_cache_read") or totals.get("total_cached"),
    }


def _tokens(told: dict[str, Any], known: _Request, model: str) -> Tokens | None:
    read, created = told.get("cache_read_tokens"), told.get("cache_creation_tokens")
    names = (known.provider, known.listener, model or known.model or known.asked)
    claude = "anthropic" in names[0].lower() or "claude" in names[2].lower()
    beyond = (count(read) or 0) > (count(told.get("input_tokens")) or 0)
    return normalised(
        (told.get("input_tokens"), told.get("output_tokens")),
        cached=read,
        created=created,
        reasoning=told.get("reasoning_tokens"),
        thinking=told.get("thinking_tokens"),
        apart=claude or beyond,
    )
