"""One request and its reply, from the bytes that passed to events. No input and output.

Strategy: the bytes and the times at which they passed come in from outside, long after the client
has them if need be. A request is described once it is whole, so that its session is known before
its first event; every exchange ends with ``completed``, and the reason tells apart who ended it.
What can't be parsed is recorded as it came.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import json
from msgspec.structs import replace

from steno.events.model import (
    Completed,
    RequestRecorded,
    ResponseRecorded,
    Started,
    StreamStarted,
    ToolCallRecorded,
)
from steno.events.parts import SessionMetadata, Tokens
from steno.events.references import ReservedKeyError
from steno.recording.measures import ToolMeasures, token_totals
from steno.wire.bodies import Collector, decode_body, parse, write_body
from steno.wire.coding import CodingError
from steno.wire.facts import Reply, RequestFacts
from steno.wire.grouping import Identity, identify
from steno.wire.opening import Outcome
from steno.wire.pace import Pace
from steno.wire.prices import estimate_cost
from steno.wire.providers import find_protocol
from steno.wire.replies import ReplyCollector

if TYPE_CHECKING:
    from steno.events.model import Event
    from steno.events.references import Holdings
    from steno.wire.bodies import Spool
    from steno.wire.opening import Opening, Recording
    from steno.wire.sessions import Sessions

_CHARACTERS_PER_TOKEN = 4
"""What an estimate goes by; it is marked as one."""

_OK = 400
"""The first status that tells of an error."""


_HARMLESS = frozenset({"client_disconnected", "stopped"})
"""Ends that change nothing once the provider has said its last word."""


class Exchange:
    """One request and its reply.

    Call `add_request`, `end_request`, `send`, `begin_reply`, `add_reply` and `end` as things
    happen; times are monotonic seconds. After `end` nothing is recorded any more.

    Attributes:
        opening: What was known at the beginning.
        session_id: Its session; the opening's until the request is whole.
    """

    def __init__(self, opening: Opening, recording: Recording, sessions: Sessions) -> None:
        """Begin an exchange; nothing is recorded yet."""
        self.opening = opening
        self.session_id = opening.identity.session_id or opening.session_id
        self._recording = recording
        self._sessions = sessions
        self._protocol = find_protocol(opening.method, opening.target.partition("?")[0])
        self._request = Collector(lambda: self._open_spool("request"))
        self._reply = ReplyCollector(self._protocol, lambda: self._open_spool("reply"))
        self._facts = RequestFacts()
        self._pace = Pace()
        self._status: int | None = None
        self._sent_s: float | None = None
        self._arrived_s: float | None = None
        self._finished_s: float | None = None
        self._described = self._ended = False

    @property
    def is_recorded(self) -> bool:
        """Tell whether the exchange is recorded at all."""
        return self._protocol is not None or self.opening.raw

    # -- what happens ----------------------------------------------------------------------

    def add_request(self, data: bytes) -> None:
        """Take a piece of the request's body."""
        self._request.add(data)

    def end_request(self, at_s: float) -> None:
        """Describe the request: it is whole."""
        if self._described or not self.is_recorded:
            return
        self._described = True
        opening = self.opening
        encoding = opening.content_encoding
        body: Any = None
        if self._request.spooled:
            glance = self._request.glance()
            self._facts = RequestFacts(
                model=glance.get("model", ""), is_streaming=glance.get("stream", False)
            )
        else:
            body = _read_json(self._request.whole(), encoding)
            if self._protocol is not None:
                self._facts = self._protocol.read_request(body)
        self._begin_session(body)
        self._record_request(at_s)

    def send(self, at_s: float) -> None:
        """Take note that the request goes to the provider."""
        self._sent_s = at_s

    def begin_reply(self, status: int, headers: dict[str, str], at_s: float) -> None:
        """Take the head of the reply; names of headers in lower case."""
        self._status = status
        self._arrived_s = at_s
        self._reply.begin(
            headers.get("content-type", ""), headers.get("content-encoding", ""), self._facts
        )

    def add_reply(self, data: bytes, at_s: float) -> None:
        """Take a piece of the reply's body."""
        self._finished_s = at_s
        if not self.is_recorded:
            return
        for _ in range(self._reply.add(data)):
            if self._pace.mark(at_s) and self._described:
                wait = max(0.0, at_s - self._begin_of_provider())
                self._record(
                    StreamStarted(*self._ids(at_s), time_to_first_token_ms=round(wait * 1000))
                )

    def end(self, outcome: Outcome, at_s: float, *, overhead_s: float = 0.0) -> None:
        """End the exchange; later calls do nothing.

        Args:
            outcome: How it ended.
            at_s: When the last byte was with the client.
            overhead_s: Seconds of the whole that were neither the provider's nor the client's.
        """
        if self._ended or not self.is_recorded:
            return
        self.end_request(at_s)
        self._ended = True
        reply = self._reply.finish()
        if outcome.kind in _HARMLESS and self._reply.is_stream and reply.ended:
            # Clients hang up at the provider's last word, before the end of the stream.
            outcome = Outcome(kind="done")
        cut = outcome.kind != "done" or (self._reply.is_stream and not reply.ended)
        reply = self._with_tokens(reply, at_s, cut=cut)
        state = self._sessions.get(self.session_id)
        tools = ToolMeasures()
        for number, call in enumerate(reply.tool_calls):
            tools.add(call.name, None, success=None)
            state.add_call(call, self.opening.request_id, at_s)
            self._record(
                ToolCallRecorded(
                    *self._ids(at_s),
                    tool_name=call.name,
                    tool_call_id=call.call_id or f"{self.opening.request_id}#{number}",
                    input_size_bytes=len(call.arguments.encode("utf-8", "replace")),
                    tool_arguments=state.holdings.add_arguments(call.arguments),
                )
            )
        if self._status is not None:
            self._record_reply(reply, at_s, overhead_s, partial=cut and self._status < _OK)
        self._complete(reply, tools, self._error(outcome, reply), at_s, overhead_s)
        if reply.response_id:
            self._sessions.add_reply(reply.response_id, self.session_id)

    # -- how it is told --------------------------------------------------------------------

    def _begin_session(self, body: Any) -> None:
        opening = self.opening
        # The operator's side is believed before the client's.
        identity = opening.identity.over(
            identify(opening.headers, body, self._sessions.find_reply)
        ).over(Identity(session_id=opening.session_id))
        self.session_id = identity.session_id or opening.session_id
        self._identity = identity
        state = self._sessions.get(self.session_id)
        state.requests += 1
        if state.requests == 1:
            self._recording.begin_session(identity, opening.begun)

    def _record_request(self, at_s: float) -> None:
        opening, facts = self.opening, self._facts
        state = self._sessions.get(self.session_id)
        self._record(
            Started(
                *self._ids(opening.begun_s),
                model_requested=facts.model,
                provider=opening.provider,
                listener=opening.listener,
                is_streaming=facts.is_streaming,
                metadata=SessionMetadata(
                    client_ip=opening.client_ip,
                    user_agent=opening.headers.get("user-agent"),
                    api_version=opening.headers.get("anthropic-version")
                    or opening.headers.get("openai-version"),
                    request_headers=state.new_headers(opening.headers),
                    session_tags=self._identity.tags,
                    chat_id=self._identity.chat_id,
                    message_id=self._identity.message_id,
                ),
            )
        )
        text = state.new_text(facts)
        if self._request.spooled:
            value, how = None, self._request.describe_file(opening.content_encoding)
        elif self._request.size:
            written = write_body(self._request.whole(), opening.content_encoding, state.holdings)
            value, how = written.value, written.how
        else:
            value, how = None, None
        self._record(
            RequestRecorded(
                *self._ids(at_s),
                estimated_tokens=self._request.size // _CHARACTERS_PER_TOKEN,
                pre_processing_ms=_milliseconds(at_s - opening.begun_s),
                request_size_bytes=self._request.size,
                message_count=facts.message_count,
                has_system_prompt=facts.has_system_prompt,
                has_tools=facts.tool_count > 0,
                tool_count=facts.tool_count,
                request_body=how,
                request_text=text,
                request_json=value
                if self._protocol is not None
                else {"method": opening.method, "target": opening.target, "body": value},
            )
        )
        for result in facts.tool_results:
            call = state.take_result(result)
            if call is None:
                continue
            self._record(
                ToolCallRecorded(
                    self.session_id,
                    call.request_id,
                    self._at(at_s),
                    tool_name=call.name,
                    tool_call_id=result.call_id,
                    execution_time_ms=round((opening.begun_s - call.replied_s) * 1000),
                    output_size_bytes=_size(result.output),
                    success=result.success,
                    tool_output=_refer(result.output, state.holdings),
                )
            )

    def _record_reply(self, reply: Reply, at_s: float, overhead_s: float, *, partial: bool) -> None:
        state = self._sessions.get(self.session_id)
        stream = self._pace.stats(self._begin_of_provider())
        text = self._reply.cut_text(reply.text)
        state.holdings.add_text(text)
        value, how = self._reply.write(reply, state.holdings)
        self._record(
            ResponseRecorded(
                *self._ids(at_s),
                tokens=reply.tokens or Tokens(),
                model_used=reply.model,
                provider_latency_ms=self._provider_ms(at_s),
                post_processing_ms=_milliseconds(at_s - (self._finished_s or at_s)),
                total_proxy_overhead_ms=_milliseconds(overhead_s),
                response_size_bytes=self._reply.size,
                content_blocks=reply.content_blocks,
                has_refusal=reply.refusal is not None,
                is_streaming=self._reply.is_stream,
                chunk_count=stream.total_chunks if stream else None,
                streaming_duration_ms=stream.streaming_duration_ms if stream else None,
                finish_reason=reply.finish_reason,
                partial=True if partial else None,
                http_status=self._status,
                response_id=reply.response_id,
                response_body=how,
                response_text=text,
                response_json=value,
            )
        )

    def _complete(
        self, reply: Reply, tools: ToolMeasures, error: str | None, at_s: float, overhead_s: float
    ) -> None:
        tokens = reply.tokens or Tokens()
        total_s = at_s - self.opening.begun_s
        self._record(
            Completed(  # type: ignore[misc]  # mypy can't see which fields the dicts hold
                *self._ids(at_s),
                success=error is None,
                error=error,
                finish_reason=reply.finish_reason,
                total_duration_ms=round(total_s * 1000),
                provider_time_ms=self._provider_ms(at_s),
                proxy_overhead_ms=_milliseconds(overhead_s),
                proxy_overhead_percentage=round(100 * overhead_s / total_s, 3) if total_s else None,
                streaming_stats=self._pace.stats(self._begin_of_provider()),
                estimated_cost=estimate_cost(
                    self.opening.provider,
                    reply.model or self._facts.model,
                    tokens,
                    self.opening.begun,
                    reported_usd=reply.cost_usd,
                ),
                # One request has one model: its counts stand above, and in the reply's event.
                **{**token_totals(tokens, ""), "by_model": {}},
                **tools.totals(),
            )
        )

    def _error(self, outcome: Outcome, reply: Reply) -> str | None:
        if outcome.error is not None:
            return outcome.error
        if self._status is not None and self._status >= _OK:
            return f"http {self._status}: {reply.error or 'no further word'}"
        if reply.error is not None:
            return f"provider_error: {reply.error}"
        if self._reply.damage is not None:
            return f"unreadable_reply: {self._reply.damage}"
        if self._reply.is_stream and self._protocol is not None and not reply.ended:
            return "incomplete: the stream ended before its end was said"
        return None

    def _with_tokens(self, reply: Reply, at_s: float, *, cut: bool) -> Reply:
        """Add what follows from the counts; estimate them where the provider said nothing."""
        tokens = reply.tokens
        said = reply.text or reply.reasoning or reply.tool_calls
        if tokens is None:
            if not said or self._status is None or self._status >= _OK:
                return reply
            length = len(reply.text) + len(reply.reasoning)
            length += sum(len(call.arguments) for call in reply.tool_calls)
            tokens = Tokens(
                input=self._request.size // _CHARACTERS_PER_TOKEN,
                output=max(1, length // _CHARACTERS_PER_TOKEN),
                source="estimate",
            )
        elif (
            cut and tokens.source == "provider_final" and self._reply.is_stream and not reply.ended
        ):
            tokens = replace(tokens, source="partial")
        spent_s = at_s - (self._pace.first_s or self._begin_of_provider())
        if tokens.output and spent_s > 0 and tokens.tokens_per_second is None:
            tokens = replace(tokens, tokens_per_second=round(tokens.output / spent_s, 3))
        return replace(reply, tokens=tokens)

    def _record(self, event: Event) -> None:
        accepted = self._recording.record(event)
        self._sessions.get(self.session_id).holdings.settle(accepted=accepted)

    def _open_spool(self, part: str) -> Spool:
        return self._recording.open_spool(self.session_id, f"{self.opening.request_id}.{part}")

    def _begin_of_provider(self) -> float:
        return self._sent_s if self._sent_s is not None else self.opening.begun_s

    def _provider_ms(self, at_s: float) -> int:
        ended = self._finished_s or self._arrived_s or at_s
        return max(0, round((ended - self._begin_of_provider()) * 1000))

    def _ids(self, at_s: float) -> tuple[str, str, datetime]:
        return self.session_id, self.opening.request_id, self._at(at_s)

    def _at(self, at_s: float) -> datetime:
        return self.opening.begun + timedelta(seconds=max(0.0, at_s - self.opening.begun_s))


def _refer(output: Any, holdings: Holdings) -> Any:
    """Write a tool's output with references; as JSON text where it reads as if it held some."""
    try:
        return holdings.compact(output)
    except (ReservedKeyError, RecursionError):
        holdings.settle(accepted=False)
        return json.encode(output).decode()


def _milliseconds(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 3)


def _size(output: Any) -> int | None:
    if output is None:
        return None
    return len(
        output.encode("utf-8", "replace") if isinstance(output, str) else json.encode(output)
    )


def _read_json(data: bytes, encoding: str) -> Any:
    try:
        return parse(decode_body(data, encoding))
    except CodingError:
        return None
