"""``steno stats``."""

import json


def test_all(recorded, run):
    """All requests are summed up."""
    _, out, _ = run("stats", "--home", recorded, "--json")

    figures = json.loads(out)
    assert (figures["sessions"], figures["requests"], figures["failed"]) == (3, 4, 1)
    assert (figures["input_tokens"], figures["output_tokens"], figures["reasoning_tokens"]) == (
        11,
        22,
        5,
    )
    assert figures["success_rate"] == 75.0


def test_groups_add_up(recorded, run):
    """Whatever the figures are told apart by, they add up to the same sums."""
    for group in ("model", "day", "provider", "user", "agent"):
        _, out, _ = run("stats", "--home", recorded, "--by", group, "--json")
        rows = [json.loads(line) for line in out.splitlines()]
        assert sum(row["requests"] for row in rows) == 4
        assert sum(row["input_tokens"] for row in rows) == 11


def test_tables(recorded, run):
    """Without --json there is a table."""
    assert "gpt-5-2026" in run("stats", "--home", recorded, "--by", "model")[1]
    assert "success_rate" in run("stats", "--home", recorded, "--since", "1d")[1]


def test_filtered_and_by_several(recorded, run):
    """Figures can be had of what a filter describes, and by several groups at once."""
    _, out, _ = run("stats", "--home", recorded, "--by", "model,day", "--json", "-failed")
    rows = [json.loads(line) for line in out.splitlines()]
    _, whole, _ = run("stats", "--home", recorded, "--json", '"how are you"')

    assert sum(row["requests"] for row in rows) == 3
    assert all(len(row["day"]) == 10 for row in rows)
    assert {row["model"] for row in rows} >= {"gpt-5-2026"}
    assert json.loads(whole)["requests"] == 1
    assert run("stats", "--home", recorded, "--by", "colour")[0] == 2
