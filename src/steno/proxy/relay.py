"""One request through the proxy: the bytes go on at once, and are noted in passing.

Strategy: the client's side and the upstream's are each left to aiohttp, with everything turned off
that would change a byte: no decompression, no redirects, no cookies, no headers of its own. A piece
that arrives is noted by reference and written on; what it means is found out later, elsewhere. Who
ended an exchange is told by where the end shows: in writing to the client, in reading from the
upstream, or in a cancellation.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from steno.identity import new_request_id
from steno.proxy.answers import FROM_STENO, refuse, speaks_anthropic
from steno.proxy.guard import TOKEN_HEADER
from steno.proxy.trailers import Trailers, send_trailers
from steno.wire.exchange import Opening, Outcome
from steno.wire.grouping import Identity, identify
from steno.wire.identifiers import SentIdentifiers, set_identifiers
from steno.wire.secrets import is_secret, public_headers, public_target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from steno.capture.scribe import Pen, Scribe
    from steno.proxy.metrics import Metrics
    from steno.proxy.upstreams import Upstream

_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that concern one connection alone (RFC 9110, 7.6.1)."""

_NOT_SENT = _HOP_BY_HOP | {"host", "content-length", "expect", "proxy-authorization", TOKEN_HEADER}
_SMALL = 256 * 1024
"""Bytes of a request that are read before it is sent on: it then goes out in one piece."""

_NO_BODY = frozenset({204, 304})


class Relay:
    """Carries requests to upstreams and replies back.

    Attributes:
        stopping: The proxy is ending: exchanges that are cut off now are so because of it.
    """

    def __init__(
        self,
        client: aiohttp.ClientSession,
        *,
        scribe: Scribe | None,
        metrics: Metrics,
        identity: Identity,
        sent: SentIdentifiers,
        record_other: bool,
    ) -> None:
        """Put the parts together.

        Args:
            client: Speaks to upstreams.
            scribe: Takes notes; None records nothing.
            metrics: Counts.
            identity: What is known of everybody who speaks through this proxy.
            sent: The identifiers that OpenRouter gets.
            record_other: Record also requests of which no protocol is known.
        """
        self.stopping = False
        self._client = client
        self._scribe = scribe
        self._metrics = metrics
        self._identity = identity
        self._sent = sent
        self._record_other = record_other

    async def carry(
        self,
        request: web.BaseRequest,
        upstream: Upstream,
        target: str,
        *,
        listener: str,
        session_id: str,
    ) -> web.StreamResponse:
        """Carry one request.

        Args:
            request: It.
            upstream: Who it is for.
            target: Path and query, as the upstream gets them.
            listener: The name of the door by which it came.
            session_id: Its session, if it names none itself.
        """
        passage = _Passage(self, request, upstream, target)
        if self._scribe is not None:
            passage.pen = self._scribe.open(
                self._describe(request, upstream, target, listener, session_id)
            )
        self._metrics.open.inc()
        try:
            return await passage.run()
        finally:
            self._metrics.open.dec()
            passage.settle()

    def _describe(
        self,
        request: web.BaseRequest,
        upstream: Upstream,
        target: str,
        listener: str,
        session_id: str,
    ) -> Opening:
        return Opening(
            request_id=new_request_id(),
            method=request.method,
            target=public_target(target),
            headers=_recorded_headers(request.headers),
            content_encoding=request.headers.get(hdrs.CONTENT_ENCODING, ""),
            client_ip=request.remote,
            provider=upstream.provider,
            listener=listener,
            begun=datetime.now(UTC),
            begun_s=time.monotonic(),
            session_id=session_id,
            identity=self._identity,
            raw=self._record_other,
        )


