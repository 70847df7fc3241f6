"""One request through the proxy: the bytes go on at once, and are noted in passing.

Strategy: nothing on the way changes a byte: no decompression, no redirects, no cookies, no headers
of the proxy's own. A piece that arrives is noted by reference and written on; what it means is
found out later, elsewhere. Who ended an exchange is told by where the end shows: in writing to the
client, in reading from the upstream, or in a cancellation.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from steno import notices
from steno.identity import new_request_id
from steno.proxy.answers import JSON, refuse, speaks_anthropic
from steno.proxy.client_request import BrokenRequestError
from steno.proxy.heads import recorded_headers, reply_headers, sent_headers
from steno.proxy.origins import parse_origin
from steno.proxy.upstream_connection import UpstreamError
from steno.wire.grouping import Identity, identify
from steno.wire.identifiers import SentIdentifiers, set_identifiers
from steno.wire.opening import Opening, Outcome
from steno.wire.secrets import public_target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from steno.capture.gathering import LogPen
    from steno.capture.office import Office
    from steno.proxy.answers import OwnReply
    from steno.proxy.client_reply import ClientReply
    from steno.proxy.client_request import ClientRequest
    from steno.proxy.metrics import Metrics
    from steno.proxy.upstream_client import Reply, UpstreamClient
    from steno.proxy.upstreams import Upstream

_SMALL = 256 * 1024
"""Bytes of a request that are read before it is sent on: it then goes out in one piece."""

_DONE = Outcome(kind="done")


class Relay:
    """Carries requests to upstreams and replies back.

    Attributes:
        stopping: The proxy is ending: exchanges that are cut off now are so because of it.
        client: Speaks to upstreams.
        office: Takes notes; None records nothing.
        metrics: Counts.
        identity: What is known of everybody who speaks through this proxy.
        sent: The identifiers that OpenRouter gets.
    """

    def __init__(
        self,
        client: UpstreamClient,
        *,
        office: Office | None,
        metrics: Metrics,
        identity: Identity,
        sent: SentIdentifiers,
        record_other: bool,
    ) -> None:
        """Put the parts together.

        Args:
            client: Speaks to upstreams.
            office: Takes notes; None records nothing.
            metrics: Counts.
            identity: What is known of everybody who speaks through this proxy.
            sent: The identifiers that OpenRouter gets.
            record_other: Record also requests of which no protocol is known.
        """
        self.stopping = False
        self.client = client
        self.office = office
        self.metrics = metrics
        self.identity = identity
        self.sent = sent
        self._record_other = record_other

    async def carry(
        self,
        request: ClientRequest,
        answer: ClientReply,
        upstream: Upstream,
        target: str,
        *,
        listener: str,
        session_id: str,
    ) -> OwnReply | None:
        """Carry one request.

        Args:
            request: It.
            answer: Takes the upstream's reply.
            upstream: Who it is for.
            target: Path and query, as the upstream gets them.
            listener: The name of the door by which it came.
            session_id: Its session, if it names none itself.

        Returns:
            What is to be said in the place of a reply that did not come.
        """
        passage = _Passage(self, request, answer, upstream, target, session_id)
        if self.office is not None:
            passage.pen = self.office.open(
                partial(
                    self._describe, request, upstream, target, listener, session_id,
                    time.time(), passage.begun_s,
                )
            )  # fmt: skip
        self.metrics.open_count += 1
        try:
            return await passage.run()
        finally:
            self.metrics.open_count -= 1
            passage.settle()

    def _describe(
        self,
        request: ClientRequest,
        upstream: Upstream,
        target: str,
        listener: str,
        session_id: str,
        begun_unix: float,
        begun_s: float,
    ) -> Opening:
        return Opening(
            request_id=new_request_id(),
            method=request.method,
            target=public_target(target),
            headers=recorded_headers(request.fields, request.headers),
            content_encoding=request.headers.get("content-encoding", ""),
            client_ip=request.remote,
            provider=upstream.provider,
            listener=listener,
            begun=datetime.fromtimestamp(begun_unix, UTC),
            begun_s=begun_s,
            session_id=session_id,
            identity=self.identity,
            raw=self._record_other,
        )


class _Passage:
    """The passage of one request."""

    def __init__(
        self,
        relay: Relay,
        request: ClientRequest,
        answer: ClientReply,
        upstream: Upstream,
        target: str,
        session_id: str,
    ) -> None:
        self.pen: LogPen | None = None
        self.begun_s = time.monotonic()
        self._relay = relay
        self._request = request
        self._upstream = upstream
        self._target = target
        self._session_id = session_id
        self._outcome = _DONE
        self._status = 0
        self._overhead_s = 0.0
        self._sent_bytes = self._reply_bytes = 0
        self._ready_s = self.begun_s
        self._answer = answer

    async def run(self) -> OwnReply | None:
        """Carry the request there and the reply back."""
        try:
            return await self._run()
        except asyncio.CancelledError:
            self._cut_off()
            raise
        except Exception as error:  # noqa: BLE001 - a defect here must not look like the provider's
            notices.say("relay", f"ERROR a defect of the proxy: {type(error).__name__}: {error}")
            return self._break_off("failed", f"a defect of the proxy ({type(error).__name__})")

    def settle(self) -> None:
        """Say how it ended, once, whatever happened."""
        now_s = time.monotonic()
        if self.pen is not None:
            self.pen.end(self._outcome, overhead_s=self._overhead_s)
        metrics = self._relay.metrics
        metrics.count(
            self._upstream.provider, self._outcome.kind, self._status,
            now_s - self.begun_s, self._overhead_s,
        )  # fmt: skip
        metrics.count_bytes("request", self._sent_bytes)
        metrics.count_bytes("reply", self._reply_bytes)

    async def _run(self) -> OwnReply | None:
        request = self._request
        try:
            body, length = await self._read_request()
            origin = parse_origin(self._upstream.url)
            context = self._relay.client.request(
                origin,
                request.method,
                self._target.encode("utf-8", "surrogateescape"),
                sent_headers(request.fields, request.headers),
                body,
                length=length,
            )
            sent_s = time.monotonic()
            if isinstance(body, bytes | None) and self.pen is not None:
                self.pen.sent()
            self._overhead_s += sent_s - self._ready_s
            async with context as reply:
                await self._relay_reply(reply)
        except BrokenRequestError as error:
            return self._let_go(f"in the middle of its request: {error}")
        except _ClientGoneError as error:
            return self._let_go(str(error))
        except UpstreamError as error:
            return self._break_off("upstream_failed", str(error))
        except TimeoutError:
            return self._break_off("upstream_timeout", "no byte came from it in time")
        except (OSError, ValueError) as error:
            bad = isinstance(error, ValueError)
            reason = "its URL can't be used" if bad else "the connection broke"
            return self._break_off("upstream_failed", reason)
        return None

    async def _read_request(self) -> tuple[bytes | AsyncIterator[bytes] | None, int | None]:
        """Read a small body; of a larger one, return what reads it while it is sent.

        Returns:
            The body, and its length where that is known before it is read.
        """
        request = self._request
        stamped = self._relay.sent if self._upstream.name == "openrouter" else None
        length = request.length
        if not request.has_body:
            self._ready_s = time.monotonic()
            # A length of zero that was said is said to the upstream too.
            return (b"", 0) if length == 0 else (None, None)
        if not stamped and (length is None or length > _SMALL):
            self._ready_s = time.monotonic()
            return self._pass_request(), length
        data = await request.read_all()
        self._ready_s = time.monotonic()
        if stamped:
            data = self._stamp(data, stamped)
        self._sent_bytes = len(data)
        if self.pen is not None and data:
            self.pen.request(data)
        return data, len(data)

    def _stamp(self, data: bytes, wanted: SentIdentifiers) -> bytes:
        relay = self._relay
        # What the body says of the speaker is the client's word: it is not taken.
        known = relay.identity.over(identify(self._request.headers, None, lambda _: None))
        if self.pen is not None:
            known = known.over(Identity(session_id=self._session_id))
        return set_identifiers(data, known, wanted)

    async def _pass_request(self) -> AsyncIterator[bytes]:
        office = self._relay.office
        while data := await self._request.read():
            self._sent_bytes += len(data)
            if self.pen is not None and office is not None:
                self.pen.request(data)
                if office.is_full:
                    await office.room()
            yield data
        if self.pen is not None:
            self.pen.sent()

    async def _relay_reply(self, reply: Reply) -> None:
        answer, pen, office = self._answer, self.pen, self._relay.office
        self._status = reply.status
        came_s = time.monotonic()
        relayed, noted = reply_headers(reply.headers)
        if pen is not None:
            pen.reply(reply.status, noted)
        try:
            answer.begin(reply.status, reply.words, relayed)
            if not reply.has_news:
                answer.flush()  # a stream's head goes at once; else with what follows it
            self._overhead_s += time.monotonic() - came_s
            while data := await reply.read():
                self._reply_bytes += len(data)
                if pen is not None:
                    pen.data(data)
                if reply.is_ended:
                    await self._end(answer, data, reply)
                    return
                await answer.write(data)
                if office is not None and office.is_full:
                    await office.room()
            await self._end(answer, b"", reply)
        except ConnectionError as error:
            raise _ClientGoneError("in the reply") from error

    async def _end(self, answer: ClientReply, data: bytes, reply: Reply) -> None:
        last_s = time.monotonic()
        await answer.end(data, reply.trailers)
        self._overhead_s += time.monotonic() - last_s

    def _let_go(self, detail: str) -> OwnReply | None:
        """End an exchange whose client is gone, or whose request was badly framed."""
        self._outcome = Outcome(kind="client_disconnected", detail=detail)
        if self._answer.is_begun:
            return None
        self._status = 400
        return refuse(
            400, "bad_request", "steno: the request broke off",
            anthropic=speaks_anthropic(self._target, self._request.headers),
        )  # fmt: skip

    def _break_off(self, kind: str, detail: str) -> OwnReply | None:
        """End an exchange that the upstream failed: by an error, or, once it began, by a cut."""
        self._outcome = Outcome(kind=kind, detail=detail)
        if self._answer.is_begun:
            return None  # the connection ends with a reply that has no end
        self._status = 504 if kind == "upstream_timeout" else 502
        anthropic = speaks_anthropic(self._target, self._request.headers)
        host = self._name_host()
        own = refuse(
            self._status, kind, f"steno: {self._upstream.name} at {host}: {detail}",
            anthropic=anthropic,
        )  # fmt: skip
        if self.pen is not None:
            self.pen.reply(self._status, {"content-type": JSON})
            self.pen.data(own.body)
        return own

    def _name_host(self) -> str:
        try:
            return parse_origin(self._upstream.url).host
        except ValueError:
            return "no usable URL"

    def _cut_off(self) -> None:
        """Tell who cancelled: the end of steno, or the connection because its client hung up."""
        if self._relay.stopping:
            self._outcome = Outcome(kind="stopped", detail="steno was stopped")
        else:
            self._outcome = Outcome(kind="client_disconnected")


class _ClientGoneError(Exception):
    """The client hung up; the message says where in the exchange."""
