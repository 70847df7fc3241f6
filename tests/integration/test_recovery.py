"""A folder of 705 transcripts, 55 of them in the index: who they are, and that nobody is wronged."""

import collections
import contextlib
import json
import os
import random
import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.storage.compressed import load_zstd

BEGAN = 1_767_225_600  # 2026-01-01
OLD = (BEGAN + 10_000_000, BEGAN + 10_000_000)


def stamp(seconds):
    """Write seconds after the beginning as the program does."""
    when = datetime.fromtimestamp(BEGAN + seconds, tz=UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(value):
    """Write a line as the program does."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


class Seed:
    """Makes the folder, and knows the truth of each file.

    Attributes:
        folder: ``.openclaw/agents/main/sessions``.
        truth: By file name, the key that a file has in truth.
        expected: By file name, by what it is to be identified.
    """

    def __init__(self, root):
        self.random = random.Random(705)
        self.folder = root / "agents" / "main" / "sessions"
        self.folder.mkdir(parents=True)
        self.state = root
        self.truth, self.expected = {}, {}
        self.clock = 0

    def uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def text(self):
        """Say something that mentions other people's keys, as conversations do."""
        return self.random.choice([
            "how are you?",
            "what did agent:main:telegram:direct:4711 say?",
            "see agent:work:main and agent:main:subagent:" + self.uuid(),
            'Conversation info (untrusted metadata): {"chat_id": "telegram:99"}',
            "please run [cron:" + self.uuid() + " nightly] again",
            'the log says {"sessionKey":"agent:main:cron:wrong"}',
        ])  # fmt: skip

    def lines(self, identifier, *, text=None, header=True, more=(), **fields):
        self.clock += 600
        at = stamp(self.clock)
        first = {"type": "session", "version": self.random.choice([1, 2, 3, 3, 3, 4]),
                 "id": identifier, "timestamp": at, "cwd": "/srv", **fields}  # fmt: skip
        said = self.text() if text is None else text
        return [
            *([line(first)] if header else []),
            line({"type": "model_change", "id": "m1", "parentId": None, "timestamp": at,
                  "provider": "p", "modelId": "m"}),
            line({"type": "message", "id": "u1", "parentId": "m1", "timestamp": at,
                  "message": {"role": "user", "content": [{"type": "text", "text": said}]}}),
            line({"type": "message", "id": "a1", "parentId": "u1", "timestamp": at,
                  "message": {"role": "assistant", "content": [
                      {"type": "text", "text": "agent:main:main is busy; " + self.text()}]}}),
            line({"type": "message", "id": "t1", "parentId": "a1", "timestamp": at,
                  "message": {"role": "toolResult", "toolName": "sessions_list", "content": [
                      {"type": "text", "text": '{"sessionKey":"agent:main:main"}'}],
                      "details": {"sessionKey": "agent:main:main", "sessionId": identifier}}}),
            *more,
        ]  # fmt: skip

    def write(self, name, data, truth, by):
        data = b"".join(data)
        if name.endswith(".zst"):
            data = load_zstd().compress(data)
        assert not (self.folder / name).exists()
        (self.folder / name).write_bytes(data)
        self.truth[name], self.expected[name] = truth, by

    def live(self, truth, by, *, name="{}.jsonl", identifier=None, **content):
        identifier = identifier or self.uuid()
        self.write(name.format(identifier), self.lines(identifier, **content), truth, by)
        return identifier

    def neighbour(self, name, value):
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        (self.folder / name).write_bytes(text)

    def trajectory(self, identifier, key, *, suffix=""):
        rows = [line({"traceSchema": "openclaw-trajectory", "schemaVersion": 1, "seq": seq,
                      "type": kind, "sessionId": identifier, "sessionKey": key, "data": {}})
                for seq, kind in enumerate(("session.started", "session.ended"))]  # fmt: skip
        self.neighbour(f"{identifier}.trajectory.jsonl{suffix}", b"".join(rows))


def grow(seed):
    """Fill the folder with 705 transcripts."""
    store, older, left_over, windows, history = {}, {}, {}, [], {"version": 1}
    when = "2026-05-31T10-05-37.662Z"
    # 55 in the index, ten of them runs of jobs with two entries each
    for n in range(45):
        key = "agent:main:main" if not n else f"agent:main:telegram:direct:{n}"
        identifier = seed.live(key, "store")
        store[key] = {"sessionId": identifier, "sessionFile": f"C:\\Users\\x\\{identifier}.jsonl"}
        if n % 3 == 0:
            seed.trajectory(identifier, key)
    for _ in range(10):
        job, identifier = seed.uuid(), seed.uuid()
        key = f"agent:main:cron:{job}:run:{identifier}"
        seed.live(key, "store", identifier=identifier, text=f"[cron:{job} nightly] go")
        store[f"agent:main:cron:{job}"] = store[key] = {"sessionId": identifier}
    # 30 that say it themselves
    for n in range(30):
        key = f"agent:main:explicit:{n}"
        fields = {"sessionKey": key, "agentId": "main"} if n % 5 else {
            "metadata": {"sessionKey": key}
        }  # fmt: skip
        if n % 7 == 0:
            fields["cwd"] = "/" + "long/" * 200
        seed.live(key, "header", **fields)
    # 15 copies and archives of those, which say nothing, under the same ids
    for n in range(15):
        key = f"agent:main:slack:channel:c{n}"
        identifier = seed.live(key, "header", sessionKey=key)
        suffix = [f".bak-77-{1767000000000 + n}", f".reset.{when}", f".deleted.{when}.zst"][n % 3]
        seed.live(key, "evidence", name="{}.jsonl" + suffix, identifier=identifier,
                  header=n % 2 == 0)  # fmt: skip
    # 190 named by a sidecar, some of them by a deleted one, ten with two files
    for n in range(180):
        key = f"agent:main:whatsapp:direct:{n}"
        suffix = ["", f".reset.{when}", f".deleted.{when}"][n % 3]
        identifier = seed.live(key, "evidence", name="{}.jsonl" + suffix, header=n % 20 != 0)
        seed.trajectory(identifier, key, suffix=f".deleted.{when}" if n % 4 == 0 else "")
        if n < 10:
            seed.live(key, "evidence", name="{}.jsonl.bak." + when, identifier=identifier)
    # 50 earlier generations, and 10 copies before a compaction
    for n in range(50):
        key = f"agent:main:telegram:direct:{n % 10 + 1}"
        identifier = seed.live(key, "evidence", name=f"{{}}.jsonl.reset.{when}")
        store[key].setdefault("usageFamilySessionIds", []).append(identifier)
    for n in range(10):
        key = f"agent:main:telegram:direct:{n + 11}"
        identifier = seed.uuid()
        name = f"{{}}.checkpoint.{seed.uuid()}.jsonl"
        seed.live(key, "evidence", name=name, identifier=identifier)
        store[key]["compactionCheckpoints"] = [
            {"sessionKey": key, "preCompaction": {"sessionId": identifier}}
        ]
    # 40 in older copies of the index, one of which is torn
    for n in range(40):
        key = f"agent:main:discord:channel:{n}"
        identifier = seed.live(key, "evidence")
        (older if n % 2 else left_over)[key] = {"sessionId": identifier}
    # 60 in the database
    for n in range(60):
        key = f"agent:main:signal:direct:{n}"
        windows.append((seed.live(key, "evidence"), key))
    # 10 in a plugin's history
    for n in range(10):
        key = f"agent:main:web:direct:{n}"
        history[key] = [{"sessionId": seed.live(key, "evidence"), "archivedAt": 1}]
    # 100 runs of jobs with nothing beside them
    for n in range(100):
        job, identifier = seed.uuid(), seed.uuid()
        key = f"agent:main:cron:{job}:run:{identifier}"
        name = ["{}.jsonl", "{}.jsonl.zst", f"{{}}.jsonl.deleted.{when}"][n % 3]
        seed.live(key, "evidence", name=name, identifier=identifier,
                  text=f"[cron:{job} job {n}] report\nCurrent time: now")  # fmt: skip
    # 10 sub-agents that can be linked to the one that began them, which is known
    for n in range(10):
        spawn(seed, f"agent:main:slack:direct:{n}", f"count the words of chapter {n}", store=store)
    # all that can't be known: 70, whatever they mention
    mislead(seed)
    # 5 of whom two equal witnesses say different things
    for n in range(5):
        identifier = seed.live("agent:main:real", "none")
        seed.trajectory(identifier, f"agent:main:one:direct:{n}")
        windows.append((identifier, f"agent:main:two:direct:{n}"))
    for _ in range(705 - len(seed.truth)):
        seed.live("agent:main:lost", "none")
    finish(seed, store, older, left_over, windows, history)


def spawn(seed, key, task, *, store, known=True):
    """Write a transcript that begins a sub-agent, and the sub-agent's."""
    child = f"agent:main:subagent:{seed.uuid()}"
    at = stamp(seed.clock + 1200)
    more = [
        line({"type": "message", "id": "s1", "parentId": "t1", "timestamp": at, "message": {
            "role": "assistant", "content": [{"type": "toolCall", "id": "c1",
            "name": "sessions_spawn", "arguments": {"task": task}}]}}),
        line({"type": "message", "id": "s2", "parentId": "s1", "timestamp": at, "message": {
            "role": "toolResult", "toolCallId": "c1", "toolName": "sessions_spawn", "content": [],
            "details": {"status": "accepted", "childSessionKey": child}}}),
    ]  # fmt: skip
    parent = seed.live(key, "evidence", more=more)
    seed.trajectory(parent, key)
    said = (
        f"[Thu 2026-01-01 00:00 UTC] [Subagent Context] You are running.\n[Subagent Task]: {task}"
    )
    seed.live(child, "evidence" if known else "none", text=said if known else said[:60])


def mislead(seed):
    """Write transcripts of which the text gives a wrong idea."""
    job = seed.uuid()
    for n in range(10):  # a conversation that a job speaks into again and again
        again = line({"type": "message", "id": "u2", "parentId": "t1", "timestamp": stamp(n),
                      "message": {"role": "user", "content": f"[cron:{job} daily] go"}})  # fmt: skip
        seed.live("agent:main:session:x", "none", text=f"[cron:{job} daily] go", more=[again])
    for _ in range(10):  # begun by a web hook
        seed.live("agent:main:hook:x", "none", text=f"[cron:{seed.uuid()} Hook] mail")
    for _ in range(10):  # a fork, with what it inherited
        seed.live("agent:main:fork", "none", parentSession="/x.jsonl",
                  metadata={"sessionKey": "agent:main:parent"})  # fmt: skip
    for _ in range(10):  # pasted, and no job's id
        seed.live("agent:main:main", "none", text="[cron:backup nightly] what does this mean?")
    for n in range(10):  # a sub-agent whose task does not stand in it: narrowed at most
        spawn(seed, f"agent:main:irc:direct:{n}", f"do the secret thing number {n}", store={},
              known=False)  # fmt: skip
    for _ in range(10):  # nothing in it
        seed.write(f"{seed.uuid()}.jsonl", [], "agent:main:empty", "none")


def finish(seed, store, older, left_over, windows, history):
    """Write what lies beside the transcripts, and let all of it be old."""
    seed.neighbour("sessions.json", store)
    seed.neighbour("sessions.json.bak.1", older)
    seed.neighbour(f"sessions.json.{seed.uuid()}.tmp", json.dumps(left_over).encode()[:-1])
    seed.neighbour("coclaw-chat-history.json", history)
    seed.neighbour(".usage-cost-cache.json", {"agent:main:main": {"sessionId": "x"}})
    seed.neighbour(f"{seed.uuid()}.trajectory-path.json", {"sessionId": "x"})
    seed.neighbour(f"{seed.uuid()}.jsonl.lock", {"pid": 1})
    (seed.folder / "a-folder.jsonl").mkdir()
    os.symlink("/etc/passwd", seed.folder / "link.jsonl")
    os.mkfifo(seed.folder / "pipe.jsonl")
    place = seed.folder.parent / "agent" / "openclaw-agent.sqlite"
    place.parent.mkdir()
    with contextlib.closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE session_windows (session_id PRIMARY KEY, session_key)")
        connection.executemany("INSERT INTO session_windows VALUES (?, ?)", windows)
        connection.commit()
    for path in seed.folder.iterdir():
        if path.is_file() and not path.is_symlink():
            os.utime(path, OLD)


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    """Make the folder once; all tests only read it."""
    seed = Seed(tmp_path_factory.mktemp("seed") / ".openclaw")
    grow(seed)
    assert len(seed.truth) == 705
    return seed


def snapshot(folder):
    """List every file below a folder with its contents and time."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def test_705_transcripts(seed, run, home):
    """Every transcript is identified by what was meant, none wrongly, and nothing is changed."""
    before = snapshot(seed.state)

    code, out, _ = run("recover", seed.folder, "--json", "--home", home)

    rows = {os.path.basename(row["path"]): row for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert rows.keys() == seed.truth.keys()
    assert {n: r["identified_by"] for n, r in rows.items()} == seed.expected
    wrong = {
        name: (row["session_key"], seed.truth[name])
        for name, row in rows.items()
        if row["session_key"] not in {None, seed.truth[name]}
    }
    assert wrong == {}
    assert all((row["session_key"] is None) == (row["identified_by"] == "none")
               for row in rows.values())  # fmt: skip
    assert collections.Counter(seed.expected.values()) == {
        "store": 55, "header": 45, "evidence": 505, "none": 100,
    }  # fmt: skip
    assert snapshot(seed.state) == before


def test_the_figures_for_people(seed, run, home):
    """A person reads how many are known, and by what; what was passed over is said."""
    code, out, err = run("recover", seed.folder, "--home", home)

    assert code == 0
    assert "705 transcripts: 45 by header, 55 by store, 505 by evidence, 100 unknown" in out
    assert "a folder that is called like a transcript" in err
    assert "pipe.jsonl: no file" in err
    assert "link.jsonl: a link, which is not followed" in err
    assert "it is damaged; 20 entries of it could be read" in err


def test_the_index_keeps_it(seed, run, home):
    """What was recovered can be asked for with SQL, survives a reindex, and is there once."""
    query = "SELECT identified_by, COUNT(*) AS n FROM recovered GROUP BY 1 ORDER BY 1"
    for _ in range(2):
        run("recover", seed.folder, "--home", home)
    run("reindex", "--home", home)

    _, out, _ = run("sql", query, "--json", "--home", home)

    assert [json.loads(row) for row in out.splitlines()] == [
        {"identified_by": "evidence", "n": 505}, {"identified_by": "header", "n": 45},
        {"identified_by": "none", "n": 100}, {"identified_by": "store", "n": 55},
    ]  # fmt: skip


def test_a_dry_run_writes_nothing(seed, run, home, tmp_path):
    """With --dry-run there is no index and no copy."""
    code, out, _ = run(
        "recover", seed.folder, "--home", home, "--dry-run", "--stamp", tmp_path / "copies"
    )

    assert code == 0
    assert "planned" in out
    assert not home.exists()
    assert not (tmp_path / "copies").exists()


def test_stamped_copies_say_it_themselves(seed, run, home, tmp_path):
    """Copies with stamped headers are identified by them alone, by the same keys."""
    copies = tmp_path / "copies"
    _, out, _ = run("recover", seed.folder, "--home", home, "--stamp", copies, "--json",
                    "--min-confidence", "0.8")  # fmt: skip
    stamped = [row for row in map(json.loads, out.splitlines())
               if row["stamp"]["outcome"] == "stamped"]  # fmt: skip
    _, again, _ = run("recover", copies, "--dry-run", "--json")

    rows = [json.loads(row) for row in again.splitlines()]
    assert len(rows) == len(stamped)
    assert {row["identified_by"] for row in rows} == {"header"}
    assert {Path(row["path"]).name: row["session_key"] for row in rows} == {
        Path(row["path"]).name: row["session_key"] for row in stamped
    }
    for row in rows:
        assert row["session_key"] == seed.truth[Path(row["path"]).name]
