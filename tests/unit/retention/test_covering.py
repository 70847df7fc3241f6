"""Which files a hold covers."""

import pytest

import steno
from steno.errors import TranscriptError
from steno.retention.covering import Cover, collect_ids
from steno.retention.listing import list_archives, list_transcripts
from steno.storage.holds import Hold, Holds


def covered(old, *holds, learn=False):
    """Name what these holds cover."""
    files = list_transcripts(old.places.sessions, old.now) + list_archives(old.places.archives)
    cover = Cover(holds, old.places.archives)
    if learn:
        cover.learn(files)
    return {path.rsplit("/", 1)[-1] for path in cover.of(files)}


def test_session(old):
    """A hold on a session covers its transcript and the archives that it names, no others."""
    old.transcript("s", days=9)
    old.transcript("t", days=9)
    for name in ("m.zip", "m.req-1.zip", "m.steno.age", "n.zip"):
        old.archive(name=name)
    old.archive(user="v", name="m2.zip")

    hold = Hold(session_id="s", user_id="u", chats={"c": ("m",)})

    assert covered(old, hold) == {"s.jsonl", "m.zip", "m.req-1.zip", "m.steno.age"}
    assert covered(old) == set()


def test_chat(old):
    """A hold on a chat covers all its archives; one on a message those of the message."""
    for name in ("m.zip", "n.zip"):
        old.archive(name=name)
    old.archive(chat="d", name="o.zip")

    assert covered(old, Hold(user_id="u", chats={"c": ()})) == {"m.zip", "n.zip"}
    assert covered(old, Hold(user_id="u", chats={"c": ("n",)})) == {"n.zip"}


def test_hostile_ids(old):
    """Ids that are no file names are found under the names that archives have."""
    from steno.archives.identifiers import ArchiveIds
    from steno.archives.layout import folder_names, stem_of

    ids = ArchiveIds(user_id="../u", chat_id="api", message_id="m:1")
    old.archive(*folder_names(ids), name=f"{stem_of(ids)}.zip")

    assert len(covered(old, Hold(user_id="../u", chats={"api": ("m:1",)}))) == 1


def test_ids(home):
    """A transcript names its user, its chats and their messages in its header and its events."""
    with steno.open(home) as recorder:
        with recorder.session("s", user_id="u", chat_id="c", message_id="m") as session:
            for metadata in (
                steno.SessionMetadata(message_id="m2"),
                steno.SessionMetadata(chat_id="d", message_id="m3"),
                steno.SessionMetadata(chat_id="e"),
                None,
            ):
                recorder.record(
                    steno.Started(
                        "s", "r", session.header.timestamp, model_requested="m", provider="p", listener="l", is_streaming=False,
                        metadata=metadata,
                    )
                )  # fmt: skip
    (path,) = home.glob("sessions/*/s.jsonl")

    assert collect_ids(path) == ("u", {"c": ("m", "m2"), "d": ("m3",), "e": ()})


def test_learn(old):
    """Archives that a held transcript names since it was held are covered too."""
    from datetime import UTC, datetime, timedelta

    path = old.transcript("s", days=0, user_id="u", chat_id="c", message_id="new")
    old.archive(name="new.zip")
    before = datetime.now(UTC) - timedelta(days=1)
    hold = Hold(session_id="s", user_id="u", chats={"c": ("old",)}, held_at=before)

    assert covered(old, hold) == {"s.jsonl"}
    assert covered(old, hold, learn=True) == {"s.jsonl", "new.zip"}
    old.age(path, 5)
    assert covered(old, hold, learn=True) == {"s.jsonl"}


def test_learn_by_hand(old):
    """A hold by hand that names a session alone covers the archives of its chats too."""
    old.transcript("s", days=50, user_id="u", chat_id="c", message_id="m")
    old.archive(name="m.zip")
    old.home.holds.mkdir()
    (old.home.holds / "case.json").write_text('{"type":"hold","session_id":"s"}')
    (hold,) = Holds(old.home.holds).read()

    assert covered(old, hold, learn=True) == {"s.jsonl", "m.zip"}


def test_learn_after_a_clock_was_set_back(old):
    """What was written while the hold was made, or after the clock was set back, is covered."""
    from datetime import UTC, datetime, timedelta

    old.transcript("s", days=0.04, user_id="u", chat_id="c", message_id="new")
    old.archive(name="new.zip")
    held_at = datetime.fromtimestamp(old.now, UTC) + timedelta(minutes=5)
    hold = Hold(session_id="s", user_id="u", chats={"c": ("old",)}, held_at=held_at)

    assert covered(old, hold, learn=True) == {"s.jsonl", "new.zip"}


def test_learn_fails(old, monkeypatch):
    """If a held transcript can't be read, nobody knows what is held: an error, unless it is gone."""
    from datetime import UTC, datetime, timedelta

    from steno.retention import covering

    path = old.transcript("s")
    hold = Hold(session_id="s", held_at=datetime.now(UTC) - timedelta(days=1))
    files = list_transcripts(old.places.sessions, old.now)

    def refuse(*_, **__):
        raise TranscriptError("cannot read it")

    monkeypatch.setattr(covering, "read_transcript", refuse)
    with pytest.raises(TranscriptError):
        Cover([hold], None).learn(files)
    path.unlink()
    Cover([hold], None).learn(files)


def test_user_alone(old):
    """A session that names a user and no chat covers no archive: none can be told to be its own."""
    old.archive()
    old.transcript("s", user_id="u")

    hold = Hold(
        session_id="s", user_id="u", held_at=Hold(session_id="s").held_at.replace(year=2020)
    )

    assert covered(old, hold, learn=True) == {"s.jsonl"}
