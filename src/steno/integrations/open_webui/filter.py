"""A Filter that records the turns of models that are not yours: what goes in, and what comes out.

Strategy: ``inlet`` begins a turn, ``stream`` sees each chunk, ``outlet`` ends it. The host does not
call ``outlet`` after an error or Stop, so a turn may be left open: the next one of the same chat
ends it as interrupted, and so does the archivist when nothing came for long. Each piece goes to the
archive's spool and to the transcript when it passes, so nothing is lost by that but the reason.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from steno.integrations.open_webui.chunks import encode
from steno.integrations.open_webui.host import read_call
from steno.integrations.open_webui.turn import Host, Turn, begin_turn
from steno.integrations.open_webui.valves import LogUserValves, LogValves
from steno.logs.lines import LogLine
from steno.notices import say

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 10_000
"""Turns that may be open at once in one process; beyond it, the oldest is ended."""

_LOGGER = "steno.open_webui.filter"


class Filter:
    """Records what passes a model; ``inlet``, ``stream`` and ``outlet`` change nothing."""

    class Valves(LogValves):
        """What an operator sets."""

        priority: int = Field(default=0, description="Filters of a lower number come first.")

    class UserValves(LogUserValves):
        """What a user sets."""

    def __init__(self) -> None:
        """Begin without turns; one instance serves all chats of a worker."""
        self.valves = self.Valves()
        self._turns: dict[tuple[str, str], Turn] = {}

    async def inlet(
        self,
        body: dict[str, Any],
        __user__: dict[str, Any] | None = None,
        __metadata__: dict[str, Any] | None = None,
        __event_emitter__: Callable[..., Any] | None = None,
    ) -> dict[str, Any]:
        """Begin a turn with its request."""
        _guarded(self._begin, body, Host(__user__, __metadata__, __event_emitter__))
        return body

    def stream(
        self, event: dict[str, Any], __metadata__: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Take note of a chunk of the reply."""
        _guarded(self._note, event, __metadata__)
        return event

    async def outlet(
        self,
        body: dict[str, Any],
        __metadata__: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """End a turn with its reply."""
        turn = _guarded(self._take, __metadata__)
        if turn is not None:
            _guarded(_finish, turn, body)
            await turn.scope.settle(turn.scope.close())
        return body

    def _begin(self, body: dict[str, Any], host: Host) -> None:
        key = _key(host.metadata)
        for other in [each for each in self._turns if each[0] and each[0] == key[0]]:
            self._interrupt(other, "the next turn of the chat began")
        if len(self._turns) >= _MOST:
            self._interrupt(next(iter(self._turns)), "too many turns were open")
        turn = begin_turn(self.valves.model_copy(deep=True), host, body, listener="filter")
        turn.scope.open()
        self._turns[key] = turn
        _say(turn, "OpenWebUI request payload: ", body, logging.DEBUG)
        _say(turn, "request to ", body.get("model"), logging.INFO)

    def _note(self, event: dict[str, Any], metadata: Mapping[str, Any] | None) -> None:
        turn = self._turns.get(_key(metadata))
        if turn is None:
            return
        _say(turn, "OpenWebUI payload: ", event, logging.DEBUG)
        if isinstance(event, Mapping) and event.get("error"):
            _say(turn, "the model answered with an error: ", event["error"], logging.ERROR)
        if turn.exchange is not None:
            turn.exchange.add(event)
            turn.streamed = True

    def _take(self, metadata: Mapping[str, Any] | None) -> Turn | None:
        return self._turns.pop(_key(metadata), None)

    def _interrupt(self, key: tuple[str, str], why: str) -> None:
        turn = self._turns.pop(key)
        _say(turn, "no end was heard of this turn: ", why, logging.WARNING)
        if turn.exchange is not None:
            turn.exchange.interrupt(why)
        turn.scope.interrupt(why)


def _key(metadata: Mapping[str, Any] | None) -> tuple[str, str]:
    """Name a turn: its chat and message, else the session in which it runs."""
    ids = read_call(None, metadata).ids
    return ids.chat_id, ids.message_id or ids.session_id


def _finish(turn: Turn, body: Mapping[str, Any]) -> None:
    """Take the reply from the chat that the host hands to ``outlet``: it stands at the end."""
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    said = last.get("content") if isinstance(last, Mapping) else None
    _say(turn, "OpenWebUI reply: ", last, logging.DEBUG)
    _say(turn, "the reply is complete", None, logging.INFO)
    if turn.exchange is not None:
        if not turn.streamed:
            turn.exchange.reply(said if isinstance(said, str) else last)
        turn.exchange.end()


def _say(turn: Turn, text: str, value: object, level: int) -> None:
    if level < turn.scope.floor:
        return
    shown = value if isinstance(value, str) else encode(value).decode() if value else ""
    turn.scope.take(
        LogLine(
            time.time(),
            level,
            logging.getLevelName(level),
            _LOGGER,
            f"{text}{shown}",
            "filter",
            session_id=turn.scope.session_id,
            request_id=turn.scope.request_id,
            user_id=turn.scope.user_id,
        )
    )


def _guarded(work: Callable[..., Any], *args: Any) -> Any:
    """Do what must not disturb the host; the host's own body goes on as it was."""
    try:
        return work(*args)
    except Exception as error:  # noqa: BLE001 - the turn goes on
        say("open-webui", f"ERROR a turn can't be recorded: {type(error).__name__}: {error}")
        return None
