"""What the messages of a Gemini CLI conversation tell. Pure.

Token counts are those of the Gemini API: ``input`` is the prompt with what of it was cached,
``tool`` came on top of it from tools, ``thoughts`` come on top of ``output``; ``total`` is the sum
of the four. Where it is the sum of fewer, an endpoint has counted one inside the other, and that
is followed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.model import (
    Call,
    Fact,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steno.events.parts import Tokens

INJECTED = "written by the program in the user's name"
SUMMARY = "a snapshot of the conversation, as its compression"
FOLDED = "which token counts are parts of others, from their total"

NOTICES = frozenset({"info", "error", "warning"})
"""Types of messages that the program shows to the user."""

_INJECTED = re.compile(
    r"\s*(?:<(?:session_context|environment_context|hook_context)>"
    r"|This is the Gemini CLI\. We are setting up the context)"
)
_SNAPSHOT = re.compile(r"\s*<state_snapshot\b")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OUTCOMES = {"success": True, "error": False, "cancelled": False}


class Messages:
    """Reads the messages of one conversation, in order."""

    def __init__(self, session: str) -> None:
        """Begin a conversation.

        Args:
            session: Its id.
        """
        self._session = session
        self._seen: set[str] = set()
        self._returned: set[str] = set()
        self._called: set[str] = set()
        self._texts: set[int] = set()

    def is_new(self, record: dict[str, Any]) -> bool:
        """Tell whether a message of the program's history was not told yet, under any id.

        The history has turns that were recorded as parts of others: the answers to calls, and
        calls whose record has an id of its own.
        """
        if reading.text(record.get("id")) in self._seen:
            return False
        if isinstance(record.get("tokens"), dict):
            return True
        parts = list(_parts(record.get("content")))
        asked = [reading.mapping(part.get("functionCall")) for part in parts]
        called = [reading.text(call.get("id")) for call in asked if call]
        answered = any("functionResponse" in part for part in parts)
        text = _text(parts)
        told = hash(text) in self._texts if text else bool(called or answered)
        return not (told and all(call in self._called for call in called)) or (
            answered and any(True for _new in self._new_responses(parts))
        )

    def take(self, record: dict[str, Any]) -> tuple[list[Fact], str | None]:
        """Read a message.

        Returns:
            What it tells, and what of that was concluded.
        """
        kind = reading.text(record.get("type"))
        named = reading.text(record.get("id"))
        repeated = named in self._seen
        if named:
            self._seen.add(named)
        if kind == "gemini":
            return self._reply(record, named, repeated=repeated)
        parts = list(_parts(record.get("content")))
        text = _text(parts)
        self._texts.add(hash(text))
        facts: list[Fact] = []
        if kind == "user":
            facts += self._responses(parts)
            if repeated or (not text and any("functionResponse" in part for part in parts)):
                return facts, None
            if _SNAPSHOT.match(text):
                return [*facts, Summarised(summary=text, trigger=None)], SUMMARY
            if _INJECTED.match(text):
                return [*facts, Said("developer", text)], INJECTED
            return [*facts, Said("user", text)], None
        noted = kind in NOTICES and text and not repeated
        return ([Noted(text=text)] if noted else []), None

    def _reply(
        self, record: dict[str, Any], named: str, *, repeated: bool
    ) -> tuple[list[Fact], str | None]:
        parts = list(_parts(record.get("content")))
        tokens, guessed = _tokens(record.get("tokens"))
        tools = list(reading.mappings(record.get("toolCalls")))
        calls = [_call(tool) for tool in tools]
        calls += _untold(calls, parts)
        text = _text(part for part in parts if part.get("thought") is not True)
        self._texts.add(hash(text))
        self._called.update(call.id for call in calls)
        reply = Replied(
            id=named or None,
            model=reading.text(record.get("model")),
            provider="google",
            text=text,
            thinking="\n\n".join(_thoughts(record, parts)),
            calls=tuple(calls),
            tokens=tokens,
            claim=self._claim(named),
            whole=repeated,
        )
        return [reply, *self._results(tools, named)], guessed

    def _claim(self, named: str) -> str | None:
        if not named:
            return None
        if _UUID.fullmatch(named):
            return f"gemini:{named}"
        return f"gemini:{self._session}:{named}"

    def _results(self, tools: list[dict[str, Any]], message: str) -> Iterator[Returned]:
        """Yield what tools returned, each once."""
        for place, tool in enumerate(tools):
            success = _OUTCOMES.get(reading.text(tool.get("status")))
            output = _output(tool.get("result"))
            if success is None and output is None:
                continue  # it still runs
            call = reading.text(tool.get("id"))
            if self._is_first(call or f"{message}#{place}"):
                yield Returned(
                    call_id=call,
                    name=reading.text(tool.get("name")),
                    output=output if output is not None else tool.get("resultDisplay"),
                    success=success,
                )

    def _responses(self, parts: list[dict[str, Any]]) -> Iterator[Returned]:
        """Yield what tools returned as the program's history tells it, unless it is known."""
        for part, call in list(self._new_responses(parts)):
            if self._is_first(call):
                name = reading.text(reading.mapping(part["functionResponse"]).get("name"))
                yield Returned(call_id=call, name=name, output=_output([part]))

    def _new_responses(self, parts: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
        for part in parts:
            call = reading.text(reading.mapping(part.get("functionResponse")).get("id"))
            if call and call not in self._returned:
                yield part, call

    def _is_first(self, call: str) -> bool:
        if call in self._returned:
            return False
        self._returned.add(call)
        return True


def _parts(content: Any) -> Iterator[dict[str, Any]]:
    """Yield the parts of a message: a text, a part, or a list of both."""
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            yield {"text": part}
        elif isinstance(part, dict):
            yield part


def _text(parts: Iterable[dict[str, Any]]) -> str:
    return "".join(reading.text(part.get("text")) for part in parts)


def _thoughts(record: dict[str, Any], parts: list[dict[str, Any]]) -> Iterator[str]:
    told = False
    for thought in reading.mappings(record.get("thoughts")):
        lines = (reading.text(thought.get("subject")), reading.text(thought.get("description")))
        if text := "\n".join(filter(None, lines)):
            told = True
            yield text
    for part in parts:
        if part.get("thought") is True and not told and reading.text(part.get("text")):
            yield reading.text(part.get("text"))


def _call(tool: dict[str, Any]) -> Call:
    return Call(
        reading.text(tool.get("name")),
        reading.text(tool.get("id")),
        reading.as_json_text(tool.get("args")),
    )


def _untold(calls: list[Call], parts: list[dict[str, Any]]) -> Iterator[Call]:
    """Yield the calls that stand in a reply's content alone.

    Those that it has run stand beside it once more, some of them under an id of the program's own.
    """
    ids = {call.id for call in calls}
    asked = [_call(told) for part in parts if (told := reading.mapping(part.get("functionCall")))]
    named_here = {call.id for call in asked}
    renamed = Counter(call.name for call in calls if call.id not in named_here)
    for call in asked:
        if call.id and call.id in ids:
            continue
        if renamed[call.name]:
            renamed[call.name] -= 1
        else:
            yield call


def _output(result: Any) -> Any:
    """Return what a tool gave back: the text of its one response, or all that there is."""
    if result is None or result == []:
        return None
    parts = list(_parts(result))
    if len(parts) == 1:
        part = parts[0]
        response = reading.mapping(reading.mapping(part.get("functionResponse")).get("response"))
        for name in ("output", "error"):
            if isinstance(response.get(name), str):
                return response[name]
        if response:
            return response
        if isinstance(part.get("text"), str):
            return part["text"]
    return result


def _tokens(told: Any) -> tuple[Tokens | None, str | None]:
    """Normalise counts.

    Returns:
        The counts, and what of them was concluded.
    """
    counts = reading.mapping(told)
    sent, received = reading.count(counts.get("input")), reading.count(counts.get("output"))
    if sent is None and received is None:
        return None, None
    thoughts = reading.count(counts.get("thoughts"))
    tool = reading.count(counts.get("tool")) or 0
    total = reading.count(counts.get("total"))
    ways = [
        ((sent or 0) + more, (received or 0) + thought)
        for thought in (thoughts or 0, 0)
        for more in (tool, 0)
    ]
    usual = ways[0]
    chosen = next((way for way in ways if sum(way) == total), usual)
    tokens = reading.counted(
        sent=chosen[0],
        received=chosen[1],
        is_final=True,
        thinking=thoughts,
        cache_read=reading.count(counts.get("cached")),
    )
    return tokens, None if chosen == usual else FOLDED
