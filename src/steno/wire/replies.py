"""The reply of one exchange: streamed or whole, compressed or plain, small or too large. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from steno.events.references import ReservedKeyError
from steno.wire.bodies import MAX_BODY, Collector, parse, write_body
from steno.wire.coding import CodingError, Decoder
from steno.wire.facts import Reply
from steno.wire.sse import EventSplitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from steno.events.parts import Body
    from steno.events.references import Holdings
    from steno.wire.bodies import Spool
    from steno.wire.facts import RequestFacts, StreamReader, WireProtocol
    from steno.wire.sse import ServerEvent

_MAX_TAIL = 1024 * 1024


class ReplyCollector:
    """Collects one reply and reads it as it comes.

    Attributes:
        is_stream: It is a stream of server-sent events.
        damage: Why it could not be decoded; None while it can.
    """

    def __init__(self, protocol: WireProtocol | None, open_spool: Callable[[], Spool]) -> None:
        """Begin before the head of the reply."""
        self.is_stream = False
        self.damage: str | None = None
        self._protocol = protocol
        self._body = Collector(open_spool)
        self._encoding = ""
        self._decoder: Decoder | None = None
        self._splitter = EventSplitter()
        self._reader: StreamReader | None = None
        self._tail: StreamReader | None = None
        self._decoded = self._in_tail = 0

    @property
    def size(self) -> int:
        """Bytes of the reply as they were on the wire."""
        return self._body.size

    def begin(self, content_type: str, encoding: str, facts: RequestFacts) -> None:
        """Take the head of the reply."""
        self._encoding = encoding.strip().lower()
        kind = content_type.partition(";")[0].strip().lower()
        # Some servers stream without saying so.
        self.is_stream = kind == "text/event-stream" or (not kind and facts.is_streaming)
        if not self.is_stream or self._protocol is None:
            return
        self._reader = self._protocol.read_stream()
        try:
            self._decoder = Decoder(self._encoding)
        except CodingError as error:
            self.damage = str(error)

    def add(self, data: bytes) -> int:
        """Take the next piece.

        Returns:
            How many events in it carry a piece of what the model says.
        """
        self._body.add(data)
        if self._reader is None or self._decoder is None or self.damage is not None:
            return 0
        try:
            plain = self._decoder.feed(data)
        except CodingError as error:
            self.damage = str(error)
            return 0
        self._decoded += len(plain)
        return sum(self._feed(event) for event in self._splitter.feed(plain))

    def _feed(self, event: ServerEvent) -> bool:
        if self._reader is None or self._protocol is None:
            return False
        if self._decoded <= MAX_BODY:
            return self._reader.feed(event.event, event.data)
        # Too long to be kept as text: from here on only its end is read, where the counts stand.
        if self._tail is None or self._in_tail > _MAX_TAIL:
            self._tail, self._in_tail = self._protocol.read_stream(), 0
        self._in_tail += len(event.data)
        return self._tail.feed(event.event, event.data)

    def finish(self) -> Reply:
        """Return the reply as far as it came."""
        if self._protocol is None:
            return Reply()
        if self._reader is None:
            if self._body.spooled:
                return Reply()
            try:
                plain = Decoder(self._encoding).feed(self._body.whole())
            except CodingError as error:
                self.damage = str(error)
                return Reply()
            return self._protocol.read_reply(parse(plain))
        for event in self._splitter.close():
            self._feed(event)
        reply = self._reader.reply()
        if self._tail is None:
            return reply
        end = self._tail.reply()
        tokens = end.tokens or reply.tokens
        if end.tokens is not None and reply.tokens is not None and not end.tokens.input:
            # Anthropic tells the input at the beginning and the output at the end.
            tokens = replace(
                end.tokens, input=reply.tokens.input, cache_read=reply.tokens.cache_read,
                cache_creation=reply.tokens.cache_creation,
            )  # fmt: skip
        return replace(
            reply, body=None, tokens=tokens, finish_reason=end.finish_reason, ended=end.ended,
            error=reply.error or end.error, cost_usd=end.cost_usd or reply.cost_usd,
        )  # fmt: skip

    def cut_text(self, text: str) -> str:
        """Bound a text: the whole of a larger one lies in the file of the body."""
        return text if len(text) <= MAX_BODY else text[:MAX_BODY]

    def write(self, reply: Reply, holdings: Holdings) -> tuple[Any, Body | None]:
        """Return the reply's JSON with references, and how its bytes are given back."""
        if self._body.spooled:
            return None, self._body.describe_file(self._encoding)
        if not self._body.size:
            return None, None
        if reply.body is not None:
            try:
                compact = holdings.compact(reply.body)
                holdings.add_echoes(reply.body)
            except (ReservedKeyError, RecursionError):
                holdings.settle(accepted=False)
            else:
                return compact, None
        written = write_body(self._body.whole(), self._encoding, holdings)
        return written.value, written.how
