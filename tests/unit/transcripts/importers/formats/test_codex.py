"""The format ``codex``: fixtures of all versions, and what mutilated ones still tell."""

import json
import random
from pathlib import Path

import pytest

from steno.storage.compressed import load_zstd
from steno.transcripts.importers.formats.codex import FORMAT
from steno.transcripts.importers.model import (
    Counted,
    Entry,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)
from steno.transcripts.importers.source import Probe, Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "codex"
FILES = sorted(DATA.glob("rollout-*"))
LINES = [path for path in FILES if path.suffix == ".jsonl"]
VALUES = [None, 0, -1, 1e308, True, "", "x\ud800", "2026", [], [7], {}, {"type": 7}, 2**70]


def fixture(day):
    """Name the fixture of a day, the first of several."""
    return next(path for path in FILES if path.name.startswith(f"rollout-{day}"))


def read(path):
    """Read the one conversation of a file."""
    source = Source(path)
    (conversation,) = [(each.identity, list(each.entries)) for each in FORMAT.read(source)]
    return *conversation, source


def counts(*paths):
    """Map the claims of what the files count, copies left out, to input and output tokens."""
    found = {}
    for path in paths:
        for entry in read(path)[1]:
            for fact in entry.facts:
                if entry.replayed_from is None and getattr(fact, "tokens", None):
                    found.setdefault(fact.claim, (fact.tokens.input, fact.tokens.output))
    return found


def total(found):
    """Add counts up."""
    return tuple(map(sum, zip(*found.values(), strict=True)))


def claims(path):
    """List all claims of a file, of copies too."""
    facts = [fact for entry in read(path)[1] for fact in entry.facts]
    return [fact.claim for fact in facts if isinstance(fact, Counted | Replied) and fact.claim]


def said(path):
    """List who says what in a file, copies left out."""
    return [
        (fact.role, fact.text) if isinstance(fact, Said) else ("assistant", fact.text)
        for entry in read(path)[1]
        for fact in entry.facts
        if entry.replayed_from is None and isinstance(fact, Said | Replied) and fact.text
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name[8:25])
def test_recognised(path):
    """Every fixture is a rollout without doubt."""
    assert FORMAT.recognise(probe(path)) >= 0.9


def test_recognised_by_content(tmp_path):
    """A rollout is one under any name; a first line that is longer than the head is enough."""
    long = json.dumps({"timestamp": "2026-01-01T00:00:00Z", "type": "session_meta",
                       "payload": {"id": "x", "base_instructions": "y" * 100_000}})  # fmt: skip
    (tmp_path / "a.txt").write_text(long + "\n")

    assert FORMAT.recognise(probe(tmp_path / "a.txt")) >= 0.9


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"session","version":3,"id":"a","timestamp":"2026-01-01T00:00:00Z","cwd":"/"}\n',
        '{"type":"session","version":4,"session_id":"a"}\n',
        '{"parentUuid":null,"sessionId":"a","type":"user","uuid":"b","message":{"role":"user"}}\n',
        '{"sessionId":"a","projectHash":"b","startTime":"2026-01-01T00:00:00Z"}\n',
        '{"type":"message","role":"user","content":"a"}\n',
        '{"role":"user","content":"a"}\n',
        '{"id":"a","timestamp":"2026-01-01T00:00:00Z","type":"user"}\n',
        "not json",
        "",
    ],
)
def test_not_recognised(tmp_path, text):
    """Other programs' files are none, nor is anything under another name."""
    (tmp_path / "a.jsonl").write_text(text)

    assert FORMAT.recognise(probe(tmp_path / "a.jsonl")) == 0


@pytest.mark.parametrize(
    "value",
    [{"type": {}, "payload": {}}, {"type": []}, {"id": [], "timestamp": {}}, {"payload": 7}, [], 7],
)
def test_odd_values(value):
    """Nothing that a file begins with makes recognition fail."""
    looked = Probe(Path("rollout.jsonl"), "rollout.jsonl", b"{", (value, value))

    assert FORMAT.recognise(looked) == 0


def test_no_folder_no_database():
    """Folders and databases are no rollouts."""
    assert FORMAT.recognise(Probe(Path("rollout"), "rollout", names=frozenset({"a"}))) == 0
    assert FORMAT.recognise(Probe(Path("x"), "x", tables={"threads": frozenset()})) == 0
    assert not FORMAT.takes_folder(Probe(Path("rollout"), "rollout"))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("session_index.jsonl", True),
        ("history.jsonl", True),
        ("state_5.sqlite", True),
        ("state_5.sqlite-wal", True),
        ("auth.json", True),
        ("a.lock", True),
        ("rollout-2026-01-01T00-00-00-a.jsonl", False),
    ],
)
def test_neighbours(name, is_one):
    """Files of Codex that are no rollouts are known by name."""
    assert (FORMAT.neighbour(Path("/c") / name) is not None) is is_one


