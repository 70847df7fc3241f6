"""Filters among the arguments of a command."""

import click
import pytest

from steno.cli.filter_words import FilterCommand, filter_argument


@pytest.mark.parametrize(
    ("args", "words", "limit", "flag"),
    [
        (["a", "-failed", "--limit", "3", "-hook:x"], ["a", "-failed", "-hook:x"], 3, False),
        (["--flag", "-chat:h"], ["-chat:h"], 1, True),
        (["--limit=5", "not", "x"], ["not", "x"], 5, False),
        (["--", "--flag", "-h"], ["--flag", "-h"], 1, False),
        ([], [], 1, False),
    ],
)  # fmt: skip
def test_told_apart(args, words, limit, flag):
    """A term with a minus is no option, wherever it stands."""
    got = {}

    @click.command(cls=FilterCommand, context_settings={"help_option_names": ["-h", "--help"]})
    @click.option("--limit", type=int, default=1)
    @click.option("--flag", is_flag=True)
    @filter_argument
    def command(**values):
        got.update(values)

    command.main(args, standalone_mode=False)
    assert got == {"words": tuple(words), "limit": limit, "flag": flag}


@pytest.mark.parametrize("option", ["--limit", "--after"])
def test_an_option_without_its_value(option):
    """An option at the end that lacks its value is an error, and takes nothing else for it."""
    options = [click.Option(["--limit"], type=int), click.Option(["--after"])]
    command = FilterCommand("x", params=[*options, click.Argument(["words"], nargs=-1)])
    with pytest.raises(click.BadOptionUsage, match="requires an argument"):
        command.main(["a", option], standalone_mode=False)


def test_unknown_options_are_refused():
    """A long option that the command does not have is an error, and no word."""
    command = FilterCommand("x", params=[click.Argument(["words"], nargs=-1)])
    with pytest.raises(click.UsageError):
        command.main(["--nonsense"], standalone_mode=False)
