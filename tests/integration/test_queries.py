"""The queries of the specification, verbatim, against a home that was recorded."""

import os
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime

import pytest

import steno

HIGH_THINKING = """
-- High thinking token usage
SELECT session_id, model_used, thinking_tokens, response_text
FROM sessions
WHERE thinking_tokens > 10000
ORDER BY thinking_tokens DESC;
"""
DAILY_USAGE = """
-- Daily usage by model
SELECT
    DATE(started_at) as date,
    model_used,
    COUNT(*) as requests,
    SUM(input_tokens) as total_input,
    SUM(output_tokens) as total_output
FROM sessions
WHERE started_at > datetime('now', '-7 days')
GROUP BY DATE(started_at), model_used;
"""
STATS_BY_MODEL = """
-- Stats by model with request correlation
SELECT
    s.session_id,
    s.request_id,
    s.model_used,
    st.tokens_per_second,
    st.thinking_percentage
FROM sessions s
JOIN session_stats st ON s.session_id = st.session_id
WHERE st.model_name = 'claude-sonnet-4'
ORDER BY st.tokens_per_second DESC;
"""
JQ_THINKING = """
jq 'select(.type == "completed" and .total_thinking > 10000)' \\
  ~/.lunaroute/sessions/2025-10-01/*.jsonl
"""
JQ_IDS = "jq -r '.session_id' ~/.lunaroute/sessions/2025-10-01/*.jsonl | sort -u"
JQ_COUNT = "jq -r '.type' ~/.lunaroute/sessions/2025-10-01/*.jsonl | sort | uniq -c"


@pytest.fixture
def recorded(home):
    """Record three sessions, one of which thinks a lot."""
    with steno.open(home) as recorder:
        for name, thinking in (("calm", 5), ("deep", 20_000), ("deeper", 30_000)):
            with recorder.session(name) as session:
                with session.request(model="claude-sonnet-4", provider="anthropic") as request:
                    request.tool_call("search", success=True)
                    request.response(
                        text=f"{name} answer",
                        model_used="claude-sonnet-4",
                        tokens=steno.Tokens(
                            input=100,
                            output=thinking * 2,
                            thinking=thinking,
                            tokens_per_second=thinking,
                        ),
                    )
        recorder.flush()
    return home


def query(home, text):
    """Run a query with the standard library's driver, as anybody may."""
    connection = sqlite3.connect(home / "sessions.db")
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def shell(home, text):
    """Run a shell command on a copy of the home that lies where the specification's does."""
    if shutil.which("jq") is None:
        if os.environ.get("CI"):
            pytest.fail("jq is missing: scripts/install-test-tools installs it")
        pytest.skip("jq is missing: apt-get install jq")
    target = home / "user" / ".lunaroute" / "sessions"
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    shutil.copytree(home / "sessions" / today, target / "2025-10-01")
    done = subprocess.run(
        ["/bin/bash", "-c", text], capture_output=True, text=True, check=True,
        env={**os.environ, "HOME": str(home / "user")},
    )  # fmt: skip
    return done.stdout


def test_high_thinking(recorded):
    """The query for high thinking usage finds the two sessions, the greater one first."""
    assert query(recorded, HIGH_THINKING) == [
        ("deeper", "claude-sonnet-4", 30_000, "deeper answer"),
        ("deep", "claude-sonnet-4", 20_000, "deep answer"),
    ]


def test_daily_usage(recorded):
    """The query for daily usage adds all three sessions up."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"

    assert query(recorded, DAILY_USAGE) == [(today, "claude-sonnet-4", 3, 300, 100_010)]


def test_stats_by_model(recorded):
    """The query over sessions and requests joins them, the fastest first."""
    rows = query(recorded, STATS_BY_MODEL)

    assert [(row[0], row[3], row[4]) for row in rows] == [
        ("deeper", 30_000, 50), ("deep", 20_000, 50), ("calm", 5, 50),
    ]  # fmt: skip
    assert all(row[1].startswith("req-") for row in rows)


def test_jq_high_thinking(recorded):
    """The first jq example finds the completed events of the two sessions."""
    assert shell(recorded, JQ_THINKING).count('"type": "completed"') == 2


def test_jq_session_ids(recorded):
    """The second jq example lists the session ids, headers included."""
    assert shell(recorded, JQ_IDS).split() == ["calm", "deep", "deeper"]


def test_jq_count_by_type(recorded):
    """The third jq example counts events by type; no line lacks one."""
    counts = {
        line.split()[1]: int(line.split()[0]) for line in shell(recorded, JQ_COUNT).splitlines()
    }

    assert counts == {
        "session": 3, "started": 3, "tool_call_recorded": 3, "response_recorded": 3, "completed": 3,
    }  # fmt: skip
