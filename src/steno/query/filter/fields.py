"""What a filter can ask for: one table of names, kinds and meanings."""

from __future__ import annotations

import difflib

from msgspec import Struct

from steno.session_keys import KINDS

STATES = ("running", "ok", "failed", "interrupted")
"""A state is also a term by itself: ``failed`` is ``state:failed``."""

TEXT, CHOICE, NUMBER, DURATION, TIME = "text", "choice", "number", "duration", "time"


class Field(Struct, frozen=True):
    """One thing that can be asked for.

    Attributes:
        name: Its name in the language.
        kind: ``text``, ``choice``, ``number``, ``duration`` or ``time``: how its values are read.
        about: What it is, for a person.
        choices: All values, where they are few.
        other_names: More names that people try.
    """

    name: str
    kind: str
    about: str
    choices: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()


_FIELDS = (
    Field("since", TIME, "began at this time or later", other_names=("after", "from")),
    Field("until", TIME, "began no later; a day is meant whole", other_names=("before", "to")),
    Field("on", TIME, "began on this day", other_names=("day", "date")),
    Field("state", CHOICE, "how it ended, or that it runs", STATES, ("status", "is")),
    Field("model", TEXT, "the model that replied, or the one that was asked for"),
    Field("provider", TEXT, "who was asked"),
    Field("session", TEXT, "the session's id", other_names=("session_id",)),
    Field("request", TEXT, "the request's id", other_names=("request_id",)),
    Field("key", TEXT, "the session key", other_names=("session_key",)),
    Field("agent", TEXT, "the agent's id", other_names=("agent_id",)),
    Field("kind", CHOICE, "the kind of conversation that the key names", KINDS),
    Field("user", TEXT, "the user's id", other_names=("user_id",)),
    Field("chat", TEXT, "the chat's id", other_names=("chat_id",)),
    Field("message", TEXT, "the message's id", other_names=("message_id",)),
    Field("tool", TEXT, "a tool that was called"),
    Field("tag", TEXT, "one of the session's tags", other_names=("tags",)),
    Field("finish", TEXT, "why the reply ended", other_names=("finish_reason",)),
    Field("error", TEXT, "the error's message"),
    Field("ip", TEXT, "the client's address", other_names=("client_ip",)),
    Field("program", TEXT, "the program that recorded it"),
    Field("host", TEXT, "the machine that recorded it"),
    Field("streaming", CHOICE, "whether the reply came in pieces", ("yes", "no"), ("stream",)),
    Field("tokens", NUMBER, "input and output tokens together", other_names=("total",)),
    Field("input", NUMBER, "input tokens", other_names=("input_tokens",)),
    Field("output", NUMBER, "output tokens", other_names=("output_tokens",)),
    Field("thinking", NUMBER, "tokens of thinking", other_names=("thinking_tokens",)),
    Field("reasoning", NUMBER, "tokens of reasoning", other_names=("reasoning_tokens",)),
    Field("cached", NUMBER, "input tokens from a cache", other_names=("cache_read_tokens",)),
    Field("cost", NUMBER, "its cost in US dollars, where it is known", other_names=("usd",)),
    Field("tools", NUMBER, "how many times tools were called", other_names=("tool_calls",)),
    Field("requests", NUMBER, "how many requests the session has"),
    Field("messages", NUMBER, "how many messages the request had"),
    Field("gaps", NUMBER, "how many events the session has lost"),
    Field("speed", NUMBER, "output tokens per second"),
    Field("duration", DURATION, "how long it took", other_names=("time", "took")),
    Field("ttft", DURATION, "time to the first token"),
    Field("latency", DURATION, "how long the provider took"),
)

FIELDS = {field.name: field for field in _FIELDS}
"""All fields by their names."""

_ANY_NAME = {name: field for field in _FIELDS for name in (field.name, *field.other_names)}


def find_field(name: str) -> Field | None:
    """Find a field by one of its names, in any case."""
    return _ANY_NAME.get(name.lower())


def closest(name: str, known: tuple[str, ...] | None = None) -> str | None:
    """Find the name that somebody may have meant.

    Args:
        name: What was typed.
        known: Names to choose from; those of fields when it is not given.
    """
    names = known if known is not None else tuple(_ANY_NAME)
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    if not found:
        return None
    return found[0] if known is not None else _ANY_NAME[found[0]].name
