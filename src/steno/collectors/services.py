"""Where a service is, and what lets one in: from the caller, else from the environment.

Credentials never become part of what is kept or said: `Service.shown` is the address without them.
Those of the environment belong to the address that the environment names. They are not sent to
another host because a caller, or somebody who talked to it, gave that host's address.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from msgspec import Struct

from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS = {"http": 80, "https": 443}


class Variables(Struct, frozen=True):
    """The names of the environment's variables for a service.

    Attributes:
        name: What people call the service.
        urls: Those of its address, the first that is set counts.
        prefix: What begins the names of the others: ``_TOKEN``, ``_TOKEN_FILE``, ``_USERNAME``,
            ``_PASSWORD`` and ``_CA_FILE`` follow.
    """

    name: str
    urls: tuple[str, ...]
    prefix: str

    @property
    def credentials(self) -> str:
        """Name the variables that let one in, for a hint."""
        return f"{self.prefix}_TOKEN, or {self.prefix}_USERNAME and {self.prefix}_PASSWORD"


PROMETHEUS = Variables("Prometheus", ("PROMETHEUS_URL",), "PROMETHEUS")
JAEGER = Variables("Jaeger", ("JAEGER_QUERY_URL", "JAEGER_URL"), "JAEGER")


class Service(Struct, frozen=True):
    """A service that can be asked.

    Attributes:
        variables: What the environment calls it.
        shown: Its address, without credentials and without a slash at the end.
        authorization: The header that lets one in, or None.
        ca_file: The certificates that it is checked by; the system's when it is None.
    """

    variables: Variables
    shown: str
    authorization: str | None = None
    ca_file: str | None = None

    def __repr__(self) -> str:
        """Leave the credentials out."""
        return f"Service({self.shown!r})"


def find_service(
    variables: Variables, url: str | None, environ: Mapping[str, str] | None = None
) -> Service:
    """Tell where a service is and what lets one in.

    Args:
        variables: What the environment calls it.
        url: Its address; the environment's when it is not given. It may carry a user's name and
            password.
        environ: The environment; the process's by default.

    Raises:
        CollectError: There is no address, it is none of HTTP, or a file of the environment's can't
            be read.
    """
    environ = os.environ if environ is None else environ
    known = next((environ[name] for name in variables.urls if environ.get(name)), None)
    chosen = url or known
    if chosen is None:
        raise CollectError(
            f"nobody says where {variables.name} is",
            hint=f"give its address: --url, url=, or the variable {variables.urls[0]}",
            reason="configuration",
        )
    parts = _split(chosen, variables)
    authorization = _of_user(parts)
    named = parts if known is None else _split(known, variables)
    if authorization is None and origin_of(named) == origin_of(parts):
        authorization = _from_environment(variables, environ) or _of_user(named)
    return Service(
        variables, _shown(parts), authorization, environ.get(f"{variables.prefix}_CA_FILE") or None
    )


def origin_of(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Tell the scheme, host and port of an address."""
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _split(url: str, variables: Variables) -> SplitResult:
    hint = f"the address of {variables.name} looks like http://host:port, or with a path behind it"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # The address may hold a password, so it is not repeated.
        raise CollectError(
            f"what is given as the address of {variables.name} is no address of HTTP",
            hint=hint,
            reason="configuration",
        )
    if parts.query or parts.fragment:
        raise CollectError(
            f"the address of {variables.name} has a query or a fragment",
            hint=hint,
            reason="configuration",
        )
    return parts


def _shown(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def _of_user(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    return _basic(unquote(parts.username), unquote(parts.password or ""))


def _from_environment(variables: Variables, environ: Mapping[str, str]) -> str | None:
    if token := environ.get(f"{variables.prefix}_TOKEN"):
        return _bearer(token, variables)
    if path := environ.get(f"{variables.prefix}_TOKEN_FILE"):
        try:
            with open(path, encoding="utf-8") as file:
                return _bearer(file.read(), variables)
        except (OSError, UnicodeDecodeError) as error:
            raise CollectError(
                f"{variables.prefix}_TOKEN_FILE can't be read: {error}", reason="configuration"
            ) from None
    if user := environ.get(f"{variables.prefix}_USERNAME"):
        return _basic(user, environ.get(f"{variables.prefix}_PASSWORD", ""))
    return None


def _bearer(token: str, variables: Variables) -> str:
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise CollectError(
            f"the token of {variables.name} is empty, or has characters that no header can carry",
            reason="configuration",
        )
    return f"Bearer {token}"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
