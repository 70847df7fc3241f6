"""What happens to a request inside the fake Open WebUI: filters, models, emitted events."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import time
import types
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from steno.testing.open_webui_functions import Function

# What every request's metadata holds beside its ids; None where a browser sends nothing.
METADATA: dict[str, Any] = {
    "user_agent": "", "internal": False, "assistant_message_id": None, "automation_id": None,
    "regeneration_message_id": None, "folder_id": None, "filter_ids": [], "tool_ids": None,
    "tool_servers": None, "files": None, "features": {}, "variables": {}, "chat_variables": {},
    "chat_context": {}, "direct": False, "params": {"function_calling": "native"},
    "tool_approval_resume": None,
}  # fmt: skip

Chunk = dict[str, Any]
Body = dict[str, Any]
Metadata = dict[str, Any]


class Requests:
    """The functions, the models and the chats, and the way of a request through them.

    Attributes:
        user: The user, as functions get it.
        chats: The chats that are saved, by id.
        events: What functions emitted, in order.
        functions: What is installed, by id.
        plain: Models that are no functions: their words, and what they fail with.
    """

    def __init__(self, user: dict[str, Any]) -> None:
        """Begin with nothing."""
        self.user = user
        self.chats: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.functions: dict[str, Function] = {}
        self.plain: dict[str, tuple[Sequence[str], Exception | None]] = {}

    async def models(self) -> list[str]:
        """Return the ids of all models."""
        found = list(self.plain)
        for function in self.functions.values():
            if function.kind == "pipe" and function.active:
                pipes = getattr(function.instance(), "pipes", None)
                listed = await function.call(pipes, {}) if callable(pipes) else pipes
                if listed is None:
                    found.append(function.id)
                found += [f"{function.id}.{each['id']}" for each in listed or ()]
        return sorted(found)

    async def inlet(self, body: Body, metadata: Metadata) -> Body:
        """Hand a request to the filters."""
        body = {**body, "metadata": metadata}
        body = await self._filter("inlet", body, metadata, emits=metadata)
        return {name: value for name, value in body.items() if name != "metadata"}

    async def stream(
        self, body: Body, metadata: Metadata, emits: Metadata | None
    ) -> AsyncIterator[Chunk]:
        """Yield what a model says, as the filters let it through."""
        async for chunk in self.respond(body, metadata):
            passed = await self._filter("stream", chunk, metadata, emits=emits)
            if passed:
                yield passed

    async def _filter(
        self, kind: str, passed: Any, metadata: Metadata, *, emits: Metadata | None
    ) -> Any:
        """Hand something through a method of all filters that are switched on."""
        first = "event" if kind == "stream" else "body"
        ordered = [
            (getattr(getattr(each.instance(), "valves", None), "priority", 0), each.id)
            for each in self.functions.values()
            if each.kind == "filter"
            and each.active
            and each.everywhere
            # One that users switch on themselves is asked for by no request here.
            and not getattr(each.instance(), "toggle", None)
        ]
        for _, function_id in sorted(ordered):
            function = self.functions[function_id]
            handler = getattr(function.instance(), kind, None)
            if callable(handler):
                offered = {**self._offered(metadata, emits), "__id__": function_id}
                passed = await function.call(handler, offered, **{first: passed})
        return passed

    async def outlet(
        self, body: Body, metadata: Metadata, said: str, sources: list[Any] | None = None
    ) -> None:
        """Hand what was said to the filters, with what it answers."""
        message_id = metadata["message_id"]
        reply = {"id": message_id, "role": "assistant", "content": said}
        if sources:
            reply["sources"] = sources
        whole = {
            "model": body["model"], "messages": [*body["messages"], reply], "filter_ids": [],
            "chat_id": metadata["chat_id"], "session_id": metadata["session_id"],
            "id": message_id or f"msg_{uuid.uuid4().hex[:24]}",
        }  # fmt: skip
        emits = metadata if metadata["session_id"] else None
        # What an outlet raises costs nobody anything.
        with contextlib.suppress(Exception):
            changed = await self._filter("outlet", whole, metadata, emits=emits)
            message = self.chats.get(metadata["chat_id"], {"messages": {}})["messages"]
            if changed and message_id in message:
                message[message_id]["content"] = changed["messages"][-1]["content"]

    def _offered(self, metadata: Metadata, emits: Metadata | None) -> dict[str, Any]:
        emits = emits if emits is not None and "message_id" in emits else None
        return {
            "__user__": dict(self.user),
            "__metadata__": metadata,
            "__event_emitter__": self._emitter(emits) if emits else None,
            "__event_call__": _nobody_answers if emits else None,
            "__request__": types.SimpleNamespace(headers={}, state=types.SimpleNamespace()),
            "__chat_id__": metadata.get("chat_id"),
            "__message_id__": metadata.get("message_id"),
            "__session_id__": metadata.get("session_id"),
            "__task__": metadata.get("task"),
            "__task_body__": metadata.get("task_body"),
            "__files__": [],
            "__tools__": {},
            "__model__": metadata["model"],
        }

    def _emitter(self, metadata: Metadata) -> Callable[[dict[str, Any]], Awaitable[None]]:
        chat_id, message_id = metadata["chat_id"], metadata["message_id"]

        async def emit(event: dict[str, Any]) -> None:
            self.events.append({"chat_id": chat_id, "message_id": message_id, "data": event})
            if chat_id not in self.chats:
                return
            # The real one suspends here, for its database.
            await asyncio.sleep(0)
            message = self.chats[chat_id]["messages"][message_id]
            data = event.get("data") or {}
            match event.get("type"):
                case "citation" | "source" if data.get("type") is None:
                    message.setdefault("sources", []).append(data)
                case "status":
                    message.setdefault("statusHistory", []).append(data)
                case "message":
                    message["content"] += data.get("content", "")
                case "replace":
                    message["content"] = data.get("content", "")

        return emit

    async def respond(self, body: Body, metadata: Metadata) -> AsyncGenerator[Chunk]:
        """Yield what a model says, as chunks of a completion."""
        model = body["model"]
        if model in self.plain:
            pieces, error = self.plain[model]
            for piece in pieces:
                yield make_chunk(model, {"content": piece})
            if error is not None:
                raise error
        else:
            function = self.functions.get(model.partition(".")[0])
            if function is None or not function.active:
                raise LookupError("Model not found")
            offered = self._offered(metadata, metadata)
            try:
                result = await function.call(function.instance().pipe, offered, body=body)
            except Exception as error:  # noqa: BLE001 - whatever a function raises
                yield {"error": {"detail": str(error)}}
                return
            if isinstance(result, dict):
                yield result
                return
            async for line in _lines(result):
                if not _is_end(line):
                    yield _line(model, line)
        yield make_chunk(model, {}, "stop")


async def _lines(result: Any) -> AsyncGenerator[Any]:
    """Yield what a pipe returned, or what the generator that it returned yields."""
    if isinstance(result, AsyncGenerator):
        async for line in result:
            yield line
    else:
        for line in [result] if isinstance(result, str) else result:
            yield line


async def _nobody_answers(_event: dict[str, Any]) -> dict[str, Any]:
    """Answer as the real one does while no browser is connected."""
    return {"error": "Client session disconnected."}


def base_metadata(user_id: str, model: str) -> Metadata:
    """Return what a plain call of the API has for metadata: ids that are there and empty."""
    ids = {"chat_id": "", "message_id": None, "session_id": None, "user_id": user_id}
    asked = {"user_message": None, "user_message_id": None, "model": {"id": model}}
    return {**copy.deepcopy(METADATA), **ids, **asked}


def make_body(model: str, text: str, *, stream: bool) -> Body:
    """Return the body of a request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}


