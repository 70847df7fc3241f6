"""Every fixture of every format becomes the events that are expected of it.

``tests/data/imported`` holds them: for each fixture below ``tests/data/imports`` a file of the same
place and name (``.jsonl`` behind it where it has another ending), with the header and the events of
each session that the fixture begins. Left out is what stands in the fixture (``entry``), what depends
on price data, what follows from the rest (numbers, digests, sums by model), and figures of zero.

After a change that is meant, write them anew, and read the difference before it is committed::

    RENEW_EXPECTED=1 python -m pytest tests/integration/test_imported_fixtures.py
"""

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from steno.storage.compressed import load_zstd

DATA = Path(__file__).parents[1] / "data"
FIXTURES, EXPECTED = DATA / "imports", DATA / "imported"
RENEW = bool(os.environ.get("RENEW_EXPECTED"))

TOGETHER = {"codex": "*", "gemini": "*"}
"""What is imported into one home, where that is not each file and each folder of a format: of the
others each is imported alone, so that none is a copy of another."""

CHANGED = 1_767_225_600
"""When all copies of fixtures were last changed: the time of entries that tell none."""

FOLLOWS = {
    "session": {"type", "version", "id", "steno"},
    "entry_imported": {"format", "entry", "entry_key"},
    "started": {"listener"},
    "completed": {"by_model", "estimated_cost"},
}
"""What is left out, by type; and of every event its session, recorder and number."""


def cases():
    """List what is imported together: format and path."""
    for folder in sorted(FIXTURES.iterdir()):
        if folder.name in TOGETHER:
            yield pytest.param(folder.name, TOGETHER[folder.name], id=folder.name)
            continue
        for path in sorted(folder.iterdir()):
            if path.name != "README.md":
                yield pytest.param(folder.name, path.name, id=f"{folder.name}-{path.name}")


def place(name, pattern, target):
    """Copy fixtures to where they are imported; those in SQL become databases."""
    source = FIXTURES / name
    for path in sorted(source.glob(pattern)):
        copy = target / path.relative_to(source)
        if path.suffix == ".sql":
            target.mkdir(exist_ok=True)
            with contextlib.closing(sqlite3.connect(copy)) as connection, connection:
                connection.executescript(path.read_text())
                if name == "openclaw-store":
                    fill(connection, path.stem)
        elif path.is_dir():
            shutil.copytree(path, copy, dirs_exist_ok=True)
        else:
            target.mkdir(exist_ok=True)
            shutil.copy(path, copy)
    for path in sorted(target.rglob("*")):
        os.utime(path, (CHANGED, CHANGED))


def fill(connection, schema):
    """Put sessions into OpenClaw's database: lines of its older form, some packed, one deleted."""
    insert = "INSERT INTO {} ({}) VALUES ({})".format
    newest = schema == "schema-25"

    def add(table, **fields):
        marks = ", ".join("?" * len(fields))
        connection.execute(insert(table, ", ".join(fields), marks), tuple(fields.values()))

    for number, fixture in enumerate(("compaction", "failures", "branches")):
        lines = (FIXTURES / "openclaw" / f"{fixture}.jsonl").read_text().splitlines()
        session = f"{schema}-{fixture}"
        if newest and fixture == "branches":
            add("session_transcript_archives", session_id=session, generation="g1",
                session_key="agent:garden:main", reason="deleted", encoding="zstd",
                archive_blob=load_zstd().compress("\n".join(lines).encode()),
                archive_sha256="0" * 64, archive_name=session, created_at=CHANGED * 1000)  # fmt: skip
            continue
        add("session_windows", session_id=session, session_key="agent:garden:main",
            created_at=CHANGED * 1000 + number, updated_at=CHANGED * 1000 + number)  # fmt: skip
        for seq, line in enumerate(lines):
            text = {"event_json": line}
            if newest and seq % 2:
                data = line.encode()
                text = {"event_zstd": load_zstd().compress(data), "event_utf8_bytes": len(data)}
            add("transcript_events", session_id=session, seq=seq, created_at=CHANGED * 1000, **text)


def shorten(value):
    """Leave out what follows from the rest."""
    left_out = FOLLOWS.get(value["type"], set()) | {"recorder", "seq"}
    if value["type"] != "session":
        left_out |= {"session_id"}
    return {
        name: field
        for name, field in value.items()
        if name not in left_out and (isinstance(field, bool) or field not in (None, 0, "", []))
    }


def read_sessions(home, root):
    """Read the sessions of a home: by fixture that begins them, their headers and events."""
    found = {}
    for path in sorted((home / "sessions").rglob("*.jsonl"), key=lambda path: path.name):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        header = shorten(lines[0])
        source = Path(header["source"].pop("path")).relative_to(root)
        found.setdefault(str(source), []).extend(
            [header, *(shorten(line) for line in lines[1:] if line["type"] != "session")]
        )
    return found


def compare(folder, found):
    """Compare with what is expected, or write it anew."""
    for name, values in found.items():
        path = folder / f"{name.removesuffix('.jsonl')}.jsonl"
        if RENEW:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = (json.dumps(value, ensure_ascii=False) + "\n" for value in values)
            path.write_text("".join(lines))
        assert path.exists(), f"nothing is expected of {name}: see how it is renewed, above"
        assert values == [json.loads(line) for line in path.read_text().splitlines()], path


@pytest.mark.parametrize(("name", "pattern"), list(cases()))
def test_events(name, pattern, tmp_path, run):
    """A fixture becomes the events that are expected of it; importing it twice adds none."""
    root, home = tmp_path / name, tmp_path / "home"
    place(name, pattern, root)

    code, out, err = run("import", root, "--home", home, "--json")
    found = read_sessions(home, root)
    again = run("import", root, "--home", home, "--json", "--again")

    reports = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert {each["format"] for each in reports} - {None} == {name}
    compare(EXPECTED / name, found)
    assert again[0] == 0
    assert sum(json.loads(line)["new"] for line in again[1].splitlines()) == 0
    assert read_sessions(home, root) == found


def test_nothing_is_left_over():
    """What is expected belongs to a fixture that there is."""
    of = [FIXTURES / path.relative_to(EXPECTED) for path in EXPECTED.rglob("*.jsonl")]

    assert of
    assert [path for path in of if not (path.exists() or path.with_suffix("").exists())] == []
