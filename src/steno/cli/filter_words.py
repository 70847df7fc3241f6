"""Filters among the arguments of a command: ``steno ls --json model:gpt* -failed``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., Any]")


class FilterCommand(click.Command):
    """A command whose arguments are a filter: a minus before a term makes it no option.

    Long options are options, and so are ``-h`` and all others that the command has; anything else,
    and what stands behind ``--``, belongs to the filter.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Tell options from the words of a filter, then go on as click does."""
        flags: dict[str, bool] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option):
                for name in (*parameter.opts, *parameter.secondary_opts):
                    flags[name] = parameter.is_flag or parameter.count
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                words.extend(rest)
            elif arg.startswith("--") or arg in flags:
                options.append(arg)
                if not flags.get(arg, True):
                    value = next(rest, None)
                    if value is None:  # click says so; what follows would pass for the value
                        return super().parse_args(ctx, options)
                    options.append(value)
            else:
                words.append(arg)
        return super().parse_args(ctx, [*options, "--", *words])


def filter_argument(command: _F) -> _F:
    """Add the words of a filter."""
    return click.argument("words", nargs=-1, metavar="[FILTER]...")(command)