class _Passage:
    """The passage of one request."""

    def __init__(
        self, relay: Relay, request: web.BaseRequest, upstream: Upstream, target: str
    ) -> None:
        self.pen: Pen | None = None
        self._relay = relay
        self._request = request
        self._upstream = upstream
        self._target = target
        self._begun_s = time.monotonic()
        self._outcome = Outcome(kind="done")
        self._status = 0
        self._overhead_s = 0.0
        self._sent_bytes = self._reply_bytes = 0
        self._ready_s = self._begun_s
        self._answered: RelayedResponse | None = None

    async def run(self) -> web.StreamResponse:
        """Carry the request there and the reply back."""
        try:
            return await self._run()
        except asyncio.CancelledError:
            self._cut_off()
            raise

    def settle(self) -> None:
        """Say how it ended, once, whatever happened."""
        now_s = time.monotonic()
        if self.pen is not None:
            self.pen.end(self._outcome, overhead_s=self._overhead_s)
        metrics = self._relay._metrics  # noqa: SLF001 - both live in this module
        metrics.count(
            self._upstream.provider, self._outcome.kind, self._status,
            now_s - self._begun_s, self._overhead_s,
        )  # fmt: skip
        metrics.count_bytes("request", self._sent_bytes)
        metrics.count_bytes("reply", self._reply_bytes)

    async def _run(self) -> web.StreamResponse:
        request = self._request
        headers = _sent_headers(request.headers)
        try:
            data = await self._read_request(headers)
        except (OSError, aiohttp.ClientError, aiohttp.http.HttpProcessingError) as error:
            return self._refuse_request(error)
        try:
            context = self._relay._client.request(  # noqa: SLF001 - both live in this module
                request.method,
                URL(self._upstream.url + self._target, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
            )
            sent_s = time.monotonic()
            if isinstance(data, bytes | None) and self.pen is not None:
                self.pen.sent()
            self._overhead_s += sent_s - self._ready_s
            async with context as reply:
                return await self._answer(reply)
        except _UpstreamError as error:
            return self._break_off("upstream_failed", error.reason)
        except TimeoutError:
            return self._break_off("upstream_timeout", "no byte came from it in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, _ClientGoneError) and self._answered is not None:
                self._outcome = Outcome(kind="client_disconnected", detail="in the reply")
                return self._answered
            return self._break_off("upstream_failed", _explain(error))

    async def _read_request(self, headers: CIMultiDict[str]) -> Any:
        """Read a small body; of a larger one, return what reads it while it is sent."""
        request = self._request
        stamped = self._relay._sent if self._upstream.name == "openrouter" else None  # noqa: SLF001 - both live in this module
        if not request.body_exists:
            self._ready_s = time.monotonic()
            return None
        length = request.content_length
        if stamped:
            data = await _read(request.content)
            self._ready_s = time.monotonic()
            data = self._stamp(data, stamped)
        elif length is not None and length <= _SMALL:
            data = await _read(request.content)
            self._ready_s = time.monotonic()
        else:
            if length is not None:
                headers[hdrs.CONTENT_LENGTH] = str(length)
            self._ready_s = time.monotonic()
            return self._pass_request()
        self._sent_bytes = len(data)
        if self.pen is not None and data:
            self.pen.request(data)
        return data

    def _stamp(self, data: bytes, wanted: SentIdentifiers) -> bytes:
        relay = self._relay
        request = self._request
        headers = {name.lower(): value for name, value in request.headers.items()}
        # What the body says of the speaker is the client's word: it is not taken.
        known = relay._identity.over(identify(headers, None, lambda _: None))  # noqa: SLF001 - both live in this module
        if self.pen is not None:
            known = known.over(Identity(session_id=self.pen.opening.session_id))
        return set_identifiers(data, known, wanted)

    async def _pass_request(self) -> AsyncIterator[bytes]:
        scribe = self._relay._scribe  # noqa: SLF001 - both live in this module
        async for data in self._request.content.iter_any():
            self._sent_bytes += len(data)
            if self.pen is not None and scribe is not None:
                self.pen.request(data)
                if scribe.is_full:
                    await scribe.room()
            yield data
        if self.pen is not None:
            self.pen.sent()

    async def _answer(self, reply: aiohttp.ClientResponse) -> web.StreamResponse:
        request, pen, scribe = self._request, self.pen, self._relay._scribe  # noqa: SLF001 - both live in this module
        self._status = reply.status
        came_s = time.monotonic()
        answer = RelayedResponse(reply, request)
        if pen is not None:
            pen.reply(
                reply.status, {k.lower(): v for k, v in reply.headers.items() if not is_secret(k)}
            )
        self._answered = answer
        trailers = Trailers(reply) if reply.headers.get(hdrs.TRANSFER_ENCODING) else None
        try:
            await answer.prepare(request)
        except ConnectionError as error:
            raise _ClientGoneError from error
        self._overhead_s += time.monotonic() - came_s
        while data := await _next_piece(reply):
            self._reply_bytes += len(data)
            if pen is not None:
                pen.data(data)
            try:
                await answer.write(data)
            except ConnectionError as error:
                raise _ClientGoneError from error
            if scribe is not None and scribe.is_full:
                await scribe.room()
        last_s = time.monotonic()
        try:
            if trailers is not None and (fields := trailers.read()):
                await send_trailers(answer, fields)
            else:
                await answer.write_eof()
        except ConnectionError as error:
            raise _ClientGoneError from error
        self._overhead_s += time.monotonic() - last_s
        return answer

    def _refuse_request(self, error: Exception) -> web.StreamResponse:
        """End an exchange whose request did not come whole: cut off, or badly framed."""
        self._outcome = Outcome(kind="client_disconnected", detail="in the middle of its request")
        self._status = 400
        return refuse(
            400, "bad_request", f"steno: the request broke off ({type(error).__name__})",
            anthropic=speaks_anthropic(self._target, self._request.headers),
        )  # fmt: skip

    def _break_off(self, kind: str, detail: str) -> web.StreamResponse:
        """End an exchange that the upstream failed: by an error, or, once it began, by a cut."""
        self._outcome = Outcome(kind=kind, detail=detail)
        answer = self._answered
        transport = self._request.transport
        if answer is not None and answer.prepared:
            # The client must not take what it has for the whole.
            if transport is not None:
                transport.close()
            return answer
        self._status = 504 if kind == "upstream_timeout" else 502
        anthropic = speaks_anthropic(self._target, self._request.headers)
        host = URL(self._upstream.url).host
        response = refuse(
            self._status, kind, f"steno: {self._upstream.name} at {host}: {detail}",
            anthropic=anthropic,
        )  # fmt: skip
        if self.pen is not None:
            self.pen.reply(self._status, {"content-type": "application/json", FROM_STENO: kind})
            self.pen.data(bytes(response.body or b""))  # type: ignore[arg-type]
        return response

    def _cut_off(self) -> None:
        """Tell who cancelled: the end of steno, or aiohttp because the client hung up."""
        if self._relay.stopping:
            self._outcome = Outcome(kind="stopped", detail="steno was stopped")
        else:
            self._outcome = Outcome(kind="client_disconnected")


class RelayedResponse(web.StreamResponse):
    """A reply as the upstream gave it: its status, its headers, and no others."""

    def __init__(self, reply: aiohttp.ClientResponse, request: web.BaseRequest) -> None:
        """Take the head of the reply."""
        super().__init__(status=reply.status, reason=reply.reason or "")
        given = reply.headers
        named = {name.strip().lower() for name in given.get(hdrs.CONNECTION, "").split(",")}
        for name, value in given.items():
            low = name.lower()
            if low not in _HOP_BY_HOP and low not in named:
                self.headers.add(name, value)
        if hdrs.TRAILER in given:
            self.headers[hdrs.TRAILER] = given[hdrs.TRAILER]
        self._given = frozenset(self.headers)
        bodiless = request.method == hdrs.METH_HEAD or reply.status in _NO_BODY
        # A head goes out with its body where the body is there at once.
        self._send_headers_immediately = bodiless or reply.content_length is None

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        for name in (hdrs.CONTENT_TYPE, hdrs.DATE, hdrs.SERVER):
            if name not in self._given:
                self.headers.pop(name, None)


class _UpstreamError(Exception):
    """The upstream failed in the middle of its reply."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _ClientGoneError(ConnectionError):
    """The client hung up."""


async def _next_piece(reply: aiohttp.ClientResponse) -> bytes:
    """Wait for the next piece of a reply; empty at its end."""
    try:
        piece: bytes = await reply.content.readany()
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError) as error:
        raise _UpstreamError(_explain(error)) from error
    return piece


async def _read(content: aiohttp.StreamReader) -> bytes:
    data: bytes = await content.read()
    return data


def _sent_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for name in headers.get(hdrs.CONNECTION, "").split(",")}
    sent: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        low = name.lower()
        if low not in _NOT_SENT and low not in named and not low.startswith("x-steno-"):
            sent.add(name, value)
    return sent


def _recorded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    kept = public_headers(headers.items())
    agent = headers.get(hdrs.USER_AGENT)
    if agent:
        kept["user-agent"] = agent[:255]
    return kept


def _explain(error: BaseException) -> str:
    """Say what is wrong without the URL, which may hold credentials."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"TLS failed: {error.os_error.strerror or type(error.os_error).__name__}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "its reply broke off"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its answer is no HTTP"
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return "its URL can't be used"
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'the connection broke'}"
