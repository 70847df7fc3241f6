"""``steno prune``."""

import json
import os
import time

import pytest

from steno.retention import rounds
from steno.storage.home import find_home

CONFIGURATION = """session_recording:
  jsonl:
    retention: {max_age_days: 30, compress_after_days: 7}
"""


@pytest.fixture
def old(recorded):
    """Make one session of the home too old, and one quiet."""
    (recorded / "steno.yaml").write_text(CONFIGURATION)
    for name, days in (("well", 31), ("failed", 8)):
        (path,) = recorded.glob(f"sessions/*/{name}.jsonl")
        stamp = time.time() - days * 86_400
        os.utime(path, (stamp, stamp))
    return recorded


def sessions(run, home):
    """Name the sessions that are listed."""
    rows = run("ls", "--home", home, "--json")[1].splitlines()
    return {json.loads(row)["session_id"] for row in rows}


def test_not_configured(recorded, run):
    """With nothing configured nothing goes, and it is said how that is changed."""
    code, out, err = run("prune", "--home", recorded)

    assert (code, out) == (0, "")
    assert "max_age_days" in err
    assert "archive.retention_days" in err
    code, out, _ = run("prune", "--home", recorded, "--json")
    assert (code, json.loads(out)["configured"]) == (0, False)
    assert len(sessions(run, recorded)) == 3


def test_dry_run(old, run):
    """A dry run says what would go and why, and touches nothing."""
    before = {path: path.stat().st_mtime_ns for path in old.rglob("*.jsonl")}

    code, out, _ = run("prune", "--dry-run", "--home", old)

    assert code == 0
    assert "delete" in out
    assert "no event for 30 days" in out
    assert "1 would be deleted" in out
    assert {path: path.stat().st_mtime_ns for path in old.rglob("*.jsonl")} == before
    assert not (old / ".retention").exists()
    rows = [
        json.loads(line) for line in run("prune", "-n", "--json", "--home", old)[1].splitlines()
    ]
    assert [row["action"] for row in rows] == ["delete", "compress", "total"]
    assert rows[-1]["dry_run"] is True


def test_prune(old, run):
    """What went is shown with what was freed; the sessions are gone from the index too."""
    code, out, err = run("prune", "--home", old)

    assert (code, err) == (0, "")
    assert "1 deleted, 1 compressed" in out
    assert sessions(run, old) == {"failed", "../hostile\x1b[2J"}
    assert "0 deleted, 0 compressed" in run("prune", "--home", old)[1]


def test_json(old, run):
    """With --json each step is an object, and the last one is the total."""
    run("hold", "well", "--home", old)
    rows = [json.loads(line) for line in run("prune", "--json", "--home", old)[1].splitlines()]

    assert [row["action"] for row in rows] == ["compress", "keep", "total"]
    assert rows[0]["outcome"] == "done"
    assert rows[1]["session_id"] == "well"
    assert rows[-1] == {
        "action": "total", "deleted": 0, "compressed": 1, "failed": 0, "freed": rows[0]["freed"],
    }  # fmt: skip


def test_size(old, run):
    """A dry run says that compressing may save some of what is named."""
    (old / "steno.yaml").write_text(
        CONFIGURATION.replace("max_age_days: 30", "max_total_size_gb: 1")
    )

    assert "fewer may be deleted" in run("prune", "-n", "--home", old)[2]


def test_second(old, run):
    """A second prune says that there is a first one, and ends well."""
    with rounds._lock(find_home(old)):
        code, _, err = run("prune", "--home", old)
        assert (code, "another process" in err) == (0, True)
        assert json.loads(run("prune", "--json", "--home", old)[1])["busy"] is True

    assert run("prune", "--home", old)[0] == 0


def test_failure(old, run):
    """A file that can't go is told, and the exit code says that something failed."""
    (day,) = (old / "sessions").glob("2*")
    (old / "artefacts").mkdir()
    (old / "artefacts" / "well").symlink_to(day)

    code, out, err = run("prune", "--home", old)

    assert code == 1
    assert "1 deleted, 1 compressed" in out
    assert "error" in err
    assert list(day.glob("failed.jsonl.zst"))


def test_unreadable_hold(old, run):
    """A hold that can't be read is named, and nothing goes."""
    (old / "holds").mkdir()
    (old / "holds" / "x.json").write_text("{")

    code, _, err = run("prune", "--home", old)

    assert code == 1
    assert "x.json" in err
    assert len(sessions(run, old)) == 3


def test_many_kept(old, run):
    """Of many that stay, some are named and the rest counted."""
    (day,) = (old / "sessions").glob("2*")
    for number in range(25):
        (day / f"foreign{number}.jsonl").write_text("x\n")

    assert "kept 5 more" in run("prune", "--home", old)[1]
