"""Whatever is asked of whatever index, the answer is what a naive look at the rows says."""

import contextlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steno.errors import FilterError
from steno.query import finding
from steno.query.catching_up import CaughtUp
from steno.query.filter.fields import CHOICE, DURATION, FIELDS, NUMBER, TEXT
from steno.query.filter.model import (
    And,
    Compare,
    Match,
    Not,
    Or,
    Pattern,
    Text,
    When,
    all_of,
    any_of,
)
from steno.query.filter.parsing import parse_filter
from steno.query.filter.writing import format_filter
from steno.query.finding import SORTS, Finder
from steno.query.index import attach, open_index
from steno.query.search import SHIFT, open_search
from steno.session_keys import kind_of
from steno.storage.lease import Lease
from steno.writers.sqlite import connect

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STAMPS = [
    (NOW - timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S.%f")
    for hours in (0, 1, 12, 13, 36, 90)
]
WORDS = ["alpha", "beta", "gamma", "delta", "Alphabet"]

# -- trees ------------------------------------------------------------------------------------

values = st.sampled_from(["a", "ab", "b", "A", "a*b", "a?b", "[a]", "x y", 'q"\\', "é", "a\tb"])
patterns = st.one_of(
    values.map(lambda text: Pattern((text,))),
    st.lists(st.sampled_from(["", "a", "b", "[", "?", "*", "x "]), min_size=2, max_size=3)
    .filter(lambda parts: all(parts[1:-1]))
    .map(lambda parts: Pattern(tuple(parts))),
    st.just(Pattern(("",))),
)
of_kind = {
    kind: st.sampled_from([name for name, field in FIELDS.items() if field.kind == kind])
    for kind in (TEXT, CHOICE, NUMBER, DURATION)
}
matches = st.builds(Match, of_kind[TEXT], st.lists(patterns, min_size=1, max_size=3).map(tuple))
choices = of_kind[CHOICE].flatmap(
    lambda name: st.lists(st.sampled_from(FIELDS[name].choices), min_size=1, max_size=2).map(
        lambda chosen: Match(name, tuple(Pattern((each,)) for each in chosen))
    )
)
figures = st.one_of(st.integers(0, 6), st.sampled_from([0.25, 0.5, 1.5, 10**12, 1e-07]))
compares = st.builds(
    Compare, st.one_of(of_kind[NUMBER], of_kind[DURATION]),
    st.sampled_from([">", ">=", "<", "<=", "="]), figures,
)  # fmt: skip
times = st.one_of(
    st.builds(
        When, st.sampled_from(["since", "until"]),
        st.sampled_from(["1h", "12h", "2d", "today", "2026-11-19", "2026-11-20T00:00:00Z"]),
    ),
    st.builds(When, st.just("on"), st.sampled_from(["yesterday", "2026-11-20", "2026-11-01"])),
)  # fmt: skip
texts = st.builds(
    Text,
    st.lists(st.sampled_from([*WORDS, "ALPHA", "alph", "b"]), min_size=1, max_size=2).map(" ".join),
    st.booleans(),
)
trees = st.recursive(
    st.one_of(matches, choices, compares, times, texts),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(all_of),
        st.lists(inner, min_size=2, max_size=3).map(any_of),
    ),
    max_leaves=6,
)


@given(trees)
def test_written_and_read_again(tree):
    """A tree's text reads as the same tree."""
    assert parse_filter(format_filter(tree)) == tree


loose = st.lists(
    st.sampled_from([
        "model", ":", "tokens", ">", "<=", "10k", "(", ")", "-", "or", "not", '"', "\\", "*", ",",
        " ", "since:", "7d", "failed", "a", "日本", "\x00", "\ud800", "\u200b", "=", "!=", "on:",
        "99999999999d", "1e999", "\n",
    ]),
    max_size=25,
).map("".join)  # fmt: skip


@given(st.one_of(st.text(max_size=60), loose))
def test_any_text_is_a_filter_or_an_error_with_a_place(text):
    """No text raises anything but an error that points into it."""
    caught, tree = None, None
    try:
        tree = parse_filter(text)
    except FilterError as error:
        caught = error

    if caught is None:
        assert parse_filter(format_filter(tree)) == tree
    else:
        assert 0 <= caught.position <= len(text)
        lines = caught.message.split("\n")
        assert len(lines) == 3
        assert lines[2].strip() == "^"


# -- rows -------------------------------------------------------------------------------------

