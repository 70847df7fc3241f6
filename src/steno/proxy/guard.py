"""Who may speak to a listener: programs of this machine, or those that have the token. Pure.

A page in a browser can send requests to loopback under a name of its own that it lets point there;
the ``Host`` header gives it away. Off loopback every request must carry the token: in the header
``x-steno-token``, or, for clients that can only be given a base URL, as its first part,
``/~TOKEN``.
"""

from __future__ import annotations

import functools
import hmac
import ipaddress
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_HEADER = "x-steno-token"  # noqa: S105 - the name of a header
_LOCAL_NAMES = frozenset({"localhost", "localhost."})


class Address(Struct, frozen=True):
    """Where a listener is bound.

    Attributes:
        host: A name or an address.
        port: 0 lets the system choose.
    """

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach it."""
        return is_loopback(self.host)


@functools.lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine and nothing else."""
    name = host.strip("[]").lower()
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def parse_address(text: str) -> Address:
    """Read ``host:port``, ``[::1]:port`` or ``port``.

    Raises:
        ConfigError: It is none of these.
    """
    host, _, port = text.rpartition(":")
    try:
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:  # noqa: PLR2004 - ports have 16 bits
        raise ConfigError(f"{text!r} is no address", hint="allowed: 127.0.0.1:8788, [::1]:8788")
    return Address(host.strip("[]") or "127.0.0.1", number)


_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]*)?", re.ASCII)
"""A Host header: a name or an address, and perhaps a port; nothing that parts a URL."""


class Guard:
    """Decides for one listener.

    Attributes:
        needs_token: Requests must carry the token.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        """Take the rules.

        Raises:
            ConfigError: The listener can be reached from outside, and there is no token.
        """
        self.needs_token = not address.is_loopback
        self._token = token or ""
        if self.needs_token and not token:
            raise ConfigError(
                f"a listener on {address.host} can be reached from other machines, and there is "
                "no token",
                hint="set proxy.token (or STENO_PROXY_TOKEN), or listen on 127.0.0.1",
            )

    def check(self, target: str, headers: Mapping[str, str]) -> tuple[str, str | None]:
        """Judge a request.

        Args:
            target: Its path and query.
            headers: Its headers; looked up without regard to case.

        Returns:
            Path and query without the token, and why the request is refused; None if it is not.
        """
        given = headers.get(TOKEN_HEADER, "")
        if target.startswith("/~"):
            given, slash, rest = target.removeprefix("/~").partition("/")
            target = slash + rest or "/"
        if self.needs_token:
            if hmac.compare_digest(given.encode(), self._token.encode()):
                return target, None
            return target, "this listener needs its token: header x-steno-token, or /~TOKEN/..."
        host = headers.get("host", "")
        found = _HOST.fullmatch(host)
        if found is not None and is_loopback(found[1]):
            return target, None
        return target, f"this listener answers to loopback names only, not to {host!r}"