def test_identity():
    """A rollout is who its first line says."""
    identity, entries, source = read(fixture("2026-02-23"))

    assert identity.format == "codex"
    assert identity.id == "019c8a54-0b00-7000-8000-000000000001"
    assert identity.began.isoformat() == "2026-02-23T11:48:09.610000+00:00"
    assert (identity.cwd, identity.program) == ("/home/ada/ferry", "codex_cli_rs 0.104.0")
    assert (identity.parent, identity.previous, identity.reason) == (None, None, None)
    assert identity.facts["git"]["branch"] == "main"
    assert all(entry.known for entry in entries)
    assert source.flaws == []


def test_exchange():
    """User, program and model are told apart, each text once, with calls and what they returned."""
    path = fixture("2026-02-23")
    facts = [fact for entry in read(path)[1] for fact in entry.facts]

    assert [(role, text[:20]) for role, text in said(path)] == [
        ("developer", "<permissions instruc"), ("developer", "# AGENTS.md instruct"),
        ("developer", "<environment_context"), ("user", "When does the last f"),
        ("assistant", "I will look at the t"), ("assistant", "The last ferry leave"),
        ("user", "Thank you."), ("assistant", "You are welcome."),
    ]  # fmt: skip
    replies = [fact for fact in facts if isinstance(fact, Replied)]
    assert "".join(reply.thinking for reply in replies) == "**Looking at the timetable**"
    assert [call.id for reply in replies for call in reply.calls] == ["call_a1", "call_a2"]
    assert {reply.id[-2:] for reply in replies} == {":1", ":2", ":3"}
    assert {reply.provider for reply in replies} == {"openai"}
    assert replies[-1].model == "gpt-5.3-codex-mini"
    returned = [fact for fact in facts if isinstance(fact, Returned)]
    assert [(each.success, each.duration_ms) for each in returned] == [(True, 52), (False, 51)]


def test_counts():
    """Each call counts once, though its counts are repeated with the rate limits."""
    found = counts(fixture("2026-02-23"))

    assert list(found.values()) == [(17000, 460), (19200, 240), (19300, 20)]
    assert total(found) == (55_500, 720)


def test_fork():
    """A fork goes on from its parent, repeats it with new times, and counts its own calls alone."""
    parent, fork = fixture("2026-02-23"), fixture("2026-02-24")
    identity, entries, _source = read(fork)

    assert identity.previous == "019c8a54-0b00-7000-8000-000000000001"
    assert identity.reason == "fork"
    assert total(counts(fork)) == (19_500, 30)
    assert total(counts(parent, fork)) == (75_000, 750)
    assert claims(fork)[:2] == claims(parent)[:2]
    assert len(set(claims(fork)) & set(claims(parent))) == 2
    assert {entry.replayed_from for entry in entries} == {None, identity.previous}
    assert [text for role, text in said(fork) if role != "developer"] == [
        "And the first one?", "The first one leaves at 05:10.",
    ]  # fmt: skip


def test_counts_before_items():
    """In 2025 counts came before the items of their reply: they are put together all the same."""
    path = fixture("2025-10-29")
    replies = [fact for entry in read(path)[1] for fact in entry.facts if isinstance(fact, Replied)]

    assert list(counts(path).values()) == [(3000, 60), (3100, 30), (3200, 10)]
    assert [(reply.id, [call.id for call in reply.calls]) for reply in replies if reply.calls] == [
        ("turn:1", ["call_b1"]), ("turn:2", ["call_b2"]),
    ]  # fmt: skip
    assert replies[-1].text == "a.txt and b.txt."


def test_fork_without_turns():
    """A fork of 2025 has no turn ids and names no parent: its claims are its parent's."""
    parent, fork = fixture("2025-10-29"), fixture("2025-10-30")

    assert claims(fork)[:3] == claims(parent)
    assert total(counts(parent, fork)) == (12_600, 110)


def test_first_rollouts():
    """The rollouts of early 2025 are a document, then bare items."""
    identity, entries, source = read(fixture("2025-04-17"))
    assert identity.id == "01964330-e500-7000-8000-000000000006"
    assert [entry.kind for entry in entries] == [
        "session", "message", "reasoning", "function_call", "function_call_output", "message",
    ]  # fmt: skip
    assert said(fixture("2025-04-17")) == [("user", "Say hello."), ("assistant", "Hello.")]
    assert all(b"\n" not in entry.raw for entry in entries)
    assert source.flaws == []

    identity, entries, _source = read(fixture("2025-05-07"))
    assert identity.id == "0196abc6-e588-7000-8000-000000000005"
    assert [entry.kind for entry in entries][:3] == ["session", "state", "message"]
    assert all(entry.known for entry in entries)
    (returned,) = [f for entry in entries for f in entry.facts if isinstance(f, Returned)]
    assert (returned.output, returned.success) == ("README.md\n", True)


def test_records():
    """Records count each call once, a compaction's too; what stands beside them counts nothing."""
    path = fixture("2026-09-11T09-00-00")

    assert list(counts(path).values()) == [(9000, 100), (9500, 40), (4100, 10)]
    facts = [fact for entry in read(path)[1] for fact in entry.facts]
    assert sum(isinstance(fact, Summarised) for fact in facts) == 1
    assert said(path)[-1] == ("assistant", "Seven boats.")
    assert [text for _role, text in said(path)].count("Seven boats.") == 1


