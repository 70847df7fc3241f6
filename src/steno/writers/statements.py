"""The statements that put rows into the index; built once from the lists of columns."""

from __future__ import annotations

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


def _session_updates() -> str:
    updates = [
        "started_at = MIN(started_at, excluded.started_at)",
        "created_at = MIN(created_at, excluded.created_at)",
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
        ]
    return ",\n    ".join(updates)


SESSION_UPSERT = f"""INSERT INTO sessions ({", ".join(_SESSION_COLUMNS)})
    VALUES ({_values(_SESSION_COLUMNS)})
    ON CONFLICT (session_id) DO UPDATE SET {_session_updates()}"""  # noqa: S608 - names of our own

_TOKENS = (*TOKEN_COLUMNS, "tokens_source", "tokens_per_second", "thinking_percentage")
_FACTS = (
    "model_requested", "model_used", "provider", "listener", "started_at", "completed_at",
    "success", "error_message", "finish_reason", "duration_ms", "provider_latency_ms",
    "pre_processing_ms", "post_processing_ms", "proxy_overhead_ms", "request_size_bytes",
    "response_size_bytes", "message_count", "content_blocks", "has_tools", "has_refusal",
    "is_streaming", "time_to_first_token_ms", "chunk_count", "streaming_duration_ms", "cost_usd",
    "user_agent", "recorder",
)  # fmt: skip
_REQUEST_COLUMNS = ("session_id", "request_id", "created_at", *_FACTS, "tokens_rank", *_TOKENS)
REQUEST = {name: at for at, name in enumerate(_REQUEST_COLUMNS)}
"""Where each column stands in a row for `REQUEST_UPSERT`."""

_MODEL = (
    "COALESCE(NULLIF(excluded.model_used, ''), NULLIF(model_used, ''), "
    "NULLIF(excluded.model_requested, ''), model_requested, '')"
)
# The model's name can't be computed from the other parameters of an INSERT, so these two stand
# once more at the end of it.
_REQUEST_VALUES = ", ".join(
    f"COALESCE(?{at + 1}, 0)" if name in {"has_tools", "has_refusal"} else f"?{at + 1}"
    for at, name in enumerate(_REQUEST_COLUMNS)
)
_NEW_MODEL = (
    f"COALESCE(NULLIF(?{REQUEST['model_used'] + 1}, ''), ?{REQUEST['model_requested'] + 1}, '')"
)


def _request_updates() -> str:
    updates = [
        "created_at = MIN(created_at, excluded.created_at)",
        f"model_name = {_MODEL}",
        *(
            f"{name} = MAX({name}, excluded.{name})"
            if name in {"has_tools", "has_refusal"}
            else f"{name} = COALESCE(excluded.{name}, {name})"
            for name in _FACTS
        ),
        *(
            f"{name} = CASE WHEN excluded.tokens_rank >= COALESCE(tokens_rank, '') "
            f"THEN excluded.{name} ELSE {name} END"
            for name in ("tokens_rank", *_TOKENS)
        ),
    ]
    return ",\n    ".join(updates)


REQUEST_UPSERT = f"""INSERT INTO session_stats ({", ".join(_REQUEST_COLUMNS)}, model_name)
    VALUES ({_REQUEST_VALUES}, {_NEW_MODEL})
    ON CONFLICT (session_id, request_id) DO UPDATE SET {_request_updates()}"""  # noqa: S608 - names of our own

TOOL_UPSERT = """INSERT INTO tool_call_executions (session_id, request_id, call_key, tool_name,
        execution_time_ms, input_size_bytes, output_size_bytes, success, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (session_id, request_id, call_key) DO UPDATE SET
        execution_time_ms = COALESCE(excluded.execution_time_ms, execution_time_ms),
        output_size_bytes = COALESCE(excluded.output_size_bytes, output_size_bytes),
        success = COALESCE(excluded.success, success)"""

GAP_UPSERT = """INSERT INTO gaps (recorder, seq, session_id, request_id, what, count, reason,
        since, detail, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (recorder, seq) DO NOTHING"""

POSITION_UPSERT = """INSERT INTO transcripts (path, session_id, position, inode, damaged_lines)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET
        session_id = COALESCE(excluded.session_id, session_id),
        position = MAX(position, excluded.position),
        inode = COALESCE(excluded.inode, inode),
        damaged_lines = damaged_lines + excluded.damaged_lines"""
