"""`steno import` takes bundles."""

import json
import shutil

import pytest


@pytest.fixture
def bundle(recorded, run, tmp_path):
    """Have a bundle of two sessions."""
    path = tmp_path / "b.steno"
    assert run("export", "well", "failed", "--home", recorded, "-o", path)[0] == 0
    return path


def test_listed_at_once(bundle, run, tmp_path):
    """What was imported is listed and shown at once."""
    code, out, _ = run("import", bundle, "--home", tmp_path / "new")

    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [
        ["well", "imported"], ["failed", "imported"],
    ]  # fmt: skip
    listed = run("ls", "--home", tmp_path / "new", "--json")[1].splitlines()
    assert {json.loads(line)["session_id"] for line in listed} == {"well", "failed"}
    assert "I am well" in run("show", "well", "--home", tmp_path / "new")[1]


def test_json_and_dry_run(bundle, run, tmp_path):
    """--json tells what became of each session; a dry run what would, and writes nothing."""
    code, out, _ = run("import", bundle, "--home", tmp_path / "new", "--dry-run", "--json")

    facts = json.loads(out)
    assert code == 0
    assert facts["dry_run"]
    assert [each["outcome"] for each in facts["sessions"]] == ["imported", "imported"]
    assert not (tmp_path / "new").exists()


def test_clashes(bundle, run, recorded):
    """A clash is an error that names what to do, and --on-clash does it."""
    path = next((recorded / "sessions").glob("*/well.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"how are you", b"how were you"))

    code, _, err = run("import", bundle, "--home", recorded)
    assert code == 1
    assert "--on-clash" in err
    code, out, _ = run("import", bundle, "--home", recorded, "--on-clash", "skip", "--json")
    assert code == 0
    assert [each["outcome"] for each in json.loads(out)["sessions"]] == ["skipped", "there"]


def test_damaged(bundle, run, tmp_path):
    """A bundle that was cut off is an error that says so; nothing is imported."""
    bundle.write_bytes(bundle.read_bytes()[:-50])

    code, _, err = run("import", bundle, "--home", tmp_path / "new")

    assert code == 1
    assert "b.steno" in err
    assert not (tmp_path / "new").exists()


def test_beside_other_transcripts(bundle, run, tmp_path, data):
    """Bundles and foreign transcripts can be named in one command."""
    shutil.copytree(data / "imports" / "claude-code" / "blocks", tmp_path / "claude")

    code, out, _ = run("import", bundle, tmp_path / "claude", "--home", tmp_path / "new")

    assert code == 0
    assert "entries imported into" in out
    assert run("import", bundle, "--watch", "--home", tmp_path / "new")[0] == 2


def test_in_a_folder(bundle, run, tmp_path, data):
    """A bundle that lies beside foreign transcripts is left alone, and said to be."""
    shutil.copytree(data / "imports" / "claude-code" / "blocks", tmp_path / "claude")
    shutil.copy(bundle, tmp_path / "claude" / "in.steno")

    code, out, err = run("import", tmp_path / "claude", "--home", tmp_path / "new")

    assert code == 0
    assert "entries imported into 1 sessions" in out
    assert "in.steno was left alone" in err


@pytest.mark.parametrize(
    "option",
    [
        ("--on-clash", "skip"), ("--max-size", "1"), ("--identity", "f"), ("--ask-passphrase",),
        ("--passphrase-file", "f"),
    ],
)  # fmt: skip
def test_options_of_bundles(run, tmp_path, data, option):
    """What is said of bundles is wrong use where none is named."""
    path = data / "imports" / "claude-code" / "blocks"

    code, _, err = run("import", path, *option, "--home", tmp_path / "new")

    assert code == 2
    assert "for bundles" in err


def test_what_was_interrupted(bundle, run, tmp_path, data):
    """Any import clears away what an interrupted one has left."""
    left = tmp_path / "new" / ".importing" / "1-abc"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    shutil.copytree(data / "imports" / "claude-code" / "blocks", tmp_path / "claude")

    assert run("import", tmp_path / "claude", "--home", tmp_path / "new")[0] == 0
    assert not left.parent.exists()