def test_sub_agent():
    """A sub-agent names its parent; what it has copied of it counts there, by the same claim."""
    parent, child = fixture("2026-09-11T09-00-00"), fixture("2026-09-11T09-00-02")
    identity, entries, _source = read(child)

    assert identity.parent == "01a08fb1-f680-7000-8000-000000000007"
    assert identity.previous is None
    assert identity.facts["agent_role"] == "explorer"
    assert [entry.replayed_from for entry in entries[:7]] == [None, *[identity.parent] * 5, None]
    assert claims(child)[0] == claims(parent)[0]
    assert total(counts(parent, child)) == (31_700, 158)


def test_fork_by_reference():
    """A fork that copies nothing begins with its parent's totals, which it does not count."""
    identity, _entries, _source = read(fixture("2026-09-12T10"))

    assert identity.previous == "019c8a54-0b00-7000-8000-000000000001"
    assert total(counts(fixture("2026-09-12T10"))) == (19_200, 12)


def test_rewound():
    """A thread that was rewound goes on in a file that is a conversation of its own."""
    identity, _entries, _source = read(fixture("2026-09-12T11"))
    thread = "01a0950f-4100-7000-8000-000000000009"

    assert identity.id == f"{thread}_01a09546-2f80-7000-8000-000000000010"
    assert (identity.previous, identity.reason) == (thread, "fork")


def test_other_kinds():
    """Kinds that nobody knows are kept and counted; what people read is noted."""
    _identity, entries, _source = read(fixture("2026-01-05"))

    assert [entry.kind for entry in entries if not entry.known] == [
        "event_msg/weather_changed", "tide_table", "response_item/hologram_call",
    ]  # fmt: skip
    noted = [f.text for entry in entries for f in entry.facts if isinstance(f, Noted)]
    assert noted[0] == "current changes"
    assert noted[-1] == "Ferries"


def test_compressed(tmp_path):
    """A compressed rollout is read as the one that it holds."""
    path = fixture("2026-02-23")
    packed = tmp_path / f"{path.name}.zst"
    packed.write_bytes(load_zstd().compress(path.read_bytes()))

    assert FORMAT.recognise(probe(packed)) == 1
    assert read(packed)[:2] == read(path)[:2]


def test_lost_head(tmp_path):
    """A rollout whose first line is lost is who its name says, and not whom it has copied."""
    path = tmp_path / fixture("2026-02-24").name
    path.write_bytes(b"{" + fixture("2026-02-24").read_bytes()[300:])

    assert read(path)[0].id == "019c8ea9-8400-7000-8000-000000000002"


def test_empty(tmp_path):
    """An empty file is a conversation without entries."""
    (tmp_path / "rollout-x.jsonl").touch()

    assert read(tmp_path / "rollout-x.jsonl")[1] == []


@pytest.mark.parametrize("path", LINES, ids=lambda path: path.name[8:25])
def test_grows(tmp_path, path):
    """What a line tells depends on no line behind it."""
    lines = path.read_bytes().splitlines(keepends=True)
    whole = read(path)[1]
    grown = tmp_path / path.name
    for end in range(1, len(lines)):
        grown.write_bytes(b"".join(lines[:end]))
        assert read(grown)[1] == whole[:end]


def mutilate(line, chance):
    """Replace a field of a line, at any depth, by a value of another type, or remove it."""
    value = json.loads(line)
    place = value
    while isinstance(place, dict) and place:
        key = chance.choice(list(place))
        if isinstance(place[key], dict | list) and place[key] and chance.random() < 0.6:
            place = place[key][0] if isinstance(place[key], list) else place[key]
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
    for entry in entries:
        assert isinstance(entry, Entry)
        for fact in entry.facts:
            for name in ("text", "thinking", "role", "model", "error", "summary", "claim"):
                assert isinstance(getattr(fact, name, None), str | None)


def test_mutilated(tmp_path):
    """Whatever a line holds, nothing is raised and no line is lost."""
    chance = random.Random(5)
    for path in LINES:
        lines = path.read_bytes().splitlines(keepends=True)
        lines[-1] = lines[-1].rstrip(b"\n") + b"\n"
        for _attempt in range(40):
            changed = list(lines)
            for number in chance.sample(range(len(lines)), min(4, len(lines))):
                changed[number] = mutilate(lines[number], chance)
            (tmp_path / path.name).write_bytes(b"".join(changed))
            check(tmp_path / path.name)


def test_torn(tmp_path):
    """Torn at any byte of its last line, or with any line missing, a rollout is read."""
    for path in LINES:
        lines = path.read_bytes().splitlines(keepends=True)
        for cut in range(0, len(lines[-1]), 7):
            (tmp_path / path.name).write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])
            check(tmp_path / path.name)
        for number in range(len(lines)):
            (tmp_path / path.name).write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
            check(tmp_path / path.name)


def test_torn_document(tmp_path):
    """A torn document is read up to where it ends."""
    path = fixture("2025-04-17")
    data = path.read_bytes()
    for cut in range(2, len(data), 5):
        (tmp_path / path.name).write_bytes(data[:cut])
        assert read(tmp_path / path.name)[2].flaws
