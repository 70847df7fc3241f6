"""Claude Code: which files are its transcripts, and whose they are."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.transcripts.importers.formats.claude_code import FORMAT
from steno.transcripts.importers.model import Replied
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "claude-code"
TRANSCRIPTS = sorted(p for p in DATA.rglob("*.jsonl") if p.name != "journal.jsonl")


def session(number):
    """Name a session of the fixtures."""
    return f"c1a0de00-0000-4000-8000-{number:012d}"


def identity(path):
    """Read who a file is."""
    (conversation,) = FORMAT.read(Source(path))
    return conversation.identity


def entries(path):
    """Read the entries of a file."""
    (conversation,) = FORMAT.read(Source(path))
    return list(conversation.entries)


def write(path, *lines):
    """Write a transcript."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_recognised(path):
    """Every transcript is known by what it holds."""
    assert FORMAT.recognise(probe(path)) >= 0.9
    assert FORMAT.neighbour(path) is None


@pytest.mark.parametrize(
    "line",
    [
        {"type": "session", "version": 4, "id": "s", "session_id": "s", "sessionKey": "a:b:main"},
        {"type": "session", "version": 3, "id": "s", "timestamp": "2026-01-01T00:00:00Z"},
        {"type": "message", "id": "1", "parentId": None, "message": {"role": "user"}},
        {"sessionId": "s", "projectHash": "p", "startTime": "2026-01-01T00:00:00Z"},
        {"id": "1", "type": "user", "content": "hello", "timestamp": "2026-01-01T00:00:00Z"},
        {"type": "session_meta", "payload": {"id": "s"}},
        {"display": "hello", "timestamp": 1, "project": "/p", "sessionId": "s"},
        {"traceSchema": "openclaw-trajectory", "type": "session.started", "sessionId": "s"},
        {"type": "started", "key": "k", "agentId": "a"},
        {
            "uuid": "u",
            "parentUuid": None,
            "sessionId": "s",
            "type": "user",
            "cwd": "/p",
            "version": "0.21.1",
            "message": {"role": "user", "parts": [{"text": "hello"}]},
        },
        ["user"],
    ],
)
def test_others_not_recognised(tmp_path, line):
    """Transcripts of other programs, and files beside the transcripts, are not taken for ones."""
    assert FORMAT.recognise(probe(write(tmp_path / "x.jsonl", line))) == 0


@pytest.mark.parametrize(
    ("line", "least"),
    [
        ({"type": "summary", "summary": "x", "leafUuid": "y"}, 0.9),
        ({"type": "file-history-snapshot", "messageId": "m", "snapshot": {}}, 0.9),
        ({"type": "permission-mode", "permissionMode": "plan", "sessionId": "s"}, 0.9),
        ({"sessionId": "s", "version": "1.2.3", "message": {"usage": {}}}, 0.7),
        ({"type": "user", "message": {"role": "user", "content": "x"}}, 0.5),
        ({"type": "ai-title", "aiTitle": "x"}, 0.4),
        ({"type": "system", "sessionId": "s"}, 0.9),
    ],
)
def test_recognised_by_one_line(tmp_path, line, least):
    """One line is enough, of whichever kind."""
    assert FORMAT.recognise(probe(write(tmp_path / "x.jsonl", line))) >= least


def test_recognised_by_long_line(tmp_path):
    """A first line that is longer than what is looked at is known by its beginning."""
    line = {
        "parentUuid": None,
        "sessionId": "s",
        "type": "user",
        "message": {"content": "x" * 99999},
    }

    assert FORMAT.recognise(probe(write(tmp_path / "x.jsonl", line))) >= 0.9


def test_name_supports(tmp_path):
    """A file in the program's folder that tells nothing yet may be a transcript."""
    inside = write(tmp_path / "projects" / "-p" / "x.jsonl")
    outside = write(tmp_path / "x.jsonl")

    assert [FORMAT.recognise(probe(path)) for path in (inside, outside)] == [0.3, 0.0]


@pytest.mark.parametrize(
    "name",
    [
        "history.jsonl", "s/subagents/workflows/w/journal.jsonl", "p/sessions-index.json",
        "s/subagents/agent-a1.meta.json", "s/tool-results/b8b0.txt", ".last-cleanup",
    ],
)  # fmt: skip
def test_neighbours(name):
    """What lies beside the transcripts is known, and why it is none."""
    assert FORMAT.neighbour(Path("/home/dev/.claude/projects") / name)


def test_no_folder():
    """No folder is a source as a whole."""
    assert not FORMAT.takes_folder(probe(DATA))


def test_main_file():
    """A session's file tells its id by its name, and by its lines where and when it ran."""
    found = identity(DATA / "side-lines" / f"{session(12)}.jsonl")

    assert (found.format, found.id, found.parent, found.previous) == (
        "claude-code", session(12), None, None,
    )  # fmt: skip
    assert found.began == datetime(2026, 2, 3, 10, 0, 1, 37000, tzinfo=UTC)
    assert (found.cwd, found.program) == ("/home/dev/store", "Claude Code 2.1.131")
    assert found.title == "The time"
    assert found.facts == {"git_branch": "main", "entrypoint": "cli", "session_kind": "bg"}


