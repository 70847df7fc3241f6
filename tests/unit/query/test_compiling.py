"""A filter as SQL; that it finds the right rows, tests/property/test_filter.py shows."""

import re
from contextlib import closing
from datetime import UTC, datetime

import pytest

from steno.errors import QueryError
from steno.query.compiling import compile_filter, match_expression, probe
from steno.query.filter.fields import CHOICE, DURATION, FIELDS, NUMBER, TIME
from steno.query.filter.model import Compare, Match, Pattern, Text, When
from steno.query.filter.parsing import parse_filter
from steno.writers.schema import FINDING_INDEXES
from steno.writers.sqlite import connect

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HOSTILE = "x'; DROP TABLE sessions; --"


def compiled(tree, **options):
    """Compile a filter."""
    return compile_filter(tree, now=NOW, **options)


@pytest.mark.parametrize("of_sessions", [False, True])
@pytest.mark.parametrize("rare", [False, True])
def test_no_value_is_ever_in_the_sql(of_sessions, rare):
    """Whatever is asked for of any field, it is a parameter."""
    for name, field in FIELDS.items():
        if field.kind in {CHOICE, TIME}:
            continue
        tree = Match(name, (Pattern((HOSTILE,)), Pattern((HOSTILE, ""))))
        if field.kind in {NUMBER, DURATION}:
            tree = Compare(name, ">", 987_654_321)
        sql, values = compiled(
            tree, of_sessions=of_sessions, rare=frozenset([tree] if rare else [])
        )
        assert "DROP" not in sql
        assert "987654321" not in sql
        assert sql.count("?") == len(values) > 0
    text = compiled(Text(HOSTILE), of_sessions=of_sessions)
    assert "DROP" not in text.sql


def test_trees_that_nobody_parsed():
    """A tree made by hand that asks for what there is not is an error, or finds nothing."""
    with pytest.raises(QueryError):
        compiled(Match("colour", (Pattern(("red",)),)))
    with pytest.raises(QueryError):
        compiled(When("since", "soon"))
    assert compiled(Match("state", (Pattern((HOSTILE,)),))).sql == "0"
    assert "DROP" not in compiled(Match("kind", (Pattern((HOSTILE,)),))).sql


def test_words_are_never_operators():
    """Each text is quoted for full-text search, so that no error of its syntax can come of it."""
    assert match_expression(Text('a" OR b NEAR c')) == '"a"" OR b NEAR c"'
    assert match_expression(Text("conn", prefix=True)) == '"conn" *'


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("", "idx_session_stats_created"), ("since:7d", "idx_session_stats_created"),
        ("model:gpt-5", "idx_session_stats_model"), ("model:gpt*", "idx_session_stats_model"),
        ("provider:openai", "idx_session_stats_provider"),
        ("request:r", "idx_session_stats_request"), ("failed", "idx_session_stats_failed"),
        ("session:s", "idx_session_stats_session"), ("key:k", "idx_sessions_key"),
        ("user:u", "idx_sessions_user"), ("tool:bash", "idx_tool_calls_name"),
    ],
)  # fmt: skip
def test_plans_use_the_indexes(tmp_path, text, index):
    """What an index knows is asked of it, and pages in the order of time need no sorting."""
    tree = parse_filter(text)
    with closing(connect(tmp_path / "i.db", synchronous="OFF", busy_timeout_ms=1)) as connection:
        for statement in FINDING_INDEXES.values():
            connection.execute(statement)
        sql, values = compiled(tree, rare=frozenset([tree]))
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT r.id FROM session_stats r JOIN sessions s "
            f"ON s.session_id = r.session_id WHERE {sql} "
            "ORDER BY r.created_at DESC, r.session_id, r.request_id LIMIT 50", values,
        ).fetchall()  # fmt: skip
    steps = " ".join(step[3] for step in plan)

    assert index in steps
    assert not re.search(r"SCAN [rst](?! USING)", steps)


def test_probes():
    """What an index can count quickly is counted, and nothing else is asked about."""
    for text in ("model:m", "tool:t", "key:k", "failed", "session:s", "word"):
        assert probe(parse_filter(text), of_sessions=False) is not None
    for text in ("tokens>5", "since:7d", "kind:cron", "running", "tag:x", "streaming:yes"):
        assert probe(parse_filter(text), of_sessions=True) is None
