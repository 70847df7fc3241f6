"""What is found: requests, sessions, and pages of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from steno.query.sessions import SessionRow, rfc3339, where_is
from steno.session_keys import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Snippet(Struct, frozen=True):
    """Some words of a text, with what was looked for among them.

    Attributes:
        part: What the text is: ``request``, ``reply``, ``tool``, ``log`` and so on.
        text: The words.
        marks: Where in the text the matches begin and end.
    """

    part: str
    text: str
    marks: tuple[tuple[int, int], ...] = ()


class RequestRow(Struct, frozen=True):
    """One request, as ``steno find --json`` prints it; times are RFC 3339, durations milliseconds.

    Attributes:
        snippet: The words around what was looked for; None where no text was asked for.
    """

    session_id: str
    request_id: str
    session_key: str | None
    agent_id: str | None
    kind: str | None
    user_id: str | None
    chat_id: str | None
    message_id: str | None
    started_at: str | None
    completed_at: str | None
    state: str
    model: str | None
    provider: str | None
    streaming: bool | None
    input_tokens: int | None
    output_tokens: int | None
    thinking_tokens: int | None
    reasoning_tokens: int | None
    cache_read_tokens: int | None
    tool_calls: int
    duration_ms: int | None
    time_to_first_token_ms: int | None
    cost_usd: float | None
    finish_reason: str | None
    error: str | None
    transcript: str | None
    snippet: Snippet | None = None


class FoundSession(Struct, frozen=True):
    """One session, and the words around what was looked for in it.

    Attributes:
        row: The session.
        snippet: The words; None where no text was asked for.
    """

    row: SessionRow
    snippet: Snippet | None = None


_T = TypeVar("_T")


class Page(Struct, Generic[_T], frozen=True):
    """Some rows of a list.

    Attributes:
        rows: The rows, in order.
        after: The cursor for the next page; None where there is nothing behind this one.
    """

    rows: list[_T]
    after: str | None = None


REQUEST_COLUMNS = """r.session_id, r.request_id, s.session_key, s.agent_id, s.user_id, s.chat_id,
    s.message_id, r.created_at, r.completed_at, r.success, r.recorder,
    NULLIF(r.model_name, ''), NULLIF(r.provider, ''), r.is_streaming, r.input_tokens,
    r.output_tokens, r.thinking_tokens, r.reasoning_tokens, r.cache_read_tokens, r.tool_call_count,
    r.duration_ms, r.time_to_first_token_ms, r.cost_usd, r.finish_reason, r.error_message,
    s.transcript"""


def request_row(
    values: tuple[Any, ...], is_running: Callable[[str, str | None, int], bool]
) -> RequestRow:
    """Make a row of the values of `REQUEST_COLUMNS`."""
    names, rest = values[:7], values[7:]
    began, ended, success, recorder, *facts, finish, error, place = rest
    model, provider, streaming, *figures = facts
    if finish == "interrupted":
        state = "interrupted"
    elif ended is None:
        state = "running" if is_running(names[0], recorder, 0) else "interrupted"
    else:
        state = "failed" if success == 0 else "ok"
    streaming = None if streaming is None else bool(streaming)
    cells = (
        *names[:4], kind_of(names[2]), *names[4:], rfc3339(began), rfc3339(ended), state, model,
        provider, streaming, *figures, finish, error, where_is(place),
    )  # fmt: skip
    return RequestRow(*cells)
