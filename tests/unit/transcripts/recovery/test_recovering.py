"""Whole folders."""

import json
import os
import random
import shutil
import threading

import pytest

import steno
from steno.storage.compressed import load_zstd
from steno.transcripts.reader import read_header
from steno.transcripts.recovery.recovering import recover
from steno.transcripts.recovery.rows import encode_row, row_of

KEY = "agent:main:main"
WHEN = "2026-05-31T10-05-37.662Z"


def test_one_session_in_many_files(sessions):
    """A key in the header of one file of a session names its others."""
    one = sessions.ids[0]
    sessions.live(one, sessionKey=KEY)
    others = [f"{one}.jsonl.reset.{WHEN}", f"{one}.jsonl.deleted.{WHEN}", f"{one}.jsonl.bak-1-2",
              f"{one}.checkpoint.{sessions.ids[1]}.jsonl", f"{one}-topic-7.jsonl"]  # fmt: skip
    for name in others:
        sessions.write(name, sessions.user("hi"))
    sessions.write(f"{one}.jsonl.zst", load_zstd().compress(b"{}\n"))

    done = recover([sessions.path])

    assert len(done.verdicts) == 7
    assert {verdict.session_key for verdict in done.verdicts} == {KEY}
    assert [verdict.identified_by for verdict in done.verdicts].count("header") == 1


def test_a_rotated_chain_that_lost_its_headers(tmp_path):
    """Of steno's own sessions, a neighbour in the chain names the one whose header is gone."""
    with steno.open(tmp_path) as recorder:
        session = recorder.session("first", key=KEY)
        for name in ("second", "third", "fourth"):
            session = session.reset(session_id=name)
    paths = {read_header(path).session_id: path for path in tmp_path.rglob("*.jsonl")}
    next_day = tmp_path / "sessions" / "2099-01-01"
    next_day.mkdir()
    for name in ("second", "third"):
        paths[name].rename(next_day / paths[name].name)
    (next_day / paths["second"].name).write_bytes(b"")
    (next_day / "third.jsonl").write_bytes(b'{"type":"sess')

    verdicts = recover([tmp_path / "sessions"]).verdicts

    assert {verdict.session_key for verdict in verdicts} == {KEY}
    told = [verdict for verdict in verdicts if verdict.identified_by == "evidence"]
    assert [[each.kind for each in verdict.evidence] for verdict in told] == [["rotation"]] * 2


def test_a_fork_names_nobody(tmp_path):
    """A fork may have another key than the session that it goes on from."""
    head = {"type": "session", "id": "b", "sessionKey": KEY, "previous": "a", "reason": "fork"}
    (tmp_path / "b.jsonl").write_text(json.dumps(head) + "\n")
    (tmp_path / "a.jsonl").write_text("")

    assert [verdict.session_key for verdict in recover([tmp_path]).verdicts] == [None, KEY]


def test_a_file_that_cannot_be_read(sessions):
    """A file that can't be read gets a verdict by what others say, and its failure."""
    sessions.live(sessions.ids[0])
    sessions.write(f"{sessions.ids[1]}.jsonl.zst", b"no zstd at all")
    sessions.index({KEY: {"sessionId": sessions.ids[1]}})

    first, second = recover([sessions.path]).verdicts

    assert first.failure is None
    assert second.session_key == KEY
    assert second.damage or second.failure


def test_overlapping_folders(sessions):
    """A folder that is named twice, or lies in another one, is read once."""
    sessions.live(sessions.ids[0])

    assert len(recover([sessions.state, sessions.path, sessions.path]).verdicts) == 1


def test_several_agents(sessions, tmp_path):
    """What another agent's folder says of a session counts too, and the difference is told."""
    sessions.live(sessions.ids[0])
    other = sessions.state / "agents" / "work" / "sessions"
    sessions.write("sessions.json", json.dumps({"agent:work:main": {"sessionId": sessions.ids[0]}}),
                   folder=other)  # fmt: skip

    (verdict,) = recover([sessions.state]).verdicts

    assert (verdict.session_key, verdict.agent_id) == ("agent:work:main", "work")
    assert [each.about for each in verdict.conflicts] == ["agent_id"]


def test_progress(sessions):
    """It is told how far the work has come."""
    for identifier in sessions.ids:
        sessions.live(identifier)
    steps = []

    recover([sessions.path], progress=lambda done, of: steps.append((done, of)))

    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_an_empty_folder(tmp_path):
    """A folder without transcripts gives none."""
    assert recover([tmp_path]).verdicts == []


@pytest.mark.parametrize("name", ["\udcff\udcfe.jsonl", "a\nb.jsonl", "-rf.jsonl", "%00.jsonl"])
def test_odd_names(sessions, name):
    """A file of any name is read."""
    with open(os.path.join(sessions.path, name), "w") as file:
        file.write(sessions.header("s", sessionKey=KEY))

    (verdict,) = recover([sessions.path]).verdicts

    assert verdict.session_key == KEY


@pytest.mark.parametrize("seed", range(30))
def test_mutated_folders(tmp_path, data, seed):
    """Whatever happened to the bytes of a folder, a recovery ends, and its rows are JSON."""
    chance = random.Random(seed)
    shutil.copytree(data / "recovery" / "openclaw", tmp_path / "state")
    for path in sorted((tmp_path / "state").rglob("*")):
        if not path.is_file():
            continue
        text = bytearray(path.read_bytes())
        for _ in range(chance.randint(0, 4)):
            at = chance.randrange(len(text))
            end = at + chance.randint(0, 30)
            text[at:end] = chance.choice(
                [
                    b"",
                    b"\x00" * 9,
                    b"\xff",
                    b'"',
                    b"{",
                    b"}",
                    b"\n",
                    b"null",
                    bytes(text[at:end]) * 2,
                ]
            )
        path.write_bytes(bytes(text))
        os.utime(path, (1, 1))

    for verdict in recover([tmp_path / "state"]).verdicts:
        assert json.loads(encode_row(row_of(verdict)))["path"] == verdict.path


def test_a_folder_in_use(sessions):
    """While a program writes, archives and rewrites its index, nothing escapes and nobody is wronged."""
    stop = threading.Event()

    def live():
        turn = 0
        while not stop.is_set():
            turn += 1
            identifier = f"{turn:08x}-1111-4111-8111-111111111111"
            path = sessions.live(identifier, sessions.user("hi"))
            sessions.index({f"agent:main:{identifier}": {"sessionId": identifier}})
            path.rename(f"{path}.reset.{WHEN}")
            if turn > 20:
                (sessions.path / f"{turn - 20:08x}-1111-4111-8111-111111111111.jsonl.reset.{WHEN}"
                 ).unlink()  # fmt: skip

    writer = threading.Thread(target=live)
    writer.start()
    try:
        for _ in range(10):
            for verdict in recover([sessions.path]).verdicts:
                assert verdict.session_key in {None, f"agent:main:{verdict.session_id}"}
    finally:
        stop.set()
        writer.join()
