"""``steno tail``."""

import json
import signal
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


def test_damage(recorded, run):
    """Damage at the end is told on stderr."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    with path.open("ab") as file:
        file.write(b"garbage\n{torn")

    code, out, err = run("tail", "well", "-n", "2", "--home", recorded)
    assert code == 0
    assert "completed" in out
    assert "not a JSON object" in err
    assert "torn" in err


def test_follow_one_session_in_mid_line(recorded):
    """A line that is there by half is shown when it is whole, and Ctrl-C ends it quietly."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    line = path.read_bytes().splitlines()[-1] + b"\n"
    new = line.replace(b'"seq":', b'"seq":9000')
    with path.open("ab") as file:
        file.write(new[:40])
    child = subprocess.Popen(
        [sys.executable, "-m", "steno", "tail", "-f", "well", "-n", "1", "--json", "--home", str(recorded)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip

    assert child.stdout.readline() == line
    with path.open("ab") as file:
        file.write(new[40:])
    assert child.stdout.readline() == new
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err.strip()) == (130, b"", b"")


def test_a_repeated_header_is_no_event(home, run):
    """So many events are shown as were asked for, also where the header stands among them."""
    with steno.open(home) as recorder, recorder.session("s", key="k") as session:
        for _ in range(40):
            with session.request(model="m"):
                pass
        recorder.flush()
    (path,) = home.glob("sessions/*/s.jsonl")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    kinds = [line["type"] for line in lines]
    behind = kinds[::-1].index("session")
    assert 0 < behind < len(lines) - 1

    for count in (behind, behind + 1, behind + 5):
        _, out, err = run("tail", "s", "--home", home, "-n", count, "--json")
        shown = [json.loads(line) for line in out.splitlines()]
        assert shown == [line for line in lines[1:] if line["type"] != "session"][-count:]
        assert err == ""
