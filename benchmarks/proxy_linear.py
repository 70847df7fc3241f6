"""The proxy's fourth bar: a session that sends its whole history each turn is not written each turn.

An agent makes 100 turns through the proxy, as agents do: a system prompt of 20 kB, 15 tools of
1 kB, and a history that grows by the model's text and call and by a tool's result of 3 to 8 kB.
Once as OpenAI's chat, once as Anthropic's messages with the mark for the cache on the last block,
which moves each turn. The replies are streamed.

The transcript is compared with what is unique in all of it: the JSON of the system prompt, of each
tool, of the user's words, of each result and of each reply, once. The model's words come back in
the history as a message of their own; they count once, as the reply (the note says what the figure
would be if they counted as messages, too). Of the last request, what the transcript gives back must
be what was sent.
"""

import asyncio
import copy
import json
import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measuring import Result
from benchmarks.proxy_child import (
    CHAT,
    Child,
    Line,
    ask,
    assert_nothing_lost,
    await_completed,
    proxy,
    upstream,
)
from benchmarks.proxy_upstream import anthropic_reply, chat_reply, speak, take_turn
from steno import Event, RequestRecorded
from steno.events.references import Expander
from steno.transcripts.finding import resolve_session
from steno.transcripts.reader import read_transcript

_TURNS = 100
_MOST = 1.3
_SESSION = "a-long-session"
_SYSTEM = "You are an agent that works on a repository.\n" + speak("system", 20_000)
_TASK = "Find out why the recorder loses events, and repair it. " + speak("task", 600)


def _schema(number: int) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            name: {"type": kind, "description": speak(f"{number} {name}", 90)}
            for name, kind in (("path", "string"), ("pattern", "string"), ("limit", "integer"))
        },
        "required": ["path"],
        "additionalProperties": False,
    }


def _describe(number: int) -> str:
    return f"Tool {number}. " + speak(f"tool {number}", 480)


def _result(turn: int) -> str:
    return speak(f"result {turn}", random.Random(turn).randint(3000, 8000))


def _size(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


class _Chat:
    """The agent that speaks as OpenAI's clients do."""

    name = "chat"
    path = f"/agent{CHAT}"
    headers: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = [
            {"role": "system", "content": _SYSTEM},
            {"role": "user", "content": _TASK},
        ]
        self._tools = [
            {"type": "function",
             "function": {"name": f"tool_{at}", "description": _describe(at),
                          "parameters": _schema(at)}}
            for at in range(15)
        ]  # fmt: skip
        self.echoed = 0
        self.unique = sum(map(_size, (*self._messages, *self._tools)))

    def body(self) -> dict[str, Any]:
        return {"model": "gpt-5", "messages": self._messages, "tools": self._tools, "stream": True,
                "stream_options": {"include_usage": True}}  # fmt: skip

    def hear(self, turn: int) -> None:
        """Take the model's reply."""
        self._reply = chat_reply(turn)
        self.unique += _size(self._reply)

    def use_tool(self, turn: int) -> None:
        """Run the tool: reply and result are said from now on."""
        result = {"role": "tool", "tool_call_id": take_turn(turn).call_id, "content": _result(turn)}
        said = self._reply["choices"][0]["message"]
        self._messages += [said, result]
        self.unique += _size(result)
        self.echoed += _size(said)


class _Anthropic:
    """The agent that speaks as Anthropic's clients do."""

    name = "messages"
    path = "/anthropic/v1/messages"
    headers: Mapping[str, str] = {"anthropic_version": "2023-06-01"}

    def __init__(self) -> None:
        mark = {"cache_control": {"type": "ephemeral"}}
        self._system = [{"type": "text", "text": _SYSTEM, **mark}]
        self._messages: list[dict[str, Any]] = [
            {"role": "user", "content": [{"type": "text", "text": _TASK}]}
        ]
        self._tools = [
            {"name": f"tool_{at}", "description": _describe(at), "input_schema": _schema(at)}
            for at in range(15)
        ]
        self.echoed = 0
        self.unique = sum(map(_size, (*self._system, *self._messages, *self._tools)))

    def body(self) -> dict[str, Any]:
        messages = [*self._messages[:-1], copy.deepcopy(self._messages[-1])]
        messages[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
        return {"model": "claude-sonnet-4-5", "max_tokens": 8192, "system": self._system,
                "messages": messages, "tools": self._tools, "stream": True}  # fmt: skip

    def hear(self, turn: int) -> None:
        """Take the model's reply."""
        self._reply = anthropic_reply(turn)
        self.unique += _size(self._reply)

    def use_tool(self, turn: int) -> None:
        """Run the tool: reply and result are said from now on."""
        said = {"role": "assistant", "content": self._reply["content"]}
        block = {"type": "tool_result", "tool_use_id": take_turn(turn).call_id,
                 "content": _result(turn)}  # fmt: skip
        result = {"role": "user", "content": [block]}
        self._messages += [said, result]
        self.unique += _size(result)
        self.echoed += _size(said)


async def _run_agent(server: Child, agent: _Chat | _Anthropic) -> int:
    """Make the turns; bytes of all requests."""
    line = await Line.open(server.url)
    sent = 0
    for turn in range(_TURNS):
        request = ask(agent.path, agent.body(), x_steno_session=_SESSION, **agent.headers)
        sent += len(request)
        answer = await line.ask(request)
        assert answer.status == 200, answer
        assert take_turn(turn).call_id.encode() in answer.body, "the provider counts differently"
        agent.hear(turn)
        if turn < _TURNS - 1:
            agent.use_tool(turn)
    line.close()
    return sent


def _check_last(path: Path, wanted: dict[str, Any]) -> None:
    """Check that the transcript gives the last request back."""
    expander = Expander()
    found = None
    for entry in read_transcript(path):
        if isinstance(entry.event, Event):
            expander.learn(entry.event)
            if isinstance(entry.event, RequestRecorded):
                found = entry.event
    assert found is not None
    assert expander.expand(found.request_json) == wanted, "the last request is not given back"


def _measure(make: Callable[[], _Chat | _Anthropic]) -> Result:
    agent = make()
    with tempfile.TemporaryDirectory() as name, upstream() as behind:
        home = Path(name)
        with proxy(home, behind) as server:
            sent = asyncio.run(_run_agent(server, agent))
            await_completed(home, _TURNS)
            assert_nothing_lost(server)
        path = resolve_session(home / "sessions", _SESSION)
        size = path.stat().st_size
        _check_last(path, agent.body())
    unique = agent.unique
    ratio = size / unique
    return Result(f"proxy: {_TURNS} turns, {agent.name}", f"<= {_MOST}x the unique content",
                  f"{ratio:.2f}x", ratio <= _MOST,
                  f"transcript {size / 1e3:.0f} kB, unique {unique / 1e3:.0f} kB; with the model's "
                  f"words as messages, too, {size / (unique + agent.echoed):.2f}x; the requests were "
                  f"{sent / 1e6:.1f} MB, and the last is given back as it was")  # fmt: skip


def run() -> list[Result]:
    """Measure both protocols."""
    return [_measure(_Chat), _measure(_Anthropic)]
