"""What a format says of a transcript: conversations, their entries, and what each entry tells.

A format only reads: it turns each entry of a source into an `Entry` with the facts that it tells,
in the order of the source. It decides nothing about requests, ids of events or what counts twice;
that is `steno.transcripts.importers.assembling`, and is the same for all formats. An entry that a
format does not understand is an `Entry` without facts and with ``known=False``: it is kept
verbatim and counted. Nothing that a file holds may make a format raise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from steno.events.parts import Tokens


class Identity(Struct, kw_only=True):
    """Who a conversation is, as its source tells; ids are those of the program that wrote it.

    Attributes:
        format: The format's name, such as ``claude-code``.
        id: The conversation's id; unique within the format.
        key: Its session key, if the source tells one.
        began: When it began; aware. None leaves it to the first entry that has a time.
        cwd: Working directory.
        program: The program that wrote it, with its version.
        parent: Id of the conversation that began this one (sub-agents).
        previous: Id of the conversation that this one goes on from (forks, resets).
        reason: Why it goes on from another one: ``reset``, ``compaction`` or ``fork``.
        user_id: The user for whom it ran.
        title: What it is called.
        tags: Free tags.
        facts: What else is told of the whole conversation; values that JSON can carry.
    """

    format: str
    id: str
    key: str | None = None
    began: datetime | None = None
    cwd: str | None = None
    program: str | None = None
    parent: str | None = None
    previous: str | None = None
    reason: str | None = None
    user_id: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Said(Struct, gc=False, frozen=True):
    """Something was said to the model; it goes in with the next reply's request.

    Attributes:
        role: ``user``, ``system`` or ``developer``.
        text: What was said, without images and other parts.
        request: The request that it belongs to, by the id of its reply, where the source names
            requests; None leaves it to the order of the entries.
    """

    role: str
    text: str
    request: str | None = None


class Call(Struct, gc=False, frozen=True):
    """The model called a tool.

    Attributes:
        name: The tool.
        id: Id of the call; "" where the source has none.
        arguments: JSON text.
    """

    name: str
    id: str = ""
    arguments: str = ""


class Replied(Struct, frozen=True, kw_only=True):
    """The model replied, or a part of its reply was told.

    Replies of one id are parts of one: their texts and calls are put together in order, and the
    counts with the greatest output are believed.

    Attributes:
        id: Id of the reply; None makes the entry a reply of its own.
        model: The model that answered.
        provider: Who served it, such as ``anthropic``; "" where the source does not tell.
        text: What it said.
        thinking: What it thought.
        calls: Tools that it called.
        tokens: Its counts so far, normalised: ``input`` includes cached tokens, ``output``
            includes thinking; ``source`` set to ``provider_final`` or ``partial``.
        claim: By which copies of this reply in other files are known to be the same; None where
            no copies occur. The counts of all copies are those of one.
        finish_reason: Why it ended, in the provider's word.
        error: What went wrong, where it is no reply but an error.
        refused: The model refused.
        cost_usd: What it cost, as the source says.
        duration_ms: How long it took, as the source says.
        whole: The texts replace those of earlier parts of the same id (the source wrote the reply
            again), instead of being added to them.
        alone: It answers nothing that was said: a call beside the conversation, such as one for a
            summary.
    """

    id: str | None = None
    model: str = ""
    provider: str = ""
    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    tokens: Tokens | None = None
    claim: str | None = None
    finish_reason: str | None = None
    error: str | None = None
    refused: bool = False
    cost_usd: float | None = None
    duration_ms: int | None = None
    whole: bool = False
    alone: bool = False


class Returned(Struct, frozen=True, kw_only=True):
    """A tool returned; it goes in with the next reply's request.

    Attributes:
        call_id: The call; "" where the source does not tell.
        name: The tool, if the source repeats it.
        output: Text, or any value that JSON can carry.
        success: How it went; None where the source does not tell.
        duration_ms: How long it took.
    """

    call_id: str = ""
    name: str = ""
    output: Any = None
    success: bool | None = None
    duration_ms: int | None = None


class Counted(Struct, frozen=True, kw_only=True):
    """Counts of the latest reply, told apart from it.

    Attributes:
        tokens: Normalised; those of this reply alone, not running totals.
        model: The model that they belong to, if it is told.
        claim: As `Replied.claim`.
        id: Id of the reply; None for the latest one.
    """

    tokens: Tokens
    model: str = ""
    claim: str | None = None
    id: str | None = None


class Summarised(Struct, frozen=True, kw_only=True):
    """What was said before was replaced by a summary; see `steno.events.model.Compacted`."""

    summary: str = ""
    trigger: str | None = None
    tokens_before: int | None = None
    tokens_after: int | None = None


class Aborted(Struct, frozen=True, kw_only=True):
    """The request that is open ended without a reply, or its reply was cut short.

    Attributes:
        error: Why, such as ``cancelled: interrupted``.
        request: The request that it belongs to, by the id of its reply, where the source names
            requests; None leaves it to the order of the entries.
    """

    error: str
    request: str | None = None


class Noted(Struct, frozen=True, kw_only=True):
    """What a person would read of an entry that has no part in the exchange with the model.

    Attributes:
        text: The text: a title, a notice, a command's output.
        role: Who speaks, if somebody does.
    """

    text: str
    role: str | None = None


Fact = Said | Replied | Returned | Counted | Summarised | Aborted | Noted
"""What an entry can tell."""


class Entry(Struct, gc=False, kw_only=True):
    """One entry of a source, verbatim, and what it tells.

    Attributes:
        raw: The entry as JSON text in UTF-8, as it stands in the source; rows of a database are
            objects of their columns.
        kind: Its type in the format, such as ``assistant`` or ``event_msg/token_count``.
        facts: What it tells, in order; none where it tells nothing that a `Fact` could carry.
        known: The format knows this kind of entry.
        at: When it was written; aware; None where the entry does not tell.
        id: Its own id in the source, if it has one: a second entry of the same id and the same
            text is dropped as a duplicate.
        offset: Byte offset of the entry in its file.
        replayed_from: Id of the conversation whose entry this is a copy of, where the format can
            tell: what it tells counts there.
        guessed: What of `facts` the source does not say but the format has concluded, in a few
            words; None for nothing.
        checked: `raw` is UTF-8 for certain, as whatever `steno.transcripts.values` gives.
    """

    raw: bytes
    kind: str
    facts: tuple[Fact, ...] = ()
    known: bool = True
    at: datetime | None = None
    id: str | None = None
    offset: int = 0
    replayed_from: str | None = None
    guessed: str | None = None
    checked: bool = False


class Conversation(Struct):
    """One conversation of a source.

    Attributes:
        identity: Who it is.
        entries: Its entries, in order; to be iterated over once, before the next conversation is
            asked for.
    """

    identity: Identity
    entries: Iterable[Entry]


def speaker_of(facts: Iterable[Fact]) -> str | None:
    """Tell who speaks in an entry; None where nobody does."""
    for fact in facts:
        role = fact.role if isinstance(fact, _NAMED) else _SPEAKERS.get(type(fact))
        if role:
            return role
    return None


_NAMED = (Said, Noted)
_TEXTS = (Said, Replied, Noted)
_SPEAKERS: dict[type[Any], str] = {Replied: "assistant", Returned: "tool"}


def read_facts(facts: Iterable[Fact]) -> tuple[str | None, str]:
    """Read who speaks in an entry, and what a person would read of it."""
    facts = tuple(facts)
    texts = [_text_of(fact) for fact in facts]
    return speaker_of(facts), "\n".join(text for text in texts if text)


def _text_of(fact: Fact) -> str:
    if isinstance(fact, _TEXTS):
        return fact.text
    if isinstance(fact, Returned):
        return fact.output if isinstance(fact.output, str) else ""
    if isinstance(fact, Summarised):
        return fact.summary
    return fact.error if isinstance(fact, Aborted) else ""
