"""What the Kubernetes API refuses, in its own words, and how often it is asked again.

Strategy: what passes by itself (429, a server that is overloaded or away, a connection that breaks)
is tried again after a while, the server's own ``Retry-After`` first; what does not is a
`RefusedError` with the server's words.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from steno.collectors.decoding import MALFORMED
from steno.collectors.retrying import RETRIED, read_retry_after, seconds_before
from steno.errors import CollectError

_REDIRECTS = range(300, 400)
_LARGEST_ERROR = 64 * 1024
_REASONS = {400: "query", 401: "denied", 403: "denied", 404: "missing", 410: "missing"}
_HINTS = {
    401: "the credentials are unknown there or have expired: log in again, as for kubectl",
    403: "whoever asks needs the verbs get and list on pods, and get on pods/log; to follow pods "
    "by a selector, watch on pods, too",
}


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
            self.status == 0 or self.status in RETRIED
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
        self._tried += 1
        await asyncio.sleep(seconds_before(self._tried, error.retry_after))


async def read_refusal(response: Any, path: str) -> RefusedError:
    """Make an error of an answer; the server's own words, where it has some."""
    status = int(response.status_code)
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _LARGEST_ERROR:
            break
    try:
        said = msgspec.json.decode(body)
    except MALFORMED:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("message"), str):
        said = {"message": body[:200].decode("utf-8", "replace").strip()}
    if status in _REDIRECTS:
        said = {"message": "it answers with a redirect, which is not followed"}
    after = response.headers.get("retry-after")
    return refused(said, status, path, said["message"] or response.reason_phrase, after)


def refused(
    said: dict[str, Any], code: Any, path: str, words: str = "", after: str | None = None
) -> RefusedError:
    """Make an error of a Status, which is what the API says of failures."""
    status = code if isinstance(code, int) else 0
    details = said.get("details")
    if after is None and isinstance(details, dict):
        after = details.get("retryAfterSeconds")
    return RefusedError(
        f"the Kubernetes API answers {status} to {path}: {words or said.get('message', '')}",
        hint=_HINTS.get(status, ""),
        reason=_REASONS.get(status, "unreachable" if status in RETRIED else "other"),
        status=status,
        retry_after=read_retry_after(after),
    )
