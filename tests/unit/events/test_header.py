"""Headers of every version."""

import ast
import functools
import json
from datetime import UTC, datetime
from pathlib import Path

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


SOURCE = Path(__file__).parents[3] / "src" / "steno"
APPENDS = {"writers/jsonl.py", "transcripts/importers/landing.py"}
"""Who may begin transcripts: what is recorded, and what is imported."""
COPIES = {"cli/export.py"}
"""Who writes the header of a transcript into a copy."""
SEALED = {"writers/sealed.py"}
"""Who begins a sealed transcript, which is no file of lines and lies in no folder of them."""


@functools.cache
def parse():
    """Parse all modules of the product: the nodes of each, by its path."""
    return {path: list(ast.walk(ast.parse(path.read_bytes()))) for path in SOURCE.rglob("*.py")}


def callers(module, name):
    """List the modules that call what they import from another one by a name."""
    found = set()
    for path, nodes in parse().items():
        imported = path == SOURCE / f"{module.removeprefix('steno.').replace('.', '/')}.py" or any(
            isinstance(node, ast.ImportFrom)
            and node.module == module
            and any(alias.name == name for alias in node.names)
            for node in nodes
        )
        called = (node.func for node in nodes if isinstance(node, ast.Call))
        if imported and any(getattr(each, "id", None) == name for each in called):
            found.add(path.relative_to(SOURCE).as_posix())
    return found


def test_one_function_makes_headers():
    """`make_header` alone builds headers; `TranscriptFolder.append` alone begins transcripts."""
    assert callers("steno.events.header", "Header") == {"events/header.py"}
    begin = callers("steno.storage.transcript", "TranscriptFolder")
    write = callers("steno.events.codec", "encode_header")
    assert "writers/jsonl.py" in begin <= APPENDS
    assert begin <= write - SEALED <= APPENDS | COPIES
    assert callers("steno.storage.sealed_log", "SealedLog") >= SEALED


def test_no_header_line_is_written_by_hand():
    """No module spells out how a header begins, but to look for one."""
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if '"type":"session"' in path.read_text()
    }

    assert found <= {
        "storage/transcript.py",
        "transcripts/importers/landing.py",
        "transcripts/reader.py",
        "transcripts/recovery/reading.py",
    }
