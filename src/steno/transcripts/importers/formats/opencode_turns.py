"""What a message of opencode 1 tells: its row and its parts.

Strategy: a message is told part by part. The row of a user's message comes before its parts, that
of the model's behind them, since it is written for the last time when they are done: then it is
known whether the parts have told the counts already. Every step of the model's message is a call
of the model, and so a reply of its own: the first has the message's id, the others that id and
their number. The counts of a message are those of its last step, so the steps are believed where
they are told.

Counts: ``input`` leaves out what was read from the cache or written to it. Until spring 2026
``output`` included ``reasoning``, since then it does not; ``total``, which newer messages have,
says which: it is the sum of all, cached and reasoning tokens included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from steno.transcripts.importers.fields import between, count, flag
from steno.transcripts.importers.formats.usage import normalised
from steno.transcripts.importers.model import (
    Aborted,
    Call,
    Fact,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)
from steno.wire.providers.reading import as_json_text, mapping, money, optional_text, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steno.events.parts import Tokens

Part = TypeVar("Part")

_ABORTED = "MessageAbortedError"
_INVALID = "invalid"
"""The tool that stands in for one that was called wrongly; it always completes."""

_SILENT = frozenset({"file", "patch", "snapshot", "agent", "step-start", "compaction"})
"""Parts that tell nothing which could be read or counted."""

GUESSED_OUTPUT = "whether output tokens include reasoning"


class Told(NamedTuple):
    """What a part or a row tells.

    Attributes:
        kind: The entry's kind.
        facts: What it tells.
        known: The kind is known.
        guessed: As `Entry.guessed`.
    """

    kind: str
    facts: tuple[Fact, ...] = ()
    known: bool = True
    guessed: str | None = None


class Turn:
    """One message, whose parts are told one by one.

    Attributes:
        id: Its id.
        compacting: What brought a compaction about, if a part of it asked for one.
    """

    def __init__(
        self, message_id: str, info: dict[str, Any], *, trigger: str | None = None
    ) -> None:
        """Begin a message.

        Args:
            message_id: Its id.
            info: Its row's JSON.
            trigger: What brought about the compaction that the messages before asked for.
        """
        self.id = message_id
        self.compacting: str | None = None
        self._info = info
        self._trigger = trigger
        self._step = 0
        self._stepped = False  # the step that is told has ended
        self._counted = False
        self._replied: set[int] = set()
        self._copied_by = self._numbers()
        self._texts: list[str] = []
        user = mapping(info.get("model"))
        self._model = text(info.get("modelID")) or text(user.get("modelID"))
        self._provider = text(info.get("providerID")) or text(user.get("providerID"))

    @property
    def spoken(self) -> bool:
        """Whether the model speaks in it."""
        return self._info.get("role") == "assistant"

    @property
    def hands_on(self) -> str | None:
        """What brought about a compaction that the next message of the model's may hold."""
        return self.compacting or (None if self.spoken else self._trigger)

    def tell(
        self, parts: Iterable[tuple[Part, dict[str, Any]]]
    ) -> Iterator[tuple[Part | None, dict[str, Any], Told]]:
        """Tell a message and its parts, in the order in which they come to be known.

        Args:
            parts: The parts as their source has them, each with its JSON.

        Yields:
            The part, None for the message itself; its JSON; and what it tells.
        """
        if not self.spoken:
            yield None, self._info, self.head()
        for part, held in parts:
            yield part, held, self.part(held)
        if self.spoken:
            yield None, self._info, self.tail()

    def head(self) -> Told:
        """Tell what the row of a user's message tells, before its parts."""
        role = self._info.get("role")
        system = optional_text(self._info.get("system"))
        facts: tuple[Fact, ...] = (Said("system", system),) if system is not None else ()
        return Told(f"message/{text(role) or '?'}", facts, known=role == "user")

    def part(self, part: dict[str, Any]) -> Told:
        """Tell what the next part tells."""
        kind = text(part.get("type"))
        name = f"part/{kind or '?'}"
        if kind == "text":
            return Told(name, self._text(part))
        if kind == "subtask":
            return Told(name, _noted(part.get("prompt"), self._info))
        if kind == "retry":
            return Told(name, _noted(why(part.get("error")), None))
        if kind == "reasoning":
            return Told(name, self._reply(thinking=text(part.get("text"))))
        if kind == "tool":
            return Told(name, self._tool(part))
        if kind == "step-finish":
            return self._finished(name, part)
        if kind == "step-start":
            self._next()
        if kind == "compaction":
            self.compacting = "auto" if flag(part.get("auto")) else "manual"
        return Told(name, known=kind in _SILENT)

    def tail(self) -> Told:
        """Tell what the row of the model's message tells, behind its parts."""
        info = self._info
        times = mapping(info.get("time"))
        whole = between(times.get("created"), times.get("completed"))
        tokens: Tokens | None = None
        guessed = None
        if not self._counted:
            ended = times.get("completed") is not None
            tokens, guessed = tokens_of(info.get("tokens"), ended=ended)
        error = why(info.get("error"))
        aborted = mapping(info.get("error")).get("name") == _ABORTED
        facts: list[Fact] = []
        if self._replied or tokens is not None or whole is not None or (error and not aborted):
            facts += self._reply(
                tokens=tokens,
                cost_usd=None if self._counted else money(info.get("cost")) or None,
                finish_reason=None if self._counted else optional_text(info.get("finish")),
                duration_ms=whole if not self._step else None,
                error=None if aborted else error,
            )
        if aborted:
            facts.append(Aborted(error=f"cancelled: {error}", request=self._key if facts else None))
        summary = "".join(self._texts)
        if info.get("summary") is True and summary and error is None:
            facts.append(Summarised(summary=summary, trigger=self._trigger))
        return Told("message/assistant", tuple(facts), guessed=guessed)

    # -- parts ---------------------------------------------------------------------------

    @property
    def _key(self) -> str:
        return f"{self.id}/{self._step + 1}" if self._step else self.id

    @property
    def _claim(self) -> str:
        """By what copies are known: a fork keeps all of a message but its ids."""
        if self._copied_by is None:
            return f"opencode:{self._key}"
        return f"opencode:{self._copied_by}/{self._provider}/{self._model}/{self._step}"

    def _numbers(self) -> str | None:
        """Write the numbers of a message that its copies keep; None while it is not done.

        Sub-sessions begin in the same millisecond; they do not end with the same counts in one.
        """
        times = mapping(self._info.get("time"))
        created, completed = count(times.get("created")), count(times.get("completed"))
        if created is None or completed is None:
            return None
        tokens = mapping(self._info.get("tokens"))
        told = (created, completed, tokens.get("input"), tokens.get("output"))
        return "/".join(str(count(each)) for each in told)

    def _next(self) -> None:
        if self._stepped:
            self._step += 1
            self._stepped = False

    def _reply(self, **fields: Any) -> tuple[Fact, ...]:
        if not self.spoken:
            return ()
        self._replied.add(self._step)
        return (
            Replied(
                id=self._key,
                model=self._model,
                provider=self._provider,
                claim=self._claim,
                **fields,
            ),
        )

    def _text(self, part: dict[str, Any]) -> tuple[Fact, ...]:
        words = text(part.get("text"))
        if not words:
            return ()
        if flag(part.get("ignored")):
            return _noted(words, self._info)
        if not self.spoken:
            return (Said("user", words),)
        self._texts.append(words)
        return self._reply(text=words)

    def _tool(self, part: dict[str, Any]) -> tuple[Fact, ...]:
        state = mapping(part.get("state"))
        given = state.get("input")
        name, call_id = text(part.get("tool")), text(part.get("callID"))
        wrong = name == _INVALID
        if wrong:
            name = text(mapping(given).get("tool")) or name
        arguments = as_json_text(given) if given else text(state.get("raw")) or as_json_text(given)
        call = Call(name=name, id=call_id, arguments=arguments)
        facts = self._reply(calls=(call,))
        status = text(state.get("status"))
        if status not in {"completed", "error"}:
            return facts
        metadata, times = mapping(state.get("metadata")), mapping(state.get("time"))
        code = metadata.get("exit")
        if status == "error":
            output, success = state.get("error"), False
            if output is None or flag(metadata.get("interrupted")):
                output = metadata.get("output") or output
        else:
            output = state.get("output")
            success = code == 0 if type(code) is int else True
        returned = Returned(
            call_id=call_id,
            name=name,
            output=output,
            success=success and not wrong,
            duration_ms=between(times.get("start"), times.get("end")),
        )
        return (*facts, returned)

    def _finished(self, name: str, part: dict[str, Any]) -> Told:
        tokens, guessed = tokens_of(part.get("tokens"), ended=True)
        self._counted |= tokens is not None
        facts = self._reply(
            tokens=tokens,
            cost_usd=money(part.get("cost")) or None if tokens is not None else None,
            finish_reason=optional_text(part.get("reason")),
        )
        self._stepped = True
        return Told(name, facts, guessed=guessed)


