"""A place where clients connect: opened, watched, and ended with what goes on there."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from steno.proxy.client_connection import ClientConnection, Crowd

if TYPE_CHECKING:
    from steno.proxy.client_connection import Handle

_BACKLOG = 2048
_CHECK_S = 1.0
_END_S = 5.0
_LOOK_S = 0.002


class Listener:
    """Listens on one address."""

    def __init__(self, handle: Handle) -> None:
        """Take who answers; nothing listens yet.

        Args:
            handle: Answers each request.
        """
        self._handle = handle
        self._crowd = Crowd(asyncio.get_running_loop())
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, host: str, port: int) -> tuple[str, int]:
        """Begin to listen.

        Args:
            host: A name or an address.
            port: 0 lets the system choose.

        Returns:
            Where it listens.

        Raises:
            OSError: The address can't be used.
        """
        self._server = await self._crowd.loop.create_server(
            lambda: ClientConnection(self._handle, self._crowd), host, port, backlog=_BACKLOG
        )
        for each in self._server.sockets:
            # A client whose machine has gone would keep its exchange for ever.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._watch()
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    def _watch(self) -> None:
        now_s = self._crowd.loop.time()
        for each in list(self._crowd.connections):
            each.check(now_s)
        self._timer = self._crowd.loop.call_later(_CHECK_S, self._watch)

    def stop(self) -> None:
        """Take no more connections; each that is open ends behind its reply."""
        self._crowd.stopping = True
        if self._server is not None:
            loop = self._crowd.loop
            for sock in self._server.sockets:
                loop.remove_reader(sock.fileno())
            # A connection that was taken just now would be lost, open, in a server that is closed.
            loop.call_soon(self._server.close)
        for each in list(self._crowd.connections):
            each.end_if_idle()

    @property
    def is_busy(self) -> bool:
        """Tell whether a connection is open."""
        return bool(self._crowd.connections)

    async def close(self) -> None:
        """Cut off what still goes on, and wait until it has ended."""
        self.stop()
        if self._timer is not None:
            self._timer.cancel()
        for each in list(self._crowd.connections):
            each.cancel()
        deadline = self._crowd.loop.time() + _END_S
        while self.is_busy and self._crowd.loop.time() < deadline:  # noqa: ASYNC110 - once
            await asyncio.sleep(_LOOK_S)
