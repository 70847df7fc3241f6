"""A proxy with all that belongs to it: recorder, scribe, tapes, and what a dead one left behind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import resource
import sys
from typing import TYPE_CHECKING

from steno.capture.recovery import left_open, recover
from steno.capture.scribe import Scribe
from steno.capture.spools import FileSpool
from steno.capture.tapes import DeadTapes, TapeFolder
from steno.opening import from_config
from steno.proxy.guard import parse_address
from steno.proxy.server import Door, Plan, Proxy
from steno.storage.home import find_home
from steno.wire.identifiers import SentIdentifiers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from steno.config import Config
    from steno.events.model import Event
    from steno.proxy.upstreams import Upstreams
    from steno.wire.grouping import Identity

DEFAULT_ADDRESS = "127.0.0.1:8788"

_SWITCH_S = 0.0005
"""How long the scribe may keep the interpreter while a byte waits to be passed on."""

_SCRIBE_TIMEOUT_S = 20.0


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


@contextlib.asynccontextmanager
async def running(
    config: Config,
    plan: Plan,
    upstreams: Upstreams,
    *,
    program: str | None = None,
    on_event: Callable[[Event], None] | None = None,
    hurried: asyncio.Event | None = None,
) -> AsyncIterator[list[tuple[Door, str]]]:
    """Run a proxy for the length of an ``async with`` block.

    Args:
        config: The settings in force.
        plan: What the proxy is to do.
        upstreams: Who is behind it.
        program: The program that is recorded; steno itself when it is not given.
        on_event: Called with every event that was recorded, on the scribe's thread.
        hurried: Once it is set, the end does not wait for open streams.

    Yields:
        Each listener and its URL.

    Raises:
        ConfigError: It can't listen, or can't record.
    """
    _raise_file_limit()
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    home = find_home(config.home)
    dead = DeadTapes(home.tapes)
    recorder = from_config(config, left_open=left_open(dead))
    open_spool = functools.partial(FileSpool, home)
    scribe = None
    try:
        if recorder.enabled:
            if dead.tapes:
                await asyncio.to_thread(recover, dead, recorder, config.jsonl.directory, open_spool)
            scribe = Scribe(
                recorder,
                tapes=TapeFolder(home.tapes, recorder.recorder_id),
                open_spool=open_spool,
                on_event=on_event,
                program=program,
            )
        dead.close()
        proxy = Proxy(plan, upstreams, recorder, scribe)
        urls = await proxy.start()
        try:
            yield urls
        finally:
            await proxy.stop(hurried=hurried)
    finally:
        if scribe is not None:
            await asyncio.to_thread(scribe.close, _SCRIBE_TIMEOUT_S)
        await recorder.aclose()
        sys.setswitchinterval(before_s)


def _raise_file_limit() -> None:
    """Allow as many open streams as the system lets a user have: each takes two files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
