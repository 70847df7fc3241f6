"""The format ``gemini``: fixtures of all versions, and what mutilated ones still tell."""

import json
import random
from pathlib import Path

import pytest

from steno.transcripts.importers.formats.gemini import FORMAT
from steno.transcripts.importers.model import Noted, Replied, Returned, Said, Summarised
from steno.transcripts.importers.source import Probe, Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "gemini" / "ferry"
CHATS = DATA / "chats"
FILES = sorted(CHATS.rglob("*.json*"))
LINES = CHATS / "session-2026-05-17T11-07-4f6c2a10.jsonl"
HISTORY = CHATS / "session-2026-05-18T09-00-4f6c2a11.jsonl"
DOCUMENTS = [
    CHATS / f"session-2025-12-01T10-00-4f6c2a1{end}" for end in ("2.json", "3.jsonl", "4.json")
]
HELPER = CHATS / "4f6c2a10-1111-4222-8333-000000000001" / "helper-1.jsonl"
TAKEN_BACK = "aaaaaaaa-0000-4000-8000-000000000003"
VALUES = [None, 0, -1, 1e308, True, "", "x\ud800", "gemini", [], [7], {}, {"text": 7}, 2**70]


def read(path):
    """Read the one conversation of a file."""
    source = Source(path)
    (conversation,) = [(each.identity, list(each.entries)) for each in FORMAT.read(source)]
    return *conversation, source


def facts(path):
    """List what a file tells."""
    return [fact for entry in read(path)[1] for fact in entry.facts]


def counts(*paths):
    """Map the claims of the files to the greatest counts that are told under each."""
    found = {}
    for path in paths:
        for fact in facts(path):
            if isinstance(fact, Replied) and fact.tokens:
                told = (fact.tokens.output, fact.tokens.input)
                found[fact.claim] = max(found.get(fact.claim, (0, 0)), told)
    return found


def total(found):
    """Add counts up: input and output."""
    output, sent = map(sum, zip(*found.values(), strict=True))
    return sent, output


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_recognised(path):
    """Every fixture is a conversation of the Gemini CLI without doubt."""
    assert FORMAT.recognise(probe(path)) >= 0.9


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ('{"$set":{"lastUpdated":"x"}}\n', True),
        ('{"id":"a","type":"gemini","content":"x"}\n', True),
        ('{"sessionId":"a","projectHash":"b","messages":[{"content":"' + "x" * 70_000, True),
        ('{"type":"session","version":3,"id":"a"}\n', False),
        ('{"sessionId":"a","type":"user","uuid":"b","message":{}}\n', False),
        ('{"timestamp":"x","type":"session_meta","payload":{"id":"a"}}\n', False),
        ('{"role":"user","content":"x"}\n', False),
        ('{\n  "messages": []\n}', False),
        ("", False),
    ],
)
def test_recognised_by_content(tmp_path, text, sure):
    """A conversation is known by its records under any name, and nothing else is one."""
    (tmp_path / "a.jsonl").write_text(text)

    assert (FORMAT.recognise(probe(tmp_path / "a.jsonl")) >= 0.9) is sure
    assert sure or FORMAT.recognise(probe(tmp_path / "a.jsonl")) == 0


@pytest.mark.parametrize(
    "value", [{"type": {}}, {"type": [], "id": 7}, {"payload": {"type": {}}}, [], 7]
)
def test_odd_values(value):
    """Nothing that a file begins with makes recognition fail."""
    looked = Probe(Path("session.json"), "session.json", b"{", (value, value))

    assert FORMAT.recognise(looked) == 0


def test_no_folder_no_database():
    """Folders and databases are no conversations."""
    assert FORMAT.recognise(Probe(Path("chats"), "chats", names=frozenset({"a"}))) == 0
    assert not FORMAT.takes_folder(Probe(Path("chats"), "chats"))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("tmp/ab/logs.json", True),
        ("tmp/ab/shell_history", True),
        ("tmp/ab/.project_root", True),
        ("tmp/ab/checkpoint-x.json", True),
        ("tmp/ab/tool-outputs/a.txt", True),
        ("tmp/ab/chats/session-2026-05-17T11-07-4f6c2a10.jsonl", False),
    ],
)
def test_neighbours(name, is_one):
    """Files of the Gemini CLI that are no conversations are known by name."""
    assert (FORMAT.neighbour(Path(name)) is not None) is is_one


