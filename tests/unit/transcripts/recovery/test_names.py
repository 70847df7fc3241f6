"""What a file is, by its name."""

import pytest

from steno.transcripts.recovery import names

ID = "6f1d3d3e-0000-4000-8000-00000000abcd"
CHECKPOINT = "11111111-2222-4333-8444-555555555555"
WHEN = "2026-05-31T10-05-37.662Z"


@pytest.mark.parametrize(
    ("name", "kind", "identifier"),
    [
        (f"{ID}.jsonl", "live", ID),
        (f"{ID}.jsonl.zst", "live", ID),
        (f"{ID}.jsonl.reset.{WHEN}", "reset", ID),
        (f"{ID}.jsonl.reset.2026-05-31T10-05-37Z.zst", "reset", ID),
        (f"{ID}.jsonl.deleted.{WHEN}", "deleted", ID),
        (f"{ID}.jsonl.bak.{WHEN}", "bak", ID),
        (f"{ID}.jsonl.bak-4711-1767000000000", "bak-copy", ID),
        (f"{ID}.checkpoint.{CHECKPOINT}.jsonl", "checkpoint", ID),
        (f"{ID}.checkpoint.{CHECKPOINT}.jsonl.deleted.{WHEN}", "deleted", ID),
        (f"{ID}-topic-12%2F3.jsonl", "topic", ID),
        (f"{ID}-jsonl-reset-{WHEN}", "reset", ID),
        (f"{ID}-jsonl-deleted-2026-05-31t10-05-37-662z.md", "deleted", ID),
        (f"2026-01-01T10-00-00-000Z_{ID}.jsonl", "live", ID),
        ("a" * 64 + ".jsonl.zst", "cold", None),
        ("odd_name--0123456789abcdef.jsonl", "live", None),
        ("my session.jsonl", "live", "my session"),
        (f"{ID}.trajectory.jsonl", "trajectory", ID),
        (f"{ID}.trajectory.jsonl.deleted.{WHEN}.zst", "trajectory", ID),
        (f"{ID}.trajectory-path.json", "trajectory-pointer", ID),
        (f"{ID}.jsonl.lock", "lock", None),
        (f"{ID}.jsonl.orig", "original", None),
        ("sessions.json", "index", None),
        ("sessions.json.bak.3", "old-index", None),
        (f"sessions.json.{ID}.tmp", "old-index", None),
        ("sessions.json~", "old-index", None),
        ("backup-sessions.json", "old-index", None),
        ("sessions.json.telegram-bot.json", "cache", None),
        (".usage-cost-cache.json", "cache", None),
        ("coclaw-chat-history.json", "chat-history", None),
        ("openclaw-agent.sqlite", "database", None),
        ("notes.txt", "other", None),
        (f"{ID}.jsonl.reset.yesterday", "other", None),
        (".jsonl", "live", None),
        ("", "other", None),
        ("\udcff\n.jsonl", "live", "\udcff\n"),
    ],
)
def test_names(name, kind, identifier):
    """Each known form of a name is told from the others, with the session that it names."""
    read = names.read_name(name)

    assert (read.kind, read.session_id) == (kind, identifier)
    assert read.packed == name.endswith(".zst")


def test_what_else_a_name_tells():
    """The time of an archive, and the id of a topic or a checkpoint, are kept."""
    assert names.read_name(f"{ID}.jsonl.reset.{WHEN}").archived_at == WHEN
    assert names.read_name(f"{ID}-topic-7.jsonl").part == "7"
    assert names.read_name(f"{ID}.checkpoint.{CHECKPOINT}.jsonl").part == CHECKPOINT


def test_uuids():
    """Only ids of the form of a UUID are taken to be nobody else's."""
    assert names.is_uuid(ID)
    assert not names.is_uuid("main")
    assert not names.is_uuid(f"{ID}x")
