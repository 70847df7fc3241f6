"""Headers of every version."""

import json
from datetime import UTC, datetime

import pytest

from steno.events.codec import decode_line
from steno.events.header import Header, make_header, upgrade_header

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_agent_comes_from_the_key():
    """The agent is read from the key, unless it is given."""
    assert make_header("s", NOW, session_key="agent:ops:cron:1").agent_id == "ops"
    assert make_header("s", NOW, session_key="agent:ops:main", agent_id="x").agent_id == "x"
    assert make_header("s", NOW).agent_id is None


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_golden_headers(version, data):
    """A header line of every version is still read."""
    line = (data / f"v{version}" / "header.jsonl").read_bytes().splitlines()[0]

    header = decode_line(line)

    assert isinstance(header, Header)
    assert header.session_id == json.loads(line).get("session_id", json.loads(line)["id"])
    assert header.version == version


def test_upgrade_keeps_what_it_does_not_know():
    """Upgrading adds fields and takes none away."""
    raw = {"type": "session", "id": "x", "novel": 1}

    assert upgrade_header(raw).items() >= raw.items()


@pytest.mark.parametrize("raw", [{}, {"id": 5}, {"session_id": None, "timestamp": 7}, {"cwd": 1}])
def test_hostile_headers(raw):
    """A header of wrong types becomes an entry all the same."""
    entry = decode_line(json.dumps({"type": "session", **raw}).encode())

    assert entry.session_id is not None
