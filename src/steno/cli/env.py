"""``steno env``: a proxy in the background, and the variables that lead programs to it."""

from __future__ import annotations

import os
import shlex

import click
import msgspec

from steno.cli.options import place_options, proxy_options, read_config
from steno.cli.proxying import import_proxy, set_upstreams

_FISH = "fish"


@click.command("env")
@place_options
@proxy_options
@click.option("--stop", is_flag=True, help="End the proxy; with eval, unset the variables too.")
@click.option("--json", "as_json", is_flag=True, help="The variables as JSON.")
@click.option(
    "--shell", type=click.Choice(["sh", _FISH]), default="sh", show_default=True,
    help="For which shell the lines are.",
)  # fmt: skip
def command(
    home: str | None,
    config_path: str | None,
    upstreams: tuple[str, ...],
    stop: bool,
    as_json: bool,
    shell: str,
) -> None:
    """Start a proxy in the background and set the shell's variables.

    \b
    Examples:
      eval "$(steno env)"
      eval "$(steno env --stop)"
      steno env --shell fish | source
    """
    import_proxy()
    # a third of a second of import that only this command waits for
    from steno.proxy.background import find_background, start_background, stop_background
    from steno.proxy.upstreams import KNOWN, Upstreams

    config = read_config(home, config_path)
    names = sorted(name for known in KNOWN for name in known.variables)
    if stop:
        if not stop_background(config.home):
            click.echo("steno: no proxy runs in the background", err=True)
        for name in names:
            click.echo(f"set -e {name};" if shell == _FISH else f"unset {name};")
        return
    known = Upstreams(config.proxy.upstreams)
    set_upstreams(known, upstreams)
    running = find_background(config.home)
    # Variables that lead to the proxy already are no upstreams.
    environ = {
        name: value
        for name, value in os.environ.items()
        if running is None or not value.startswith(running.url)
    }
    given = {each.partition("=")[0] for each in upstreams}
    paths = known.redirect("", environ, keep=given)
    if running is None:
        arguments = ["--config", config_path] if config_path else []
        for each in KNOWN:
            arguments += ["--upstream", f"{each.name}={known.get(each.name).url}"]
        running = start_background(config.home, arguments)
    variables = {name: running.url + path for name, path in paths.items()}
    if as_json:
        click.echo(msgspec.json.encode(variables).decode())
        return
    for name, value in variables.items():
        quoted = shlex.quote(value)
        click.echo(f"set -gx {name} {quoted};" if shell == _FISH else f"export {name}={quoted};")
    click.echo(f"steno: recording through {running.url}; `steno env --stop` ends it", err=True)
