"""What steno learns from a request and from a reply, whatever the protocol they were written in.

A protocol is a module under `steno.wire.providers`. It reads a decoded request body, a decoded
reply, and a stream of server-sent events; the reply that it rebuilds from a stream equals the one
that the provider would have sent in one piece.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from steno.events.parts import Tokens


class ToolResult(Struct, frozen=True, kw_only=True):
    """What a tool returned, as a later request carries it.

    Attributes:
        call_id: The provider's id of the call that it answers.
        output: What the tool returned, as the request has it.
        success: How it went, where the protocol says so; None where it does not.
    """

    call_id: str
    output: Any = None
    success: bool | None = None


class ToolCall(Struct, frozen=True, kw_only=True):
    """A tool that the model wants called.

    Attributes:
        name: The tool.
        call_id: The provider's id of the call.
        arguments: JSON text; whatever there was of it when a stream broke off.
    """

    name: str
    call_id: str = ""
    arguments: str = ""


class RequestFacts(Struct, frozen=True, kw_only=True):
    """What a request says.

    Attributes:
        model: The model that is asked for.
        is_streaming: The reply is to be streamed.
        text: What is new in it from the user: the text of the last user message.
        message_count: Messages, or items of input.
        has_system_prompt: There are instructions of the system.
        tool_count: Tools that the model may call.
        tool_results: The results of tools that it carries, in its order.
    """

    model: str = ""
    is_streaming: bool = False
    text: str = ""
    message_count: int = 0
    has_system_prompt: bool = False
    tool_count: int = 0
    tool_results: tuple[ToolResult, ...] = ()


class Reply(Struct, frozen=True, kw_only=True):
    """What a model replied, whole or as far as it came.

    Attributes:
        body: The reply as the provider sends it in one piece; rebuilt where it was streamed.
        model: The model that answered.
        response_id: The provider's id of the reply.
        text: What the model said.
        reasoning: What it thought aloud.
        refusal: Why it refused; None when it did not.
        tool_calls: What it wants called, in its order.
        finish_reason: Why it ended, in the provider's word.
        tokens: Its counts, normalised; None when the provider did not say.
        cost_usd: What the provider says that it cost, in US dollars (OpenRouter).
        content_blocks: Choices, output items or content blocks in it.
        error: What the provider says went wrong.
        ended: The provider said that the reply is complete.
    """

    body: Any = None
    model: str = ""
    response_id: str | None = None
    text: str = ""
    reasoning: str = ""
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    tokens: Tokens | None = None
    cost_usd: float | None = None
    content_blocks: int = 0
    error: str | None = None
    ended: bool = False


class StreamReader(Protocol):
    """Rebuilds a reply from its server-sent events; never raises over what they hold."""

    def feed(self, event: str, data: str) -> bool:
        """Take the next event.

        Args:
            event: Its ``event`` field; "" when it has none.
            data: Its data.

        Returns:
            True when it carries a piece of what the model says: text, thinking, a tool call.
        """

    def reply(self) -> Reply:
        """Return the reply as far as it came; the stream may go on afterwards."""


class WireProtocol(Protocol):
    """One provider protocol; implementations are stateless.

    Attributes:
        name: Such as ``openai.chat``.
    """

    name: str

    def read_request(self, body: Any) -> RequestFacts:
        """Read a decoded request body; anything that is not as it should be is passed over."""

    def read_reply(self, body: Any) -> Reply:
        """Read a decoded reply, or a decoded error."""

    def read_stream(self) -> StreamReader:
        """Begin to read a streamed reply."""
