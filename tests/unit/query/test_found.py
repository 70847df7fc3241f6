"""What is found."""

import msgspec

from steno.query.filter.parsing import parse_filter
from steno.query.finding import open_finder


def test_a_row_as_json(recorded):
    """A request tells whose it is, how it went and what it took, and is JSON."""
    places = (recorded / "sessions.db", recorded / "sessions", recorded / "search.db")
    with open_finder(*places) as finder:
        rows = finder.find_requests(parse_filter("tool:search")).rows
    row = msgspec.json.decode(msgspec.json.encode(rows[0]))

    assert len(rows) == 1
    assert (row["session_id"], row["kind"], row["state"]) == ("well", "main", "ok")
    assert (row["input_tokens"], row["output_tokens"], row["tool_calls"]) == (10, 20, 1)
    assert row["started_at"].endswith("Z")
    assert row["transcript"].endswith("well.jsonl")
    assert row["streaming"] is False
    assert row["snippet"] is None
