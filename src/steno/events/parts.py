"""The smaller structures that events carry; JSON names follow LunaRoute's session events.

Token counts are normalised once, where they are read from a provider: ``input`` includes cached
and audio input tokens, ``output`` includes reasoning, thinking and audio output tokens, as the
OpenTelemetry GenAI conventions ask. The other counts are parts of these two and are never added
to them: ``total`` is ``input + output``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the structures inside events; what is absent is not written."""


class Tokens(Part, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts of one reply, in tokens.

    Attributes:
        input: All input tokens, cached ones included.
        output: All output tokens, reasoning and thinking included.
        thinking: Output tokens that Anthropic-style thinking used.
        reasoning: Output tokens that OpenAI-style reasoning used.
        cache_read: Input tokens read from a cache.
        cache_creation: Input tokens written to a cache.
        audio_input: Input tokens of audio.
        audio_output: Output tokens of audio.
        thinking_percentage: Share of the output that was thinking or reasoning, 0 to 100.
        tokens_per_second: Output tokens per second of the reply.
        source: Where the counts come from: ``provider_final``, ``partial`` or ``estimate``.
    """

    input: int = field(default_factory=int, name="input_tokens")
    output: int = field(default_factory=int, name="output_tokens")
    thinking: int | None = field(default=None, name="thinking_tokens")
    reasoning: int | None = field(default=None, name="reasoning_tokens")
    cache_read: int | None = field(default=None, name="cache_read_tokens")
    cache_creation: int | None = field(default=None, name="cache_creation_tokens")
    audio_input: int | None = field(default=None, name="audio_input_tokens")
    audio_output: int | None = field(default=None, name="audio_output_tokens")
    thinking_percentage: float | None = None
    tokens_per_second: float | None = None
    source: str | None = None

    @property
    def total(self) -> int:
        """Input and output together; their parts are not added again."""
        return self.input + self.output


class SessionMetadata(Part, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the client that began a request.

    Attributes:
        client_ip: Address of the client.
        user_agent: The client's ``User-Agent``.
        api_version: The provider's API version that the client asked for.
        request_headers: Headers without secrets.
        session_tags: Free tags.
        chat_id: The chat for which the request was made.
        message_id: The message that it answers.
    """

    client_ip: str | None = None
    user_agent: str | None = None
    api_version: str | None = None
    request_headers: Mapping[str, str] = field(default_factory=dict)
    session_tags: tuple[str, ...] = ()
    chat_id: str | None = None
    message_id: str | None = None


class ToolCallStats(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One tool call of a reply, without its content; sizes in bytes, time in milliseconds."""

    tool_name: str
    tool_call_id: str | None = None
    execution_time_ms: int | None = None
    input_size_bytes: int = field(default_factory=int)
    output_size_bytes: int | None = None
    success: bool | None = None


class ToolStats(Part, frozen=True, kw_only=True, omit_defaults=True):
    """All calls of one tool in a request; times in milliseconds."""

    call_count: int = field(default_factory=int)
    total_execution_time_ms: int = 0
    avg_execution_time_ms: int = 0
    error_count: int = 0


class TokenTotals(Part, frozen=True, kw_only=True, omit_defaults=True):
    """Token totals, as ``stats_updated`` carries them; ``completed`` has the same names."""

    total_input: int = field(default_factory=int)
    total_output: int = field(default_factory=int)
    total_thinking: int = field(default_factory=int)
    total_reasoning: int = field(default_factory=int)
    total_cached: int = field(default_factory=int)
    total_cache_read: int = field(default_factory=int)
    total_cache_creation: int = field(default_factory=int)
    total_audio_input: int = field(default_factory=int)
    total_audio_output: int = field(default_factory=int)
    grand_total: int = field(default_factory=int)
    by_model: Mapping[str, Tokens] = field(default_factory=dict)


class ToolUsageSummary(Part, frozen=True, kw_only=True, omit_defaults=True):
    """Tool totals, as ``stats_updated`` carries them; ``completed`` has the same names."""

    total_tool_calls: int = field(default_factory=int)
    unique_tool_count: int = field(default_factory=int)
    by_tool: Mapping[str, ToolStats] = field(default_factory=dict)
    total_tool_time_ms: int = field(default_factory=int)
    tool_error_count: int = field(default_factory=int)


class StreamingStats(Part, frozen=True, kw_only=True, omit_defaults=True):
    """How a streamed reply arrived.

    All times are in milliseconds. A chunk latency is the time between two chunks: the wait for
    the first one is ``time_to_first_token_ms`` alone.
    """

    time_to_first_token_ms: int = field(default_factory=int)
    total_chunks: int = field(default_factory=int)
    streaming_duration_ms: int = field(default_factory=int)
    avg_chunk_latency_ms: float = field(default_factory=float)
    p50_chunk_latency_ms: int | None = None
    p95_chunk_latency_ms: int | None = None
    p99_chunk_latency_ms: int | None = None
    max_chunk_latency_ms: int = field(default_factory=int)
    min_chunk_latency_ms: int = field(default_factory=int)


class CostEstimate(Part, frozen=True, kw_only=True, omit_defaults=True):
    """What a request cost in US dollars, and by which price table."""

    provider: str
    model: str
    input_cost_usd: float = field(default_factory=float)
    output_cost_usd: float = field(default_factory=float)
    thinking_cost_usd: float | None = None
    total_cost_usd: float = field(default_factory=float)
    cost_per_1k_tokens: float = field(default_factory=float)
    price_table: str | None = None


class Body(Part, frozen=True, kw_only=True, omit_defaults=True):
    """How a body that went over the wire is given back byte for byte.

    Attributes:
        encoding: ``json``: the event's JSON, references followed, written in `style`; ``text`` or
            ``base64``: the event's JSON is a string that holds the body; ``file``: it lies in
            `path`.
        style: How the JSON was written; see `steno.events.references`.
        after: White space that stood behind the JSON.
        sha256: Hexadecimal digest of the body, after its content encoding was undone.
        content_encoding: How it was compressed on the wire.
        path: The file, relative to the home.
    """

    encoding: str
    style: str | None = None
    after: str | None = None
    sha256: str | None = None
    content_encoding: str | None = None
    path: str | None = None


class Alteration(Part, frozen=True, kw_only=True, omit_defaults=True):
    """A value that could not be kept as it was given.

    Attributes:
        path: JSON pointer of the value inside the event.
        reason: ``not_finite``, ``surrogate``, ``cycle``, ``depth``, ``key``, ``type`` or
            ``too_large``.
        size: The original size: bytes of UTF-8 for text and bytes, else of its JSON.
        sha256: Hexadecimal digest of these bytes.
    """

    path: str
    reason: str
    size: int | None = None
    sha256: str | None = None


Payload = Any
"""Any value that JSON can carry; anything else is kept in the best form possible."""
