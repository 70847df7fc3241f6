"""What a row of opencode 2 tells: one message with all that belongs to it.

In opencode 2 (and in databases of opencode 1 that it has taken over) the table ``session_message``
holds whole messages, told apart by their ``type``. Their counts do not overlap: ``input`` leaves
out cached tokens, ``output`` leaves out reasoning.
"""

from __future__ import annotations

from typing import Any

from steno.transcripts.importers.fields import between, count, listing
from steno.transcripts.importers.formats.opencode_turns import Told, why
from steno.transcripts.importers.formats.usage import normalised
from steno.transcripts.importers.model import (
    Aborted,
    Call,
    Fact,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)
from steno.wire.providers.reading import as_json_text, mapping, money, optional_text, text

_SILENT = frozenset({"agent-switched", "model-switched", "location-switched"})
COPIED = "that a message is a copy of one in the older table"


def role_of(kind: str) -> str | None:
    """Tell whose message of opencode 1 a row may be a copy of."""
    return kind if kind in {"user", "assistant"} else None


def created(data: dict[str, Any]) -> int | None:
    """Read when a message was made, in milliseconds since 1970."""
    return count(mapping(data.get("time")).get("created"))


def row_facts(row_id: str, kind: str, data: dict[str, Any]) -> Told:
    """Tell what a row tells.

    Args:
        row_id: Its id.
        kind: Its type.
        data: Its JSON.
    """
    name = f"session_message/{kind or '?'}"
    if kind in {"user", "synthetic"}:
        return Told(name, _said("user", data.get("text")))
    if kind == "system":
        return Told(name, _said("system", data.get("text")))
    if kind == "assistant":
        return Told(name, _replied(row_id, data))
    if kind == "shell":
        lines = (text(data.get("command")), text(data.get("output")))
        words = "\n".join(line for line in lines if line)
        return Told(name, (Noted(text=words, role="user"),) if words else ())
    if kind == "compaction":
        summary = text(data.get("summary"))
        facts = (Summarised(summary=summary, trigger=optional_text(data.get("reason"))),)
        return Told(name, facts if summary else ())
    return Told(name, known=kind in _SILENT)


def _said(role: str, words: Any) -> tuple[Fact, ...]:
    said = optional_text(words)
    return (Said(role, said),) if said is not None else ()


def _replied(row_id: str, data: dict[str, Any]) -> tuple[Fact, ...]:
    model, times = mapping(data.get("model")), mapping(data.get("time"))
    tokens = mapping(data.get("tokens"))
    cache = mapping(tokens.get("cache"))
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    results: list[Fact] = []
    for part in map(mapping, listing(data.get("content"))):
        kind = part.get("type")
        if kind == "text":
            texts.append(text(part.get("text")))
        elif kind == "reasoning":
            thoughts.append(text(part.get("text")))
        elif kind == "tool":
            call, returned = _tool(part)
            calls.append(call)
            results += [returned] if returned is not None else []
    error = why(data.get("error"))
    aborted = mapping(data.get("error")).get("type") == "aborted"
    counts = normalised(
        (tokens.get("input"), tokens.get("output")),
        cached=cache.get("read"),
        created=cache.get("write"),
        reasoning=tokens.get("reasoning"),
        apart=True,
        beside=True,
        is_final=times.get("completed") is not None,
    )
    reply = Replied(
        id=row_id or None,
        model=text(model.get("id")) or text(model.get("modelID")),
        provider=text(model.get("providerID")),
        text="".join(texts),
        thinking="\n".join(filter(None, thoughts)),
        calls=tuple(calls),
        tokens=counts,
        claim=_claim(row_id, data),
        finish_reason=optional_text(data.get("finish")),
        error=None if aborted else error,
        cost_usd=money(data.get("cost")) or None,
        duration_ms=between(times.get("created"), times.get("completed")),
        whole=True,
    )
    end = (Aborted(error=f"cancelled: {error}", request=row_id or None),) if aborted else ()
    return (reply, *results, *end)


def _claim(row_id: str, data: dict[str, Any]) -> str:
    """Name the reply by what a copy of it keeps; the same as opencode 1 names it."""
    at, completed = created(data), count(mapping(data.get("time")).get("completed"))
    if at is None or completed is None:
        return f"opencode:{row_id}"
    model, tokens = mapping(data.get("model")), mapping(data.get("tokens"))
    told = (at, completed, tokens.get("input"), tokens.get("output"))
    numbers = "/".join(str(count(each)) for each in told)
    return f"opencode:{numbers}/{text(model.get('providerID'))}/{text(model.get('id'))}/0"


def _tool(part: dict[str, Any]) -> tuple[Call, Returned | None]:
    state, times = mapping(part.get("state")), mapping(part.get("time"))
    call_id = text(part.get("callID")) or text(part.get("id"))
    name = text(part.get("name"))
    call = Call(name=name, id=call_id, arguments=as_json_text(state.get("input")))
    status = text(state.get("status"))
    if status not in {"completed", "error"}:
        return call, None
    words = [
        text(each.get("text"))
        for each in map(mapping, listing(state.get("content")))
        if each.get("type") == "text"
    ]
    output: Any = "\n".join(words) if words else state.get("output")
    structured = mapping(state.get("structured"))
    code = structured.get("exit")
    if status == "error":
        output = why(state.get("error")) or output
    elif output is None:
        output = structured or None
    success = status == "completed" and (code == 0 if type(code) is int else True)
    returned = Returned(
        call_id=call_id,
        name=name,
        output=output,
        success=success,
        duration_ms=between(times.get("ran"), times.get("completed")),
    )
    return call, returned
