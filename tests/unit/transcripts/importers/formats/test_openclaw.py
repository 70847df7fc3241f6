"""OpenClaw's and pi's JSON lines: which files they are, whose, and that nothing of them is lost."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.storage.compressed import load_zstd
from steno.transcripts.importers.formats.openclaw import FORMAT
from steno.transcripts.importers.registry import recognise
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "openclaw"
FILES = sorted(
    path
    for path in DATA.rglob("*")
    if path.is_file() and ".jsonl" in path.name and FORMAT.neighbour(path) is None
)
FOLDER = DATA / "state" / "agents" / "garden" / "sessions"
BESIDE = sorted(path for path in FOLDER.iterdir() if FORMAT.neighbour(path) is not None)
PLAIN = "1f0c2a3e-0001-4a6b-8c1d-000000000001"


def session(number):
    """Name a session of the fixtures."""
    return f"1f0c2a3e-0001-4a6b-8c1d-{number:012d}"


def read(path):
    """Read the one conversation of a file: its identity and its entries."""
    (conversation,) = FORMAT.read(Source(path))
    return conversation.identity, list(conversation.entries)


def identity(path):
    """Read who a file is."""
    return read(path)[0]


def write(path, *values):
    """Write JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_recognised(path):
    """Every transcript is known by what it holds, and as no other format."""
    looked = probe(path)

    assert FORMAT.recognise(looked) >= 0.9
    assert recognise(looked) is FORMAT


@pytest.mark.parametrize("path", BESIDE, ids=lambda path: path.name)
def test_neighbours(path):
    """Indexes, locks and recordings of runs are none, and say why."""
    assert FORMAT.recognise(probe(path)) == 0
    assert FORMAT.neighbour(path)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "session", "version": 4, "id": "s", "session_id": "s", "timestamp": "2026"},
        {"type": "user", "uuid": "u", "sessionId": "s", "message": {"role": "user"}},
        {"type": "session_meta", "payload": {"id": "s"}},
        {"type": "message", "role": "user", "content": []},
        {"sessionId": "s", "projectHash": "p"},
        {"traceSchema": "openclaw-trajectory", "type": "session.started", "sessionKey": "k"},
        {"type": "session", "id": 5},
        {"role": "user", "content": "x"},
        ["session"],
        None,
    ],
)
def test_others_not_recognised(tmp_path, value):
    """Transcripts of other programs, and steno's own, are not taken for ones."""
    assert FORMAT.recognise(probe(write(tmp_path / "x.jsonl", value))) == 0


def test_long_first_line_recognised(tmp_path):
    """A file without a header is known by its first message, however long that is."""
    entry = {"type": "message", "id": "a", "parentId": None, "timestamp": "2026-03-02T08:00:00Z"}
    message = {"role": "user", "content": "x" * 100_000}

    assert FORMAT.recognise(probe(write(tmp_path / "x.jsonl", {**entry, "message": message}))) > 0.8


def test_no_folder():
    """Folders are looked into, not read as one."""
    assert not FORMAT.takes_folder(probe(FOLDER))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_entry_is_kept(path):
    """Every line is one entry, verbatim, with its place in the file."""
    lines = path.read_bytes().splitlines()
    _, entries = read(path)

    assert [entry.raw for entry in entries] == lines
    assert [entry.offset for entry in entries] == [
        sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))
    ]


@pytest.mark.parametrize(
    ("name", "version", "key"),
    [
        ("v1.jsonl", 1, None),
        ("v2.jsonl", 2, None),
        ("v3.jsonl", 3, None),
        ("v3-key.jsonl", 3, "agent:garden:main"),
        ("v3-metadata.jsonl", 3, "agent:garden:cron:watering"),
        ("v4.jsonl", 4, None),
    ],
)
def test_versions(name, version, key):
    """The key is the header's field, whatever the version says."""
    found = identity(DATA / name)

    assert (found.facts["version"], found.key) == (version, key)
    assert found.format == "openclaw"
    assert found.cwd == "/srv/garden"