def make_chunk(model: str, delta: dict[str, Any], finish: str | None = None) -> Chunk:
    """Return a chunk of a completion."""
    choice = {"index": 0, "logprobs": None, "finish_reason": finish, "delta": delta}
    return {
        "id": f"{model}-{uuid.uuid4()}", "created": int(time.time()), "model": model,
        "choices": [choice], "object": "chat.completion.chunk",
    }  # fmt: skip


def _is_end(line: Any) -> bool:
    """Tell whether a line of a provider's stream, which a function passed on, is its last."""
    text = line.decode() if isinstance(line, bytes) else line
    return isinstance(text, str) and text.strip() == "data: [DONE]"


def _line(model: str, line: Any) -> Chunk:
    """Turn what a generator yielded into a chunk: an event, given as such or as text, or words."""
    if hasattr(line, "model_dump"):
        line = line.model_dump()
    if isinstance(line, bytes):
        line = line.decode()
    if isinstance(line, str) and line.startswith("data:"):
        line = json.loads(line.removeprefix("data:"))
    return line if isinstance(line, dict) else make_chunk(model, {"content": str(line)})


def text_of(chunk: Chunk) -> str:
    """Return the words in a chunk."""
    return str(_delta(chunk).get("content") or "")


def tools_of(chunk: Chunk) -> list[dict[str, Any]]:
    """Return the tools that a chunk calls."""
    return list(_delta(chunk).get("tool_calls") or ())


def _delta(chunk: Chunk) -> dict[str, Any]:
    choices = chunk.get("choices") or [{}]
    return dict(choices[0].get("delta") or {})
