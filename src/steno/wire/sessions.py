"""What is remembered between requests: what each transcript holds, and calls without a result."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.events.references import Holdings

if TYPE_CHECKING:
    from steno.wire.facts import RequestFacts, ToolCall, ToolResult

_MAX_SESSIONS = 512
_MAX_REPLIES = 50_000
_MAX_CALLS = 2_000


class PendingCall(Struct, frozen=True):
    """A tool call whose result has not been seen.

    Attributes:
        request_id: The request whose reply holds the call.
        name: The tool.
        replied_s: When the reply ended, in monotonic seconds.
    """

    request_id: str
    name: str
    replied_s: float


class SessionState:
    """One session as it goes on.

    Attributes:
        holdings: What its transcript holds.
        requests: Requests so far.
    """

    def __init__(self) -> None:
        """Begin with nothing recorded."""
        self.holdings = Holdings()
        self.requests = 0
        self._calls: OrderedDict[str, PendingCall] = OrderedDict()
        self._headers: dict[str, str] = {}
        self._text = ""

    def new_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Return the headers that the last request did not have in the same form."""
        new = {
            name: value
            for name, value in headers.items()
            if name != "user-agent" and self._headers.get(name) != value
        }
        self._headers = headers
        return new

    def new_text(self, facts: RequestFacts) -> str:
        """Return what the user said that was not recorded; "" in the turns of a tool loop."""
        text = facts.text
        if self.holdings.holds(text) or (facts.tool_results and text == self._text):
            return ""
        self._text = text
        return self.holdings.add_text(text)

    def add_call(self, call: ToolCall, request_id: str, replied_s: float) -> None:
        """Remember a call until its result comes."""
        if call.call_id:
            self._calls[call.call_id] = PendingCall(request_id, call.name, replied_s)
            if len(self._calls) > _MAX_CALLS:
                self._calls.popitem(last=False)

    def take_result(self, result: ToolResult) -> PendingCall | None:
        """Return the call that a result answers, once: every later turn carries it again."""
        return self._calls.pop(result.call_id, None)


class Sessions:
    """The sessions that one recorder sees; those not heard of for long are forgotten.

    A forgotten session may go on: what its transcript held is then written once more.
    """

    def __init__(self) -> None:
        """Begin without sessions."""
        self._states: OrderedDict[str, SessionState] = OrderedDict()
        self._replies: OrderedDict[str, str] = OrderedDict()

    def get(self, session_id: str) -> SessionState:
        """Return the state of a session."""
        state = self._states.get(session_id)
        if state is None:
            state = self._states[session_id] = SessionState()
            if len(self._states) > _MAX_SESSIONS:
                self._states.popitem(last=False)
        else:
            self._states.move_to_end(session_id)
        return state

    def add_reply(self, response_id: str, session_id: str) -> None:
        """Remember in which session a reply was given."""
        self._replies[response_id] = session_id
        if len(self._replies) > _MAX_REPLIES:
            self._replies.popitem(last=False)

    def find_reply(self, response_id: str) -> str | None:
        """Return the session of a reply; None when it is not known."""
        return self._replies.get(response_id)
