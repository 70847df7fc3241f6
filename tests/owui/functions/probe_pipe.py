"""A pipe that writes down what Open WebUI gives it, as lines of JSON in the file $PROBE_FILE.

What the user says decides what it does: "fail", "fail early", "hang", "tool", "wait" (for a file).
"""

import asyncio
import json
import os
import sys
import threading
import time

from pydantic import BaseModel

TASKS = '{"title": "a title", "tags": ["a tag"], "follow_ups": ["and then?"]}'
CITATION = {
    "type": "citation",
    "data": {"document": ["line"], "metadata": [{"source": "Logs"}], "source": {"name": "Logs"}},
}


def note(what, **facts):
    facts = {"what": what, "at": time.time(), "pid": os.getpid(), **facts}
    handle = os.open(os.environ["PROBE_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(handle, (json.dumps(facts, default=str) + "\n").encode())
    os.close(handle)


def may_go():
    return os.path.exists(os.environ["PROBE_FILE"] + ".go")


class Pipe:
    class Valves(BaseModel):
        """What an administrator sets."""

        LEVEL: str = "INFO"

    class UserValves(BaseModel):
        """What a user sets."""

        LEVEL: str = "INHERIT"

    def __init__(self):
        self.valves = self.Valves()
        file = {
            "file": __file__,
            "there": os.path.exists(__file__),
            "known": __name__ in sys.modules,
        }
        note("init", module=__name__, instance=id(self), thread=threading.get_ident(), **file)

    def pipes(self):
        return [{"id": each, "name": each} for each in ("stream", "sync", "text")]

    async def pipe(
        self,
        body,
        __user__,
        __metadata__,
        __request__=None,
        __event_emitter__=None,
        __event_call__=None,
        __task__=None,
        __task_body__=None,
    ):
        asked = __metadata__.get("user_message") or {}
        ids = {name: __metadata__.get(name) for name in ("chat_id", "message_id", "session_id")}
        note(
            "pipe",
            **ids,
            module=__name__,
            instance=id(self),
            thread=threading.get_ident(),
            valves=[id(self.valves), self.valves.LEVEL],
            user={key: __user__.get(key) for key in ("id", "name", "email", "role")},
            user_valves=[type(__user__["valves"]).__name__, __user__["valves"].LEVEL],
            keys=sorted(__metadata__),
            user_id=__metadata__.get("user_id"),
            asked=[asked.get("id"), asked.get("childrenIds")],
            emitter=__event_emitter__ is not None,
            caller=__event_call__ is not None,
            request=__request__ is not None,
            model=body["model"],
            stream=body.get("stream"),
            body=sorted(body),
            roles=[each["role"] for each in body["messages"]],
            task=__task__,
            task_body=__task_body__,
        )
        if __task__:
            return TASKS
        said = [each["content"] for each in body["messages"] if each["role"] == "user"][-1]
        if "early" in said:
            raise ValueError("it broke early")
        shape = body["model"].rpartition(".")[2]
        if shape == "text":
            return "one two"
        if shape == "sync":
            return self._spell(said)
        if "tool" in said and body["messages"][-1]["role"] != "tool":
            return self._ask_tool()
        return self._speak(said, __event_emitter__)

    async def _ask_tool(self):
        called = {"name": "get_current_timestamp", "arguments": "{}"}
        delta = {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": called}]}
        yield {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}

    def _spell(self, said):
        try:
            yield "one "
            if "fail" in said:
                raise ValueError("it broke")
            yield "two"
        finally:
            note("finally", thread=threading.get_ident())

    async def _speak(self, said, emit):
        copied = self.valves
        try:
            yield "one "
            note("speaking")
            if "fail" in said:
                raise ValueError("it broke")
            # The test is another process: there is no event to share.
            while "wait" in said and not may_go():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            while "hang" in said:
                yield "more "
                await asyncio.sleep(0.02)
            yield "two"
        except BaseException as error:
            note("raised", error=type(error).__name__)
            raise
        finally:
            note("finally", copied=copied.LEVEL, shared=self.valves.LEVEL)
            for name, awaited in (("slept", asyncio.sleep(0.2)), ("emitted", emit(CITATION))):
                try:
                    await awaited
                except BaseException as error:
                    note(f"not {name}", error=type(error).__name__)
                else:
                    note(name)
            note("end")
