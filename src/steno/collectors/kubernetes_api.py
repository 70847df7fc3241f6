"""Asking the Kubernetes API: nothing leaves but GET, and every way to fail has its words.

Strategy: this is the one place that sends anything, and it has no function that could change a
cluster; a hook refuses every other method before it is sent, whatever is written here later. What
passes by itself (429, a server that is overloaded or away, a connection that breaks) is tried again
after a while, the server's own ``Retry-After`` first; what does not is a `RefusedError` with the
server's words. Lists come in pages, and one that expires between two pages is begun again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from typing import TYPE_CHECKING, Any, Self

import msgspec

from steno.errors import CollectError, StenoError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from types import TracebackType

    from steno.collectors.kubernetes_access import Access

PAGE = 250
"""Pods that are asked for at a time; kubectl asks for 500, and each can be as large as 1 MiB."""

_GONE = 410
_OK = 200
_REDIRECTS = range(300, 400)
_PASSING = frozenset({429, 500, 502, 503, 504})
_LONGEST_WAIT = 30.0
_QUIET = 300.0
"""Seconds after which a stream that is silent is no longer trusted to be one."""

_LARGEST_ERROR = 64 * 1024
_REASONS = {400: "query", 401: "denied", 403: "denied", 404: "missing", 410: "missing"}
_HINTS = {
    401: "the credentials are unknown there or have expired: log in again, as for kubectl",
    403: "whoever asks needs the verbs get and list on pods, and get on pods/log",
}
_jitter = random.SystemRandom().uniform  # a program's seeded numbers are not ours to take


class RefusedError(CollectError):
    """An answer of the API server that is an error, or none at all.

    Attributes:
        status: Its HTTP status; 0 where there was no answer.
        retry_after: Seconds after which to ask again, where the server says so.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        reason: str = "unreachable",
        status: int = 0,
        retry_after: float | None = None,
    ) -> None:
        """Keep what the server answered."""
        super().__init__(message, hint=hint, reason=reason)
        self.status = status
        self.retry_after = retry_after

    @property
    def passes(self) -> bool:
        """Tell whether it may be well when it is asked again."""
        return self.reason in ("unreachable", "timeout") and (
            self.status == 0 or self.status in _PASSING
        )


class Patience:
    """How often a thing is tried again, and how long it is waited before.

    Attributes:
        retries: How often in a row.
    """

    def __init__(self, retries: int) -> None:
        """Begin with none tried."""
        self.retries = retries
        self._tried = 0

    def renew(self) -> None:
        """Take note that it went on: what fails next fails for the first time."""
        self._tried = 0

    async def wait(self, error: RefusedError) -> None:
        """Wait until it is time to try again.

        Raises:
            RefusedError: The one given: it does not pass, or has been tried often enough.
        """
        if not error.passes or self._tried >= self.retries:
            raise error
        delay = 0.25 * 2**self._tried * _jitter(0.5, 1.0)
        self._tried += 1
        await asyncio.sleep(min(max(delay, error.retry_after or 0.0), _LONGEST_WAIT))