def test_header():
    """Id, beginning and folder are the header's."""
    found = identity(DATA / "v3.jsonl")

    assert (found.id, found.began) == (PLAIN, datetime(2026, 3, 2, 8, tzinfo=UTC))
    assert (found.program, found.previous, found.title) == (None, None, None)


def test_header_is_not_first():
    """A header behind other lines counts, and the lines stay in their order."""
    found, entries = read(DATA / "header-late.jsonl")

    assert found.id == session(41)
    assert [entry.kind for entry in entries][:2] == ["message/user", "session"]


def test_no_header():
    """A file without a header is named by its own name."""
    assert identity(DATA / "headerless.jsonl").id == "headerless"


def test_header_without_id(tmp_path):
    """A header without an id tells the rest; the file's name is the id then."""
    path = write(tmp_path / "a.jsonl", {"type": "session", "cwd": "/w", "timestamp": "2026-03-02"})

    assert 0.3 < FORMAT.recognise(probe(path)) < 1
    assert (identity(path).id, identity(path).cwd) == ("a", "/w")


def test_title():
    """The line that oh-my-pi keeps before the header names the session."""
    assert identity(DATA / "omp.jsonl").title == "Dry beds"


def test_generations_are_one_session():
    """The live file and one that a reset put aside have one id and one key."""
    live, aside = sorted(FOLDER.glob(f"{session(22)}*"))
    found = [identity(live), identity(aside)]

    assert [each.id for each in found] == [session(22)] * 2
    assert [each.key for each in found] == ["agent:garden:main"] * 2
    assert [each.facts.get("generation") for each in found] == [None, "reset"]
    assert found[1].facts["put_aside"] == "2026-03-01T10-05-37.662Z"


def test_key_from_the_index():
    """The index beside names the session: its key, what it is called, who began it."""
    main, spawned = identity(FOLDER / f"{session(21)}.jsonl"), identity(
        FOLDER / f"{session(25)}.jsonl"
    )  # fmt: skip

    assert (main.key, main.title, main.facts["agent"]) == (
        "agent:garden:main", "The garden", "garden",
    )  # fmt: skip
    assert main.facts["key_from"] == "sessions.json"
    assert main.program == "openclaw"
    assert spawned.facts["spawned_by"] == "agent:garden:main"


def test_key_from_the_recording_of_runs():
    """A deleted session is named by the recording that was put aside with it."""
    (path,) = FOLDER.glob(f"{session(23)}.jsonl*")
    found = identity(path)

    assert found.key == f"agent:garden:cron:watering:run:{session(23)}"
    assert found.facts["key_from"] == "trajectory"


def test_name_against_header():
    """The file's name wins over a header that was copied; the header's id is kept beside."""
    (path,) = FOLDER.glob(f"{session(24)}*")
    found = identity(path)

    assert (found.id, found.facts["header_id"]) == (session(24), session(99))
    assert found.facts["generation"] == "checkpoint"
    assert found.previous is None


def test_renamed(tmp_path):
    """A file that somebody renamed is known by its header."""
    path = tmp_path / "a copy.jsonl"
    path.write_bytes((DATA / "v3.jsonl").read_bytes())

    assert identity(path).id == PLAIN


def test_fork():
    """A fork names the session that it goes on from, and its copies claim the same replies."""
    found, entries = read(FOLDER / f"{session(25)}.jsonl")
    _, parent = read(FOLDER / f"{session(21)}.jsonl")
    claims = [
        {getattr(fact, "claim", None) for entry in each for fact in entry.facts} - {None}
        for each in (entries, parent)
    ]

    assert (found.previous, found.reason) == (session(21), "fork")
    assert claims[0] == claims[1]
    assert len(claims[0]) == 2


def test_fork_without_ids():
    """A fork of version 1 names its parent too, and claims the same replies."""
    found, entries = read(DATA / "v1-fork.jsonl")
    _, parent = read(DATA / "v1.jsonl")
    claims = [
        {getattr(fact, "claim", None) for entry in each for fact in entry.facts} - {None}
        for each in (entries, parent)
    ]

    assert (found.previous, found.reason) == (session(11), "fork")
    assert len(claims[0]) == 2
    assert claims[0] < claims[1]


