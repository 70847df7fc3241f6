"""The statements that put rows into the index; built once from the lists of columns."""

from __future__ import annotations

from typing import Any

from steno.writers.schema import TOKEN_COLUMNS

_IDENTITY = (
    "session_key", "agent_id", "user_id", "chat_id", "message_id", "parent", "host", "program",
    "cwd", "tags", "recorder",
)  # fmt: skip
"""Filled in once; the first header that knows them wins."""

_RANKED = {
    "begun_rank": (
        "request_id", "provider", "listener", "model_requested", "is_streaming", "client_ip",
        "user_agent",
    ),
    "sent_rank": ("request_text",),
    "streamed_rank": ("time_to_first_token_ms",),
    "replied_rank": ("model_used", "response_text"),
    "ended_rank": ("success", "error_message", "finish_reason"),
}  # fmt: skip
"""Those of the newest event of a kind win."""

_SESSION_COLUMNS = (
    "session_id", "started_at", "created_at", "completed_at", *_IDENTITY,
    *(name for rank, names in _RANKED.items() for name in (rank, *names)),
)  # fmt: skip
SESSION = {name: at for at, name in enumerate(_SESSION_COLUMNS)}
"""Where each column stands in a row for `SESSION_UPSERT`."""

_NEVER_NULL = {"provider": "''", "listener": "''", "model_requested": "''", "is_streaming": "0"}


def _values(columns: tuple[str, ...]) -> str:
    return ", ".join(
        f"COALESCE(?, {_NEVER_NULL[name]})" if name in _NEVER_NULL else "?" for name in columns
    )


_INDEXED = frozenset({"created_at", "request_id", "provider", "model_used"})
"""Columns of indexes: to set one, even to what it is, rewrites the index's entries."""

_INDEXED_VALUES = (
    "created_at", "begun_rank", "request_id", "begun_rank", "provider",
    "replied_rank", "model_used", "session_id", "created_at",
    "begun_rank", "request_id", "provider", "replied_rank", "model_used",
)  # fmt: skip
"""The columns of a row for `SESSION_UPSERT` that `SESSION_KEYS_UPDATE` takes, in this order."""

SESSION_KEYS_UPDATE = """UPDATE sessions SET
        created_at = MIN(created_at, ?),
        request_id = CASE WHEN ? > COALESCE(begun_rank, '') THEN ? ELSE request_id END,
        provider = CASE WHEN ? > COALESCE(begun_rank, '') THEN COALESCE(?, '') ELSE provider END,
        model_used = CASE WHEN ? > COALESCE(replied_rank, '') THEN ? ELSE model_used END
    WHERE session_id = ? AND (created_at > ?
        OR (? > COALESCE(begun_rank, '')
            AND (request_id IS NOT ? OR provider IS NOT COALESCE(?, '')))
        OR (? > COALESCE(replied_rank, '') AND model_used IS NOT ?))"""
"""Sets the indexed columns of sessions that exist, where they change; to be run first, because it
goes by the ranks that `SESSION_UPSERT` sets."""


def keys_of(session: list[Any]) -> list[Any]:
    """Pick the values of `SESSION_KEYS_UPDATE` from a row for `SESSION_UPSERT`."""
    return [session[SESSION[name]] for name in _INDEXED_VALUES]


def _session_updates() -> str:
    updates = [
        "started_at = MIN(started_at, excluded.started_at)",
        (
            "completed_at = MAX(COALESCE(completed_at, excluded.completed_at), "
            "COALESCE(excluded.completed_at, completed_at))"
        ),
        *(f"{name} = COALESCE({name}, excluded.{name})" for name in _IDENTITY),
    ]
    for rank, names in _RANKED.items():
        updates += [
            f"{name} = CASE WHEN excluded.{rank} > COALESCE({rank}, '') "
            f"THEN excluded.{name} ELSE {name} END"
            for name in (rank, *names)
            if name not in _INDEXED
        ]
    return ",\n    ".join(updates)


SESSION_UPSERT = f"""INSERT INTO sessions ({", ".join(_SESSION_COLUMNS)})
    VALUES ({_values(_SESSION_COLUMNS)})
    ON CONFLICT (session_id) DO UPDATE SET {_session_updates()}"""  # noqa: S608 - names of our own

