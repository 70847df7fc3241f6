"""``steno sql``."""

import json

COUNT = "SELECT COUNT(*) AS sessions FROM sessions"


def test_forms(recorded, run):
    """The answer comes as a table, as JSON and as CSV."""
    assert run("sql", COUNT, "--home", recorded)[1].split() == ["sessions", "3"]
    assert json.loads(run("sql", COUNT, "--home", recorded, "--json")[1]) == {"sessions": 3}
    assert run("sql", COUNT, "--home", recorded, "--csv")[1].splitlines() == ["sessions", "3"]


def test_columns_of_one_name(recorded, run):
    """Two columns of one name are both in the JSON."""
    _, out, _ = run("sql", "SELECT 1 AS a, 2 AS a", "--home", recorded, "--json")

    assert json.loads(out) == {"a": 1, "a:1": 2}


def test_limit(recorded, run):
    """A limit cuts the answer and says so."""
    _, out, err = run("sql", "SELECT 1 FROM sessions", "--home", recorded, "--limit", "2", "--json")

    assert len(out.splitlines()) == 2
    assert "only the first 2 rows" in err


def test_writing_is_refused(recorded, run):
    """Whatever would write is refused with a word of explanation, and nothing is changed."""
    for query in (
        "DELETE FROM sessions", "DROP TABLE sessions", "ATTACH 'x.db' AS y", "PRAGMA user_version = 5",
        "UPDATE sessions SET user_id = 'x'", "VACUUM INTO 'copy.db'",
    ):  # fmt: skip
        code, _, err = run("sql", query, "--home", recorded)
        assert code == 1, query
        assert "steno: error" in err
    assert json.loads(run("sql", COUNT, "--home", recorded, "--json")[1]) == {"sessions": 3}
    assert json.loads(run("sql", "PRAGMA user_version", "--home", recorded, "--json")[1]) == {
        "user_version": 0
    }


def test_mistakes(recorded, run):
    """A query that can't be run is an error with the tables as a hint."""
    code, _, err = run("sql", "SELEC 1", "--home", recorded)

    assert code == 1
    assert "session_stats" in err
