"""Asking over HTTP, with and without an event loop: bounded, repeated where that helps, read-only.

Strategy: what to ask is a generator of questions (`Ask`) that is sent the answers; two drivers,
`carry_out` and `carry_out_async`, differ in how they wait and in nothing else. What follows from an
answer or from a broken connection is decided by `_Tries`, which waits for nobody.

Only what cannot change anything leaves: GET, and POST of a form to a path in `_READING_BY_POST`,
where a query is too long for an address. Redirects are followed on the same host only, so that
credentials go nowhere else.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from steno.collectors.collection import Cancel
from steno.collectors.retrying import RETRIED, read_retry_after, seconds_before
from steno.collectors.services import origin_of
from steno.errors import CollectError
from steno.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx2

    from steno.collectors.services import Service

    Questions = Generator["Ask", "Answer", None]

_T = TypeVar("_T")

TIMEOUT_S = 30.0
"""Seconds that a question may take, from its first byte to the last of its answer."""

RETRIES = 3
"""How often a question is asked again when nobody answers, or a server in trouble."""

MAX_BYTES = 256 * 1024 * 1024
"""Bytes that all answers to one collection may have, uncompressed; they are held in memory."""

_READING_BY_POST = frozenset({"/api/v1/query", "/api/v1/query_range"})
"""Paths of Prometheus that only read, whatever the method."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_GLANCE_S = 0.1


class Stopped(Exception):  # noqa: N818 - nothing went wrong: somebody asked for it
    """The caller's ``cancel`` was set."""


class Ask(Struct, frozen=True):
    """A question to a service.

    Attributes:
        path: The path behind the service's address.
        params: Names and values.
        by_post: The parameters are sent as a form, because they are too long for an address.
        final: Tells of an answer whose status speaks for asking again that this would not help.
    """

    path: str
    params: tuple[tuple[str, str], ...] = ()
    by_post: bool = False
    final: Callable[[Answer], bool] | None = None


class Answer(Struct, frozen=True):
    """What came back, whatever its status.

    Attributes:
        status: The status of HTTP.
        body: All of the body, uncompressed.
        retry_after: What the server says of when to ask again, or None.
        location: Where it says the answer is, or None.
    """

    status: int
    body: bytes
    retry_after: str | None = None
    location: str | None = None


class Manner(Struct, frozen=True):
    """How to ask.

    Attributes:
        timeout_s: As `TIMEOUT_S`.
        retries: As `RETRIES`.
        max_bytes: As `MAX_BYTES`.
        cancel: Says whether to stop; it is looked at between the pieces of an answer.
    """

    timeout_s: float = TIMEOUT_S
    retries: int = RETRIES
    max_bytes: int = MAX_BYTES
    cancel: Cancel | None = None

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            CollectError: A number is out of bounds.
        """
        if not 0 < self.timeout_s < float("inf") or self.retries < 0 or self.max_bytes <= 0:
            raise CollectError(
                "timeout_s and max_bytes must be more than nothing, retries at least nothing",
                reason="configuration",
            )


def carry_out(questions: Questions, service: Service, manner: Manner) -> None:
    """Ask all questions, one after the other, and hand each answer back to who asked.

    Raises:
        CollectError: A question could not be asked, or its answer is too large.
        Stopped: The caller wants no more.
    """
    module = _load()
    budget = _Budget(manner.max_bytes)
    with module.Client(**_options(module, service, manner)) as client:
        ask = _next(questions, None)
        while ask is not None:
            ask = _next(questions, _fetch(client, ask, service, manner, budget))


async def carry_out_async(questions: Questions, service: Service, manner: Manner) -> None:
    """As `carry_out`, without holding up the event loop."""
    # The library takes long to load, and so do the certificates that it trusts.
    module = await asyncio.to_thread(_load)
    budget = _Budget(manner.max_bytes)
    made = await asyncio.to_thread(lambda: module.AsyncClient(**_options(module, service, manner)))
    async with made as client:
        ask = await on_thread(_next, questions, None)
        while ask is not None:
            answer = await _fetch_async(client, ask, service, manner, budget)
            ask = await on_thread(_next, questions, answer)  # a large answer takes long to read


async def on_thread(function: Callable[..., _T], *args: Any) -> _T:
    """Run something on a thread, so that the event loop goes on; to its end, also when cancelled.

    Raises:
        asyncio.CancelledError: The task was cancelled; what ran has ended.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _next(questions: Questions, answer: Answer | None) -> Ask | None:
    """Hand an answer back, and return the next question; None when there is none."""
    try:
        return next(questions) if answer is None else questions.send(answer)
    except StopIteration:  # which can't pass from one thread to another
        return None


