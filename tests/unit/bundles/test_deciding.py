"""What becomes of sessions that clash."""

import sqlite3
import time
from datetime import UTC, datetime

import pytest

import steno
from steno.bundles.clashes import find_transcript
from steno.bundles.manifest import BundledSession
from steno.bundles.renaming import new_id
from steno.errors import BundleError
from steno.storage.holds import Hold, Holds
from steno.storage.lease import find_touched


@pytest.fixture
def clash(full, other):
    """Have another session of the same id, with all that belongs to one; gives the bundle."""
    ids = {"user_id": "u1", "chat_id": "c1", "message_id": "m1"}
    other.record("s", text="what was here", **ids)
    other.collect("logs/k.json", b"other")
    other.collect("logs/mine.json", b"mine")
    other.archive(text="other")
    return full.export()


def texts(home):
    """Tell what the index knows."""
    connection = sqlite3.connect(home.index)
    rows = connection.execute("SELECT session_id, response_text FROM sessions ORDER BY 1")
    found = dict(rows.fetchall())
    connection.close()
    return found


def test_skip(clash, other):
    """A session that is skipped stays as it was, with all that belongs to it."""
    before = other.look()

    assert other.take(clash, on_clash="skip") == [("s", "skipped")]
    assert other.look() == before


def test_replace(clash, full, other):
    """A session that is replaced is the bundle's in every part, in the index too."""
    assert other.take(clash, on_clash="replace") == [("s", "replaced")]

    found = {name: data for name, data in other.look().items() if not name.startswith("holds")}
    wanted = full.look()
    for recorders in ("sessions/.recorders",):
        found.pop(recorders, None)
        wanted.pop(recorders, None)
    assert found == wanted
    assert texts(other) == {"s": "hello"}


def test_rename(clash, other):
    """A session that is renamed lies beside the one here, and each has what is its own."""
    before = other.look()

    ((identifier, outcome),) = other.take(clash, on_clash="rename")

    assert outcome == "renamed"
    assert identifier.startswith("s-")
    after = other.look()
    assert {name: after[name] for name in before} == before
    assert texts(other) == {"s": "what was here", identifier: "hello"}
    assert (other.places.artefacts / identifier / "logs" / "k.json").read_bytes() == b"{}\n" * 100
    assert len(list((other.places.archives / "u1" / "c1").iterdir())) == 2
    assert other.take(clash, on_clash="rename") == [(identifier, "there")]
    assert other.look() == after


def test_held(clash, other):
    """What is held is never replaced; a hold on archives holds them."""
    holds = Holds(other.places.holds)
    for hold in (Hold(session_id="s"), Hold(user_id="u1", chats={"c1": ()})):
        holds.place(hold)
        before = other.look()
        with pytest.raises(BundleError, match="is held"):
            other.take(clash, on_clash="replace")
        assert other.look() == before
        holds.release([hold])


def test_in_use(clash, other):
    """A transcript that somebody writes to is never replaced."""
    with steno.open(other.path) as recorder, recorder.session("s") as session:
        with session.request(model="m") as request:
            request.response(text="goes on")
        assert recorder.flush()

        with pytest.raises(BundleError, match="somebody writes"):
            other.take(clash, on_clash="replace")


def test_an_incident_keeps_its_id(new_home, other):
    """A sealed session is bound to its id, so it can't be renamed."""
    home = new_home("from").seal()
    other.seal()
    other.collect("transcript.sealed", b"another one", "INC-7F3K")
    bundle = home.export("INC-7F3K")

    with pytest.raises(BundleError, match="another id"):
        other.take(bundle, on_clash="rename")
    assert other.take(bundle, on_clash="replace") == [("INC-7F3K", "replaced")]
    sealed = other.places.artefacts / "INC-7F3K" / "transcript.sealed"
    assert sealed.read_bytes() == b"\x00secret" * 50


def test_a_compressed_transcript_is_replaced(clash, other):
    """One that is there in its compressed form makes room, so that a session never has two."""
    path = next(other.places.sessions.glob("*/s.jsonl"))
    from steno.storage.compressed import load_zstd

    path.with_name("s.jsonl.zst").write_bytes(load_zstd().compress(path.read_bytes()))
    path.unlink()

    assert other.take(clash, on_clash="replace") == [("s", "replaced")]
    assert [found.name for found in find_transcript("s", other.places)] == ["s.jsonl"]


def test_sealed_for_plain_and_plain_for_sealed(new_home, other):
    """A session is sealed or plain, never both: whichever comes, the other one makes room."""
    sealed = new_home("sealed").seal("s").export("s", name="sealed.steno")
    plain = new_home("plain")
    plain.record("s")
    plain = plain.export("s", name="plain.steno")
    other.take(sealed)

    assert other.take(plain, on_clash="replace") == [("s", "replaced")]
    assert not (other.places.artefacts / "s").exists()
    assert other.take(sealed, on_clash="replace") == [("s", "replaced")]
    assert not find_transcript("s", other.places)
    assert texts(other) == {}


def test_an_incident_that_is_open(other):
    """An incident that somebody writes to is not replaced."""
    incident = steno.Session.create(password="secret", home=other.path)
    with incident.request(model="m") as request:
        request.response(text="early")
    incident.close()
    bundle = other.export(incident.session_id)
    again = steno.Session.resume(incident.session_id, "secret", home=other.path)
    with again.request(model="m") as request:
        request.response(text="late")
    folder = other.places.artefacts / incident.session_id
    deadline = time.monotonic() + 30
    while not find_touched(folder)[0]:  # it is written in the background
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with (folder / "transcript.sealed").open("ab") as file:
        file.write(b"more")

    try:
        with pytest.raises(BundleError, match="somebody writes"):
            other.take(bundle, on_clash="replace")
    finally:
        again.close()


def test_a_name_that_the_bundle_has_already(forge, other, transcript, sha):
    """A bundle can't bring a session of the id that another one of it would get."""
    text = transcript("s")
    other.record("s")
    taken = new_id("s", sha(text))
    began = datetime(2026, 11, 20, tzinfo=UTC)
    bundle = forge(
        {f"sessions/{each}/transcript.jsonl": transcript(each) for each in ("s", taken)},
        [
            BundledSession(session_id=each, sealed=False, day="2026-11-20", began=began)
            for each in ("s", taken)
        ],
    )

    with pytest.raises(BundleError, match="another session of that id"):
        other.take(bundle, on_clash="rename")


def test_a_held_session_that_names_more_since(full, other):
    """Archives of messages that a held session names since it was held are held, too."""
    bundle = full.export()
    other.record("mine", user_id="u1", chat_id="c1", message_id="m1")
    other.archive(text="other")
    Holds(other.places.holds).place(Hold(session_id="mine"))

    with pytest.raises(BundleError, match="is held"):
        other.take(bundle, on_clash="replace")
