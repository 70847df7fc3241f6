"""``steno tail``."""

import json
import subprocess
import sys
import time

import steno


def test_last_events(recorded, run):
    """The last events are shown, one line each."""
    _, out, _ = run("tail", "well", "-n", "2", "--home", recorded)

    assert [line.split()[2] for line in out.splitlines()] == ["response_recorded", "completed"]


def test_json(recorded, run):
    """With --json, the lines are those of the transcript."""
    _, out, _ = run("tail", "well", "-n", "1", "--home", recorded, "--json")

    assert json.loads(out)["type"] == "completed"


def test_nothing_to_show(home, run):
    """Without a session, tail says that there is none."""
    assert run("tail", "--home", home)[0] == 1


def test_follow(home):
    """With -f, events of sessions that begin later are shown as they come, and no line is torn."""
    child = subprocess.Popen(
        [sys.executable, "-m", "steno", "tail", "-f", "--json", "--home", str(home)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with steno.open(home) as recorder:
            for number in range(3):
                with recorder.session(f"s{number}") as session, session.request(model="m"):
                    pass
                time.sleep(0.2)
            recorder.flush()
        seen = [json.loads(child.stdout.readline()) for _ in range(9)]
    finally:
        child.kill()
        child.wait()
        child.stdout.close()

    assert {line["session_id"] for line in seen} == {"s0", "s1", "s2"}
