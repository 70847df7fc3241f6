"""The clerk: reads frames in their order and lets each exchange record its own.

One exchange that can't be read costs its own details and no other one anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from steno import notices
from steno.capture.log import (
    CLOSED,
    ENDED,
    GATHERED,
    LOST,
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    STATUS,
    Frame,
)
from steno.events.model import Gap
from steno.wire.exchange import Exchange
from steno.wire.opening import Opening, Outcome
from steno.wire.sessions import Sessions

if TYPE_CHECKING:
    from steno.wire.opening import Recording

_STATUS = msgspec.json.Decoder(tuple[int, dict[str, str]])
_END = msgspec.json.Decoder(tuple[Outcome, float])
_OPENING = msgspec.json.Decoder(Opening)


class Clerk:
    """Keeps the exchanges of one log.

    Attributes:
        open: The exchanges that have not ended, by their numbers.
        closed: The log has come to its end.
        last_s: When the last frame was noted, in monotonic seconds.
    """

    def __init__(self, recording: _Recordings) -> None:
        """Begin without exchanges.

        Args:
            recording: Gives each exchange the place where its events go.
        """
        self.open: dict[int, Exchange] = {}
        self.closed = False
        self.last_s = 0.0
        self._recording = recording
        self._sessions = Sessions()
        self._lost: dict[int, int] = {}
        self._ignored: set[int] = set()

    def take(self, frame: Frame) -> None:
        """Take the next frame."""
        self.last_s = max(self.last_s, frame.at_s)
        try:
            self._take(frame)
        except Exception as error:  # noqa: BLE001 - one exchange must not end the others
            notices.say(
                "clerk", f"ERROR an exchange can't be read: {type(error).__name__}: {error}"
            )
            outcome = Outcome(kind="failed", detail=f"{type(error).__name__}: {error}")
            self._end(frame.number, outcome, frame.at_s, 0.0)
            self._ignored.add(frame.number)

    def _take(self, frame: Frame) -> None:
        kind, number, _, data = frame
        if kind == OPENED:
            opening = _OPENING.decode(data)
            exchange = Exchange(opening, self._recording.of(opening), self._sessions)
            if exchange.is_recorded:
                self.open[number] = exchange
            else:
                self._ignored.add(number)
            return
        if kind == CLOSED:
            self.closed = True
            return
        if kind == GATHERED:
            raise ValueError("what was gathered of it is damaged")
        going_on = self.open.get(number)
        if going_on is not None:  # else it is of no known protocol, or its beginning was lost
            self._go_on(going_on, frame)
        elif kind == ENDED:
            self._ignored.discard(number)
        elif kind == LOST and number not in self._ignored:
            notices.say(
                "clerk-lost",
                f"ERROR {int(data)} byte(s) of requests that can't be told were not recorded",
            )

    def _go_on(self, exchange: Exchange, frame: Frame) -> None:
        kind, number, at_s, data = frame
        if kind == REPLY:
            exchange.add_reply(data, at_s)
        elif kind == REQUEST:
            exchange.add_request(data)
        elif kind == SENT:
            exchange.end_request(at_s)
            exchange.send(at_s)
        elif kind == STATUS:
            status, headers = _STATUS.decode(data)
            exchange.begin_reply(status, headers, at_s)
        elif kind == LOST:
            self._lost[number] = self._lost.get(number, 0) + int(data)
        elif kind == ENDED:
            outcome, overhead_s = _END.decode(data)
            self._end(number, outcome, at_s, overhead_s)

    def end_all(self, outcome: Outcome) -> None:
        """End what is open: the log goes no further."""
        for number in list(self.open):
            self._end(number, outcome, self.last_s, 0.0)

    def _end(self, number: int, outcome: Outcome, at_s: float, overhead_s: float) -> None:
        exchange = self.open.pop(number, None)
        lost = self._lost.pop(number, 0)
        if exchange is None:
            return
        try:
            exchange.end(outcome, at_s, overhead_s=overhead_s)
        except Exception as error:  # noqa: BLE001 - as in `take`
            notices.say("clerk", f"ERROR an exchange can't be ended: {error}")
        if lost:
            notices.say("clerk-full", f"WARN {lost} byte(s) were not recorded: no room")
            opening = exchange.opening
            self._recording.of(opening).record(
                Gap(
                    exchange.session_id, opening.request_id, opening.begun,
                    what="byte", count=lost, reason="no_room",
                    detail="the disk did not keep up; the client got these bytes",
                )
            )  # fmt: skip


class _Recordings(Protocol):
    """Gives exchanges the place where their events go."""

    def of(self, opening: Opening) -> Recording:
        """Return it for one exchange."""
