"""``steno proxy``: record all that passes, for long."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from steno.cli.options import place_options, proxy_options, read_config
from steno.cli.proxying import import_proxy, set_upstreams

if TYPE_CHECKING:
    from steno.config import Config
    from steno.proxy.upstreams import Upstreams


@click.command("proxy")
@place_options
@proxy_options
@click.option(
    "--listen", "addresses", multiple=True, metavar="HOST:PORT",
    help="Where to listen, instead of the configured listeners; may be given several times.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Tell the listeners as JSON, on stdout.")
def command(
    home: str | None,
    config_path: str | None,
    upstreams: tuple[str, ...],
    addresses: tuple[str, ...],
    as_json: bool,
) -> None:
    """Record all that passes a proxy, until Ctrl-C or SIGTERM.

    Clients use the listener's URL with the upstream's name as their base URL, such as
    http://127.0.0.1:8788/openai/v1 or http://127.0.0.1:8788/anthropic. /healthz and /metrics
    tell how it is. Open streams are finished before it ends; a second signal cuts them off.

    \b
    Examples:
      steno proxy
      steno proxy --listen 127.0.0.1:9000 --upstream openai=http://127.0.0.1:8000
      STENO_PROXY_TOKEN=... steno proxy --listen 0.0.0.0:8788
    """
    import_proxy()
    from steno.proxy.upstreams import Upstreams  # see `import_proxy`

    config = read_config(home, config_path)
    known = Upstreams(config.proxy.upstreams)
    set_upstreams(known, upstreams)
    asyncio.run(_serve(config, known, addresses, as_json=as_json))


async def _serve(
    config: Config, upstreams: Upstreams, addresses: tuple[str, ...], *, as_json: bool
) -> None:
    from steno.proxy.running import plan_from, running  # see `import_proxy`
    from steno.wire.grouping import Identity  # as above

    plan = plan_from(config, upstreams, identity=Identity(), addresses=addresses)
    ended, hurried = asyncio.Event(), asyncio.Event()

    def end() -> None:
        if ended.is_set():
            hurried.set()
        ended.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    async with running(config, plan, upstreams, hurried=hurried) as run:
        for door, url in run.urls:
            to = door.upstream.name if door.upstream is not None else None
            if as_json:
                facts = {"listener": door.name, "url": url, "upstream": to}
                click.echo(msgspec.json.encode(facts).decode())
            else:
                click.echo(f"listening on {url}{f' for {to}' if to else ''}", err=True)
        sys.stdout.flush()
        await ended.wait()
        click.echo("finishing open streams; once more cuts them off", err=True)
