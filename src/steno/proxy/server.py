"""The proxy as a whole: listeners, the client side, the recorder behind, and how all of it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from steno.errors import ConfigError
from steno.proxy.answers import JSON, OwnReply, refuse, speaks_anthropic
from steno.proxy.guard import Address, Guard
from steno.proxy.listener import Listener
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
    from steno.proxy.client_reply import ClientReply
    from steno.proxy.client_request import ClientRequest
    from steno.proxy.upstreams import Upstreams

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
        self._listeners: list[Listener] = []
        self._client: UpstreamClient | None = None
        self._relay: Relay | None = None

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

        async def handle(request: ClientRequest, reply: ClientReply) -> OwnReply | None:
            return await self._handle(request, reply, door, guard)

        listener = Listener(handle)
        self._listeners.append(listener)
        address = door.address
        try:
            host, port = await listener.open(address.host, address.port)
        except OSError as error:
            raise ConfigError(
                f"the listener {door.name!r} can't use {address.host}:{address.port}: "
                f"{error.strerror or error}",
                hint="choose another address; port 0 lets the system choose a free one",
            ) from error
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
        for listener in self._listeners:
            listener.stop()
        deadline = asyncio.get_running_loop().time() + grace
        while (
            any(each.is_busy for each in self._listeners)
            and asyncio.get_running_loop().time() < deadline
        ):
            if hurried is not None and hurried.is_set():
                break
            await asyncio.sleep(0.02)
        if self._relay is not None:
            self._relay.stopping = True
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        if self._client is not None:
            self._client.close()

    async def _handle(
        self, request: ClientRequest, reply: ClientReply, door: Door, guard: Guard
    ) -> OwnReply | None:
        target, refused = guard.check(request.target, request.headers)
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
            request, reply, upstream, target, listener=door.name,
            session_id=self._plan.session_id or request.session_id,
        )  # fmt: skip

    def _tell(self, path: str) -> OwnReply:
        office = self._office
        stats = office.standing.stats if office is not None else RecorderStats()
        if path == "/metrics":
            lost = office.lost_bytes if office is not None else 0
            return OwnReply(200, self._metrics.render(stats, lost), {"content-type": CONTENT_TYPE})
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
        return OwnReply(200, msgspec.json.encode(state), {"content-type": JSON})
