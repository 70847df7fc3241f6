"""The events: one frozen class per ``type``, told apart by that field alone.

Strategy: an event is cheap to build (a msgspec struct, nothing is checked or converted in its
constructor) and is looked at only on the recorder's worker. ``timestamp`` must be an aware
datetime. ``recorder`` and ``seq`` identify an event for ever; they are assigned when it is
written and are set on every event that was read back. Classes, fields and types follow
LunaRoute's session events; those from ``gap`` on are steno's own.

The main figures are always written, also when they are zero; those of the rarer kinds of tokens and
of tools are left out then, and so are texts that are empty and optional facts that are not known.
Events don't take part in garbage collection (``gc=False``): don't build one that holds itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from steno.events.parts import (
    Alteration,
    Body,
    CostEstimate,
    Payload,
    SessionMetadata,
    StreamingStats,
    Tokens,
    TokenTotals,
    ToolCallStats,
    ToolStats,
    ToolUsageSummary,
)


class Event(Struct, frozen=True, omit_defaults=True, gc=False, tag_field="type"):
    """One immutable fact in a session.

    Attributes:
        session_id: The session; any text.
        request_id: The call to a model that it belongs to; "" for the session as a whole.
        timestamp: When it happened; aware.
        recorder: Id of the recorder that wrote it; unset until it is written.
        seq: Its number among that recorder's events, from 1; unset until it is written.
        altered: Values that could not be kept as they were given.
        extra: What a newer version of steno put into the line, kept for the next write.
    """

    session_id: str
    request_id: str
    timestamp: datetime
    recorder: str | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    altered: tuple[Alteration, ...] = ()
    extra: Mapping[str, Any] | UnsetType = UNSET


class Started(Event, tag="started", frozen=True, kw_only=True):
    """A request began; written before the provider answers."""

    model_requested: str
    provider: str
    listener: str
    is_streaming: bool = field(default_factory=bool)
    metadata: SessionMetadata | None = None


class StreamStarted(Event, tag="stream_started", frozen=True, kw_only=True):
    """The first token of a streamed reply arrived, after so many milliseconds."""

    time_to_first_token_ms: int


class RequestRecorded(Event, tag="request_recorded", frozen=True, kw_only=True):
    """What was said to the model; sizes in bytes, times in milliseconds.

    In what the proxy records, ``request_text`` is what the user said that the transcript did not
    hold yet, and ``request_json`` has references in the place of what it held (see
    `steno.events.references`); ``request_body`` tells how the bytes are given back.
    """

    estimated_tokens: int = field(default_factory=int)
    pre_processing_ms: float = field(default_factory=float)
    request_size_bytes: int = field(default_factory=int)
    message_count: int = field(default_factory=int)
    has_system_prompt: bool = field(default_factory=bool)
    has_tools: bool = field(default_factory=bool)
    tool_count: int = field(default_factory=int)
    request_body: Body | None = None
    request_text: str = ""
    request_json: Payload = None


class ResponseRecorded(Event, tag="response_recorded", frozen=True, kw_only=True):
    """What the model replied; sizes in bytes, times in milliseconds.

    Of an imported reply, ``claim`` is by which its copies in other transcripts are known.
    """

    tokens: Tokens = field(default_factory=Tokens)
    model_used: str = field(default_factory=str)
    provider_latency_ms: int | None = None
    post_processing_ms: float = field(default_factory=float)
    total_proxy_overhead_ms: float = field(default_factory=float)
    tool_calls: tuple[ToolCallStats, ...] = ()
    response_size_bytes: int = field(default_factory=int)
    content_blocks: int = field(default_factory=int)
    has_refusal: bool = field(default_factory=bool)
    is_streaming: bool = field(default_factory=bool)
    chunk_count: int | None = None
    streaming_duration_ms: int | None = None
    finish_reason: str | None = None
    partial: bool | None = None
    http_status: int | None = None
    response_id: str | None = None
    claim: str | None = None
    response_body: Body | None = None
    response_text: str = field(default_factory=str)
    response_json: Payload = None


class ToolCallRecorded(Event, tag="tool_call_recorded", frozen=True, kw_only=True):
    """A tool was called; its arguments are JSON text."""

    tool_name: str
    tool_call_id: str = field(default_factory=str)
    execution_time_ms: int | None = None
    input_size_bytes: int = 0
    output_size_bytes: int | None = None
    success: bool | None = None
    tool_arguments: str | None = None
    tool_output: Payload = None


class StatsSnapshot(Event, tag="stats_snapshot", frozen=True, kw_only=True):
    """The session's figures so far; times in milliseconds."""

    request_count: int = field(default_factory=int)
    total_input_tokens: int = field(default_factory=int)
    total_output_tokens: int = field(default_factory=int)
    total_thinking_tokens: int = field(default_factory=int)
    total_tool_calls: int = field(default_factory=int)
    unique_tools: tuple[str, ...] = ()
    cumulative_latency_ms: int = field(default_factory=int)
    cumulative_proxy_overhead_ms: float = field(default_factory=float)


class StatsUpdated(Event, tag="stats_updated", frozen=True, kw_only=True):
    """Figures of a request that became known apart from its reply."""

    token_updates: TokenTotals | None = None
    tool_call_updates: ToolUsageSummary | None = None
    model_used: str | None = None
    response_size_bytes: int = field(default_factory=int)
    content_blocks: int = field(default_factory=int)
    has_refusal: bool = field(default_factory=bool)
    user_agent: str | None = None


