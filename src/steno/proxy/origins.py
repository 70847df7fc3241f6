"""Where an upstream is, as a connection needs it. Pure, but for the environment's proxies."""

from __future__ import annotations

import base64
import functools
from urllib.parse import quote, unquote
from urllib.request import getproxies, proxy_bypass

from msgspec import Struct
from yarl import URL

_IN_PATHS = "/%:@!$&'()*+,;=~"
"""What may stand in a path as it is."""


class Origin(Struct, frozen=True):
    """A server, and what stands before the paths there.

    Attributes:
        host: Its name or address.
        port: Its port.
        is_tls: Speak TLS.
        authority: What the ``Host`` header says.
        prefix: What stands before each path, without a slash at the end.
        authorization: What the URL itself says of who asks; None when it says nothing.
        proxy: The HTTP proxy in between, that the environment names; None for none.
    """

    host: str
    port: int
    is_tls: bool
    authority: bytes
    prefix: bytes
    authorization: bytes | None = None
    proxy: Origin | None = None


@functools.lru_cache(maxsize=256)
def parse_origin(url: str) -> Origin:
    """Read the URL of an upstream, and find the proxy that the environment names for it.

    Raises:
        ValueError: It is no URL of a server.
    """
    origin = _parse(url)
    via = getproxies().get("https" if origin.is_tls else "http")
    if not via or proxy_bypass(f"{origin.host}:{origin.port}"):
        return origin
    return Origin(
        origin.host, origin.port, origin.is_tls, origin.authority, origin.prefix,
        origin.authorization, _parse(via if "://" in via else f"http://{via}"),
    )  # fmt: skip


def _parse(text: str) -> Origin:
    url = URL(text, encoded=True)
    host, port = url.raw_host, url.port
    if host is None or port is None or url.scheme not in {"http", "https"}:
        raise ValueError("no URL of a server")
    host = (host if host.isascii() else host.encode("idna").decode("ascii")).lower()
    authority = f"[{host}]" if ":" in host else host
    if not url.is_default_port():
        authority = f"{authority}:{port}"
    authorization = None
    if url.raw_user is not None or url.raw_password is not None:
        pair = f"{unquote(url.raw_user or '')}:{unquote(url.raw_password or '')}"
        authorization = b"Basic " + base64.b64encode(pair.encode())
    return Origin(
        host, port, url.scheme == "https", authority.encode("ascii"),
        quote(url.raw_path.rstrip("/"), _IN_PATHS).encode("ascii"), authorization,
    )  # fmt: skip
