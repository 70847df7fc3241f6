"""``steno recover``."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys

import pytest

A = "aaaaaaaa-1111-4111-8111-111111111111"
B = "bbbbbbbb-2222-4222-8222-222222222222"
OLD = 1_767_225_600


@pytest.fixture
def folder(tmp_path):
    """Make a folder with a known transcript and a damaged one that nobody knows."""
    folder = tmp_path / "state" / "agents" / "main" / "sessions"
    folder.mkdir(parents=True)
    header = '{{"type":"session","version":3,"id":"{}","timestamp":"2026-01-01T00:00:00.000Z"}}\n'
    (folder / f"{A}.jsonl").write_text(header.format(A))
    (folder / f"{B}.jsonl").write_text(header.format(B) + '{"torn')
    (folder / "sessions.json").write_text(json.dumps({"agent:main:main": {"sessionId": A}}))
    for path in folder.iterdir():
        os.utime(path, (OLD, OLD))
    return folder


def rows(out):
    """Read what was printed."""
    return [json.loads(line) for line in out.splitlines()]


def test_for_people(folder, run, home):
    """A person gets a table, the sum, and where it is kept."""
    code, out, err = run("recover", folder, "--home", home)

    assert code == 0
    assert "agent:main:main" in out
    assert "2 transcripts: 0 by header, 1 by store, 0 by evidence, 1 unknown" in out
    assert "1 with damage" in out
    assert f"2 verdicts are in {home / 'sessions.db'}" in out
    assert err == ""


def test_for_programs(folder, run, home):
    """A program gets one object for each transcript, with the fields that were promised."""
    _, out, _ = run("recover", folder, "--home", home, "--json")

    first, second = rows(out)
    assert {
        "path", "session_id", "session_key", "agent_id", "identified_by", "confidence", "evidence",
        "damage",
    } <= first.keys()  # fmt: skip
    assert (first["session_key"], first["identified_by"]) == ("agent:main:main", "store")
    assert first["evidence"][0]["source"].endswith("sessions.json")
    assert (second["session_key"], second["identified_by"]) == (None, "none")
    assert second["damage"][0]["kind"] == "torn"


def test_a_store_from_elsewhere(folder, run, home, tmp_path):
    """An index that lies elsewhere is asked with --store."""
    (folder / "sessions.json").rename(tmp_path / "backup.json")

    _, without, _ = run("recover", folder, "--home", home, "--json")
    _, out, _ = run(
        "recover", folder, "--home", home, "--json", "--store", tmp_path / "backup.json"
    )

    assert rows(without)[0]["identified_by"] == "none"
    assert rows(out)[0]["identified_by"] == "store"


def test_stamped_copies(folder, run, home, tmp_path):
    """Copies get the key; what was skipped is counted, with the reasons."""
    code, out, _ = run("recover", folder, "--home", home, "--stamp", tmp_path / "out")

    assert code == 0
    assert "1 skipped, 1 stamped" in out
    assert "1 skipped: nobody knows who it is" in out
    assert '"sessionKey":"agent:main:main"' in (tmp_path / "out" / f"{A}.jsonl").read_text()
    assert "sessionKey" not in (folder / f"{A}.jsonl").read_text()


def test_stamping_in_place(folder, run, home):
    """On demand the transcript itself gets the key, and the original is kept."""
    _, out, _ = run("recover", folder, "--home", home, "--stamp-in-place", "--json")

    assert [row["stamp"]["outcome"] for row in rows(out)] == ["stamped", "skipped"]
    assert '"sessionKey":"agent:main:main"' in (folder / f"{A}.jsonl").read_text()
    assert "sessionKey" not in (folder / f"{A}.jsonl.orig").read_text()


def test_repair(folder, run, home, tmp_path):
    """Clean copies of damaged files are written, and it is said what was lost."""
    code, out, _ = run("recover", folder, "--home", home, "--repair", tmp_path / "clean")
    _, again, _ = run("recover", folder, "--home", home, "--repair", tmp_path / "clean", "--json")

    assert code == 0
    assert "1 values, 6 bytes lost in 1 places" in out
    assert [path.name for path in (tmp_path / "clean").iterdir()] == [f"{B}.jsonl"]
    assert [row["repair"] and row["repair"]["outcome"] for row in rows(again)] == [None, "skipped"]


def test_a_dry_run(folder, run, home, tmp_path):
    """A dry run writes nothing anywhere."""
    before = sorted(folder.iterdir())

    code, out, _ = run("recover", folder, "--home", home, "--dry-run", "--stamp-in-place",
                       "--repair", tmp_path / "clean")  # fmt: skip

    assert code == 0
    assert "1 planned, 1 skipped" in out
    assert sorted(folder.iterdir()) == before
    assert not home.exists()
    assert not (tmp_path / "clean").exists()


def test_no_index_is_kept(folder, run, home, monkeypatch):
    """Where no index is kept, it is said, and the rest is done."""
    monkeypatch.setenv("STENO_SQLITE_ENABLED", "false")

    code, _, err = run("recover", folder, "--home", home)

    assert code == 0
    assert "no index is kept" in err
    assert not (home / "sessions.db").exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--stamp", "x", "--stamp-in-place"], 2),
        (["--min-confidence", "2"], 2),
        (["--min-confidence", "nan"], 2),
        (["--store", "nowhere"], 1),
    ],
)
def test_wrong_use(folder, run, home, options, code):
    """Options that exclude each other, a confidence beyond 1 and a missing store are errors."""
    assert run("recover", folder, "--home", home, *options)[0] == code


def test_no_folder(run, home, tmp_path):
    """A folder that is not there is an error with a hint; none at all is wrong use."""
    code, _, err = run("recover", tmp_path / "nowhere", "--home", home)

    assert code == 1
    assert "cannot read the folder" in err
    assert "hint:" in err
    assert run("recover", "--home", home)[0] == 2


def test_copies_among_the_transcripts(folder, run, home):
    """A destination within the folder is refused before anything is read."""
    assert run("recover", folder, "--home", home, "--stamp", folder / "out")[0] == 1
    assert not (folder / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read(folder, run, home):
    """A transcript that can't be read makes the run fail, after all others were told."""
    (folder / f"{B}.jsonl").chmod(0)

    code, out, err = run("recover", folder, "--home", home)

    assert code == 1
    assert "1 by store" in out
    assert "cannot read" in err


def test_two_runs_at_once(folder, home):
    """Two runs at once both end well, and the index has each transcript once."""
    command = [sys.executable, "-m", "steno", "recover", str(folder), "--home", str(home), "--json"]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]

    assert [each.wait(60) for each in runs] == [0, 0, 0]
    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM recovered").fetchone() == (2,)


def test_names_that_a_terminal_would_obey(folder, run, home):
    """Escapes in names and keys never reach the terminal."""
    (folder / "a\x1b[2Jb.jsonl").write_text('{"type":"session","id":"x","sessionKey":"k:\\u202e"}')
    (folder / os.fsdecode(b"\xff.jsonl")).write_text('{"type":"session","id":"y"}')

    code, out, _ = run("recover", folder, "--home", home)
    _, as_json, _ = run("recover", folder, "--home", home, "--json")

    assert code == 0
    assert "\x1b" not in out + as_json
    assert "\u202e" not in out + as_json
    assert len(rows(as_json)) == 4
