"""Entries of a foreign transcript to events of a session of ours. Pure.

Strategy: every entry becomes ``entry_imported``, which holds it verbatim. What it tells becomes
the events that steno records itself: what was said waits until a reply comes, both are one
request; parts of a reply are put together until another reply, or a word of the user's, ends it.
What turns out to be a copy of another session's (see `steno.transcripts.importers.claims`) is kept
as an entry with its text, and tells nothing else.

Importing again adds what is new and nothing else. An entry is known by a digest of its text; a
request, a reply, a tool's result is told again only when an entry that it is made of is new, or
when the transcript lacks it because an import was cut short. Nothing of that depends on the time
of the import, on prices or on steno's version.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from steno.events.model import Compacted, Event, ToolCallRecorded
from steno.transcripts.importers.calls import Called, Calls
from steno.transcripts.importers.exchanges import Asked, Reply
from steno.transcripts.importers.keeping import Keeper, Read, is_aside, tells_several
from steno.transcripts.importers.keys import identify, key_of, size_of, what_is_told
from steno.transcripts.importers.model import (
    Aborted,
    Counted,
    Entry,
    Fact,
    Replied,
    Returned,
    Said,
    Summarised,
)
from steno.transcripts.importers.tallies import Known, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from steno.transcripts.importers.claims import Claims

_MAX_REPLIES = 256


class Assembler:
    """Makes the events of one conversation, as one source tells it.

    Attributes:
        session_id: The session.
        tally: What was found.
        owed: Replies of other sessions of which a copy here tells more, as events of theirs.
    """

    def __init__(
        self,
        session_id: str,
        *,
        format_name: str,
        origin: str,
        fallback: datetime,
        claims: Claims,
        known: Known | None = None,
        name: Callable[[str], str] = str,
    ) -> None:
        """Begin a conversation.

        Args:
            session_id: The session that the events belong to.
            format_name: The format's name.
            origin: The source's name, for ``EntryImported.origin``.
            fallback: The time of entries before the first that has one; aware.
            claims: Who counts which reply.
            known: What the session's transcript holds already.
            name: Turns an id of the format's into that of a session.
        """
        self.session_id = session_id
        self.tally = Tally()
        self.owed: list[tuple[str, list[Event]]] = []
        self._format = format_name
        self._at = fallback
        self._claims = claims
        self._known = known or Known()
        self._name = name
        self._seen: dict[str, int] = {}
        self._asked: dict[str | None, Asked] = {}
        self._replies: OrderedDict[str, Reply] = OrderedDict()
        self._current: Reply | None = None
        self._ended: dict[str, tuple[int, int, int, int]] = {}
        self._calls = Calls()
        self._copied_from: str | None = None
        self._out: list[Event] = []
        self._keeper = Keeper(session_id, format_name, origin, self.tally, self._out)
        self._steps: dict[type[Fact], Callable[..., None]] = {
            Said: self._said,
            Replied: self._replied,
            Returned: self._returned,
            Counted: self._counted,
            Summarised: self._summarised,
            Aborted: self._aborted,
        }

    def feed(self, entry: Entry) -> list[Event]:
        """Take the next entry.

        Returns:
            The events that are due by now and new, in order.
        """
        tally = self.tally
        tally.entries += 1
        tally.kinds[entry.kind] += 1
        if not entry.known:
            tally.unknown[entry.kind] += 1
        if entry.guessed is not None:
            tally.guessed[entry.guessed] += 1
        key = key_of(entry)
        times = self._seen[key] = self._seen.get(key, 0) + 1
        if times > 1:
            if entry.id is not None:
                tally.duplicates += 1
                return []
            key = f"{key}.{times}"
        fresh = key not in self._known.entries
        tally.new += fresh
        at = self._at = entry.at or self._at
        known = "" if fresh or tells_several(entry) else self._known.entries[key]
        read = Read(entry, key, at, fresh, known)
        self._copied_from = None
        if entry.replayed_from is not None:
            self._copied_from = self._name(entry.replayed_from)
        else:
            for fact in entry.facts:
                step = self._steps.get(type(fact))
                if step is not None:
                    step(fact, read)
        before = len(self._out)
        self._keeper.take(read, self._copied_from)
        reply = self._current
        if reply is not None and is_aside(entry) and reply.gathers:
            reply.after += self._out[before:]  # to be read behind the reply, as it was written
            del self._out[before:]
        return self._take_out()

    def finish(self) -> list[Event]:
        """End the conversation, as far as it is told.

        Returns:
            The last events that are new.
        """
        self._close()
        for asked in list(self._asked.values()):
            # Results of tools that nobody was told of are no request.
            if asked.user:
                self._begin(asked, "", "")
        self._asked.clear()
        self._keeper.settle(None)
        return self._take_out()

    def _take_out(self) -> list[Event]:
        out = self._out.copy()
        self._out.clear()
        return out

    def _tell(self, events: Iterable[Event], *, fresh: bool) -> None:
        """Add events that are new, or that an import that was cut short has not told."""
        known = self._known.told
        for event in events:
            if fresh or what_is_told(event) not in known:
                self._out.append(event)

    # -- facts ---------------------------------------------------------------------------

    def _asking(self, request: str | None, read: Read, known: str) -> Asked:
        asked = self._asked.get(request)
        if asked is None:
            request_id = request or known or self._name_request(read)
            asked = self._asked[request] = Asked(request_id, read.at)
        elif known:
            asked.request_id = known  # what it began with may have been told in another request
        asked.fresh |= read.fresh
        asked.messages += 1
        return asked

    def _name_request(self, read: Read) -> str:
        """Name a request that begins with an entry, which may begin several."""
        read.begun += 1
        key = read.key if read.begun == 1 else f"{read.key}#{read.begun}"
        return identify(self.session_id, key)

    def _said(self, fact: Said, read: Read) -> None:
        if fact.request is None:
            self._close()
        asked = self._asking(fact.request, read, read.known)
        read.request_id = asked.request_id
        if fact.role == "user":
            asked.user = True
            if fact.text:
                asked.texts.append(fact.text)
        else:
            asked.system = True

    def _replied(self, fact: Replied, read: Read) -> None:
        reply = self._replies.get(fact.id) if fact.id is not None else None
        if reply is None:
            reply = self._open(fact, read)
        elif reply is not self._current:
            self._close()  # replies that ran side by side are mixed in a transcript
            self._current = reply
        if not (fact.alone and read.request_id):
            read.request_id = reply.request_id
        reply.fresh |= read.fresh
        before = 0 if fact.whole else len(reply.calls)
        calls = self._calls.name(fact.calls, reply.request_id, before)
        if calls is not fact.calls:
            fact = msgspec.structs.replace(fact, calls=calls)
        reply.add(fact, read.at)
        self._calls.add(calls, reply.request_id, reply.owner)
        if reply.owner is not None:
            self._copied_from = reply.owner
        elif fact.alone:
            self._close()
        elif reply.closed:
            self._end(reply)  # a part that came late: it is told anew, whole

    def _open(self, fact: Replied, read: Read) -> Reply:
        """Begin a reply, with what was said before it as its request."""
        self._close()
        asked = self._asked.pop(fact.id, None)
        if asked is None and not fact.alone:
            asked = self._asked.pop(None, None)
        if asked is None:
            own = identify(self.session_id, fact.id) if fact.id else self._name_request(read)
            asked = Asked(own, read.at, fresh=read.fresh)
        # What is known of the reply counts: its question may have been cut from the source since.
        known = "" if fact.alone else read.known
        asked.request_id = known or asked.request_id
        reply = Reply(asked.request_id, asked.at, read.at, id=fact.id)
        self._current = reply
        if fact.id is not None:
            self._replies[fact.id] = reply
            if len(self._replies) > _MAX_REPLIES:
                self._replies.popitem(last=False)
        if fact.claim is not None:
            claim = self._claims.take(fact.claim, self.session_id, reply.request_id)
            if claim.session_id != self.session_id:
                reply.owner = claim.session_id
            elif reply.request_id in self._ended or (
                claim.request_id != reply.request_id and not known
            ):
                # Two sources of one session tell it, each in its own form: it is one request.
                asked.request_id = reply.request_id = claim.request_id
                reply.again, asked.fresh = True, False
                reply.counted = self._ended.get(reply.request_id, reply.counted)
        if not fact.alone:
            self._keeper.settle(reply.owner)
        if reply.owner is None and not (reply.again and reply.request_id in self._ended):
            self.tally.messages["assistant"] += 1
            self._begin(asked, fact.model, fact.provider)
        return reply

    def _begin(self, asked: Asked, model: str, provider: str) -> None:
        events = asked.events(self.session_id, self._format, model, provider)
        self._tell(events, fresh=asked.fresh)

    def _close(self) -> None:
        """Make the events of the reply that was told last."""
        reply, self._current = self._current, None
        if reply is not None and not reply.closed:
            reply.closed = True
            self._end(reply)

    def _end(self, reply: Reply) -> None:
        told = reply.owner is not None
        if reply.again:
            reply.fresh = self._knows_more(reply)
            told = told or (reply.request_id in self._ended and not reply.fresh)
        if reply.claim is not None and reply.tokens is not None:
            owner = self._claims.count(reply.claim, self.session_id, reply.tokens.output)
            if owner is not None:
                whole = msgspec.structs.replace(reply, request_id=owner.request_id)
                self.owed.append((owner.session_id, list(whole.events(owner.session_id))))
        if not told:
            self._sum_up(reply)
            if reply.claim is not None:
                self._ended[reply.request_id] = reply.counted
            self._tell(reply.events(self.session_id), fresh=reply.fresh)
        self._out.extend(reply.after)
        reply.after = []

    def _knows_more(self, reply: Reply) -> bool:
        """Tell whether a reply that was told before is told better now."""
        before = self._claims.get(reply.claim) if reply.claim is not None else None
        told = before.output if before is not None else 0
        return reply.tokens is not None and reply.tokens.output > told

    def _sum_up(self, reply: Reply) -> None:
        """Count a reply; one that is told anew replaces what was counted of it."""
        tally, tokens, before = self.tally, reply.tokens, reply.counted
        now = (
            len(reply.calls),
            tokens.input if tokens is not None else 0,
            tokens.output if tokens is not None else 0,
            tokens is None,
        )
        reply.counted = now
        tally.tool_calls += now[0] - before[0]
        tally.input_tokens += now[1] - before[1]
        tally.output_tokens += now[2] - before[2]
        tally.uncounted += now[3] - before[3]

    def _returned(self, fact: Returned, read: Read) -> None:
        called = self._calls.find(fact)
        if called is not None and called.owner is not None:
            self._copied_from = called.owner
            return
        self.tally.tool_results += 1
        if called is None:
            if not read.fresh and self._is_returned(fact.call_id):
                return
            of = read.known or (self._current.request_id if self._current is not None else "")
            called = Called(fact.call_id, of, fact.name, None)
        read.request_id = read.request_id or called.request_id
        self._asking(None, read, "")
        event = ToolCallRecorded(
            self.session_id,
            called.request_id,
            read.at,
            tool_name=called.name or fact.name,
            tool_call_id=called.id,
            execution_time_ms=fact.duration_ms,
            output_size_bytes=size_of(fact.output),
            success=fact.success,
            tool_output=fact.output,
        )
        if read.fresh or what_is_told(event) not in self._known.told:
            reply = self._current
            calling = reply is not None and reply.request_id == called.request_id
            (reply.after if reply is not None and calling else self._out).append(event)

    def _is_returned(self, call_id: str) -> bool:
        """Tell whether a result was told before, of a call that the source has lost since."""
        return any(call == call_id and kind.endswith("returned")
                   for kind, _, call in self._known.told)  # fmt: skip

    def _counted(self, fact: Counted, read: Read) -> None:
        reply = self._replies.get(fact.id) if fact.id is not None else self._latest()
        if reply is None or reply.owner is not None:
            return
        if fact.claim is not None:
            claim = self._claims.take(fact.claim, self.session_id, reply.request_id)
            if claim.session_id != self.session_id:
                return
            reply.claim = reply.claim or fact.claim
        reply.fresh |= read.fresh
        reply.count(fact.tokens)
        reply.model = reply.model or fact.model
        if reply.closed:
            self._end(reply)

    def _latest(self) -> Reply | None:
        if self._current is not None:
            return self._current
        return next(reversed(self._replies.values()), None)

    def _summarised(self, fact: Summarised, read: Read) -> None:
        self._close()
        event = Compacted(
            self.session_id,
            "",
            read.at,
            summary=fact.summary,
            trigger=fact.trigger,
            tokens_before=fact.tokens_before,
            tokens_after=fact.tokens_after,
        )
        self._tell([event], fresh=read.fresh)

    def _aborted(self, fact: Aborted, read: Read) -> None:
        named = fact.request
        reply = self._replies.get(named) if named is not None else self._current
        asked = self._asked.get(named)
        if asked is not None and (asked.user or named is not None):
            del self._asked[named]
            self._close()
            self._keeper.settle(None)
            self._begin(asked, "", "")
            reply = Reply(asked.request_id, asked.at, read.at, fresh=asked.fresh)
        elif reply is None or reply.owner is not None or reply.is_whole:
            read.silent = True  # what was given up was no request: a tool that ran, or nothing
            return
        reply.error = reply.error or fact.error
        reply.cut = True
        reply.fresh |= read.fresh
        reply.at = max(reply.at, read.at)
        reply.closed = True
        self._end(reply)
        if reply is self._current:
            self._current = None
