"""The citation that Open WebUI shows."""

import json
from datetime import UTC, datetime

from steno.logs.citation import as_text, logs_citation
from steno.logs.lines import LogLine

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def line(message, **more):
    """Make a line."""
    return LogLine(1_700_000_000.25, 20, "INFO", "l", message, **more)


def text(event):
    """Return the text of a citation."""
    [document] = event["data"]["document"]
    return document


def test_form():
    """The event is the one that Open WebUI keeps: no type in its data, name and time beside."""
    event = logs_citation([line("a"), line("b")], now=NOW)

    assert event == {
        "type": "citation",
        "data": {
            "document": [
                "2023-11-14 22:13:20,250 [INFO] a\n2023-11-14 22:13:20,250 [INFO] b"
            ],
            "metadata": [{"date_accessed": "2026-01-02T03:04:05+00:00", "source": "Logs"}],
            "source": {"name": "Logs"},
        },
    }  # fmt: skip
    json.dumps(event)


def test_traceback():
    """A traceback follows its line."""
    assert as_text(line("failed", exception="Traceback\nE")).endswith(
        "] failed\n    Traceback\n    E"
    )


def test_cap():
    """Of too much text the oldest lines are left out, and counted."""
    event = logs_citation([line(f"line {number}") for number in range(1000)], max_chars=1000)
    first, *rest = text(event).split("\n")

    assert first == f"({1000 - len(rest)} earlier lines are not shown)"
    assert rest[-1].endswith("line 999")
    assert len("\n".join(rest)) <= 1000


def test_dropped():
    """What a full buffer let go is counted too."""
    assert text(logs_citation([line("a")], dropped=3)).startswith("(3 earlier lines are not shown)")


def test_one_huge_line():
    """A line longer than the cap is cut, not left out."""
    event = logs_citation([line("old"), line("x" * 5000)], max_chars=100)
    first, second = text(event).split("\n")

    assert first == "(1 earlier lines are not shown)"
    assert len(second) == 100


def test_name():
    """It may be called something else."""
    event = logs_citation([line("a")], name="Trace")

    assert event["data"]["source"] == {"name": "Trace"}
    assert event["data"]["metadata"][0]["source"] == "Trace"


def test_nothing():
    """No lines are no text."""
    assert text(logs_citation([])) == ""