optional = st.one_of(st.none(), values, st.just(""))
amounts = st.one_of(st.none(), st.integers(0, 5))
stamps = st.sampled_from(STAMPS)
recorders = st.sampled_from([None, "living", "dead"])
KEYS = [
    None,
    "",
    "agent:main:main",
    "agent:a:cron:x",
    "agent:a:direct:b",
    "a",
    "a\x00b",
    "x:hook:y",
]
of_sessions = {
    "session_key": st.sampled_from(KEYS), "agent_id": optional, "user_id": optional,
    "chat_id": optional, "message_id": optional, "client_ip": optional, "program": optional,
    "host": optional, "created_at": stamps, "success": st.sampled_from([None, 0, 1]),
    "finish_reason": st.sampled_from([None, "stop", "interrupted"]), "recorder": recorders,
    "tags": st.sampled_from([None, '["a","b"]', '["x y"]', "[", "[]"]),
    "time_to_first_token_ms": amounts,
}  # fmt: skip
of_requests = {
    "model_name": st.sampled_from(["", "a", "ab", "[a]"]), "provider": optional,
    "finish_reason": st.sampled_from([None, "a", "interrupted"]), "error_message": optional,
    "is_streaming": st.sampled_from([None, 0, 1]), "message_count": amounts,
    "tokens_per_second": st.sampled_from([None, 0.5, 3.0]), "time_to_first_token_ms": amounts,
    "provider_latency_ms": amounts, "input_tokens": amounts, "output_tokens": amounts,
    "thinking_tokens": amounts, "reasoning_tokens": amounts, "cache_read_tokens": amounts,
    "cost_usd": st.sampled_from([None, 0.25, 1.5]), "duration_ms": amounts,
    "created_at": stamps, "completed_at": st.one_of(st.none(), stamps),
    "success": st.sampled_from([None, 0, 1]), "recorder": recorders,
}  # fmt: skip
sessions, requests = st.fixed_dictionaries(of_sessions), st.fixed_dictionaries(of_requests)
tools = st.lists(values, max_size=2)
docs = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), max_size=2)
worlds = st.lists(
    st.tuples(sessions, st.lists(st.tuples(requests, tools, docs), max_size=3), docs), max_size=4
)


class World:
    """The rows of an index, and what is true of them."""

    def __init__(self, world):
        self.sessions = []
        self.requests = []
        names = ["a", "ab", "b", "[a]"]
        for at, (session, members, loose_docs) in enumerate(world):
            name = names[at] if at < len(names) else f"s{at:03}"
            session = {**session, "session_id": name, "members": [], "docs": loose_docs}
            for number, (request, calls, said) in enumerate(members):
                request_id = names[number] if number < len(names) else f"r{number:03}"
                request = {**request, "request_id": request_id, "tools": calls, "docs": said,
                           "session": session}  # fmt: skip
                session["members"].append(request)
                self.requests.append(request)
            self.sessions.append(session)

    def store(self, index, search):
        with contextlib.closing(connect(index, synchronous="OFF", busy_timeout_ms=1)) as db:
            db.execute("BEGIN")
            for session in self.sessions:
                row = {k: v for k, v in session.items() if k not in {"members", "docs"}}
                insert(db, "sessions", {**row, "started_at": row["created_at"]})
                for request in session["members"]:
                    row = {
                        k: v for k, v in request.items() if k not in {"tools", "docs", "session"}
                    }
                    insert(db, "session_stats", {**row, "session_id": session["session_id"]})
                    for number, tool in enumerate(request["tools"]):
                        insert(db, "tool_call_executions", {
                            "session_id": session["session_id"], "request_id": request["request_id"],
                            "call_key": number, "tool_name": tool, "created_at": STAMPS[0],
                        })  # fmt: skip
            db.execute("COMMIT")
        with contextlib.closing(open_search(search)) as db:
            db.execute("PRAGMA synchronous = OFF")
            place = 0
            db.execute("BEGIN")
            for session in self.sessions:
                for request in [{"request_id": "", "docs": session["docs"]}, *session["members"]]:
                    place += 1
                    db.execute("INSERT INTO places VALUES (?, 1, ?, ?, 9)",
                               (place, session["session_id"], request["request_id"]))  # fmt: skip
                    for number, said in enumerate(request["docs"]):
                        db.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)",
                                   ((place << SHIFT) + number, " ".join(said)))  # fmt: skip
            db.execute("COMMIT")


def insert(db, table, row):
    marks = ", ".join("?" for _ in row)
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


# -- the naive look ---------------------------------------------------------------------------

OPS = {">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "<": lambda a, b: a < b,
       "<=": lambda a, b: a <= b, "=": lambda a, b: a == b}  # fmt: skip


