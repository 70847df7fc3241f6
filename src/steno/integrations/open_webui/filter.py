"""A Filter that records the turns of models that are not yours: what goes in, and what comes out.

Strategy: ``inlet`` begins a turn, ``stream`` sees each chunk, ``outlet`` ends it. Which turn is
meant is told by a mark that ``inlet`` leaves in the metadata, which the host hands to all three:
the ids alone don't tell two calls of the API apart, nor two models that answer side by side. Where
there is no mark, and the ids are not those of a message, nothing is recorded rather than something
wrong.

The host does not call ``outlet`` after an error or Stop, so a turn may be left open. It ends as
interrupted when another question was asked in its chat and nothing more comes of it, or when
nothing came for long. Each piece goes to the archive's spool and to the transcript when it passes,
so nothing is lost by that but the reason.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from steno.integrations.open_webui.chunks import encode
from steno.integrations.open_webui.turn import Host, Turn, begin_turn
from steno.integrations.open_webui.valves import LogUserValves, LogValves
from steno.logs.lines import LogLine
from steno.notices import say

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 10_000
"""Turns that may be open at once in one process; beyond it, the oldest is ended."""

_LOGGER = "steno.open_webui.filter"

_LOOK_S = 1.0
"""Seconds between two looks for turns that have no end."""

_GRACE_S = 3.0
"""Seconds without a chunk after which a turn is over, once the chat has gone on."""

Key = str | tuple[str, str]


class _Watched:
    """A turn that is open."""

    def __init__(self, turn: Turn, chat_id: str, asked: object, stale_s: float) -> None:
        self.turn = turn
        self.chat_id = chat_id
        self.asked = asked
        self.stale_s = stale_s
        self.last_s = time.monotonic()
        self.is_passed = False

    def why_over(self, now_s: float) -> str | None:
        """Say why no end is to be expected any more; None while one is."""
        silent_s = now_s - self.last_s
        if self.is_passed and silent_s >= _GRACE_S:
            return "the next turn of the chat began"
        if silent_s >= self.stale_s:
            return f"nothing came for {self.stale_s:.0f} s"
        return None


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
        self._open: dict[Key, _Watched] = {}
        self._mark = f"steno_turn_{id(self):x}"  # another filter's mark is another one
        self._looking_on: asyncio.AbstractEventLoop | None = None

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
        self, body: dict[str, Any], __metadata__: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """End a turn with its reply."""
        key = self._key(__metadata__)
        watched = self._open.pop(key, None) if key is not None else None
        if watched is not None:
            _guarded(_finish, watched.turn, body)
            await watched.turn.scope.settle(watched.turn.scope.close())
        return body

    def _begin(self, body: dict[str, Any], host: Host) -> None:
        turn = begin_turn(self.valves.model_copy(deep=True), host, body, listener="filter")
        metadata = host.metadata
        if isinstance(metadata, dict):
            metadata[self._mark] = turn.call.ids.request_id
        key = self._key(metadata)
        if key is None:
            return
        if len(self._open) >= _MOST:
            self._interrupt(next(iter(self._open)), "too many turns were open")
        turn.scope.open()
        chat_id = turn.call.ids.chat_id
        watched = _Watched(turn, chat_id, _asked(metadata), self._stale_s())
        for other in self._open.values():
            # Models that answer one question side by side are turns of one message each.
            if chat_id and other.chat_id == chat_id and other.asked != watched.asked:
                other.is_passed = True
        self._open[key] = watched
        _say(turn, "OpenWebUI request payload: ", body, logging.DEBUG)
        self._look_later()

    def _key(self, metadata: Any) -> Key | None:
        """Name a turn; None where what the host says does not tell it from others."""
        if not isinstance(metadata, Mapping):
            return None
        mark = metadata.get(self._mark)
        if isinstance(mark, str):
            return mark
        chat, message = metadata.get("chat_id"), metadata.get("message_id")
        if isinstance(chat, str) and isinstance(message, str) and chat and message:
            return chat, message
        return None

    def _stale_s(self) -> float:
        return float(self.valves.SESSION_LOG_STALE_FINALIZE_SECONDS)

    def _note(self, event: dict[str, Any], metadata: Mapping[str, Any] | None) -> None:
        key = self._key(metadata)
        watched = self._open.get(key) if key is not None else None
        if watched is None:
            return
        watched.last_s = time.monotonic()
        turn = watched.turn
        _say(turn, "OpenWebUI payload: ", event, logging.DEBUG)
        if isinstance(event, Mapping) and event.get("error"):
            _say(turn, "the model answered with an error: ", event["error"], logging.ERROR)
        if turn.exchange is not None:
            turn.exchange.add(event)
            turn.streamed = True

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        if self._looking_on is not loop:
            self._looking_on = loop
            loop.call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """End what has no end, and look again while anything is open."""
        self._looking_on = None
        now_s = time.monotonic()
        for key, watched in list(self._open.items()):
            why = watched.why_over(now_s)
            if why is not None:
                _guarded(self._interrupt, key, why)
        if self._open:
            self._look_later()

    def _interrupt(self, key: Key, why: str) -> None:
        turn = self._open.pop(key).turn
        _say(turn, "no end was heard of this turn: ", why, logging.WARNING)
        if turn.exchange is not None:
            turn.exchange.interrupt(why)
        turn.scope.interrupt(why)


def _asked(metadata: Any) -> object:
    """Name the question that a turn answers."""
    if not isinstance(metadata, Mapping):
        return None
    asked = metadata.get("user_message")
    own = asked.get("id") if isinstance(asked, Mapping) else None
    return metadata.get("user_message_id") or own or metadata.get("message_id")


def _finish(turn: Turn, body: Mapping[str, Any]) -> None:
    """Take the reply from the chat that the host hands to ``outlet``: it stands at the end."""
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    said = last.get("content") if isinstance(last, Mapping) else None
    _say(turn, "OpenWebUI reply: ", last, logging.DEBUG)
    if turn.exchange is not None:
        if not turn.streamed:
            turn.exchange.reply(said if isinstance(said, str) else last)
        turn.exchange.end()


def _say(turn: Turn, text: str, value: object, level: int) -> None:
    if level < turn.scope.floor:
        return
    shown = value if isinstance(value, str) else encode(value).decode()
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
