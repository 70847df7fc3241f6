"""Asking the Kubernetes API: nothing leaves but GET, and every way to fail has its words.

Strategy: this is the one place that sends anything, and it has no function that could change a
cluster; a hook refuses every other method before it is sent, whatever is written here later. Lists
come in pages, and one that expires between two pages is begun again. What comes after a list is
watched: one request that the server answers for minutes, then the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec

from steno.collectors.decoding import MALFORMED
from steno.collectors.kubernetes_refusals import Patience, RefusedError, read_refusal, refused
from steno.errors import StenoError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from types import TracebackType

    from steno.collectors.kubernetes_access import Access

PAGE = 250
"""Pods that are asked for at a time; kubectl asks for 500, and each can be as large as 1 MiB."""

EXPIRED = 410
"""The status of what the server has forgotten: pages of an old list, what came after it."""

_ANSWERS = (200, 204)  # nothing, of a pod without a node
_QUIET = 300.0
"""Seconds after which a stream that is silent is no longer trusted to be one."""

_LARGEST = 64 * 1024 * 1024
"""Bytes that an answer may have, uncompressed, where it is held in memory."""

_BETWEEN_WATCHES_S = 0.5
_WATCH_S = 240
"""Seconds after which the server ends a watch; less than what makes a stream untrusted."""


class Listed(NamedTuple):
    """A list, and what it is a state of.

    Attributes:
        items: The objects.
        version: The state's; what comes after it can be watched.
    """

    items: list[dict[str, Any]]
    version: str


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
                    body = bytearray()
                    async for piece in pieces:
                        body += piece
                        _check_size(len(body), path)
                break
            except RefusedError as error:
                await patience.wait(error)
        try:
            answer = msgspec.json.decode(body)
        except MALFORMED:
            answer = None
        if not isinstance(answer, dict):
            raise RefusedError(
                f"what answers for {self._origin} is no Kubernetes API server: {path} is no JSON "
                "object",
                hint="check the server's address in the kubeconfig",
                reason="other",
                status=200,
            )
        return answer

    async def list_all(self, path: str, params: Mapping[str, Any]) -> Listed:
        """Ask for all objects of a list, page by page.

        Raises:
            RefusedError: As `get`.
        """
        patience = Patience(self.retries)
        while True:
            try:
                return await self._list_pages(path, params)
            except RefusedError as error:
                if error.status != EXPIRED:
                    raise
                # The list is kept for minutes only; a new one begins at its first page.
                error.reason, error.status = "unreachable", 0
                await patience.wait(error)

    async def _list_pages(self, path: str, params: Mapping[str, Any]) -> Listed:
        items: list[dict[str, Any]] = []
        more: str | None = None
        while True:
            page = {"limit": PAGE} | ({"continue": more} if more else {})
            answer = await self.get(path, dict(params) | page)
            items += answer.get("items") or []
            facts = answer.get("metadata") or {}
            more = facts.get("continue")
            if not more:
                return Listed(items, str(facts.get("resourceVersion", "")))

    async def watch(
        self, path: str, params: Mapping[str, Any], version: str
    ) -> AsyncIterator[dict[str, Any]]:
        """Give the objects of a list that are added or changed after it was asked for; no end.

        Args:
            path: That of the list.
            params: As those of the list.
            version: The list's.

        Raises:
            RefusedError: The server refuses, or is away for long; its status is 410 where it has
                forgotten what was since then, so that the list must be asked for again.
        """
        patience = Patience(self.retries)
        while True:
            query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": _WATCH_S}
            query |= {"resourceVersion": version}
            try:
                async with self.stream(path, dict(params) | query, patient=True) as pieces:
                    async for event in _events(pieces, path):
                        version = _version_of(event) or version
                        patience.renew()
                        if event["type"] in ("ADDED", "MODIFIED"):
                            yield event["object"]
            except RefusedError as error:
                await patience.wait(error)
            else:
                patience.renew()
                await asyncio.sleep(_BETWEEN_WATCHES_S)

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
                if response.status_code not in _ANSWERS:
                    raise await read_refusal(response, path)
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


async def _events(pieces: AsyncIterator[bytes], path: str) -> AsyncIterator[dict[str, Any]]:
    """Read the events of a watch, one to a line; half of one at the end comes once more.

    Raises:
        RefusedError: One of them is an error, no event, or too large.
    """
    held = bytearray()
    async for piece in pieces:
        held += piece
        if b"\n" in piece:
            *ended, held = held.split(b"\n")
            for line in ended:
                yield _event(line, path)
        _check_size(len(held), path)


def _event(line: bytearray, path: str) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(line)
    except MALFORMED:
        event = None
    said = event.get("object") if isinstance(event, dict) else None
    if not isinstance(said, dict) or not isinstance(event.get("type"), str):
        raise RefusedError(f"what comes of a watch of {path} is no event", reason="other")
    if event["type"] == "ERROR":
        raise refused(said, said.get("code"), path)
    return dict(event)


def _version_of(event: dict[str, Any]) -> str | None:
    facts = event["object"].get("metadata")
    version = facts.get("resourceVersion") if isinstance(facts, dict) else None
    return version if isinstance(version, str) else None


def _check_size(size: int, path: str) -> None:
    if size > _LARGEST:
        raise RefusedError(
            f"the Kubernetes API answers {path} with more than {_LARGEST} bytes",
            hint="narrow the selector",
            reason="limit",
        )


async def _refuse_changes(request: Any) -> None:
    if request.method != "GET":
        raise StenoError(f"a collector only reads, and {request.method} is no reading")


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