def test_identity():
    """A conversation is who its first record says, about the folder that its project notes."""
    identity, _entries, source = read(LINES)

    assert (identity.format, identity.id) == ("gemini", "4f6c2a10-1111-4222-8333-000000000001")
    assert identity.began.isoformat() == "2026-05-17T11:07:00+00:00"
    assert (identity.cwd, identity.program) == ("/home/ada/ferry", "gemini-cli")
    assert identity.parent is None
    assert identity.facts["kind"] == "main"
    assert source.flaws == []


def test_sub_agent():
    """A sub-agent's file lies in a folder that is called after its parent."""
    identity, _entries, _source = read(HELPER)

    assert (identity.id, identity.cwd) == ("helper-1", "/home/ada/ferry")
    assert identity.parent == "4f6c2a10-1111-4222-8333-000000000001"
    assert total(counts(HELPER)) == (500, 4)


def test_exchange():
    """What is written again under its id is told once, with the last of its counts."""
    told = facts(LINES)

    assert [fact.text for fact in told if isinstance(fact, Said)] == [
        "When does the last ferry leave?", "And the first one?",
    ]  # fmt: skip
    last = {fact.id: fact for fact in told if isinstance(fact, Replied)}
    assert [reply.text for reply in last.values()] == ["I will look.", "At 22:40.", "At 05:10."]
    assert [fact.whole for fact in told if isinstance(fact, Replied)] == [
        False, True, True, True, False, False,
    ]  # fmt: skip
    assert [(fact.call_id, fact.output, fact.success) for fact in told if isinstance(fact, Returned)] == [
        ("read_file-1", "22:40 last ferry", True), ("shell-2", "exit 1", False),
    ]  # fmt: skip
    assert total(counts(LINES)) == (31_407, 960)


def test_notes():
    """Notices, titles and what was taken back are noted; unknown kinds are kept."""
    _identity, entries, _source = read(LINES)

    assert [fact.text for fact in facts(LINES) if isinstance(fact, Noted)] == [
        "Switched the model.", "Ferry times", "[API Error: quota]",
        f"Taken back from message {TAKEN_BACK} on; it was said all the same.",
    ]  # fmt: skip
    assert [entry.kind for entry in entries if not entry.known] == ["holiday", "?"]


def test_history():
    """A history that is set anew tells its summary; what it masks stays as it was said."""
    told = facts(HISTORY)

    assert [type(fact) for fact in told] == [Said, Replied, Returned, Summarised, Replied]
    assert told[2].output == "a long log"
    assert total(counts(HISTORY)) == (1200, 14)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_document(path):
    """The older document is its header and its messages, spread over lines or not."""
    identity, entries, source = read(path)

    assert identity.id == f"4f6c2a10-1111-4222-8333-00000000000{int(path.stem[-1]) + 1}"
    assert identity.title == "Greetings"
    assert [entry.kind for entry in entries] == ["session", "user", "gemini", "gemini"]
    assert all(b"\n" not in entry.raw for entry in entries)
    assert json.loads(entries[1].raw)["content"] == "Salut, ça va ?"
    assert b"messages" not in entries[0].raw
    data = path.read_bytes()
    assert [data[entry.offset : entry.offset + 1] for entry in entries] == [b"{"] * 4
    assert total(counts(path)) == (305, 65)
    assert source.flaws == []


def test_copies():
    """Copies of one reply in several files have one claim."""
    assert total(counts(*DOCUMENTS)) == (305, 65)


def test_no_header(tmp_path):
    """A conversation whose first record is lost is called as its file."""
    path = tmp_path / "chats" / LINES.name
    path.parent.mkdir()
    path.write_bytes(LINES.read_bytes().split(b"\n", 1)[1])

    identity, entries, _source = read(path)

    assert identity.id == "session-2026-05-17T11-07-4f6c2a10"
    assert identity.cwd is None
    assert len(entries) == len(read(LINES)[1]) - 1


