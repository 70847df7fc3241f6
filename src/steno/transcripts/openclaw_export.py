"""A session as JSON lines of OpenClaw and pi: a header of version 3, and a chain of entries.

Strategy: a request is written when it has ended: what is new in it, the reply, and what its tools
returned as soon as that is known. Requests repeat the conversation so far; what stood in an
earlier one, or was a reply, is not written again, while what stands behind the model's last word
is new by itself. Ids of entries are digests, so that an export is the same each time.

The header has ``sessionKey`` and ``agentId`` on top, which readers that do not know them pass
over. What the format has no place for stays in steno's own transcript: system prompts, tools,
logs, timing. Gaps go along, as entries of type ``custom``.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field

from steno.errors import TranscriptError
from steno.events.header import Header, make_header
from steno.events.model import (
    Compacted,
    Completed,
    EntryImported,
    Event,
    Gap,
    RequestRecorded,
    ResponseRecorded,
    Started,
    ToolCallRecorded,
)
from steno.events.references import Expander
from steno.identity import safe_name
from steno.transcripts.bodies import expand_event
from steno.transcripts.openclaw_messages import (
    Block,
    Message,
    api_of,
    assistant,
    call_block,
    digest_of,
    read_reply,
    read_request,
    result_blocks,
    text_block,
    usage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
_VERSION = 3
_SESSION_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}\Z", re.IGNORECASE)
_ENTRY_ID = 8
_FORMAT = "openclaw"


class _Request(Struct):
    """A request, as far as it was told."""

    provider: str = ""
    model: str = ""
    request: RequestRecorded | None = None
    response: ResponseRecorded | None = None
    calls: list[ToolCallRecorded] = field(default_factory=list)


class _Result(Struct):
    """What a tool returned."""

    content: list[Block]
    failed: bool


def export_session(events: Iterable[Event | Header]) -> Iterator[bytes]:
    """Write a session in OpenClaw's form.

    Args:
        events: The header and the events of a transcript, in its order.

    Yields:
        Lines, each with its newline.
    """
    export: _Export | None = None
    expander = Expander()
    for event in events:
        if isinstance(event, Header):
            if export is None:
                export = _Export(event.session_id)
                yield _line(_header(event))
            continue
        if export is None:
            export = _Export(event.session_id)
            yield _line(_header(make_header(event.session_id, event.timestamp)))
        expander.learn(event)
        yield from map(_line, export.take(expand_event(event, expander)))
    if export is not None:
        yield from map(_line, export.end())


def export_verbatim(events: Iterable[Event | Header]) -> Iterator[bytes]:
    """Write a session that was imported from OpenClaw as its entries stood there.

    Args:
        events: The header and the events of a transcript, in its order.

    Yields:
        Lines, each with its newline.

    Raises:
        TranscriptError: The session has no entry that was imported from there.
    """
    found = False
    for event in events:
        if isinstance(event, EntryImported) and event.format == _FORMAT:
            found = True
            yield _line(event.entry)
    if not found:
        raise TranscriptError(
            "the session holds no entries of OpenClaw's",
            hint="leave --verbatim away: the session is then written anew in that form",
        )


def _header(header: Header) -> dict[str, Any]:
    identifier = header.session_id
    if _SESSION_ID.match(identifier) is None:
        identifier = f"s{safe_name(identifier)}"[:128]
    found: dict[str, Any] = {
        "type": "session",
        "version": _VERSION,
        "id": identifier,
        "timestamp": _stamp(header.timestamp),
        "cwd": header.cwd or "",
        "sessionKey": header.session_key or None,
        "agentId": header.agent_id or None,
        "parentSession": header.previous or None,
    }
    if identifier != header.session_id:
        found["metadata"] = {"steno.session_id": header.session_id}
    return {key: value for key, value in found.items() if value is not None}


class _Export:
    """Makes the entries of one session."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._ids: set[str] = set()
        self._last: str | None = None
        self._requests: dict[str, _Request] = {}
        self._written: Counter[bytes] = Counter()
        self._places: set[tuple[bytes, int]] = set()
        self._failed: set[bytes] = set()
        self._names: dict[str, str] = {}
        self._results: dict[str, _Result] = {}
        self._waiting: dict[str, None] = {}
        self._at: datetime | None = None

    def take(self, event: Event) -> Iterator[dict[str, Any]]:
        """Take the next event; yields the entries that are due."""
        self._at = event.timestamp
        if isinstance(event, Compacted):
            yield from self._flush_results(event.timestamp)
            yield self._compaction(event)
        elif isinstance(event, Gap):
            data = {"what": event.what, "count": event.count, "reason": event.reason}
            yield self._custom("steno.gap", data, event.timestamp)
        elif isinstance(event, Completed):
            request = self._requests.pop(event.request_id, None)
            yield from self._write(request or _Request(), event)
        elif event.request_id:
            self._note(event)

    def _note(self, event: Event) -> None:
        """Take note of a part of a request."""
        if isinstance(event, ToolCallRecorded):
            if event.tool_output is not None and event.tool_call_id:
                self._results[event.tool_call_id] = _read_result(event)
            if event.request_id not in self._requests:
                return  # the result of a call whose request has ended long since
        request = self._requests.setdefault(event.request_id, _Request())
        if isinstance(event, Started):
            request.provider, request.model = event.provider, event.model_requested
        elif isinstance(event, RequestRecorded):
            request.request = event
        elif isinstance(event, ResponseRecorded):
            request.response = event
        elif isinstance(event, ToolCallRecorded):
            request.calls.append(event)

    def end(self) -> Iterator[dict[str, Any]]:
        """Yield what is left: requests that never ended, and the last results."""
        requests, self._requests = self._requests, {}
        for request in requests.values():
            yield from self._write(request, None)
        if self._at is None:
            return
        yield from self._flush_results(self._at)
        for call_id, result in self._results.items():
            yield self._without_call(call_id, result.content, self._at)

    # -- one request -----------------------------------------------------------------------

    def _write(self, request: _Request, done: Completed | None) -> Iterator[dict[str, Any]]:
        sent, reply = request.request, request.response
        told = [each.timestamp for each in (sent, reply, done) if each is not None]
        if not told:
            return
        at, when = told[0], told[-1] if reply is None else reply.timestamp
        yield from self._flush_results(at)
        said = _read_sent(sent)
        whole = digest_of(said)
        yield from self._write_new(said, at, repeated=whole in self._failed)
        error = "interrupted: its recorder has gone" if done is None else done.error
        if reply is None and error is None:
            return
        message = self._reply(request, done, error)
        self._places.add((digest_of(message), len(said)))
        (self._failed.add if error is not None else self._failed.discard)(whole)
        yield self._message(message, when)
        yield from self._flush_results(when)

    def _write_new(
        self, said: list[Message], at: datetime, *, repeated: bool
    ) -> Iterator[dict[str, Any]]:
        """Write what of a request's messages no earlier one said."""
        spoken = [n for n, message in enumerate(said) if message["role"] == "assistant"]
        tail = spoken[-1] + 1 if spoken else 0
        here: Counter[bytes] = Counter()
        known, begin = [], 0
        for number, message in enumerate(said):
            digest = digest_of(message)
            here[digest] += 1
            known.append(here[digest] <= self._written[digest])
            if number < tail and known[number] and (digest, number) in self._places:
                # What stands before a message that keeps its place is known too, however it is
                # told now: agents add reminders to old messages, and take them away again.
                begin = number + 1
            self._places.add((digest, number))
        for number, message in enumerate(said):
            if message["role"] == "toolResult":
                yield from self._write_result(message, at)
            elif number < begin or (known[number] and (number < tail or repeated)):
                continue
            elif message["role"] == "assistant":
                # It was said before anything was recorded: nobody knows what it took.
                yield self._message(assistant(message["content"]), at)
            else:
                yield self._message(message, at)

    def _write_result(self, message: Message, at: datetime) -> Iterator[dict[str, Any]]:
        call_id = message["toolCallId"]
        if call_id in self._waiting:
            result = _Result(message["content"], message["isError"])
            yield self._result(call_id, result, at)
        elif call_id not in self._names:
            self._names[call_id] = ""
            yield self._without_call(call_id, message["content"], at)

    def _reply(self, request: _Request, done: Completed | None, error: str | None) -> Message:
        reply = request.response
        blocks = read_reply(reply.response_json) if reply is not None else []
        if reply is not None and not any(block["type"] == "text" for block in blocks):
            thoughts = [block for block in blocks if block["type"] == "thinking"]
            calls = [block for block in blocks if block["type"] == "toolCall"]
            text = [text_block(reply.response_text)] if reply.response_text else []
            blocks = [*thoughts, *text, *calls]
        self._add_calls(blocks, request.calls)
        cost = done.estimated_cost if done is not None else None
        message = assistant(
            blocks,
            provider=request.provider,
            model=(reply.model_used if reply is not None else "") or request.model,
            api=api_of(reply.response_json) if reply is not None else "unknown",
            counts=usage(reply.tokens if reply is not None else None, cost),
            reason=(reply.finish_reason if reply is not None else None) or "",
        )
        if reply is not None and reply.response_id:
            message["responseId"] = reply.response_id
        if error is not None:
            message["stopReason"] = "aborted" if error.startswith("cancelled") else "error"
            message["errorMessage"] = error
        return message

    def _add_calls(self, blocks: list[Block], calls: list[ToolCallRecorded]) -> None:
        """Add the calls that were recorded and do not stand in the reply's body."""
        known = {block["id"]: block["name"] for block in blocks if block["type"] == "toolCall"}
        recorded = {call.tool_call_id for call in calls}
        # Calls of the oldest kind have no id: theirs is made up, here and there.
        nameless = [name for call_id, name in known.items() if call_id not in recorded]
        for number, call in enumerate(calls, 1):
            call_id = call.tool_call_id or f"{call.request_id}-{number}"
            if call_id in known:
                continue
            if call.tool_name in nameless:
                nameless.remove(call.tool_name)
                continue
            known[call_id] = call.tool_name
            blocks.append(call_block(call.tool_name, call_id, call.tool_arguments))
            if not call.tool_call_id and call.tool_output is not None:
                self._results[call_id] = _read_result(call)

    # -- results of tools ------------------------------------------------------------------

    def _flush_results(self, at: datetime) -> Iterator[dict[str, Any]]:
        """Write the results that came of calls that were written."""
        for call_id in [each for each in self._waiting if each in self._results]:
            yield self._result(call_id, self._results[call_id], at)

    def _result(self, call_id: str, result: _Result, at: datetime) -> dict[str, Any]:
        self._results.pop(call_id, None)
        del self._waiting[call_id]
        return self._message(
            {
                "role": "toolResult",
                "toolCallId": call_id,
                "toolName": self._names[call_id],
                "content": result.content,
                "isError": result.failed,
            },
            at,
        )

    # -- entries ---------------------------------------------------------------------------

    def _message(self, message: Message, at: datetime) -> dict[str, Any]:
        self._written[digest_of(message)] += 1
        calls = message["content"] if message["role"] == "assistant" else ()
        for number, block in enumerate(calls, 1):
            if block["type"] == "toolCall":
                block["id"] = block["id"] or f"call-{len(self._ids)}-{number}"
                block["name"] = block["name"] or "unknown"
                self._names[block["id"]] = block["name"]
                self._waiting[block["id"]] = None
        told = {**message, "timestamp": int(at.timestamp() * 1000)}
        return self._entry("message", at, message=told)

    def _compaction(self, event: Compacted) -> dict[str, Any]:
        entry = self._entry("compaction", event.timestamp, summary=event.summary)
        # Nothing in front of the summary is kept, which an id that is not in front of it says.
        entry["firstKeptEntryId"] = entry["id"]
        entry["tokensBefore"] = event.tokens_before or 0
        return entry

    def _without_call(self, call_id: str, content: list[Block], at: datetime) -> dict[str, Any]:
        """Return a result of a call that stands nowhere: as a message it would be refused."""
        data = {"toolCallId": call_id, "content": content}
        return self._custom("steno.result_without_call", data, at)

    def _custom(self, kind: str, data: dict[str, Any], at: datetime) -> dict[str, Any]:
        return self._entry("custom", at, customType=kind, data=data)

    def _entry(self, kind: str, at: datetime, **fields: Any) -> dict[str, Any]:
        seed = f"{self._session_id}\0{len(self._ids)}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(seed).hexdigest()
        length = _ENTRY_ID
        while digest[:length] in self._ids:
            length += 1
        identifier = digest[:length]
        self._ids.add(identifier)
        parent, self._last = self._last, identifier
        return {
            "type": kind, "id": identifier, "parentId": parent, "timestamp": _stamp(at), **fields,
        }  # fmt: skip


def _read_sent(sent: RequestRecorded | None) -> list[Message]:
    """Return what a request says: its messages, else its text."""
    if sent is None:
        return []
    said = read_request(sent.request_json)
    if said or not sent.request_text:
        return said
    return [{"role": "user", "content": [text_block(sent.request_text)]}]


def _read_result(event: ToolCallRecorded) -> _Result:
    return _Result(result_blocks(event.tool_output), event.success is False)


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"
