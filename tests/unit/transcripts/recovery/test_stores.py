"""Indexes that map keys to sessions."""

import json

import pytest

from steno.transcripts.recovery.evidence import OLD_STORE, Claims
from steno.transcripts.recovery.stores import claim_history, claim_index, read_index

A, B, C, D = (f"{n}aaaaaaa-1111-4111-8111-111111111111" for n in "abcd")


def keys(claims, identifier, folder="/f"):
    """List what is said of a session, as kind, key and place."""
    return [(each.kind, each.key, each.pointer) for each in claims.about(identifier, folder)]


def test_all_that_an_entry_says():
    """One entry names the current session, earlier ones, those of a compaction, and a report's."""
    entry = {
        "sessionId": A,
        "usageFamilySessionIds": [A, B],
        "compactionCheckpoints": [
            {"sessionKey": "agent:main:old", "preCompaction": {"sessionId": C}}
        ],
        "systemPromptReport": {"sessionId": D, "sessionKey": "agent:main:other"},
    }
    claims = Claims()

    claim_index(claims, {"agent:main:x/y": entry}, "/f/sessions.json", "/f")

    assert keys(claims, A) == [("store", "agent:main:x/y", "/agent:main:x~1y/sessionId")]
    assert keys(claims, B) == [
        ("usage_family", "agent:main:x/y", "/agent:main:x~1y/usageFamilySessionIds/1")
    ]
    assert [each[:2] for each in keys(claims, C)] == [("compaction_checkpoint", "agent:main:old")]
    assert [each[:2] for each in keys(claims, D)] == [("prompt_report", "agent:main:other")]


@pytest.mark.parametrize("path", [
    "/home/other/agents/main/sessions/t.jsonl", "C:\\Users\\x\\sessions\\t.jsonl", "t.jsonl",
])  # fmt: skip
def test_the_file_that_an_entry_names(path):
    """A transcript's path counts by its name, whatever machine it is of."""
    claims = Claims()

    claim_index(claims, {"agent:main:x": {"sessionFile": path}}, "s", "/f")

    assert [each.key for each in claims.about_file("t.jsonl", "/f")] == ["agent:main:x"]
    assert claims.about_file("t.jsonl", "/g") == []


def test_the_copy_before_a_compaction():
    """The file that was kept before a compaction counts by its name, as one of a compaction."""
    entry = {"compactionCheckpoints": [{"preCompaction": {"sessionFile": "/x/s.checkpoint.jsonl"}}]}
    claims = Claims()

    claim_index(claims, {"agent:main:x": entry}, "s", "/f")

    (evidence,) = claims.about_file("s.checkpoint.jsonl", "/f")
    assert (evidence.kind, evidence.key) == ("compaction_checkpoint", "agent:main:x")


def test_an_older_copy():
    """What an older copy says is known to be older."""
    claims = Claims()

    claim_index(claims, {"agent:main:x": {"sessionId": A}}, "s", "/f", OLD_STORE)

    assert keys(claims, A)[0][0] == "older_store"


@pytest.mark.parametrize("entry", [
    None, 7, [], "x", {}, {"sessionId": 7}, {"sessionId": None, "usageFamilySessionIds": {"a": 1}},
    {"usageFamilySessionIds": [1, None]}, {"compactionCheckpoints": [1, {"sessionKey": 4}]},
    {"compactionCheckpoints": [{"preCompaction": "x"}]}, {"systemPromptReport": []},
    {"systemPromptReport": {"sessionId": "a"}}, {"sessionFile": 3}, {"sessionFile": "a/"},
])  # fmt: skip
def test_entries_of_other_shapes(entry):
    """An entry of any other shape says nothing, and stops nobody."""
    claims = Claims()

    claim_index(claims, {"agent:main:bad": entry, "agent:main:x": {"sessionId": A}}, "s", "/f")

    assert [each.key for each in claims.about(A, "/f")] == ["agent:main:x"]


def test_a_torn_index(tmp_path):
    """Of a torn index, the entries before the tear count, and the tear is told."""
    whole = json.dumps({f"agent:main:{n}": {"sessionId": str(n)} for n in range(10)})
    path = tmp_path / "sessions.json"
    path.write_text(whole[: len(whole) // 2])

    entries, wrong = read_index(str(path))

    assert 3 <= len(entries) <= 5
    assert entries["agent:main:0"] == {"sessionId": "0"}
    assert "damaged" in wrong


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "{", '{"a"', '{"a" 1}', "{1:2}", "\x00\x00", "nix"]
)
def test_what_is_no_index(tmp_path, text):
    """A file that is no object gives no entries, and says so."""
    path = tmp_path / "sessions.json"
    path.write_text(text)

    entries, wrong = read_index(str(path))

    assert entries == {}
    assert wrong


def test_an_index_that_is_being_rewritten(tmp_path):
    """An index that is torn only for a moment is read whole."""
    path = tmp_path / "sessions.json"
    path.write_text('{"agent:main:x": {"sess')

    def pause(_):
        path.write_text('{"agent:main:x": {"sessionId": "x"}}')

    entries, wrong = read_index(str(path), pause=pause)

    assert (entries, wrong) == ({"agent:main:x": {"sessionId": "x"}}, None)


def test_an_old_torn_index_is_not_waited_for(sessions):
    """Nobody rewrites an index that has not changed for long: it is read once."""
    path = sessions.write("sessions.json", '{"agent:main:x": {}, "agent')
    pauses = []

    entries, _ = read_index(str(path), pause=pauses.append)

    assert (entries, pauses) == ({"agent:main:x": {}}, [])


def test_an_index_with_broken_bytes(tmp_path):
    """A key that holds bytes which are no UTF-8 names nobody; the others do."""
    path = tmp_path / "sessions.json"
    path.write_bytes(b'{"agent:main:x": {"sessionId": "%b"}, "agent:main:\xff": {"sessionId": "%b"}}'
                     % (A.encode(), B.encode()))  # fmt: skip
    entries, wrong = read_index(str(path), pause=lambda _: None)
    claims = Claims()

    claim_index(claims, entries, "s", "/f")

    assert wrong
    assert [each.key for each in claims.about(A, "/f")] == ["agent:main:x"]
    assert claims.about(B, "/f") == []


def test_no_file(tmp_path):
    """An index that is not there is an error after a few looks."""
    with pytest.raises(FileNotFoundError):
        read_index(str(tmp_path / "sessions.json"))


def test_the_history_of_a_plugin():
    """CoClaw's history names the sessions of each key; its version is no key."""
    claims = Claims()

    claim_history(
        claims, {"version": 1, "agent:main:main": [{"sessionId": A}, 7, {}]}, "h.json", "/f"
    )

    assert keys(claims, A) == [("chat_history", "agent:main:main", "/agent:main:main/0/sessionId")]
