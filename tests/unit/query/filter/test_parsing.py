"""Words to a tree."""

import pytest

from steno.errors import FilterError, QueryError
from steno.query.filter.model import And, Compare, Match, Not, Or, Pattern, Text, When
from steno.query.filter.parsing import MAX_DEPTH, MAX_TERMS, parse_filter


def match(field, *texts):
    """Match a field exactly."""
    return Match(field, tuple(Pattern((text,)) for text in texts))


def test_the_example_of_the_design():
    """The filter by which the language was described reads as it says."""
    text = 'model:claude* tokens>10000 tool:bash failed since:7d "connection reset"'

    assert parse_filter(text) == And((
        Match("model", (Pattern(("claude", "")),)),
        Compare("tokens", ">", 10_000),
        match("tool", "bash"),
        match("state", "failed"),
        When("since", "7d"),
        Text("connection reset"),
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", And()), ("  ", And()),
        ("model:a,b", match("model", "a", "b")),
        ("model=a", match("model", "a")),
        ("model!=a", Not(match("model", "a"))),
        ("key:agent:main:main", match("key", "agent:main:main")),
        ("session_id:x", match("session", "x")),
        ("tokens>=10k", Compare("tokens", ">=", 10_000)),
        ("tokens:1,2", Or((Compare("tokens", "=", 1), Compare("tokens", "=", 2)))),
        ("ttft>500ms", Compare("ttft", ">", 500)), ("duration<2s", Compare("duration", "<", 2000)),
        ("cost>0.25", Compare("cost", ">", 0.25)),
        ("streaming:true", match("streaming", "yes")),
        ("is:OK", match("state", "ok")), ("running", match("state", "running")),
        ('"running"', Text("running")), ("fail*", Text("fail", prefix=True)),
        ("a b or c", Or((And((Text("a"), Text("b"))), Text("c")))),
        ("a and (b or c)", And((Text("a"), Or((Text("b"), Text("c")))))),
        ("-a not b", And((Not(Text("a")), Not(Text("b"))))),
        ("-(a b)", Not(And((Text("a"), Text("b"))))), ("--a", Not(Not(Text("a")))),
        ("gpt-5", Text("gpt-5")), ('"or"', Text("or")), ("/a:b", Text("/a:b")),
        ("on:2026-11-20", When("on", "2026-11-20")),
    ],
)  # fmt: skip
def test_trees(text, tree):
    """Each form of the language reads as its tree."""
    assert parse_filter(text) == tree


@pytest.mark.parametrize(
    ("text", "position", "message", "hint"),
    [
        ("failed modle:x", 7, "no field 'modle'", "did you mean 'model'?"),
        ("state:faild", 6, "never this", "did you mean 'failed'?"),
        ("kind:crn", 5, "never this", "cron"),
        ("tokens>many", 7, "another value", "10k"), ("duration>2", 9, "another value", "2s"),
        ("tokens>", 7, "needs a value", "tokens"), ("model:a,", 8, "needs a value", ""),
        ("model>5", 5, "no figure", "model:VALUE"),
        ("since:soon", 6, "needs a time", "7d"), ("on:7d", 3, "needs a day", "yesterday"),
        ('a "b', 2, "never closed", '"'), ("(a", 0, "never closed", ""),
        ("a)", 1, "never opened", ""), ("a or", 4, "missing", ""), ("or", 0, "missing", "quote"),
        ("()", 1, "missing", ""), ("not", 3, "missing", ""),
        ("- a", 0, "minus", ""), ("a*b", 1, "star", ""), ("*", 0, "star", ""),
        ("a ###", 2, "nothing can be found", ""),
        ("http://x", 0, "no field", "quotes"),
    ],
)  # fmt: skip
def test_errors_point_at_the_character(text, position, message, hint):
    """An error says what is wrong with which character, shows it, and says what to do."""
    with pytest.raises(FilterError) as caught:
        parse_filter(text)

    error = caught.value
    assert isinstance(error, QueryError)
    assert error.position == position
    said, shown, caret = error.message.split("\n")
    assert message in said
    assert shown == f"  {text}"
    assert caret == f"  {' ' * position}^"
    assert hint in error.hint


@pytest.mark.parametrize(
    "text",
    ["(" * 5000, "-" * 5000 + "a", "not " * 2000 + "a", "a " * (MAX_TERMS + 1), "x" * 30_000,
     "model:" + "a," * 5000 + "a", "(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1)],
    ids=["open", "minus", "not", "terms", "long", "values", "deep"],
)  # fmt: skip
def test_bounded(text):
    """Filters that would exhaust the stack, or SQLite, are refused."""
    with pytest.raises(FilterError):
        parse_filter(text)