class _Budget:
    """How many bytes may still come."""

    def __init__(self, max_bytes: int) -> None:
        self._of = self._left = max_bytes

    def spend(self, count: int, service: Service) -> None:
        self._left -= count
        if self._left < 0:
            raise CollectError(
                f"{service.shown} answered with more than {self._of} bytes",
                hint="ask for less: a shorter window, a longer step, fewer series or traces; a "
                "program may raise max_bytes",
                reason="limit",
            )


class _Tries:
    """What follows from how a question went: wait so long and ask again, or take the answer."""

    def __init__(self, ask: Ask, service: Service, manner: Manner) -> None:
        self._ask, self._service, self._manner = ask, service, manner
        self._again = 0
        self._redirects = 0
        self.url = service.shown + ask.path
        self.method = "POST" if ask.by_post else "GET"
        if ask.by_post and ask.path not in _READING_BY_POST:
            raise AssertionError(f"{ask.path} is not known to only read")

    def after_answer(self, answer: Answer) -> float | None:
        """Return the seconds to wait before asking again; None: this is the answer."""
        if answer.status in _REDIRECTS and answer.location is not None:
            self._redirect(answer.location)
            return 0.0
        if answer.status not in RETRIED or self._again >= self._manner.retries:
            return None
        if self._ask.final is not None and self._ask.final(answer):
            return None
        return self._wait(read_retry_after(answer.retry_after))

    def after_error(self, error: Exception) -> float:
        """Return the seconds to wait before asking again.

        Raises:
            CollectError: It was asked often enough.
        """
        late = isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
        # An answer that is not there in time will not be there in the same time the next time.
        if not late and self._again < self._manner.retries:
            return self._wait(None)
        service = self._service
        if late:
            raise CollectError(
                f"{service.shown} did not answer within {self._manner.timeout_s:g} s",
                hint="--timeout gives it longer; a shorter window or a longer step asks for less",
                reason="timeout",
            ) from error
        tried = f" ({self._again + 1} times)" if self._again else ""
        raise CollectError(
            f"{service.shown} could not be asked{tried}: {error or type(error).__name__}",
            hint=f"is that the address of {service.variables.name}, and is it running?",
            reason="unreachable",
        ) from error

    def _wait(self, wanted: float | None) -> float:
        self._again += 1
        return seconds_before(self._again, wanted)

    def _redirect(self, location: str) -> None:
        target = urljoin(self.url, location)
        self._redirects += 1
        try:
            same = origin_of(urlsplit(target)) == origin_of(urlsplit(self.url))
        except ValueError:
            same = False
        if not same or self._redirects > _MAX_REDIRECTS:
            where = target.partition("?")[0].rpartition("@")[2] if not same else "itself for ever"
            raise CollectError(
                f"{self._service.shown} sends to {where}",
                hint="other hosts are not followed: they would be handed the credentials; give "
                "the address where it really is",
                reason="unreachable",
            )
        self.url = target


