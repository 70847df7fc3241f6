"""A small Open WebUI for tests of its functions, on a thread of its own: nothing is installed.

It does what Open WebUI 0.12.4 was seen to do with pipes and filters; `make owui` runs the same
scenarios against the real one. What is seldom minded, it does too: valves are replaced on one
shared instance, a filter's ``outlet`` is not called after an error or Stop, and a client that
disconnects has every further suspension of the generator cancelled. What only a process that dies
can show is left to tests with a child process.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import queue
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Self

from steno.testing.open_webui_functions import Function
from steno.testing.open_webui_requests import (
    Requests,
    base_metadata,
    make_body,
    make_chunk,
    text_of,
    tools_of,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator, Sequence

    from steno.testing.open_webui_requests import Body, Chunk, Metadata

TURN_S = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Turn:
    """A turn that was begun as a browser does it.

    Attributes:
        chat_id: Its chat; begins with ``local:`` if that is not saved.
        message_id: The message that answers.
        session_id: The browser's.
        user_message_id: The message that is answered.
        model: The id of the model.
        task_id: What Stop names.
    """

    chat_id: str
    message_id: str
    session_id: str
    user_message_id: str
    model: str
    task_id: str


class FakeOpenWebUI:
    """An Open WebUI with one user, in this process; observed on version 0.12.4.

    Functions run on the loop of one thread, as they do there: what blocks, blocks all. Use it in a
    ``with`` block. The methods may be called from any other thread.

    Attributes:
        user: The user, as functions get it.
        user_id: Its id.
        chats: The chats that were saved, by id: ``{"id", "title", "messages": {id: message}}``.
        events: What functions emitted: ``{"chat_id", "message_id", "data"}``, in order.
    """

    def __init__(self, *, name: str = "Ada", role: str = "admin") -> None:
        """Begin without functions and models."""
        self.user_id = str(uuid.uuid4())
        self.user = {"id": self.user_id, "name": name, "email": "ada@example.org", "role": role}
        self._inside = Requests(self.user)
        self.chats = self._inside.chats
        self.events = self._inside.events
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._latest: dict[str | None, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-open-webui")

    def __enter__(self) -> Self:
        """Start its thread."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Cancel what still runs, and end the thread."""
        self._run(self._cancel_all())
        self._run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_all(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TURN_S + 5)

    # Functions and models

    def add_function(self, function_id: str, source: str) -> None:
        """Create a function from its source, and switch it on; a filter for all models."""

        async def add() -> None:
            function = self._inside.functions[function_id] = Function(function_id, source)
            function.active = True
            function.everywhere = function.kind == "filter"

        self._run(add())

    def update_function(self, function_id: str, source: str) -> None:
        """Replace the source of a function: it is loaded anew, the old instance is told nothing."""

        async def update() -> None:
            self._inside.functions[function_id].load(source)

        self._run(update())

    def delete_function(self, function_id: str) -> None:
        """Delete a function; its instance is told nothing."""
        del self._inside.functions[function_id]

    def toggle(self, function_id: str) -> None:
        """Switch a function on or off."""
        function = self._inside.functions[function_id]
        function.active = not function.active

    def toggle_global(self, function_id: str) -> None:
        """Switch a filter on or off for all models."""
        function = self._inside.functions[function_id]
        function.everywhere = not function.everywhere

    def set_valves(self, function_id: str, **valves: Any) -> None:
        """Set the valves of a function; requests that run see them too."""
        self._inside.functions[function_id].stored = valves

    def valves(self, function_id: str) -> dict[str, Any]:
        """Return the valves of a function, as they are stored."""
        return self._inside.functions[function_id].stored

    def set_user_valves(self, function_id: str, **valves: Any) -> None:
        """Set the user's own valves of a function."""
        self._inside.functions[function_id].stored_for_user = valves

    def add_model(self, model: str, *pieces: str, error: Exception | None = None) -> None:
        """Add a model that is no function: it says the pieces, then fails if it shall."""
        self._inside.plain[model] = (pieces, error)

    def models(self) -> list[str]:
        """Return the ids of all models; a pipe's own ``pipes`` are ``function.model``."""
        return self._run(self._inside.models())  # type: ignore[no-any-return]

    # Turns

    def new_chat(self, model: str) -> str:
        """Create an empty chat; returns its id."""
        chat_id = str(uuid.uuid4())
        self.chats[chat_id] = {"id": chat_id, "title": "New Chat", "models": [model]}
        self.chats[chat_id]["messages"] = {}
        return chat_id

    def start_turn(
        self,
        model: str,
        text: str,
        *,
        chat_id: str | None = None,
        temporary: bool = False,
        tasks: Sequence[str] = (),
    ) -> Turn:
        """Begin a turn as a browser does; it runs on.

        Args:
            model: The id of the model.
            text: What the user says.
            chat_id: The chat that it belongs to; None makes one.
            temporary: The chat is not saved.
            tasks: Of ``title``, ``tags`` and ``follow_up``: what is asked of the model beside.
        """
        session_id = f"session-{uuid.uuid4().hex[:8]}"
        message_id, asked_id = str(uuid.uuid4()), str(uuid.uuid4())
        new = chat_id is None and not temporary
        chat_id = f"local:{session_id}" if temporary else chat_id or self.new_chat(model)
        asked: Body = {
            "id": asked_id, "parentId": self._latest.get(chat_id), "role": "user", "content": text,
            "childrenIds": [message_id], "models": [model], "timestamp": int(time.time()),
        }  # fmt: skip
        turn = Turn(
            chat_id=chat_id, message_id=message_id, session_id=session_id,
            user_message_id=asked_id, model=model, task_id=str(uuid.uuid4()),
        )  # fmt: skip
        if not temporary:
            reply: Body = {
                "id": message_id, "parentId": asked_id, "childrenIds": [], "role": "assistant",
                "content": "", "done": False, "model": model, "timestamp": asked["timestamp"],
            }  # fmt: skip
            self.chats[chat_id]["messages"] |= {asked_id: {**asked, "done": True}}
            self.chats[chat_id]["messages"] |= {message_id: reply}
        self._latest[chat_id] = message_id
        self._run(self._begin(turn, asked, list(tasks), new=new))
        return turn

    async def _begin(self, turn: Turn, asked: Body, tasks: list[str], *, new: bool) -> None:
        shared = {
            **base_metadata(self.user_id, turn.model), "chat_id": turn.chat_id,
            "session_id": turn.session_id, "user_message": asked,
            "user_message_id": turn.user_message_id,
        }  # fmt: skip
        del shared["message_id"]
        if new and "title" in tasks:
            tasks.remove("title")
            self._keep(self._ask_beside(turn, shared, ["title"]), f"title-{turn.task_id}")
        self._keep(self._answer(turn, shared, tasks), turn.task_id)

    def _keep(self, coroutine: Coroutine[Any, Any, None], task_id: str) -> None:
        task = self._tasks[task_id] = self._loop.create_task(coroutine)
        task.add_done_callback(lambda _: self._tasks.pop(task_id, None))

    async def _answer(self, turn: Turn, shared: Metadata, tasks: list[str]) -> None:
        metadata = {**shared, "message_id": turn.message_id, "task_id": turn.task_id}
        body = make_body(turn.model, shared["user_message"]["content"], stream=True)
        message = self._message(turn) or {}
        said: list[str] = []
        try:
            body = await self._inside.inlet(body, metadata)
            while True:
                tools: list[dict[str, Any]] = []
                async for chunk in self._inside.stream(body, metadata, metadata):
                    # It broke before it began to speak: the real one goes on, to the outlet.
                    if "error" in chunk:
                        message["error"] = {"content": chunk["error"]}
                    said.append(text_of(chunk))
                    tools += tools_of(chunk)
                if not tools:
                    break
                body = _answered(body, tools)
            message |= {"content": "".join(said), "done": True}
            await self._inside.outlet(body, metadata, "".join(said), message.get("sources"))
            await self._ask_beside(turn, shared, tasks)
        except asyncio.CancelledError:
            message |= {"content": "".join(said), "done": True}
            raise
        except Exception as error:  # noqa: BLE001 - whatever a function raises
            message |= {"error": {"content": str(error)}, "done": True}

    async def _ask_beside(self, turn: Turn, shared: Metadata, tasks: Sequence[str]) -> None:
        """Ask the model for a title, tags or follow-ups: no message id, no emitter, no filters."""
        for task in tasks:
            messages = list(self.chats.get(turn.chat_id, {"messages": {}})["messages"].values())
            asked = {"model": turn.model, "messages": copy.deepcopy(messages)}
            if task == "follow_up":
                asked["message_id"] = turn.message_id
            told = {"task": f"{task}_generation", "task_body": {**asked, "chat_id": turn.chat_id}}
            body = make_body(turn.model, f"### Task: {task}", stream=False)
            with contextlib.suppress(Exception):
                async for _ in self._inside.respond(body, {**shared, **told}):
                    pass

    def message(self, turn: Turn) -> dict[str, Any] | None:
        """Return the message of a turn as the chat holds it; None in a temporary chat."""
        return copy.deepcopy(self._message(turn))

    def _message(self, turn: Turn) -> dict[str, Any] | None:
        chat = self.chats.get(turn.chat_id)
        return None if chat is None else chat["messages"].get(turn.message_id)

    def wait(self, turn: Turn) -> dict[str, Any] | None:
        """Wait until nothing of a turn runs any more; returns its message."""

        async def ended() -> None:
            names = (turn.task_id, f"title-{turn.task_id}")
            running = [self._tasks[name] for name in names if name in self._tasks]
            if running and (await asyncio.wait(running, timeout=TURN_S))[1]:
                message = f"the turn of {turn.model} did not end within {TURN_S:.0f} s"
                raise TimeoutError(message)

        self._run(ended())
        return self.message(turn)

    def stop(self, turn: Turn) -> bool:
        """Press Stop: the turn is cancelled, once; returns whether it ran."""

        async def stop() -> bool:
            task = self._tasks.get(turn.task_id)
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
            return task is not None

        return self._run(stop())  # type: ignore[no-any-return]

    def call(self, model: str, text: str) -> dict[str, Any]:
        """Ask as a plain API client, for a reply in one piece; returns it."""

        async def call() -> Chunk:
            body = make_body(model, text, stream=False)
            metadata = base_metadata(self.user_id, model)
            said = ""
            try:
                body = await self._inside.inlet(body, metadata)
                async for chunk in self._inside.respond(body, metadata):
                    if "choices" not in chunk:
                        return chunk
                    said += text_of(chunk)
            except Exception as error:  # noqa: BLE001 - whatever a function raises
                return {"detail": str(error)}
            await self._inside.outlet(body, metadata, said)
            whole = make_chunk(model, {}, "stop")
            del whole["choices"][0]["delta"]
            whole["choices"][0]["message"] = {"role": "assistant", "content": said}
            return {**whole, "object": "chat.completion"}

        return self._run(call())  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def stream(self, model: str, text: str) -> Generator[Iterator[Chunk]]:
        """Ask as a plain API client, for a stream of events; leaving early disconnects."""
        sent: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        task_id = str(uuid.uuid4())

        async def begin() -> None:
            self._keep(self._send(make_body(model, text, stream=True), sent), task_id)

        async def disconnect() -> None:
            task = self._tasks.get(task_id)
            # As a scope of anyio: whatever it awaits from now on is cancelled again.
            while task is not None and not task.done():
                task.cancel()
                await asyncio.sleep(0)

        self._run(begin())
        try:
            yield iter(sent.get, None)
        finally:
            self._run(disconnect())

    async def _send(self, body: Body, sent: queue.SimpleQueue[Chunk | None]) -> None:
        metadata = base_metadata(self.user_id, body["model"])
        said = ""
        try:
            body = await self._inside.inlet(body, metadata)
            async for chunk in self._inside.stream(body, metadata, None):
                said += text_of(chunk)
                sent.put(chunk)
            if said:
                await self._inside.outlet(body, metadata, said)
        except Exception:  # noqa: BLE001 - the client of the real one is not told more either
            sent.put({"error": {"message": "Chat completion stream failed"}})
        finally:
            sent.put(None)


def _answered(body: Body, tools: Sequence[dict[str, Any]]) -> Body:
    """Return the request that follows calls of tools, each of which found nothing."""
    told = [{"role": "tool", "tool_call_id": each.get("id"), "content": "{}"} for each in tools]
    asked = {"role": "assistant", "content": "", "tool_calls": list(tools)}
    return {**body, "messages": [*body["messages"], asked, *told]}