_TOKENS = (*TOKEN_COLUMNS, "tokens_source", "tokens_per_second", "thinking_percentage")
_RANKED_FACTS = {
    "begun_rank": (
        "model_requested", "provider", "listener", "is_streaming", "started_at", "recorder",
    ),
    "sent_rank": ("request_size_bytes", "message_count", "pre_processing_ms"),
    "streamed_rank": ("time_to_first_token_ms",),
    "replied_rank": (
        "provider_latency_ms", "post_processing_ms", "proxy_overhead_ms", "response_size_bytes",
        "content_blocks",
    ),
    "ended_rank": (
        "completed_at", "success", "error_message", "finish_reason", "duration_ms", "cost_usd",
    ),
    "model_rank": ("model_used",),
    "chunks_rank": ("chunk_count", "streaming_duration_ms"),
    "agent_rank": ("user_agent",),
    "tokens_rank": _TOKENS,
}  # fmt: skip
"""Facts of a request that can be told more than once: those of the highest rank win."""

_FLAGS = ("has_tools", "has_refusal")
"""Once true, they stay true."""

_REQUEST_COLUMNS = (
    "session_id", "request_id", "created_at", *_FLAGS,
    *(name for rank, names in _RANKED_FACTS.items() for name in (rank, *names)), "model_name",
)  # fmt: skip
REQUEST = {name: at for at, name in enumerate(_REQUEST_COLUMNS)}
"""Where each column stands in a row for `REQUEST_UPSERT`; the last one follows from others."""


def _winner(name: str, rank: str) -> str:
    return f"CASE WHEN excluded.{rank} > COALESCE({rank}, '') THEN excluded.{name} ELSE {name} END"


_MODEL = (
    f"COALESCE(NULLIF({_winner('model_used', 'model_rank')}, ''), "
    f"{_winner('model_requested', 'begun_rank')}, '')"
)
_REQUEST_VALUES = ", ".join(
    "COALESCE(?, 0)" if name in _FLAGS else "?" for name in _REQUEST_COLUMNS
)


def _request_updates() -> str:
    updates = [
        "created_at = MIN(created_at, excluded.created_at)",
        f"model_name = {_MODEL}",
        *(f"{name} = MAX({name}, excluded.{name})" for name in _FLAGS),
        *(
            f"{name} = {_winner(name, rank)}"
            for rank, names in _RANKED_FACTS.items()
            for name in (rank, *names)
        ),
    ]
    return ",\n    ".join(updates)


REQUEST_UPSERT = f"""INSERT INTO session_stats ({", ".join(_REQUEST_COLUMNS)})
    VALUES ({_REQUEST_VALUES})
    ON CONFLICT (session_id, request_id) DO UPDATE SET {_request_updates()}"""  # noqa: S608 - names of our own

TOOL_UPSERT = """INSERT INTO tool_call_executions (session_id, request_id, call_key, tool_name,
        execution_time_ms, input_size_bytes, output_size_bytes, success, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (session_id, request_id, call_key) DO UPDATE SET
        created_at = MIN(created_at, excluded.created_at),
        execution_time_ms = COALESCE(MAX(execution_time_ms, excluded.execution_time_ms),
            execution_time_ms, excluded.execution_time_ms),
        input_size_bytes = COALESCE(MAX(input_size_bytes, excluded.input_size_bytes),
            input_size_bytes, excluded.input_size_bytes),
        output_size_bytes = COALESCE(MAX(output_size_bytes, excluded.output_size_bytes),
            output_size_bytes, excluded.output_size_bytes),
        success = COALESCE(MIN(success, excluded.success), success, excluded.success)"""
"""A call and its result are two events, in any order; of two results, the failure is believed."""

GAP_UPSERT = """INSERT INTO gaps (recorder, seq, session_id, request_id, what, count, reason,
        since, detail, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (recorder, seq) DO NOTHING"""

ARTEFACT_UPSERT = """INSERT INTO artefacts (recorder, seq, session_id, request_id, recorded_at,
        kind, source, path, size_bytes, count, sha256, metadata)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (recorder, seq) DO NOTHING"""

POSITION_UPSERT = """INSERT INTO transcripts (path, session_id, position, inode, damaged_lines)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET
        session_id = COALESCE(excluded.session_id, session_id),
        position = MAX(position, excluded.position),
        inode = COALESCE(excluded.inode, inode),
        damaged_lines = damaged_lines + excluded.damaged_lines"""