class Completed(Event, tag="completed", frozen=True, kw_only=True):
    """A request ended: well, with an error, cancelled or interrupted; times in milliseconds."""

    success: bool
    error: str | None = None
    finish_reason: str | None = None
    total_duration_ms: int = field(default_factory=int)
    provider_time_ms: int = field(default_factory=int)
    proxy_overhead_ms: float = field(default_factory=float)
    # token totals
    total_input: int = field(default_factory=int)
    total_output: int = field(default_factory=int)
    total_thinking: int = field(default_factory=int)
    total_reasoning: int = 0
    total_cached: int = 0
    total_cache_read: int = 0
    total_cache_creation: int = 0
    total_audio_input: int = 0
    total_audio_output: int = 0
    grand_total: int = field(default_factory=int)
    by_model: Mapping[str, Tokens] = field(default_factory=dict)
    # tools
    total_tool_calls: int = 0
    unique_tool_count: int = 0
    by_tool: Mapping[str, ToolStats] = field(default_factory=dict)
    total_tool_time_ms: int = 0
    tool_error_count: int = 0
    # performance
    avg_provider_latency_ms: float | None = None
    p50_latency_ms: int | None = None
    p95_latency_ms: int | None = None
    p99_latency_ms: int | None = None
    max_latency_ms: int | None = None
    min_latency_ms: int | None = None
    avg_pre_processing_ms: float | None = None
    avg_post_processing_ms: float | None = None
    proxy_overhead_percentage: float | None = None
    streaming_stats: StreamingStats | None = None
    estimated_cost: CostEstimate | None = None


class Gap(Event, tag="gap", frozen=True, kw_only=True):
    """Something was not recorded: loss is data.

    Attributes:
        what: What is missing: ``event``, ``value``, ``line``, ``header``, ``byte`` or ``artefact``.
        count: How many.
        reason: Why, such as ``buffer_full``, ``write_failed``, ``altered``, ``torn_line``.
        since: When it began; None where nobody knows.
        detail: More, for a person.
    """

    what: str
    count: int
    reason: str
    since: datetime | None = None
    detail: str | None = None


class LogRecorded(Event, tag="log_recorded", frozen=True, kw_only=True):
    """A line that the program logged inside the session."""

    level: str
    logger: str
    message: str
    level_number: int = field(default_factory=int)
    user_id: str | None = None
    exception: str | None = None
    source: str | None = None


class ArtefactSaved(Event, tag="artefact_saved", frozen=True, kw_only=True):
    """A document that the session collected was saved beside it.

    Attributes:
        kind: ``logs``, ``metrics``, ``traces`` or ``files``.
        source: Where it comes from, such as ``kubernetes``.
        path: The file, from the session's folder on.
        size_bytes: Bytes on disk.
        count: Entries in it.
        sha256: Hexadecimal digest of the bytes on disk.
        metadata: What is known of it; ``complete`` is false where entries are missing at the end.
    """

    kind: str
    source: str
    path: str
    size_bytes: int = field(default_factory=int)
    count: int | None = None
    sha256: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Compacted(Event, tag="compacted", frozen=True, kw_only=True):
    """What was said before was replaced by a summary.

    Attributes:
        summary: What stands for it from here on.
        trigger: What brought it about, such as ``manual`` or ``auto``.
        tokens_before: Tokens of the context that was replaced.
        tokens_after: Tokens of what stands for it.
    """

    summary: str = field(default_factory=str)
    trigger: str | None = None
    tokens_before: int | None = None
    tokens_after: int | None = None


class Rotated(Event, tag="rotated", frozen=True, kw_only=True):
    """The transcript ends here; the conversation goes on in another one.

    Attributes:
        reason: Why: ``reset`` or ``compaction``.
        successor: Id of the session that goes on.
        session_key: Their common key; JSON ``sessionKey``.
    """

    reason: str
    successor: str
    session_key: str | None = field(default=None, name="sessionKey")


class EntryImported(Event, tag="entry_imported", frozen=True, kw_only=True):
    """An entry of another program's transcript, verbatim.

    What it says stands beside it as events of the other types; an entry that says nothing which
    those could carry is only this.

    Attributes:
        format: The format of the transcript, such as ``claude-code``.
        kind: The entry's type in that format.
        entry_key: By which the entry is known to be the same when it is imported again.
        entry_id: The id that it has there.
        role: Who speaks in it; None where nobody does.
        text: What a person would read of it; "" where other events hold that.
        told: Other events hold what it says.
        replayed_from: The session whose entry this is a copy of; what it says counts there.
        origin: The file that it comes from, and its byte offset: ``name:offset``.
        entry: The entry as it stood there.
    """

    format: str
    kind: str
    entry_key: str
    entry_id: str | None = None
    role: str | None = None
    told: bool = False
    replayed_from: str | None = None
    origin: str | None = None
    text: str = ""
    entry: Payload = None


class UnknownEvent(Event, tag="unknown", frozen=True, kw_only=True):
    """An event of a type, or of a shape, that this version doesn't know; kept whole.

    Attributes:
        raw: The object as it stood in the transcript.
    """

    raw: Mapping[str, Any] = field(default_factory=dict)


KnownEvent = (
    Started
    | StreamStarted
    | RequestRecorded
    | ResponseRecorded
    | ToolCallRecorded
    | StatsSnapshot
    | StatsUpdated
    | Completed
    | Gap
    | LogRecorded
    | ArtefactSaved
    | Compacted
    | Rotated
    | EntryImported
)
"""Every event that has a ``type`` of its own."""
