"""A pipe whose turns are recorded; what the user says decides what it does."""

import asyncio
import logging
import os

from steno.integrations.open_webui import LogUserValves, LogValves, recorded

log = logging.getLogger("recorded_pipe")


class Pipe:
    class Valves(LogValves):
        """What an administrator sets."""

    class UserValves(LogUserValves):
        """What a user sets."""

    def __init__(self):
        self.valves = self.Valves()

    def pipes(self):
        return [{"id": each, "name": each} for each in ("stream", "sync", "text", "generator")]

    @recorded
    async def pipe(self, body, __valves__=None, __task__=None):
        said = [each["content"] for each in body["messages"] if each["role"] == "user"][-1]
        log.debug("debug of %s in process %d", said, os.getpid())
        log.info("info of %s", said)
        log.error("error of %s", said)
        if __task__:
            return '{"title": "a title"}'
        shape = body["model"].rpartition(".")[2]
        if "early" in said:
            raise ValueError("it broke early")
        if shape == "text":
            return "one two"
        if "tool" in said and body["messages"][-1]["role"] != "tool":
            return self._ask_tool()
        return self._speak(said, __valves__)

    async def _ask_tool(self):
        log.debug("asks for a tool")
        called = {"name": "get_current_timestamp", "arguments": "{}"}
        delta = {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": called}]}
        yield {"choices": [{"index": 0, "delta": delta, "finish_reason": "tool_calls"}]}

    async def _speak(self, said, valves):
        try:
            yield "one "
            if "fail" in said:
                raise ValueError("it broke")
            while "hang" in said:
                log.debug("still there")
                yield "more "
                await asyncio.sleep(0.02)
            for _ in range(20 if "crowd" in said else 0):
                log.debug("token %s", said)
                await asyncio.sleep(0.01)
            yield "two"
        finally:
            log.debug("the last line of %s, with %s", said, valves.SESSION_LOG_FORMAT)
