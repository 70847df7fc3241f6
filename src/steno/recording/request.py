"""Requests as a program uses them: context managers that record events.

A request always ends with ``completed``: also on an exception, a cancellation, or when a generator
is closed early. Nothing in here waits. Its events go to the session in which it began, whatever
becomes of that meanwhile.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from steno.events.model import (
    Completed,
    RequestRecorded,
    ResponseRecorded,
    Started,
    StreamStarted,
    ToolCallRecorded,
)
from steno.events.parts import Tokens
from steno.recording.context import Scope, enter_scope, leave_scope
from steno.recording.measures import ToolMeasures, measure_stream, token_totals

if TYPE_CHECKING:
    from types import TracebackType

    from steno.events.parts import SessionMetadata
    from steno.recording.session import Session


class Request:
    """One call to a model; made by `Session.request`.

    Attributes:
        request_id: The request's id.
    """

    def __init__(self, session: Session, request_id: str) -> None:
        """Bind the request to its session."""
        self.request_id = request_id
        self._session = session
        self._record = session.record
        self._scope = Scope(session.session_id, request_id, session.header.user_id, session.sealed)
        self._before: Scope | None = None
        self._started: Started | None = None
        self._sent: tuple[str | None, Any] = (None, None)
        self._begun_s = 0.0
        self._arrivals: list[float] = []
        self._pieces: list[str] = []
        self._tokens: Tokens | None = None
        self._model_used = ""
        self._replied = False
        self._finish_reason: str | None = None
        self._tools = ToolMeasures()
        self._ended = False

    def describe(
        self,
        model: str,
        provider: str,
        listener: str,
        metadata: SessionMetadata | None,
        *,
        is_streaming: bool,
        text: str | None,
        json: Any,
    ) -> None:
        """Say what is asked of whom; it is recorded when the request begins."""
        self._model = model
        self._details = {
            "provider": provider,
            "listener": listener,
            "metadata": metadata,
            "is_streaming": is_streaming,
        }
        self._sent = (text, json)

    def __enter__(self) -> Self:
        """Record that the request began, before anything is sent."""
        self._before = enter_scope(self._scope)
        self._begun_s = time.monotonic()
        self._record(
            Started(*self._ids(), model_requested=self._model, **self._details)  # type: ignore[arg-type]
        )
        if self._sent != (None, None):
            self.sent(text=self._sent[0], json=self._sent[1])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Record how the request ended; exceptions pass through."""
        leave_scope(self._scope, self._before)
        self._session.pass_word()
        if error is None:
            self.complete()
        else:
            self.complete(error=_describe(error))

    async def __aenter__(self) -> Self:
        """As `__enter__`."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As `__exit__`."""
        self.__exit__(kind, error, trace)

    def _ids(self) -> tuple[str, str, datetime]:
        return self._session.session_id, self.request_id, datetime.now(UTC)

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._begun_s) * 1000)

    def sent(self, *, text: str | None = None, json: Any = None) -> None:
        """Record what was said to the model.

        Args:
            text: As text.
            json: As the provider's request body.
        """
        body = json if isinstance(json, dict) else {}
        messages = body.get("messages", body.get("input"))
        tools = body.get("tools")
        self._record(
            RequestRecorded(
                *self._ids(),
                request_text=text or "",
                request_json=json,
                request_size_bytes=len(text.encode("utf-8", "replace")) if text else 0,
                message_count=len(messages) if isinstance(messages, list) else 0,
                has_system_prompt=bool(body.get("system") or body.get("instructions")),
                has_tools=bool(tools),
                tool_count=len(tools) if isinstance(tools, list) else 0,
            )
        )

    def chunk(self, text: str = "") -> None:
        """Take note of a piece of a streamed reply; the first one is recorded as its beginning."""
        self._arrivals.append(time.monotonic())
        self._pieces.append(text)
        if len(self._arrivals) == 1:
            self._record(StreamStarted(*self._ids(), time_to_first_token_ms=self._elapsed_ms()))

    def tool_call(
        self,
        name: str,
        *,
        call_id: str = "",
        arguments: str | None = None,
        output: Any = None,
        success: bool | None = None,
        execution_time_ms: int | None = None,
    ) -> None:
        """Record a tool call of this request.

        Args:
            name: The tool.
            call_id: The provider's id of the call.
            arguments: JSON text.
            output: What the tool returned.
            success: How it went, if known.
            execution_time_ms: How long it took, if known.
        """
        size = None
        if output is not None:
            size = len(str(output).encode("utf-8", "replace"))
        self._tools.add(name, execution_time_ms, success=success)
        self._record(
            ToolCallRecorded(
                *self._ids(),
                tool_name=name,
                tool_call_id=call_id,
                execution_time_ms=execution_time_ms,
                input_size_bytes=len((arguments or "").encode("utf-8", "replace")),
                output_size_bytes=size,
                success=success,
                tool_arguments=arguments,
                tool_output=output,
            )
        )

    def response(
        self,
        *,
        text: str | None = None,
        json: Any = None,
        model_used: str = "",
        tokens: Tokens | None = None,
        finish_reason: str | None = None,
        has_refusal: bool = False,
        content_blocks: int = 0,
    ) -> None:
        """Record the reply.

        Args:
            text: Its text; what `chunk` collected, when it is not given.
            json: The provider's reply.
            model_used: The model that answered.
            tokens: Its token counts.
            finish_reason: Why it ended, in the provider's word.
            has_refusal: The model refused.
            content_blocks: Blocks of content in it.
        """
        self._reply(
            text if text is not None else "".join(self._pieces),
            response_json=json,
            model_used=model_used,
            tokens=tokens,
            finish_reason=finish_reason,
            has_refusal=has_refusal,
            content_blocks=content_blocks,
        )

    def _reply(self, text: str, *, tokens: Tokens | None, **facts: Any) -> None:
        duration = self._elapsed_ms()
        stream = measure_stream(self._begun_s, self._arrivals)
        self._tokens = tokens or Tokens()
        self._model_used = str(facts.get("model_used") or "")
        self._finish_reason = facts.get("finish_reason")
        self._replied = True
        self._record(
            ResponseRecorded(
                *self._ids(),
                tokens=self._tokens,
                response_text=text,
                provider_latency_ms=duration,
                response_size_bytes=len(text.encode("utf-8", "replace")),
                is_streaming=stream is not None,
                chunk_count=stream.total_chunks if stream else None,
                streaming_duration_ms=stream.streaming_duration_ms if stream else None,
                **facts,
            )
        )

    def complete(self, *, error: str | None = None, finish_reason: str | None = None) -> None:
        """Record that the request ended; later calls do nothing.

        Args:
            error: What went wrong; None for success.
            finish_reason: Why the reply ended, if `response` did not say.
        """
        if self._ended:
            return
        self._ended = True
        if self._pieces and not self._replied:
            self._reply("".join(self._pieces), tokens=None, partial=True)
        duration = self._elapsed_ms()
        tokens = self._tokens or Tokens()
        self._session.count(tokens, self._tools, duration)
        self._record(
            Completed(  # type: ignore[misc]  # mypy can't see which fields the dicts hold
                *self._ids(),
                success=error is None,
                error=error,
                finish_reason=finish_reason or self._finish_reason,
                total_duration_ms=duration,
                provider_time_ms=duration,
                streaming_stats=measure_stream(self._begun_s, self._arrivals),
                **token_totals(tokens, self._model_used or self._model),
                **self._tools.totals(),
            )
        )


def _describe(error: BaseException) -> str:
    """Say how a request ended that raised; cancellations by one word, whatever raised them."""
    name = type(error).__name__
    if name in {"CancelledError", "GeneratorExit", "KeyboardInterrupt"}:
        return f"cancelled: {name}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a hostile __str__ may raise anything
        text = "(unreadable)"
    return f"{name}: {text}" if text else name
