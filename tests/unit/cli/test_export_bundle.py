"""`steno export` makes bundles."""

import json
import os
import subprocess
import sys

import pytest


def test_by_the_name_of_the_file(recorded, run, tmp_path):
    """A file that is called .steno is a bundle, and what is in it is said on stderr."""
    code, out, err = run("export", "well", "--home", recorded, "-o", tmp_path / "w.steno")

    assert (code, out) == (0, "")
    assert "1 session(s), 1 file(s)" in err
    assert "not sealed" in err
    assert (tmp_path / "w.steno").read_bytes().startswith(b"PK")


def test_several_sessions_and_json(recorded, run, tmp_path):
    """Several sessions are a bundle whatever it is called; --json prints the manifest."""
    code, out, _ = run(
        "export", "well", "failed", "--home", recorded, "-o", tmp_path / "b", "--json"
    )

    facts = json.loads(out)
    assert code == 0
    assert [each["session_id"] for each in facts["sessions"]] == ["well", "failed"]
    assert [each["path"] for each in facts["members"]] == [
        "sessions/well/transcript.jsonl", "sessions/failed/transcript.jsonl",
    ]  # fmt: skip
    assert facts["bytes"] == (tmp_path / "b").stat().st_size


def test_the_old_way(recorded, run, tmp_path):
    """One session and another name are the transcript as JSON lines, as ever."""
    code, _, _ = run("export", "well", "--home", recorded, "-o", tmp_path / "w.jsonl")

    assert code == 0
    assert json.loads((tmp_path / "w.jsonl").read_text().splitlines()[0])["session_id"] == "well"


@pytest.mark.parametrize(
    "arguments",
    [
        ["well", "failed"], ["well", "--bundle"], ["well", "--json"],
        ["well", "-o", "a.jsonl", "--recipient", "age1x"],
        ["well", "-o", "a.steno", "--format", "openclaw"],
        ["well", "-o", "a.steno", "--requests", "d"],
        ["well", "-o", "a.steno", "--recipient", "age1x", "--ask-passphrase"],
        ["well", "-o", "a.steno", "--passphrase-file", "f", "--ask-passphrase"], [],
    ],
)  # fmt: skip
def test_wrong_use(recorded, run, arguments, tmp_path, monkeypatch):
    """Options that do not go together are wrong use, and nothing is written."""
    monkeypatch.chdir(tmp_path)

    code, _, _ = run("export", *arguments, "--home", recorded)

    assert code == 2
    assert not list(tmp_path.glob("a.*"))


def test_a_file_that_is_left_out(recorded, run, tmp_path):
    """What is no regular file is left out and said to be, harmlessly to the terminal."""
    folder = recorded / "artefacts" / "well" / "files"
    folder.mkdir(parents=True)
    os.symlink("/etc/passwd", folder / "a\x1b[2Jb")

    code, _, err = run("export", "well", "--home", recorded, "-o", tmp_path / "w.steno")

    assert code == 0
    assert "left out" in err
    assert "\x1b" not in err


def test_without_the_extra(recorded, tmp_path):
    """A passphrase without the library is an error that names the extra."""
    code = "import sys\nsys.modules['cryptography'] = None\nfrom steno.cli.main import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, "export", "well", "--home", recorded, "-o", tmp_path / "a.steno"],
        env={**os.environ, "STENO_PASSPHRASE": "x"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "steno[archives]" in done.stderr
    assert not list(tmp_path.glob("*a.steno*"))
