"""The proxy as a whole: listeners, the client side, the recorder behind, and how all of it ends."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web
from msgspec import Struct

from steno.errors import ConfigError
from steno.identity import new_session_id
from steno.proxy.answers import refuse, speaks_anthropic
from steno.proxy.guard import Address, Guard
from steno.proxy.metrics import CONTENT_TYPE, Metrics
from steno.proxy.relay import Relay
from steno.proxy.upstream_client import UpstreamClient
from steno.proxy.upstreams import Upstream
from steno.recording.statistics import RecorderStats
from steno.version import VERSION
from steno.wire.grouping import Identity
from steno.wire.identifiers import SentIdentifiers

if TYPE_CHECKING:
    from steno.capture.office import Office
    from steno.proxy.upstreams import Upstreams

_MAX_LINE = 1024 * 1024
"""Bytes of a header field that may pass: the upstream decides what is too long."""

_OWN = ("/healthz", "/metrics")


class Door(Struct, frozen=True):
    """A listener as it is asked for.

    Attributes:
        name: What events call it.
        address: Where it is.
        upstream: Where all of it goes; None lets the paths decide.
    """

    name: str
    address: Address
    upstream: Upstream | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """What a proxy is to do; see `steno.config.ProxyConfig` for the settings of the same names."""

    doors: tuple[Door, ...]
    token: str | None = None
    upstream_timeout_s: float = 600
    grace_s: float = 30
    record_other: bool = False
    identity: Identity = Identity()
    session_id: str | None = None
    sent: SentIdentifiers = SentIdentifiers()


class Proxy:
    """A running proxy; begun by `start`, ended by `stop`."""

    def __init__(self, plan: Plan, upstreams: Upstreams, office: Office | None) -> None:
        """Put the parts together; nothing listens yet.

        Args:
            plan: What it is to do.
            upstreams: Who is behind it.
            office: Takes notes and has them recorded; None records nothing.
        """
        self._plan = plan
        self._upstreams = upstreams
        self._office = office
        self._metrics = Metrics()
        self._runners: list[web.ServerRunner] = []
        self._client: UpstreamClient | None = None
        self._relay: Relay | None = None
        self._connections: weakref.WeakKeyDictionary[asyncio.Transport, str] = (
            weakref.WeakKeyDictionary()
        )

    async def start(self) -> list[tuple[Door, str]]:
        """Begin to listen.

        Returns:
            Each listener and its URL.

        Raises:
            ConfigError: An address can't be listened on.
        """
        plan = self._plan
        self._client = UpstreamClient(plan.upstream_timeout_s)
        self._relay = Relay(
            self._client,
            office=self._office,
            metrics=self._metrics,
            identity=plan.identity,
            sent=plan.sent,
            record_other=plan.record_other,
        )
        try:
            return [(door, await self._listen(door)) for door in plan.doors]
        except BaseException:
            await self.stop(0)
            raise

    async def _listen(self, door: Door) -> str:
        guard = Guard(door.address, self._plan.token)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, door, guard)

        server = web.Server(
            handle, auto_decompress=False, access_log=None, max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )  # fmt: skip
        server.handler_cancellation = True
        runner = web.ServerRunner(server, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        self._runners.append(runner)
        address = door.address
        try:
            await web.TCPSite(runner, address.host, address.port, backlog=2048).start()
        except OSError as error:
            raise ConfigError(
                f"the listener {door.name!r} can't use {address.host}:{address.port}: "
                f"{error.strerror or error}",
                hint="choose another address; port 0 lets the system choose a free one",
            ) from error
        host, port = runner.addresses[0][:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def stop(
        self, grace_s: float | None = None, *, hurried: asyncio.Event | None = None
    ) -> None:
        """End: stop listening, let open streams finish for a while, cut off the rest.

        Args:
            grace_s: Seconds to wait; the plan's when it is not given.
            hurried: Once it is set, nothing is waited for.
        """
        grace = self._plan.grace_s if grace_s is None else grace_s
        for runner in self._runners:
            for site in list(runner.sites):
                await site.stop()
        deadline = asyncio.get_running_loop().time() + grace
        while self._is_busy() and asyncio.get_running_loop().time() < deadline:
            if hurried is not None and hurried.is_set():
                break
            await asyncio.sleep(0.02)
        if self._relay is not None:
            self._relay.stopping = True
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        if self._client is not None:
            self._client.close()

    def _is_busy(self) -> bool:
        # the gauge's value is public only as a sample
        return next(iter(self._metrics.open.collect())).samples[0].value > 0

    async def _handle(
        self, request: web.BaseRequest, door: Door, guard: Guard
    ) -> web.StreamResponse:
        target, refused = guard.check(request.raw_path, request.headers)
        anthropic = speaks_anthropic(target, request.headers)
        if refused is not None:
            return refuse(403, "forbidden", f"steno: {refused}", anthropic=anthropic)
        if target.partition("?")[0] in _OWN:
            return self._tell(target.partition("?")[0])
        if not target.startswith("/"):
            return refuse(
                400, "bad_target", "steno: the path must begin with /", anthropic=anthropic
            )
        if request.headers.get("upgrade", "").lower() == "websocket":
            # By 426 Codex learns to ask again without one; after any other status it first waits.
            return refuse(
                426, "no_upgrade", "steno: this proxy carries HTTP only, no WebSocket",
                anthropic=anthropic,
            )  # fmt: skip
        if door.upstream is not None:
            upstream = door.upstream
        else:
            upstream, target = self._upstreams.find(target, request.headers)
        if self._relay is None:
            raise RuntimeError("the proxy is not running")
        return await self._relay.carry(
            request, upstream, target, listener=door.name, session_id=self._session_of(request)
        )

    def _session_of(self, request: web.BaseRequest) -> str:
        """Return the session of the run, or of the connection."""
        if self._plan.session_id is not None:
            return self._plan.session_id
        transport = request.transport
        if transport is None:
            return new_session_id()
        session_id = self._connections.get(transport)
        if session_id is None:
            session_id = self._connections[transport] = new_session_id()
        return session_id

    def _tell(self, path: str) -> web.Response:
        office = self._office
        stats = office.standing.stats if office is not None else RecorderStats()
        if path == "/metrics":
            lost = office.lost_bytes if office is not None else 0
            return web.Response(
                body=self._metrics.render(stats, lost), headers={"content-type": CONTENT_TYPE}
            )
        healthy = not stats.failed and not stats.last_error
        state = {
            "status": "ok" if healthy else "degraded",
            "version": VERSION,
            "recording": office is not None,
            "open_exchanges": office.open_count if office is not None else 0,
            "recorder": {
                name: getattr(stats, name)
                for name in ("accepted", "written", "dropped", "failed", "pending", "last_error")
            },
        }
        return web.Response(body=msgspec.json.encode(state), content_type="application/json")
