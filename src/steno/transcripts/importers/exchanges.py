"""One request and its reply while they are put together from entries, and the events they make."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from steno.events.model import (
    Completed,
    Event,
    RequestRecorded,
    ResponseRecorded,
    Started,
    ToolCallRecorded,
)
from steno.events.parts import Tokens, ToolCallStats
from steno.recording.measures import ToolMeasures, token_totals
from steno.transcripts.importers.keys import size_of_text
from steno.transcripts.importers.model import Call
from steno.wire.prices import estimate_cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.importers.model import Replied


_MAX_AFTER = 1_000
"""So many events wait for the end of a reply."""


class Asked(Struct):
    """What was said to the model since its last reply.

    Attributes:
        request_id: The request that it will be.
        at: When the first of it was said.
        texts: What the user said.
        messages: How many messages it is, results of tools included.
        system: The system or the developer has spoken.
        user: The user has spoken.
        fresh: Something of it is new.
    """

    request_id: str
    at: datetime
    texts: list[str] = field(default_factory=list)
    messages: int = 0
    system: bool = False
    user: bool = False
    fresh: bool = False

    def events(self, session_id: str, listener: str, model: str, provider: str) -> Iterator[Event]:
        """Yield what begins the request."""
        text = "\n\n".join(self.texts)
        yield Started(
            session_id,
            self.request_id,
            self.at,
            model_requested=model,
            provider=provider,
            listener=listener,
        )
        if self.messages:
            yield RequestRecorded(
                session_id,
                self.request_id,
                self.at,
                request_text=text,
                request_size_bytes=size_of_text(text),
                message_count=self.messages,
                has_system_prompt=self.system,
            )


class Reply(Struct):
    """A reply, as far as it was told.

    Attributes:
        request_id: Its request.
        begun: When the request began.
        at: When the last of the reply was told.
        fresh: Something of it is new.
        closed: Its events were made.
        owner: The session that counts it, where that is another one.
        again: Another entry of this session has told it already, as a reply of its own.
        after: Events that come behind it: results of tools that it was still calling, notices.
        counted: What was counted of it: calls of tools, input tokens, output tokens, and 1 where
            there are no counts.
    """

    request_id: str
    begun: datetime
    at: datetime
    id: str | None = None
    model: str = ""
    provider: str = ""
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    tokens: Tokens | None = None
    claim: str | None = None
    finish_reason: str | None = None
    error: str | None = None
    refused: bool = False
    cut: bool = False
    cost_usd: float | None = None
    duration_ms: int | None = None
    fresh: bool = False
    closed: bool = False
    owner: str | None = None
    again: bool = False
    after: list[Event] = field(default_factory=list)
    counted: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def is_whole(self) -> bool:
        """Tell whether the source says that the reply came to its end."""
        final = self.tokens is not None and self.tokens.source == "provider_final"
        return final or self.finish_reason is not None

    @property
    def gathers(self) -> bool:
        """Tell whether more can wait to come behind it."""
        return not self.closed and len(self.after) < _MAX_AFTER

    def add(self, part: Replied, at: datetime) -> None:
        """Take a part of the reply."""
        if part.whole:
            self.text, self.thinking, self.calls = [], [], []
        self.at = max(self.at, at)
        self.model = part.model or self.model
        self.provider = part.provider or self.provider
        if part.text:
            self.text.append(part.text)
        if part.thinking:
            self.thinking.append(part.thinking)
        self.calls.extend(part.calls)
        self.count(part.tokens)
        self.finish_reason = part.finish_reason or self.finish_reason
        self.error = part.error or self.error
        self.refused = self.refused or part.refused
        self.claim = self.claim or part.claim
        if part.cost_usd is not None:
            self.cost_usd = part.cost_usd
        if part.duration_ms is not None:
            self.duration_ms = part.duration_ms

    def count(self, tokens: Tokens | None) -> None:
        """Take counts; those with the greatest output are believed, of equals the last."""
        if tokens is not None and (self.tokens is None or tokens.output >= self.tokens.output):
            self.tokens = tokens

    def events(self, session_id: str) -> Iterator[Event]:
        """Yield what the reply tells, and the end of its request."""
        ids = (session_id, self.request_id, self.at)
        text = "".join(self.text)
        tokens = self.tokens or Tokens()
        calls = ToolMeasures()
        stats: list[ToolCallStats] = []
        for call in self.calls:
            size = size_of_text(call.arguments)
            calls.add(call.name, None, success=None)
            stats.append(
                ToolCallStats(
                    tool_name=call.name, tool_call_id=call.id or None, input_size_bytes=size
                )
            )
            yield ToolCallRecorded(
                *ids,
                tool_name=call.name,
                tool_call_id=call.id,
                input_size_bytes=size,
                tool_arguments=call.arguments,
            )
        if text or self.calls or self.tokens is not None or self.error is None or self.thinking:
            yield ResponseRecorded(
                *ids,
                tokens=tokens,
                model_used=self.model,
                tool_calls=tuple(stats),
                provider_latency_ms=self.duration_ms,
                response_size_bytes=size_of_text(text),
                content_blocks=len(self.text) + len(self.thinking) + len(self.calls),
                has_refusal=self.refused,
                finish_reason=self.finish_reason,
                partial=True if self.cut else None,
                response_id=self.id,
                claim=self.claim,
                response_text=text,
                response_json={"reasoning": "\n\n".join(self.thinking)} if self.thinking else None,
            )
        duration = self.duration_ms
        if duration is None:
            duration = max(0, round((self.at - self.begun).total_seconds() * 1000))
        cost: Any = None
        if self.tokens is not None:
            cost = estimate_cost(
                self.provider, self.model, tokens, self.begun, reported_usd=self.cost_usd
            )
        yield Completed(  # type: ignore[misc]  # mypy can't see which fields the dicts hold
            *ids,
            success=self.error is None,
            error=self.error,
            finish_reason=self.finish_reason,
            total_duration_ms=duration,
            provider_time_ms=self.duration_ms or 0,
            estimated_cost=cost,
            **token_totals(tokens, self.model),
            **calls.totals(),
        )
