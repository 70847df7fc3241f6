"""``steno record -- COMMAND``: run a program with its model calls recorded."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from steno.cli.options import place_options, proxy_options, read_config
from steno.cli.output import clean, milliseconds, number, print_table
from steno.errors import IdentityError
from steno.identity import new_session_id
from steno.transcripts.finding import resolve_session

if TYPE_CHECKING:
    from steno.capture.desk import Standing
    from steno.capture.tally import ModelSum
    from steno.config import Config
    from steno.proxy.upstreams import Upstreams
    from steno.wire.grouping import Identity

_COLUMNS = (
    "model", "requests", "in", "cached", "out", "reasoning", "cost", "first token", "tools",
    "errors",
)  # fmt: skip
_LEAST_SHOWN_USD = 0.01


@click.command(
    "record", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND")
@place_options
@proxy_options
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON, on stderr.")
@click.option("--summary", metavar="FILE", help="Write the summary as JSON to a file, too.")
@click.option("--quiet", "-q", is_flag=True, help="No summary.")
@click.option("--key", help="Session key, such as agent:main:main.")
@click.option("--user", help="The user for whom it runs.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@click.option("--session", "session_id", help="Id of the session, to name or to continue it.")
@click.pass_context
def command(
    ctx: click.Context,
    command: tuple[str, ...],
    home: str | None,
    config_path: str | None,
    upstreams: tuple[str, ...],
    as_json: bool,
    summary: str | None,
    quiet: bool,
    key: str | None,
    user: str | None,
    tags: tuple[str, ...],
    session_id: str | None,
) -> None:
    """Run a program with its model calls recorded.

    The program finds the proxy by OPENAI_BASE_URL, ANTHROPIC_BASE_URL and the like; what these say
    already becomes the upstream. Its output, input, signals and exit code are its own; what steno
    has to say comes on stderr, when the program has ended.

    \b
    Examples:
      steno record -- python app.py
      steno record -- claude -p "fix the test"
      steno record --key agent:main:main --user u1 --tag nightly -- ./agent.sh
      steno record --upstream openai=http://127.0.0.1:8000 -- python app.py
    """
    # a third of a second of import that only this command waits for
    from steno.cli.proxying import import_proxy, set_upstreams

    import_proxy()
    from steno.proxy.child import CommandError
    from steno.proxy.upstreams import Upstreams
    from steno.wire.grouping import Identity

    config = read_config(home, config_path)
    known = Upstreams(config.proxy.upstreams)
    set_upstreams(known, upstreams)
    identity = Identity(key=key, user_id=user, tags=tags)
    session = session_id or new_session_id()
    try:
        code, standing = asyncio.run(_run(config, known, identity, session, command, upstreams))
    except CommandError as error:
        click.echo(f"steno: error: {clean(error.message)}", err=True)
        ctx.exit(error.exit_code)
    if not quiet or summary:
        facts = _summarise(config, standing, code)
        if summary:
            Path(summary).write_bytes(msgspec.json.encode(facts) + b"\n")
        if as_json:
            click.echo(msgspec.json.encode(facts).decode(), err=True)
        elif not quiet:
            _print(config, standing, code, command)
    ctx.exit(code)


async def _run(
    config: Config,
    upstreams: Upstreams,
    identity: Identity,
    session_id: str,
    command: tuple[str, ...],
    given: tuple[str, ...],
) -> tuple[int, Standing]:
    from steno.proxy.child import run_child
    from steno.proxy.running import plan_from, running

    plan = plan_from(
        config, upstreams, identity=identity, session_id=session_id, addresses=("127.0.0.1:0",)
    )
    plan = msgspec.structs.replace(plan, grace_s=min(plan.grace_s, 5))
    program = os.path.basename(command[0])
    async with running(config, plan, upstreams, program=program) as run:
        # What was said by --upstream is not taken back by a variable.
        named = {each.partition("=")[0] for each in given}
        variables = upstreams.redirect(run.urls[0][1], os.environ, keep=named)
        variables.update(_without_proxy())
        code = await run_child(command, variables)
    return code, run.standing


def _without_proxy() -> dict[str, str]:
    """Let clients that go through a proxy of their own reach loopback without it."""
    local = "127.0.0.1,localhost"
    return {
        name: f"{os.environ[name]},{local}" if os.environ.get(name) else local
        for name in ("NO_PROXY", "no_proxy")
    }


def _summarise(config: Config, standing: Standing, code: int) -> dict[str, object]:
    return {
        "exit_code": code,
        "sessions": [
            {"session_id": session, "transcript": _transcript(config, session)}
            for session in standing.sessions
        ],
        "requests": sum(model.requests for model in standing.models),
        "errors": standing.errors,
        "models": standing.models,
    }


def _transcript(config: Config, session_id: str) -> str | None:
    try:
        return str(resolve_session(config.jsonl.directory, session_id))
    except IdentityError:
        return None  # transcripts are switched off


def _print(config: Config, standing: Standing, code: int, command: tuple[str, ...]) -> None:
    if not standing.sessions:
        click.echo(f"steno: no model call was seen; {_advise(command)}", err=True)
        return
    click.echo(err=True)
    print_table(
        _COLUMNS,
        [
            (
                model.model, model.requests, number(model.input_tokens),
                number(model.cached_tokens), _output(model), number(model.reasoning_tokens),
                _cost(model), milliseconds(model.time_to_first_token_ms), model.tool_calls,
                model.errors,
            )
            for model in standing.models
        ],
        right=_COLUMNS[1:],
        err=True,
    )  # fmt: skip
    for error, count in standing.errors.items():
        times = f" ({count} times)" if count > 1 else ""
        click.echo(f"error: {clean(error)}{times}", err=True)
    if code:
        click.echo(f"the program ended with exit code {code}", err=True)
    for session in standing.sessions:
        where = _transcript(config, session)
        click.echo(f"session {clean(session)}{f'  {clean(where)}' if where else ''}", err=True)


def _advise(command: tuple[str, ...]) -> str:
    if os.path.basename(command[0]) == "codex":
        return (
            "Codex reads no variable for its base URL; run it as: steno record -- sh -c "
            '\'codex -c "openai_base_url=\\"$OPENAI_BASE_URL\\"" ...\''
        )
    return (
        "does the program read OPENAI_BASE_URL or ANTHROPIC_BASE_URL? `steno record --help` "
        "tells more"
    )


def _output(model: ModelSum) -> str:
    return f"{'~' if model.estimated else ''}{number(model.output_tokens)}"


def _cost(model: ModelSum) -> str:
    if model.cost_usd is None:
        return "unknown" if model.unpriced else ""
    shown = (
        f"${model.cost_usd:.2f}" if model.cost_usd >= _LEAST_SHOWN_USD else f"${model.cost_usd:.6f}"
    )
    return f"{shown} +?" if model.unpriced else shown
