"""``steno``: the group of all commands, each loaded when it is called."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from typing import Any

import click

from steno.errors import FilterError, StenoError
from steno.version import VERSION

_COMMANDS = {
    "record": "Run a program with its model calls recorded.",
    "proxy": "Record all that passes a proxy, for long.",
    "env": "Start a proxy and set the shell's variables.",
    "ls": "List sessions, the newest first.",
    "find": "Find requests by a filter, and by what was said.",
    "show": "Show one session as a conversation.",
    "tail": "Show the last events, and follow new ones.",
    "sql": "Ask the index with SQL.",
    "stats": "Sum up requests and tokens.",
    "reindex": "Make the index anew from the transcripts.",
    "collect": "Fetch logs, metrics and traces, and keep them with a session.",
    "incident": "Sessions for incident work, with a scratchpad and a password.",
    "import": "Import transcripts that other programs wrote.",
    "export": "Write a transcript, or its requests, whole.",
    "recover": "Tell whose transcripts lie in a folder, and what is damaged.",
    "prune": "Delete and compress what the settings let go.",
    "hold": "Keep a session or archives, whatever the settings say.",
    "release": "Let a hold go.",
    "archive": "Find, open and verify sealed archives.",
    "config": "Show the settings in force.",
}
"""The commands and what they do; each lives in the module of its name."""

_MODULES = {"import": "imports"}
"""Commands whose names can't be those of modules."""


class _Commands(click.Group):
    """Loads a command's module when the command is called: ``steno --version`` needs none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"steno.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # only somebody who mistyped waits for it

            close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            if close:
                raise click.UsageError(f"{error.message} Did you mean {close[0]!r}?", ctx) from None
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="steno", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """The flight recorder for LLM applications and agents.

    \b
    Examples:
      steno record -- python app.py  record what a program says to a model
      steno ls                       what was recorded
      steno show latest              the last session as a conversation
      steno tail -f                  follow what is being recorded
      steno sql "SELECT * FROM sessions LIMIT 3"

    The home is ~/.steno, unless STENO_HOME or --home says otherwise.
    """
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 well, 1 error, 2 wrong use, 130 interrupted."""
    debug = "--debug" in (arguments if arguments is not None else sys.argv)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character is no reason to show nothing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        result: Any = group.main(args=arguments, prog_name="steno", standalone_mode=False)
        sys.stdout.flush()
        code = result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        _abandon_output()
        code = 1
    except Exception as error:
        if debug:
            raise
        code = 1
        _explain(error)
    sys.exit(code)


def _abandon_output() -> None:
    """Drop what can't be written: Python's own flush at exit must not complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: Exception) -> None:
    """Say what went wrong, and what to do about it."""
    from steno.cli.output import clean  # only an error waits for it

    if isinstance(error, StenoError):
        message, hint = error.message, error.hint
    elif isinstance(error, OSError):
        message, hint = str(error), ""
        _abandon_output()  # most often it was the output: a full disk
    else:
        message, hint = f"{type(error).__name__}: {error}", "this is a defect; --debug shows where"
    # The place in a filter is shown on lines of its own, which hold nothing hostile.
    text = clean(message, lines=isinstance(error, FilterError))
    click.echo(f"steno: error: {text}", err=True)
    if hint:
        click.echo(f"hint: {clean(hint)}", err=True)