def test_half_characters(tmp_path):
    """A text that was cut within a character is read."""
    (tmp_path / "a.jsonl").write_text('{"id":"a","type":"user","content":"cut \\ud83d"}\n')

    (said,) = facts(tmp_path / "a.jsonl")
    assert said.text.startswith("cut ")
    assert said.text.isprintable()


@pytest.mark.parametrize("path", [LINES, HISTORY, HELPER], ids=lambda path: path.name)
def test_grows(tmp_path, path):
    """What a record tells depends on no record behind it."""
    lines = path.read_bytes().splitlines(keepends=True)
    whole = read(path)[1]
    grown = tmp_path / path.name
    for end in range(1, len(lines)):
        grown.write_bytes(b"".join(lines[:end]))
        assert read(grown)[1] == whole[:end]


def mutilate(line, chance):
    """Replace a field of a record, at any depth, by a value of another type, or remove it."""
    value = json.loads(line)
    place = value
    while isinstance(place, dict) and place:
        key = chance.choice(list(place))
        if isinstance(place[key], dict | list) and place[key] and chance.random() < 0.7:
            place = chance.choice(place[key]) if isinstance(place[key], list) else place[key]
            continue
        if chance.random() < 0.3:
            del place[key]
        else:
            place[key] = chance.choice(VALUES)
        break
    return json.dumps(value).encode() + b"\n"


def check(path):
    """Check that every value of a file is one entry, and every fact is one."""
    _identity, entries, _source = read(path)
    values = [(value.data, value.offset) for value in Source(path).values()]
    assert [(entry.raw, entry.offset) for entry in entries] == values
    for fact in [fact for entry in entries for fact in entry.facts]:
        for name in ("text", "thinking", "role", "model", "error", "summary", "claim"):
            assert isinstance(getattr(fact, name, None), str | None)


def test_mutilated(tmp_path):
    """Whatever a record holds, nothing is raised and no record is lost."""
    chance = random.Random(6)
    for path in (LINES, HISTORY, HELPER):
        lines = path.read_bytes().splitlines(keepends=True)
        for _attempt in range(80):
            changed = list(lines)
            for number in chance.sample(range(len(lines)), 3):
                changed[number] = mutilate(lines[number], chance)
            (tmp_path / path.name).write_bytes(b"".join(changed))
            check(tmp_path / path.name)


def test_torn(tmp_path):
    """Torn at any byte of its last record, or with any record missing, a conversation is read."""
    for path in (LINES, HISTORY, HELPER):
        lines = path.read_bytes().splitlines(keepends=True)
        for cut in range(0, len(lines[-1]), 5):
            (tmp_path / path.name).write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])
            check(tmp_path / path.name)
        for number in range(len(lines)):
            (tmp_path / path.name).write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
            check(tmp_path / path.name)


def test_torn_document(tmp_path):
    """A torn document is read up to where it ends: every message that stands in it whole is told."""
    data = DOCUMENTS[0].read_bytes()
    ends = [data.index(text) for text in (b'"model"', b'"Encore', b'"summary"')]
    for cut in range(2, len(data), 9):
        (tmp_path / "a.json").write_bytes(data[:cut])
        source = Source(tmp_path / "a.json")
        entries = [entry for found in FORMAT.read(source) for entry in found.entries]
        assert source.flaws
        kinds = [entry.kind for entry in entries[1:]]
        assert kinds == ["user", "gemini", "gemini"][: len(kinds)]
        assert len(kinds) >= sum(cut > end for end in ends)


@pytest.mark.parametrize("text", ["{\n", '{\n  "sess', "{\n}"])
def test_nothing_left_of_a_document(tmp_path, text):
    """A document of which nothing is left makes no conversation under the name of its file."""
    path = tmp_path / "session-2026-01-01T10-00-4f6c2a99.json"
    path.write_text(text)

    assert list(FORMAT.read(Source(path))) == []
