"""The mark of a living recorder."""

import subprocess
import sys

from steno.storage.lease import Lease, find_dead, is_alive


def leave(folder, *paths, recorder="dead"):
    """Let a process take a lease and end without giving it up."""
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom steno.storage.lease import Lease\n"
        "lease = Lease(Path(sys.argv[1]), sys.argv[2])\nlease.add(sys.argv[3:])\nos._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(folder), recorder, *paths], check=False)


def test_a_living_recorder(tmp_path):
    """While a lease is held its recorder lives; given up, it does not."""
    lease = Lease(tmp_path, "me")
    assert not is_alive(tmp_path, "me")

    lease.add(["2026-11-20/a.jsonl"])
    assert is_alive(tmp_path, "me")
    assert find_dead(tmp_path) == []

    lease.release(settled=True)
    assert not is_alive(tmp_path, "me")
    assert find_dead(tmp_path) == []


def test_what_a_dead_recorder_left(tmp_path):
    """The lease of a process that died names its transcripts, each once."""
    leave(tmp_path, "d/a.jsonl", "d/b.jsonl", "d/a.jsonl")

    (dead,) = find_dead(tmp_path)

    assert dead.recorder == "dead"
    assert dead.paths == ["d/a.jsonl", "d/b.jsonl"]
    assert find_dead(tmp_path) == [], "somebody is dealing with it"
    dead.close(settled=False)
    (dead,) = find_dead(tmp_path)
    dead.close(settled=True)
    assert find_dead(tmp_path) == []


def test_hostile_lease(tmp_path):
    """A lease that was tampered with leads nowhere outside, and torn lines are passed over."""
    leave(tmp_path, "ok.jsonl")
    (path,) = (tmp_path / ".recorders").glob("*.lease")
    path.write_bytes(path.read_bytes() + b'"../../etc/passwd"\n"/etc/passwd"\n17\n"torn')

    (dead,) = find_dead(tmp_path)

    assert dead.paths == ["ok.jsonl"]
    dead.close(settled=True)


def test_not_settled(tmp_path):
    """A lease that is given up with work left is found by the next start."""
    lease = Lease(tmp_path, "me")
    lease.add(["a"])
    lease.release(settled=False)

    (dead,) = find_dead(tmp_path)

    assert dead.paths == ["a"]
    dead.close(settled=True)


def test_abandon(tmp_path):
    """A forked child closes its copy, and the parent's lease stands."""
    lease, other = Lease(tmp_path, "me"), Lease(tmp_path, "unused")
    lease.add(["a"])
    other.abandon()

    assert is_alive(tmp_path, "me")
    lease.release(settled=True)


def test_touched(tmp_path):
    """What living and dead recorders have touched is told apart; nothing is locked by looking."""
    from steno.storage.lease import find_touched

    assert find_touched(tmp_path) == (frozenset(), frozenset())
    living, dead = Lease(tmp_path, "living"), Lease(tmp_path, "dead")
    living.add(["d/a.jsonl", "d/b.jsonl"])
    dead.add(["d/c.jsonl"])
    dead.release(settled=False)

    assert find_touched(tmp_path) == ({"d/a.jsonl", "d/b.jsonl"}, {"d/c.jsonl"})
    assert [each.recorder for each in find_dead(tmp_path)] == ["dead"]
    living.release(settled=True)
