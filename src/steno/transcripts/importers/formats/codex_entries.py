"""The lines of a Codex rollout as entries with what they tell. Pure.

Strategy: what was said stands in a rollout twice, as the item that went over the wire
(``response_item``) and as an event for people (``event_msg``, or ``item_completed`` in paginated
rollouts), in either order. Whichever comes first tells it; the other one tells nothing more.

Forks and sub-agents of most versions begin with copies of their parent's lines, with new times.
They are known as copies by the number at which the thread's own lines begin, where it is told;
else they go from the copy of the parent's ``session_meta`` to the first turn whose id was made
after the thread was. Where turns have no such ids (2025), only counts are known to be copies: by
their claims.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import count, decode_value
from steno.transcripts.importers.formats import codex_items as items
from steno.transcripts.importers.formats.codex_counts import Count, Counter, Replies
from steno.transcripts.importers.model import (
    Aborted,
    Call,
    Counted,
    Entry,
    Fact,
    Noted,
    Replied,
    Said,
    Summarised,
)
from steno.transcripts.importers.times import read_time
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

INJECTED = "written by the program in the user's name"
OLDER = "a copy: it is older than the conversation"

_SILENT_LINES = frozenset(
    {
        "session_meta",
        "turn_context",
        "world_state",
        "token_usage_record",
        "inter_agent_communication_metadata",
        "retained_context",
        "agent_response_observation",
        "security_risk_score",
    }
)
_SILENT_EVENTS = re.compile(
    r"agent_reasoning_section_break|background_event|context_compacted|guardian_assessment"
    r"|plan_update|session_configured|shutdown_complete|sub_agent_activity|terminal_interaction"
    r"|thread_goal_updated|thread_settings_applied|turn_diff|view_image_tool_call"
    r"|dynamic_tool_call_(?:request|response)|hook_(?:started|completed)|item_started"
    r"|mcp_startup_(?:update|complete)|(?:task|turn)_(?:started|complete)|patch_apply_updated"
    r"|(?:collab_\w+|exec_command|image_generation|mcp_tool_call|patch_apply|web_search)"
    r"_(?:begin|end|output_delta)"
)
"""Events that tell nothing that the items do not tell, or nothing of the exchange."""

_NOTED_EVENTS = {
    "thread_name_updated": "thread_name",
    "entered_review_mode": "user_facing_hint",
    "error": "message",
    "stream_error": "message",
    "warning": "message",
    "guardian_warning": "message",
    "deprecation_notice": "summary",
}
_INTERRUPTED = "cancelled: interrupted"
_MEMORY = 32
_TIMED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
"""An id of version 7, which begins with the time at which it was made."""


class Rollout:
    """Reads the lines of one rollout, in order."""

    def __init__(self, meta: dict[str, Any], thread: str, born: datetime | None) -> None:
        """Begin a rollout.

        Args:
            meta: Its own ``session_meta``; empty where it has none.
            thread: Its thread's id.
            born: When it began.
        """
        self._thread = thread
        self._born = born
        times = [made_at(thread), None if born is None else int(born.timestamp() * 1000)]
        self._born_ms = min((time for time in times if time is not None), default=None)
        self._turn_is_old = self._before_turns = False
        self._base = reading.mapping(meta.get("history_base"))
        self._own_from = count(meta.get("subagent_history_start_ordinal"))
        self._origin = origin_of(meta)
        self._root = thread
        self._provider = reading.text(meta.get("model_provider"))
        self._model = ""
        self._counter = Counter(inherits=bool(self._origin or self._base))
        self._replies = Replies()
        self._outcomes = items.Outcomes()
        self._told: dict[str, deque[tuple[str, str]]] = {}
        self._compacted = False
        self._is_first = True
        self._guessed: str | None = None
        self._steps: dict[str, Callable[[str, dict[str, Any]], tuple[Fact, ...] | None]] = {
            "response_item": self._item,
            "event_msg": self._event,
        }

    def entry(self, raw: bytes, offset: int) -> Entry:
        """Read the next line."""
        line = decode_value(raw)
        if not isinstance(line, dict):
            self._is_first = False
            return Entry(raw=raw, kind="?", known=False, offset=offset)
        self._guessed = None
        kind = reading.text(line.get("type"))
        payload = reading.mapping(line.get("payload"))
        inner = reading.text(payload.get("type"))
        name: str
        facts: tuple[Fact, ...] | None
        if kind in self._steps:
            facts = self._steps[kind](inner, payload)
            name = f"{kind}/{inner or '?'}"
        elif "payload" in line:
            facts, name = self._line(kind, payload), kind or "?"
        elif name := kind or ("message" if "role" in line else ""):
            facts = self._item(name, line)  # early 2025: items without an envelope
        else:
            begins = self._is_first and "id" in line and "timestamp" in line
            name = "session" if begins else reading.text(line.get("record_type")) or "?"
            facts = () if begins or name == "state" else None
        at = read_time(line.get("timestamp"))
        ordinal = count(line.get("ordinal"))
        copied = self._copied_from(kind, payload, ordinal, at)
        self._is_first = False
        return Entry(
            raw=raw,
            kind=name,
            facts=facts or (),
            known=facts is not None,
            at=at,
            id=None if ordinal is None else str(ordinal),
            offset=offset,
            replayed_from=copied,
            guessed=self._guessed,
        )

    # -- whose it is -----------------------------------------------------------------------

    def _copied_from(
        self, kind: str, payload: dict[str, Any], ordinal: int | None, at: datetime | None
    ) -> str | None:
        if kind == "session_meta":
            named = thread_of(payload)
            if named in {None, self._thread}:
                return None
            self._root = named or self._root
            self._turn_is_old = self._before_turns = True
            return named
        if self._is_first:
            return None
        named = reading.optional_text(payload.get("thread_id"))
        telling = kind == "token_usage_record" or payload.get("type") == "item_completed"
        if telling and named is not None and named != self._thread:
            return named
        base_end = count(self._base.get("end_ordinal_exclusive"))
        if ordinal is not None and base_end is not None and ordinal < base_end:
            return reading.optional_text(self._base.get("thread_id")) or self._origin
        origin = self._origin or (None if self._root == self._thread else self._root)
        if origin is None:
            return None
        if ordinal is not None and self._own_from is not None:
            return origin if ordinal < self._own_from else None
        early = at is not None and self._born is not None and at < self._born
        if early or self._turn_is_old:
            self._guessed = self._guessed or OLDER
            return origin
        return None

    def _turn_begins(self, payload: dict[str, Any]) -> None:
        turn = reading.text(payload.get("turn_id"))
        self._replies.turn_begins(turn)
        if turn or self._before_turns:
            made = made_at(turn)
            known = made is not None and self._born_ms is not None
            self._turn_is_old = known and (made or 0) < (self._born_ms or 0)
            self._before_turns = False

    # -- lines -----------------------------------------------------------------------------

    def _line(self, kind: str, payload: dict[str, Any]) -> tuple[Fact, ...] | None:
        if kind == "compacted":
            self._replies.close()
            self._compacted = True
            return (Summarised(summary=reading.text(payload.get("message"))),)
        if kind == "inter_agent_communication":
            self._replies.close()
            return (Said("user", items.message_text(payload.get("content"))),)
        if kind == "turn_context":
            self._turn_begins(payload)
            self._model = reading.text(payload.get("model")) or self._model
        if kind == "token_usage_record":
            self._turn_begins(payload)
            return self._count(self._counter.record(payload))
        return () if kind in _SILENT_LINES else None

    def _count(self, count: Count | None) -> tuple[Fact, ...]:
        if count is None:
            return ()
        self._guessed = count.guessed
        named = self._replies.count()
        tokens, claim = count.usage.tokens(), count.claim(self._replies.turn, self._root)
        if self._replies.begun:
            return (Counted(tokens=tokens, model=self._model, claim=claim, id=named),)
        self._replies.begun = True
        return (self._reply(named, tokens=tokens, claim=claim),)

    # -- what was said ---------------------------------------------------------------------

    def _item(self, kind: str, item: dict[str, Any]) -> tuple[Fact, ...] | None:
        if kind == "message":
            return self._message(item)
        if kind == "reasoning":
            return self._thought(items.thoughts(item), "item")
        if kind in items.CALLS:
            return self._called(items.call(kind, item))
        if kind in items.OUTPUTS:
            self._replies.returned()
            return (items.returned(item, self._outcomes),)
        if kind == "agent_message":
            self._replies.close()
            return (Said("user", items.message_text(item.get("content"))),)
        return () if kind in items.SILENT else None

    def _message(self, item: dict[str, Any]) -> tuple[Fact, ...] | None:
        role = reading.text(item.get("role"))
        text = items.message_text(item.get("content"))
        if role == "assistant":
            return self._answered(text, "item", refused=items.is_refusal(item.get("content")))
        if role not in {"user", "developer", "system"}:
            return None
        if role == "user" and items.is_injected(text):
            return self._injected(text)
        return self._said(role, text, "item")

    def _injected(self, text: str) -> tuple[Fact, ...]:
        self._guessed = INJECTED
        self._replies.close()
        said = Said("developer", text)
        # The event that says so comes behind it: by then the reply would have ended well.
        return (Aborted(error=_INTERRUPTED), said) if items.is_interruption(text) else (said,)

    def _said(self, role: str, text: str, form: str) -> tuple[Fact, ...]:
        if role == "user" and self._is_told(role, text, form):
            return ()
        self._replies.close()
        return (Said(role, text),)

    def _answered(self, text: str, form: str, *, refused: bool = False) -> tuple[Fact, ...]:
        named = self._replies.item(is_item=form == "item")
        if not refused and self._is_told("assistant", text, form):
            return ()
        self._replies.begun = True
        return (self._reply(named, text=text, refused=refused),)

    def _thought(self, texts: Any, form: str) -> tuple[Fact, ...]:
        named = self._replies.item(is_item=form == "item")
        new = [text for text in texts if not self._is_told("thinking", text, form)]
        if not new:
            return ()
        self._replies.begun = True
        return (self._reply(named, thinking="\n\n".join(new)),)

    def _called(self, call: Call) -> tuple[Fact, ...]:
        named = self._replies.item(is_item=True)
        self._replies.begun = True
        return (self._reply(named, calls=(call,)),)

    def _reply(self, named: str, **told: Any) -> Replied:
        return Replied(id=named, model=self._model, provider=self._provider, **told)

    def _is_told(self, role: str, text: str, form: str) -> bool:
        """Tell whether the other form has told a text, once; remember it if not."""
        text = text.strip()
        if not text:
            return form != "item"  # images alone
        earlier = self._told.setdefault(role, deque(maxlen=_MEMORY))
        for known in earlier:
            if known[0] != form and text in known[1]:
                earlier.remove(known)
                return True
        earlier.append((form, text))
        return False

    # -- events ----------------------------------------------------------------------------

    def _event(self, kind: str, event: dict[str, Any]) -> tuple[Fact, ...] | None:
        self._outcomes.take(kind, event)
        if kind == "token_count":
            replying = self._replies.replying
            return self._count(self._counter.token_count(event.get("info"), replying=replying))
        if kind == "user_message":
            text = reading.text(event.get("message"))
            plain = event.get("kind") in (None, "plain") and not items.is_injected(text)
            return self._said("user", text, "event") if plain else ()
        if kind == "agent_message":
            return self._answered(reading.text(event.get("message")), "event")
        if kind in {"agent_reasoning", "agent_reasoning_raw_content"}:
            return self._thought([reading.text(event.get("text"))], "event")
        if kind == "item_completed":
            return self._completed(reading.mapping(event.get("item")))
        if kind in _NOTED_EVENTS:
            return _noted(reading.text(event.get(_NOTED_EVENTS[kind])))
        if kind == "exited_review_mode":
            return _noted(items.review_text(event))
        if kind == "thread_rolled_back":
            turns = count(event.get("num_turns"))
            return (Noted(text=f"The last turns were taken back: {turns or 'unknown'}."),)
        return self._turned(kind, event)

    def _turned(self, kind: str, event: dict[str, Any]) -> tuple[Fact, ...] | None:
        """Take an event that begins or ends something."""
        if kind in {"task_started", "turn_started"}:
            self._turn_begins(event)
        elif kind == "thread_settings_applied":
            settings = reading.mapping(event.get("thread_settings"))
            self._model = reading.text(settings.get("model")) or self._model
        elif kind == "turn_aborted":
            self._replies.close()
            reason = reading.text(event.get("reason")) or "aborted"
            return (Aborted(error=f"cancelled: {reason}"),)
        elif kind in {"task_complete", "turn_complete"}:
            self._replies.close()
            failure = items.failure(event.get("error"))
            return () if failure is None else (Aborted(error=failure),)
        elif kind == "context_compacted":
            return self._compaction()
        return () if _SILENT_EVENTS.fullmatch(kind) else None

    def _completed(self, item: dict[str, Any]) -> tuple[Fact, ...]:
        kind = item.get("type")
        text = items.message_text(item.get("content"))
        if kind == "UserMessage":
            return () if items.is_injected(text) else self._said("user", text, "event")
        if kind == "AgentMessage":
            return self._answered(text, "event")
        if kind == "Reasoning":
            return self._thought(items.thoughts(item), "event")
        if kind == "ContextCompaction":
            return self._compaction()
        if kind == "Plan":
            return _noted(reading.text(item.get("text")))
        return ()

    def _compaction(self) -> tuple[Fact, ...]:
        """Take the event of a compaction, whose line mostly stands before it."""
        if self._compacted:
            self._compacted = False
            return ()
        self._replies.close()
        return (Summarised(),)


def made_at(named: str) -> int | None:
    """Return when an id was made, in milliseconds since 1970; None for one that does not tell."""
    return int(named[:8] + named[9:13], 16) if _TIMED.fullmatch(named) else None


def _noted(text: str) -> tuple[Fact, ...]:
    return (Noted(text=text),) if text else ()


def thread_of(meta: dict[str, Any]) -> str | None:
    """Return the thread that a ``session_meta`` names."""
    named = reading.optional_text(meta.get("id"))
    return named or reading.optional_text(meta.get("session_id"))


def parent_of(meta: dict[str, Any]) -> str | None:
    """Return the thread that began the thread of a ``session_meta``."""
    source = reading.mapping(reading.mapping(meta.get("source")).get("subagent"))
    spawn = reading.mapping(source.get("thread_spawn"))
    return reading.optional_text(meta.get("parent_thread_id")) or reading.optional_text(
        spawn.get("parent_thread_id")
    )


def origin_of(meta: dict[str, Any]) -> str | None:
    """Return the thread whose history the thread of a ``session_meta`` may begin with."""
    return reading.optional_text(meta.get("forked_from_id")) or parent_of(meta)