def holds(tree, row, of_session):
    if isinstance(tree, And):
        return all(holds(term, row, of_session) for term in tree.terms)
    if isinstance(tree, Or):
        return any(holds(term, row, of_session) for term in tree.terms)
    if isinstance(tree, Not):
        return not holds(tree.term, row, of_session)
    session = row if of_session else row["session"]
    members = session["members"] if of_session else [row]
    if isinstance(tree, When):
        return in_time(tree, row["created_at"])
    if isinstance(tree, Text):
        said = [doc for member in members for doc in member["docs"]]
        return any(says(tree, doc) for doc in [*said, *(session["docs"] if of_session else [])])
    if isinstance(tree, Compare):
        found = amount(tree.field, row, session, members, of_session)
        return any(each is not None and OPS[tree.op](each, tree.value) for each in found)
    if tree.field == "state":
        return any(state(row, of_session) == each.exact for each in tree.patterns)
    if tree.field == "kind":
        return any(kind_of(session["session_key"]) == each.exact for each in tree.patterns)
    if tree.field == "streaming":
        wanted = {each.exact == "yes" for each in tree.patterns}
        return any(
            each["is_streaming"] is not None and bool(each["is_streaming"]) in wanted
            for each in members
        )
    found = texts_for(tree.field, session, members)
    return any(like(each, text) for each in tree.patterns for text in found)


def texts_for(name, session, members):
    of_session = {"key": "session_key", "agent": "agent_id", "user": "user_id", "chat": "chat_id",
                  "message": "message_id", "ip": "client_ip", "program": "program", "host": "host",
                  "session": "session_id"}  # fmt: skip
    of_request = {"model": "model_name", "provider": "provider", "finish": "finish_reason",
                  "error": "error_message", "request": "request_id"}  # fmt: skip
    if name in of_session:
        return [session[of_session[name]]]
    if name == "tool":
        return [tool for member in members for tool in member["tools"]]
    if name == "tag":
        return {'["a","b"]': ["a", "b"], '["x y"]': ["x y"]}.get(session["tags"], [])
    return [member[of_request[name]] for member in members]


def like(pattern, text):
    if pattern.exact is not None:
        return (text or "") == pattern.exact
    if not any(pattern.parts):
        return bool(text)
    expression = ".*".join(map(re.escape, pattern.parts))
    return (
        text is not None and re.fullmatch(expression, text.split("\x00")[0], re.DOTALL) is not None
    )


def in_time(tree, stamp):
    days = {"today": "2026-11-20", "yesterday": "2026-11-19"}
    text = days.get(tree.text, tree.text)
    at = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
    if text[-1] in "hd":
        begin = end = NOW - timedelta(**{{"h": "hours", "d": "days"}[text[-1]]: int(text[:-1])})
    elif "T" in text:
        begin = end = datetime.fromisoformat(text)
    else:
        begin = datetime.fromisoformat(text).replace(tzinfo=UTC)
        end = begin + timedelta(days=1)
    after, before = at >= begin, at < end or at == begin == end
    return {"since": after, "until": before, "on": after and before}[tree.field]


def says(tree, doc):
    words, said = tree.text.lower().split(), [word.lower() for word in doc]
    for at in range(len(said) - len(words) + 1):
        part = said[at : at + len(words)]
        last = part[-1].startswith(words[-1]) if tree.prefix else part[-1] == words[-1]
        if part[:-1] == words[:-1] and last:
            return True
    return False


def amount(name, row, session, members, of_session):
    if name == "requests":
        return [len(session["members"])]
    if name == "gaps":
        return [0]
    simple = {"messages": "message_count", "speed": "tokens_per_second",
              "ttft": "time_to_first_token_ms", "latency": "provider_latency_ms"}  # fmt: skip
    if name in simple:
        return [member[simple[name]] for member in members]
    each = [sum_of(name, member) for member in members]
    if not of_session:
        return each
    known = [value for value in each if value is not None]
    return [sum(known) if known or name != "cost" else None]


def sum_of(name, request):
    if name == "tools":
        return len(request["tools"])
    if name == "tokens":
        known = [v for v in (request["input_tokens"], request["output_tokens"]) if v is not None]
        return sum(known) if known else None
    column = {"cached": "cache_read_tokens", "cost": "cost_usd", "duration": "duration_ms"}
    return request[column.get(name, f"{name}_tokens")]


def state(row, of_session):
    if not of_session:
        if row["finish_reason"] == "interrupted":
            return "interrupted"
        if row["completed_at"] is None:
            return "running" if row["recorder"] == "living" else "interrupted"
        return "failed" if row["success"] == 0 else "ok"
    still = [each for each in row["members"] if each["completed_at"] is None]
    if still:
        return "running" if any(e["recorder"] == "living" for e in still) else "interrupted"
    if row["finish_reason"] == "interrupted":
        return "interrupted"
    if row["success"] is None:
        return "running" if row["recorder"] == "living" else "ok"
    return "ok" if row["success"] else "failed"


@pytest.fixture(scope="module")
def living(tmp_path_factory):
    """Name a folder of transcripts in which one recorder lives."""
    folder = tmp_path_factory.mktemp("sessions")
    lease = Lease(folder, "living")
    lease.add(["x.jsonl"])
    yield folder
    lease.release(settled=True)