def test_topic():
    """The file of a topic is known by its session; two keys that claim it name nobody."""
    (path,) = FOLDER.glob(f"{session(26)}*")

    assert (identity(path).id, identity(path).key) == (session(26), None)


def test_sub_agent_by_folder(tmp_path):
    """A file in a folder that is named as a session belongs to a sub-agent of that session."""
    path = tmp_path / f"2026-03-02T08-00-00-000Z_{PLAIN}" / "Task.jsonl"
    found = identity(write(path, {"type": "session", "id": "sub", "version": 3}))

    assert (found.id, found.parent) == ("sub", PLAIN)


@pytest.mark.parametrize(
    ("place", "program"),
    [
        (".pi/agent/sessions/--srv--/x.jsonl", "pi"),
        (".omp/agent/sessions/--srv--/x.jsonl", "oh-my-pi"),
        (".openclaw/agents/main/sessions/x.jsonl", "openclaw"),
        ("elsewhere/x.jsonl", None),
    ],
)
def test_program(tmp_path, place, program):
    """The program is told by where it keeps its files."""
    assert identity(write(tmp_path / place, {"type": "session", "id": "s"})).program == program


def test_compressed(tmp_path):
    """A compressed archive reads as its text, under the same id."""
    path = tmp_path / f"{PLAIN}.jsonl.deleted.2026-03-01T10-05-37Z.zst"
    path.write_bytes(load_zstd().compress((DATA / "v3.jsonl").read_bytes()))
    found, entries = read(path)

    assert FORMAT.recognise(probe(path)) == 1.0
    assert (found.id, found.facts["generation"]) == (PLAIN, "deleted")
    assert len(entries) == len(read(DATA / "v3.jsonl")[1])


def test_empty(tmp_path):
    """An empty file is no conversation."""
    (tmp_path / "x.jsonl").touch()

    assert list(FORMAT.read(Source(tmp_path / "x.jsonl"))) == []


def test_grown_file_maps_as_before(tmp_path):
    """What an entry tells does not depend on what comes behind it."""
    whole = (DATA / "failures.jsonl").read_bytes().splitlines(keepends=True)
    _, entries = read(DATA / "failures.jsonl")
    for count in range(1, len(whole)):
        (tmp_path / "x.jsonl").write_bytes(b"".join(whole[:count]))

        assert read(tmp_path / "x.jsonl")[1] == entries[:count]


_WRONG = [
    None, True, -1, 0, 1.5, 10**30, "", "x", "\ud800", "a/b\0", [], [None], [[]], {}, {"type": 1},
    {"total": "x"}, "2026-13-45", 1e308,
]  # fmt: skip


def spoil(value, luck):
    """Take something out of a value, or put something wrong into it."""
    if isinstance(value, dict) and value and luck.random() < 0.8:
        key = luck.choice(sorted(value))
        if luck.random() < 0.3:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: spoil(value[key], luck)}
    if isinstance(value, list) and value and luck.random() < 0.8:
        at = luck.randrange(len(value))
        return [*value[:at], spoil(value[at], luck), *value[at + 1 :]]
    return luck.choice(_WRONG)


def test_spoilt_values(tmp_path):
    """Whatever is missing or of another type, every line is an entry, and nothing raises."""
    luck = random.Random(7)
    path = tmp_path / "x.jsonl"
    for file in FILES:
        values = [json.loads(line) for line in file.read_bytes().splitlines()]
        for _ in range(30):
            spoilt = [spoil(value, luck) if luck.random() < 0.5 else value for value in values]
            write(path, *spoilt)
            _, entries = read(path)

            assert len(entries) == len(spoilt)
            assert FORMAT.recognise(probe(path)) >= 0


def test_torn_anywhere(tmp_path):
    """A last line that was torn at any byte takes no other line with it."""
    data = (DATA / "v3.jsonl").read_bytes()
    begin = data[:-1].rindex(b"\n") + 1
    whole = data.count(b"\n") - 1
    for end in range(begin, len(data), 7):
        (tmp_path / "x.jsonl").write_bytes(data[:end])
        _, entries = read(tmp_path / "x.jsonl")

        assert sum(entry.known for entry in entries) >= whole