class KubernetesApi:
    """A connection to an API server that can only be asked; for one event loop."""

    def __init__(self, access: Access, *, timeout_s: float, retries: int) -> None:
        """Make the connection; nothing is sent yet.

        Args:
            access: Where the server is, and who asks.
            timeout_s: How long to wait for the server's next bytes.
            retries: How often what fails in passing is tried again.
        """
        import httpx2  # which comes with lightkube

        self._httpx = httpx2
        self._origin, self._server = access.origin, access.server
        self.namespace = access.namespace
        self.retries = retries
        self._timeout = httpx2.Timeout(timeout_s)
        self._patient = httpx2.Timeout(timeout_s, read=max(timeout_s, _QUIET))
        self._client = httpx2.AsyncClient(
            **access.connection | {"timeout": self._timeout, "follow_redirects": False},
            event_hooks={"request": [_refuse_changes]},
        )

    async def __aenter__(self) -> Self:
        """Return it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask for an object or a list.

        Raises:
            RefusedError: The server refuses, or is away.
        """
        patience = Patience(self.retries)
        while True:
            try:
                async with self.stream(path, params or {}) as pieces:
                    body = b"".join([piece async for piece in pieces])
                break
            except RefusedError as error:
                await patience.wait(error)
        try:
            answer = msgspec.json.decode(body)
        except msgspec.DecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise RefusedError(
                f"what answers for {self._origin} is no Kubernetes API server: {path} is no JSON "
                "object",
                hint="check the server's address in the kubeconfig",
                reason="other",
                status=_OK,
            )
        return answer

    async def list_all(self, path: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Ask for all objects of a list, page by page.

        Raises:
            RefusedError: As `get`.
        """
        patience = Patience(self.retries)
        while True:
            try:
                return await self._list_pages(path, params)
            except RefusedError as error:
                if error.status != _GONE:
                    raise
                # The list is kept for minutes only; a new one begins at its first page.
                error.reason, error.status = "unreachable", 0
                await patience.wait(error)

    async def _list_pages(self, path: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        more: str | None = None
        while True:
            page = {"limit": PAGE} | ({"continue": more} if more else {})
            answer = await self.get(path, dict(params) | page)
            items += answer.get("items") or []
            more = (answer.get("metadata") or {}).get("continue")
            if not more:
                return items

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, Any], *, patient: bool = False
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Ask for something once, and read the answer as it comes.

        Args:
            path: Relative to the server's address.
            params: The query; those that are None are left out.
            patient: The next bytes may be long in coming: a program need not log anything.

        Raises:
            RefusedError: The server refuses or is away, or the connection breaks in the block.
        """
        query = {name: value for name, value in params.items() if value is not None}
        with self._worded(path):
            request = self._client.build_request(
                "GET",
                path,
                params=query,
                timeout=self._patient if patient else self._timeout,
                headers={"Accept": "application/json, */*"},
            )
            with self._credentials():
                response = await self._client.send(request, stream=True)
            try:
                if response.status_code != _OK:
                    raise await _refusal(response, path)
                yield response.aiter_bytes()
            finally:
                await response.aclose()

    @contextlib.contextmanager
    def _credentials(self) -> Iterator[None]:
        """Give words to the failure of a program or a file that should have handed out a token."""
        import lightkube

        try:
            yield
        except (lightkube.ConfigError, OSError, ValueError, KeyError, TypeError) as error:
            raise RefusedError(
                f"no credentials from {self._origin}: {str(error) or type(error).__name__}",
                hint="run the command by which the kubeconfig logs in",
                reason="denied",
            ) from error

    @contextlib.contextmanager
    def _worded(self, path: str) -> Iterator[None]:
        """Give the errors of the libraries beneath steno's words."""
        httpx, where = self._httpx, f"{self._server} (from {self._origin})"
        try:
            yield
        except httpx.TimeoutException as error:
            raise RefusedError(
                f"{where} did not answer in time ({path})",
                hint="wait longer with --timeout, or ask for less",
                reason="timeout",
            ) from error
        except httpx.TransportError as error:
            if isinstance(_root(error), ssl.SSLCertVerificationError):
                raise RefusedError(
                    f"the certificate of {where} is not trusted: {_root(error)}",
                    hint="the kubeconfig's certificate-authority must be the one of this server",
                    reason="configuration",
                ) from error
            raise RefusedError(
                f"{where} can't be reached: {str(error) or type(error).__name__}",
                hint="is the server running, and reachable from here?",
            ) from error
        except httpx.HTTPError as error:
            raise RefusedError(f"{where}: {error}", reason="other") from error


async def _refuse_changes(request: Any) -> None:
    if request.method != "GET":
        raise StenoError(f"a collector only reads, and {request.method} is no reading")


async def _refusal(response: Any, path: str) -> RefusedError:
    """Make an error of an answer; the server's own words, where it has some."""
    status = int(response.status_code)
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _LARGEST_ERROR:
            break
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("message"), str):
        said = {"message": body[:200].decode("utf-8", "replace").strip()}
    if status in _REDIRECTS:
        said = {"message": "it answers with a redirect, which is not followed"}
    details = said.get("details")
    after = response.headers.get("retry-after")
    if after is None and isinstance(details, dict):
        after = details.get("retryAfterSeconds")
    return RefusedError(
        f"the Kubernetes API answers {status} to {path}: "
        f"{said['message'] or response.reason_phrase}",
        hint=_HINTS.get(status, ""),
        reason=_REASONS.get(status, "unreachable" if status in _PASSING else "other"),
        status=status,
        retry_after=_seconds(after),
    )


def _seconds(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:  # a date, or nothing
        return None


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