@pytest.mark.parametrize(
    ("few", "windows"), [(2_000, (1_000,)), (0, (2, 3)), (2, ())], ids=["rare", "windows", "whole"]
)
@settings(max_examples=120, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(worlds, trees, st.sampled_from(SORTS), st.booleans(), st.integers(1, 3))
def test_as_a_naive_look(
    living, tmp_path_factory, monkeypatch, few, windows, world, tree, sort, back, limit
):
    """Requests and sessions are those that a naive look finds, page by page, by every way to them."""
    monkeypatch.setattr(finding, "_FEW", few)
    monkeypatch.setattr(finding, "_WINDOWS", windows)
    monkeypatch.setattr(finding, "_SPARE", 0)
    folder = tmp_path_factory.mktemp("home")
    world = World(world)
    world.store(folder / "sessions.db", folder / "search.db")

    with open_index(folder / "sessions.db", living) as connection:
        attach(connection, folder / "search.db", "search")
        finder = Finder(connection, living, CaughtUp())
        options = {"sort": sort, "reverse": back, "now": NOW}
        requests = all_pages(finder.find_requests, tree, limit, options)
        sessions = all_pages(finder.find_sessions, tree, limit, options)
        whole = finder.find_requests(tree, **options).rows

    assert [(row.session_id, row.request_id) for row in whole] == [
        (row.session_id, row.request_id) for row in requests
    ]
    expected = [row for row in world.requests if holds(tree, row, of_session=False)]
    expected.sort(key=lambda row: (row["session"]["session_id"], row["request_id"]), reverse=back)
    expected.sort(
        key=lambda row: order_of(sort, row, row["session"], [row], False), reverse=not back
    )
    assert [(row.session_id, row.request_id) for row in requests] == [
        (row["session"]["session_id"], row["request_id"]) for row in expected
    ]
    assert [row.state for row in requests] == [state(row, False) for row in expected]
    expected = [row for row in world.sessions if holds(tree, row, of_session=True)]
    expected.sort(key=lambda row: row["session_id"], reverse=back)
    expected.sort(key=lambda row: order_of(sort, row, row, row["members"], True), reverse=not back)
    assert [found.row.session_id for found in sessions] == [row["session_id"] for row in expected]
    assert [found.row.state for found in sessions] == [state(row, True) for row in expected]


def order_of(sort, row, session, members, of_session):
    if sort == "time":
        return row["created_at"]
    if sort == "ttft":
        value = row["time_to_first_token_ms"]
    elif sort == "tokens" and not of_session:
        both = (row["input_tokens"], row["output_tokens"])
        value = None if None in both else sum(both)
    else:
        (value,) = amount(sort, row, session, members, of_session)
    return (-1 if value is None else value, row["created_at"])


def all_pages(find, tree, limit, options):
    rows, after = [], None
    while True:
        page = find(tree, limit=limit, after=after, **options)
        rows += page.rows
        after = page.after
        if after is None:
            return rows
        assert len(page.rows) == limit


def test_every_state(living, tmp_path):
    """Each state holds for the rows that have it, however a request and its session ended."""
    empty_request = dict.fromkeys(of_requests)
    empty_session = dict.fromkeys(of_sessions) | {"created_at": STAMPS[0]}
    members = [
        ({**empty_request, "model_name": "", "created_at": STAMPS[0], "completed_at": ended,
          "success": success, "finish_reason": finish, "recorder": recorder}, [], [])
        for ended in (None, STAMPS[0])
        for success in (None, 0, 1)
        for finish in (None, "interrupted")
        for recorder in ("living", "dead", None)
    ]  # fmt: skip
    world = World([
        ({**empty_session, "success": success, "finish_reason": finish, "recorder": recorder},
         some, [])
        for success in (None, 0, 1)
        for finish in (None, "interrupted")
        for recorder in ("living", "dead", None)
        for some in ([], members[-1:], members[:1], members[1:2], members)
    ])  # fmt: skip
    world.store(tmp_path / "sessions.db", tmp_path / "search.db")

    with open_index(tmp_path / "sessions.db", living) as connection:
        finder = Finder(connection, living)
        for text in ("running", "ok", "failed", "interrupted"):
            for tree in (parse_filter(text), parse_filter(f"-{text}")):
                expected = {
                    (row["session"]["session_id"], row["request_id"])
                    for row in world.requests
                    if holds(tree, row, of_session=False)
                }
                found = finder.find_requests(tree, limit=5000).rows
                assert {(row.session_id, row.request_id) for row in found} == expected != set()
                expected = {
                    row["session_id"] for row in world.sessions if holds(tree, row, of_session=True)
                }
                found = finder.find_sessions(tree, limit=5000).rows
                assert {each.row.session_id for each in found} == expected != set()
