"""A proxy with all that belongs to it: its listeners, and its recorder in another process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
from typing import TYPE_CHECKING

from steno.capture.desk import Standing
from steno.capture.office import Office
from steno.errors import ConfigError
from steno.proxy.guard import parse_address
from steno.proxy.server import Door, Plan, Proxy
from steno.wire.identifiers import SentIdentifiers
from steno.writers.sqlite import check_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from steno.config import Config
    from steno.proxy.upstreams import Upstreams
    from steno.wire.grouping import Identity

DEFAULT_ADDRESS = "127.0.0.1:8788"

_MANY_OBJECTS = 5000
"""New objects after which Python looks for cycles: some dozen requests at once make 700."""


def plan_from(
    config: Config,
    upstreams: Upstreams,
    *,
    identity: Identity,
    session_id: str | None = None,
    addresses: tuple[str, ...] = (),
) -> Plan:
    """Make a plan from the configuration.

    Args:
        config: The settings in force.
        upstreams: Who is behind the proxy.
        identity: What is known of everybody who speaks through it.
        session_id: The session of requests that name none; None for one per connection.
        addresses: Where to listen, instead of what the configuration says.

    Raises:
        ConfigError: The settings don't fit together.
    """
    proxy = config.proxy
    if addresses:
        doors = tuple(
            Door(f"proxy-{number}" if number else "proxy", parse_address(address))
            for number, address in enumerate(addresses)
        )
    elif proxy.listeners:
        doors = tuple(
            Door(
                name,
                parse_address(each.address or DEFAULT_ADDRESS),
                upstreams.get(each.upstream) if each.upstream else None,
            )
            for name, each in proxy.listeners.items()
        )
    else:
        doors = (Door("proxy", parse_address(DEFAULT_ADDRESS)),)
    return Plan(
        doors=doors,
        token=proxy.token,
        upstream_timeout_s=proxy.upstream_timeout_s,
        grace_s=proxy.grace_s,
        record_other=proxy.record_other,
        identity=identity,
        session_id=session_id,
        sent=SentIdentifiers(
            end_user_id=proxy.send_end_user_id,
            session_id=proxy.send_session_id,
            chat_id=proxy.send_chat_id,
            message_id=proxy.send_message_id,
        ),
    )


class Run:
    """A proxy that runs.

    Attributes:
        urls: Each listener and its URL.
        standing: How the recorder stood in the end, once the proxy has ended.
    """

    def __init__(self, urls: list[tuple[Door, str]]) -> None:
        """Begin."""
        self.urls = urls
        self.standing = Standing()


@contextlib.asynccontextmanager
async def running(
    config: Config,
    plan: Plan,
    upstreams: Upstreams,
    *,
    program: str | None = None,
    hurried: asyncio.Event | None = None,
) -> AsyncIterator[Run]:
    """Run a proxy for the length of an ``async with`` block.

    Args:
        config: The settings in force.
        plan: What the proxy is to do.
        upstreams: Who is behind it.
        program: The program that is recorded; steno itself when it is not given.
        hurried: Once it is set, the end does not wait for open streams.

    Yields:
        The run, which tells where the proxy listens and, in the end, what was recorded.

    Raises:
        ConfigError: It can't listen, or can't record.
        SchemaVersionError: The index is of a newer version.
    """
    _raise_file_limit()
    office = _open_office(config, program)
    run: Run | None = None
    try:
        proxy = Proxy(plan, upstreams, office)
        run = Run(await proxy.start())
        try:
            with _collecting_seldom():
                yield run
        finally:
            await proxy.stop(hurried=hurried)
    finally:
        if office is not None:
            standing = await asyncio.to_thread(office.close)
            if run is not None:
                run.standing = standing


def _open_office(config: Config, program: str | None) -> Office | None:
    if not config.enabled or not (config.jsonl.enabled or config.sqlite.enabled):
        return None
    if config.sqlite.enabled:
        # Better before the program runs than in the middle of it.
        check_version(config.sqlite.path)
    try:
        return Office(config, program=program)
    except OSError as error:
        raise ConfigError(
            f"nothing can be recorded in {config.home}: {error.strerror or error}",
            hint="check the path and permissions; --home chooses another home",
        ) from error


def _raise_file_limit() -> None:
    """Allow as many open streams as the system lets a user have: each takes two files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Look for cycles less often, and not among what stays: that holds up all streams."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_MANY_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