def _fetch(
    client: httpx2.Client, ask: Ask, service: Service, manner: Manner, budget: _Budget
) -> Answer:
    tries = _Tries(ask, service, manner)
    while True:
        _look(manner)
        try:
            answer = _once(client, tries, ask, manner, budget, service)
        except _broken() as error:
            wait: float | None = tries.after_error(error)
        else:
            wait = tries.after_answer(answer)
        if wait is None:
            return answer
        until = time.monotonic() + wait
        while (left := until - time.monotonic()) > 0:
            _look(manner)
            time.sleep(min(left, _GLANCE_S))


def _once(
    client: httpx2.Client,
    tries: _Tries,
    ask: Ask,
    manner: Manner,
    budget: _Budget,
    service: Service,
) -> Answer:
    deadline = time.monotonic() + manner.timeout_s
    pieces: list[bytes] = []
    with client.stream(tries.method, tries.url, **_carried(tries, ask)) as response:
        for piece in response.iter_bytes():
            _look(manner)
            if time.monotonic() > deadline:  # the library's own limit is one for each piece
                raise TimeoutError
            budget.spend(len(piece), service)
            pieces.append(piece)
    return _answer(response, pieces)


async def _fetch_async(
    client: httpx2.AsyncClient, ask: Ask, service: Service, manner: Manner, budget: _Budget
) -> Answer:
    tries = _Tries(ask, service, manner)
    while True:
        _look(manner)
        try:
            async with asyncio.timeout(manner.timeout_s):
                answer = await _once_async(client, tries, ask, manner, budget, service)
        except _broken() as error:
            wait: float | None = tries.after_error(error)
        else:
            wait = tries.after_answer(answer)
        if wait is None:
            return answer
        until = time.monotonic() + wait
        while (left := until - time.monotonic()) > 0:
            _look(manner)
            await asyncio.sleep(min(left, _GLANCE_S))


async def _once_async(
    client: httpx2.AsyncClient,
    tries: _Tries,
    ask: Ask,
    manner: Manner,
    budget: _Budget,
    service: Service,
) -> Answer:
    pieces: list[bytes] = []
    async with client.stream(tries.method, tries.url, **_carried(tries, ask)) as response:
        async for piece in response.aiter_bytes():
            _look(manner)
            budget.spend(len(piece), service)
            pieces.append(piece)
    return _answer(response, pieces)


def _carried(tries: _Tries, ask: Ask) -> dict[str, Any]:
    if ask.by_post:
        return {"data": dict(ask.params)}
    # Where a redirect has led, the parameters are in the address already, if they are wanted.
    return {"params": list(ask.params)} if "?" not in tries.url and ask.params else {}


def _answer(response: httpx2.Response, pieces: list[bytes]) -> Answer:
    headers = response.headers
    return Answer(
        response.status_code, b"".join(pieces), headers.get("retry-after"), headers.get("location")
    )


def _look(manner: Manner) -> None:
    if manner.cancel is not None and manner.cancel.is_set():
        raise Stopped


def _options(module: Any, service: Service, manner: Manner) -> dict[str, Any]:
    headers = {"accept": "application/json", "user-agent": f"steno/{VERSION}"}
    if service.authorization is not None:
        headers["authorization"] = service.authorization
    options: dict[str, Any] = {
        "headers": headers,
        "timeout": module.Timeout(manner.timeout_s),
        "follow_redirects": False,
    }
    if service.ca_file is not None:
        try:
            options["verify"] = ssl.create_default_context(cafile=service.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise CollectError(
                f"{service.variables.prefix}_CA_FILE names no certificates: {error}",
                reason="configuration",
            ) from None
    return options


def _broken() -> tuple[type[Exception], ...]:
    """Name what the library raises when an answer did not come, or came damaged."""
    module = _load()
    return module.TransportError, module.DecodingError, module.InvalidURL, TimeoutError


def _load() -> Any:
    try:
        import httpx2  # 140 ms that only collecting pays
    except ImportError:
        raise CollectError(
            "collecting over HTTP needs httpx2, which is not installed",
            hint="pip install 'steno[collectors]'",
            reason="configuration",
        ) from None
    return httpx2