def test_subagent():
    """A sub-agent's file names its parent by its lines, and what it is in the file beside it."""
    found = identity(DATA / "subagents" / session(3) / "subagents" / "agent-a1b2c3.jsonl")

    assert (found.id, found.parent) == (f"{session(3)}-agent-a1b2c3", session(3))
    assert found.title == "Read the parser"
    assert found.facts["agent"] == "a1b2c3"
    assert found.facts["meta"]["agentType"] == "Explore"


def test_subagent_of_subagent():
    """A sub-agent that another one began names that one, if the file beside it does."""
    folder = DATA / "requests" / session(17) / "subagents"
    middle, below = (identity(folder / f"agent-{name}.jsonl") for name in ("d1", "d2"))

    assert (middle.id, middle.parent) == (f"{session(17)}-agent-d1", session(17))
    assert (below.id, below.parent) == (f"{session(17)}-agent-d2", middle.id)
    assert "other_sessions" not in below.facts


def test_subagent_of_subagent_without_session(tmp_path):
    """Where nobody names the session, a sub-agent's parent is named as its own file would be."""
    path = write(tmp_path / "agent-b.jsonl", {"type": "user", "uuid": "1"})
    path.with_name("agent-b.meta.json").write_text('{"parentAgentId":"a"}')

    assert (identity(path).id, identity(path).parent) == ("agent-b", "agent-a")


def test_subagent_of_workflow():
    """A workflow's sub-agent is one of the session's, and its workflow is named."""
    folder = DATA / "subagents" / session(3) / "subagents" / "workflows" / "wf_7f"
    found = identity(folder / "agent-w9.jsonl")

    assert (found.id, found.parent) == (f"{session(3)}-agent-w9", session(3))
    assert found.facts["workflow"] == "wf_7f"


def test_older_subagent():
    """An older sub-agent's file beside the main file is its session's too."""
    found = identity(DATA / "older-subagent" / "agent-e1c84ba5.jsonl")

    assert (found.id, found.parent) == (f"{session(4)}-agent-e1c84ba5", session(4))


@pytest.mark.parametrize("named", [{}, {"sessionId": "agent-a"}, {"sessionId": "a"}])
@pytest.mark.parametrize(
    ("folder", "parent"), [(session(9), session(9)), ("elsewhere", None)]
)  # fmt: skip
def test_subagent_without_session(tmp_path, folder, parent, named):
    """Where the lines name no session but its own, the folder does, if it is a session's."""
    line = {"type": "user", "uuid": "1", **named}
    found = identity(write(tmp_path / folder / "subagents" / "agent-a.jsonl", line))

    assert found.parent == parent
    assert "other_sessions" not in found.facts
    assert found.id == (f"{parent}-agent-a" if parent else "agent-a")


def test_subagent_under_other_name(tmp_path):
    """A file of another name in which only a sub-agent speaks is that sub-agent's."""
    line = {"type": "user", "sessionId": "s", "isSidechain": True, "agentId": "a7", "uuid": "1"}
    alone = write(tmp_path / "copy.jsonl", line)
    mixed = write(tmp_path / "main.jsonl", line, {**line, "isSidechain": False, "uuid": "2"})

    assert [identity(path).id for path in (alone, mixed)] == ["s-agent-a7", "s"]


def test_parent_of_forked_subagent(tmp_path):
    """A sub-agent that was given its parent's context names the parent by that."""
    line = {"type": "fork-context-ref", "agentId": "a", "parentSessionId": "p", "contextLength": 1}

    assert identity(write(tmp_path / "agent-a.jsonl", line)).id == "p-agent-a"


def test_head_is_enough(tmp_path):
    """Of a long file, the beginning says who it is; what comes late changes nothing."""
    lines = [{"type": "user", "sessionId": "s", "uuid": str(number)} for number in range(300)]
    path = write(tmp_path / "x.jsonl", *lines, {"type": "custom-title", "customTitle": "Late"})

    assert (identity(path).id, identity(path).title, len(entries(path))) == ("s", None, 301)


@pytest.mark.parametrize("meta", [b"{", b"[1]", b'{"description":7,"parentAgentId":[]}', b"\xff"])
def test_damaged_meta(tmp_path, meta):
    """What a sub-agent's other file holds spoils nothing."""
    path = write(tmp_path / "agent-a.jsonl", {"type": "user", "sessionId": "s", "uuid": "1"})
    path.with_name("agent-a.meta.json").write_bytes(meta)

    assert identity(path).id == "s-agent-a"
    assert identity(path).title is None


