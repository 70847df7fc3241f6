"""Which API call an entry of a Codex rollout belongs to, and what each call has used. Pure.

Strategy: a turn is a row of API calls, and a rollout does not say where one ends. What it tells in
time is this: the calls of tools and texts of one reply, then its ``token_count``, then what the
tools returned (from 2026 on); or first the ``token_count`` and then the items with what the tools
returned (2025, when items were written at the end of a call). So a reply ends where a tool
returned or somebody spoke, and also behind its counts if it had items before them.

``token_count`` is repeated for every change of the rate limits, so only one whose running totals
have moved is a call. Since 2026-09 a ``token_usage_record`` says the same once for each call, the
program's own included; the ``token_count`` behind it is not counted again. A compaction estimates
what the context holds and writes that as the last usage, but leaves the totals.

A fork repeats its parent's entries with new times, but with the same turns and totals: these make
the claim by which copies of one count are known. Forks of newer versions repeat nothing and begin
with their parent's totals.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from steno.events.parts import Tokens
from steno.wire.providers import reading

FROM_TOTALS = "the counts of a call, from running totals"
"""Said of counts that the source tells only as running totals."""


class Usage(NamedTuple):
    """Token counts as Codex writes them: `cached` and `written` are part of `input`."""

    input: int
    cached: int
    output: int
    reasoning: int
    written: int | None = None

    def tokens(self) -> Tokens:
        """Return the counts as events carry them."""
        return (
            reading.counted(
                sent=self.input,
                received=self.output,
                is_final=True,
                reasoning=self.reasoning,
                cache_read=self.cached,
                cache_creation=self.written,
            )
            or Tokens()
        )

    def since(self, earlier: Usage) -> Usage | None:
        """Return what came on top of earlier totals; None where they do not go on from them."""
        written = None
        if self.written is not None:
            written = max(0, self.written - (earlier.written or 0))
        grown = Usage(
            self.input - earlier.input,
            self.cached - earlier.cached,
            self.output - earlier.output,
            self.reasoning - earlier.reasoning,
            written,
        )
        return None if min(grown[:4]) < 0 else grown

    @property
    def is_empty(self) -> bool:
        """Nothing was sent and nothing received."""
        return not self.input and not self.output

    @property
    def mark(self) -> str:
        """The counts as a short text; they are in all versions of the format."""
        return ".".join(map(str, self[:4]))


NOTHING = Usage(0, 0, 0, 0)


def read_usage(value: Any) -> Usage | None:
    """Read counts; None where there are none."""
    found = reading.mapping(value)
    sent, received = (
        reading.count(found.get("input_tokens")),
        reading.count(found.get("output_tokens")),
    )
    if sent is None and received is None:
        return None
    return Usage(
        sent or 0,
        reading.count(found.get("cached_input_tokens")) or 0,
        received or 0,
        reading.count(found.get("reasoning_output_tokens")) or 0,
        reading.count(found.get("cache_write_input_tokens")),
    )


class Count(NamedTuple):
    """What one API call has used.

    Attributes:
        usage: Its counts.
        total: The running totals with it, if they are told.
        guessed: What of it was concluded.
    """

    usage: Usage
    total: Usage | None
    guessed: str | None = None

    def claim(self, turn: str, root: str) -> str:
        """Name the call as all copies of it name it.

        Args:
            turn: Id of the turn; "" in files of versions that have none.
            root: Id of the conversation from which the copies come.
        """
        totals = self.total.mark if self.total else ""
        return f"codex:{turn or root}:{totals}:{self.usage.mark}"


class Counter:
    """Finds the counts of single calls."""

    def __init__(self, *, inherits: bool) -> None:
        """Begin a rollout.

        Args:
            inherits: It may begin with the totals of another one.
        """
        self._inherits = inherits
        self._total: Usage | None = None
        self._last: Usage | None = None
        self._recorded = False
        self._responses: set[str] = set()

    def record(self, payload: dict[str, Any]) -> Count | None:
        """Take a ``token_usage_record``.

        Returns:
            None where it tells no counts, or those of a response that was counted already.
        """
        usage = read_usage(payload.get("usage"))
        response = reading.text(payload.get("response_id"))
        if usage is None or response in self._responses:
            return None
        if response:
            self._responses.add(response)
        self._recorded = True
        return Count(usage, read_usage(payload.get("thread_token_usage")))

    def token_count(self, info: Any, *, replying: bool) -> Count | None:
        """Take a ``token_count``.

        Args:
            info: Its ``info``.
            replying: The model has said something that is not counted yet.

        Returns:
            None where it tells of no call, or of one that is counted already.
        """
        told = reading.mapping(info)
        total = read_usage(told.get("total_token_usage"))
        last = read_usage(told.get("last_token_usage"))
        if total is None:
            repeated, self._last = last == self._last, last
            return None if last is None or last.is_empty or repeated else Count(last, None)
        before, self._total, self._last = self._total, total, last
        if before is not None and before.mark == total.mark:
            return None
        if self._recorded:
            self._recorded = False
            return None
        if before is None and self._inherits and not replying and last != total:
            return None  # a fork's first word: its parent's totals
        if last is not None and not last.is_empty:
            return Count(last, total)
        if before is None and self._inherits:
            return None
        grown = total.since(before or NOTHING)
        return None if grown is None or grown.is_empty else Count(grown, total, FROM_TOTALS)


class Replies:
    """Says to which reply of the file an entry belongs.

    Attributes:
        turn: Id of the turn; "" as long as none was told.
        begun: The present reply has an entry already.
    """

    def __init__(self) -> None:
        """Begin a rollout."""
        self.turn = ""
        self.begun = False
        self._number = 0
        self._id: str | None = None
        self._returned = self._counted = self._items = self._sealed = False

    @property
    def replying(self) -> bool:
        """The model has said something that is not counted yet."""
        return self._id is not None and not self._counted and self.begun

    def turn_begins(self, turn: str) -> None:
        """A turn begins, or is named again."""
        if turn and turn != self.turn:
            self.turn = turn
            self.close()

    def close(self) -> None:
        """Somebody speaks, or the turn ends: the present reply is over."""
        self._id = None

    def returned(self) -> None:
        """A tool has returned."""
        self._returned = True

    def item(self, *, is_item: bool) -> str:
        """Say to which reply something belongs that the model has said.

        Args:
            is_item: It is the item itself, not the event that announces it.
        """
        if self._id is None or self._returned or self._sealed:
            self._open()
        self._items = self._items or is_item
        return self._id or ""

    def count(self) -> str:
        """Say to which reply counts belong."""
        if self._id is None or self._counted:
            self._open()
        self._counted = True
        self._sealed = self._items
        return self._id or ""

    def _open(self) -> None:
        self._number += 1
        self._id = f"{self.turn or 'turn'}:{self._number}"
        self.begun = False
        self._returned = self._counted = self._items = self._sealed = False