def tokens_of(value: Any, *, ended: bool) -> tuple[Tokens | None, str | None]:
    """Normalise the counts of opencode 1.

    Args:
        value: The object ``tokens``.
        ended: The message or step is done.

    Returns:
        The counts, None where all are zero; and what was guessed of them, if anything was.
    """
    tokens = mapping(value)
    cache = mapping(tokens.get("cache"))
    base = (tokens.get("input"), tokens.get("output"))
    reasoning, total = count(tokens.get("reasoning")) or 0, count(tokens.get("total"))
    beside, guessed = False, None
    if reasoning:
        parts = (*base, cache.get("read"), cache.get("write"))
        known = sum(count(each) or 0 for each in parts)
        beside = total is not None or reasoning > (count(base[1]) or 0)
        if total == known:
            beside = False
        elif total != known + reasoning:
            guessed = GUESSED_OUTPUT
    counts = normalised(
        base,
        cached=cache.get("read"),
        created=cache.get("write"),
        reasoning=reasoning,
        apart=True,
        beside=beside,
        is_final=ended,
    )
    return counts, guessed if counts is not None else None


def why(error: Any) -> str | None:
    """Write an error as one line; None where there is none."""
    if isinstance(error, str):
        return error or None
    told = mapping(error)
    if not told:
        return None
    data = mapping(told.get("data"))
    words = text(data.get("message")) or text(told.get("message"))
    name = text(told.get("name")) or text(told.get("type")) or "error"
    return f"{name}: {words}" if words else name


def _noted(words: Any, info: dict[str, Any] | None) -> tuple[Fact, ...]:
    said = optional_text(words)
    role = optional_text(info.get("role")) if info is not None else None
    return (Noted(text=said, role=role),) if said is not None else ()