def test_unreadable_meta_is_counted(tmp_path):
    """A file beside a sub-agent's that can't be read is told."""
    path = write(tmp_path / "agent-a.jsonl", {"type": "user", "sessionId": "s", "uuid": "1"})
    path.with_name("agent-a.meta.json").mkdir()
    source = Source(path)
    list(FORMAT.read(source))

    assert sum(source.skipped.values()) == 1


def test_forks():
    """Only a fork that says so goes on from another session; the claims of its copies agree."""
    forks = [DATA / "forks" / f"{session(number)}.jsonl" for number in (6, 7, 8)]
    claims = [
        [fact.claim for entry in entries(path) for fact in entry.facts if isinstance(fact, Replied)]
        for path in forks
    ]

    assert [(identity(path).previous, identity(path).reason) for path in forks] == [
        (None, None), (None, None), (session(6), "fork"),
    ]  # fmt: skip
    assert [identity(path).id for path in forks] == [session(6), session(7), session(8)]
    assert claims[0] == ["msg_06A/req_06A", "msg_06A/req_06A", "msg_06B"]
    assert claims[1][:3] == claims[2][:3] == claims[0]
    assert claims[1][3] != claims[2][3]


def test_mixed_sessions():
    """A file that holds lines of two sessions is the one's whose name it bears."""
    found = identity(DATA / "mixed-sessions" / f"{session(14)}.jsonl")

    assert found.id == session(14)
    assert found.facts["other_sessions"] == [session(13)]


def test_renamed():
    """A file whose name is no session's id is known by its lines."""
    assert identity(DATA / "renamed" / "full.jsonl").id == session(15)


def test_huge_session_id(tmp_path):
    """An id that nobody could use is none."""
    path = write(tmp_path / "x.jsonl", {"type": "user", "sessionId": "s" * 9999, "uuid": "1"})

    assert identity(path).id == "x"


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_entries_are_verbatim(path):
    """Every line becomes one entry, in order, as it stands in the file."""
    values = list(Source(path).values())
    found = entries(path)

    assert [(entry.offset, entry.raw) for entry in found] == values
    assert identity(path).began == next((entry.at for entry in found if entry.at), None)


def test_identity_does_not_grow(tmp_path):
    """What is told of who a file is does not change as the file grows."""
    whole = (DATA / "side-lines" / f"{session(12)}.jsonl").read_bytes().splitlines(keepends=True)
    path = tmp_path / f"{session(12)}.jsonl"
    found = set()
    for count in range(5, len(whole)):
        path.write_bytes(b"".join(whole[:count]))
        told = identity(path)
        found.add((told.id, told.parent, told.began, told.cwd, told.program))

    assert len(found) == 1


def test_prefix_tells_the_same(tmp_path):
    """Entries depend on those before them alone: a file that is cut off tells the same."""
    for source in TRANSCRIPTS:
        whole = entries(source)
        lines = source.read_bytes().splitlines(keepends=True)
        path = tmp_path / source.name
        path.write_bytes(b"".join(lines[: len(lines) // 2]))

        assert entries(path) == whole[: len(lines) // 2]


def test_torn_last_line(tmp_path):
    """A last line that is torn at any byte loses none of the lines before it."""
    lines = (DATA / "blocks" / f"{session(1)}.jsonl").read_bytes().splitlines(keepends=True)
    path = tmp_path / f"{session(1)}.jsonl"
    for cut in range(len(lines[1]) - 2):
        path.write_bytes(lines[0] + lines[1][:cut])

        assert entries(path)[0].raw == lines[0].strip()


ODDITIES = (None, True, -1, 2**70, 1.5, "", "x" * 300, "\ud800", "a/../b\x00", [], [[]], [1], {},
            {"type": 7}, {"content": {"text": 1}}, [{"type": "text", "text": None}])  # fmt: skip


def spoil(value, chance):
    """Replace or remove one thing somewhere in a value."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(sorted(value))
        if chance.random() < 0.2:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: spoil(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], spoil(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODDITIES)


@pytest.mark.parametrize("seed", range(3))
def test_mutations(tmp_path, seed):
    """Whatever fields hold, or lack, nothing is raised and no entry is lost."""
    chance = random.Random(seed)
    for source in TRANSCRIPTS:
        lines = [json.loads(line) for line in source.read_bytes().splitlines()]
        path = tmp_path / source.name
        for _ in range(8):
            spoilt = [spoil(line, chance) if chance.random() < 0.5 else line for line in lines]
            path.write_text("".join(json.dumps(line) + "\n" for line in spoilt))
            FORMAT.recognise(probe(path))

            assert len(entries(path)) == len(lines)


def test_counts():
    """The greatest count of each reply is the right one; the first one is far from it."""
    first, greatest = {}, {}
    for entry in entries(DATA / "counts" / f"{session(2)}.jsonl"):
        for fact in entry.facts:
            if isinstance(fact, Replied):
                first.setdefault(fact.id, fact.tokens.output)
                greatest[fact.id] = max(greatest.get(fact.id, 0), fact.tokens.output)

    assert (sum(first.values()), sum(greatest.values())) == (505, 43_894)
