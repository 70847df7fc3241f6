"""What a bundle holds, checked, before anything is placed."""

import pytest

from steno.bundles.manifest import BundledSession
from steno.errors import BundleError

NAME = "sessions/s/transcript.jsonl"


def refused(other, bundle, why, **options):
    """Show that a bundle is refused, and nothing is left of it."""
    with pytest.raises(BundleError, match=why):
        other.take(bundle, **options)
    assert not other.path.exists()


def test_bombs(forge, other, transcript):
    """What would grow two thousand times is refused before it is unpacked, unless it is allowed."""
    data = transcript() + b" " * (257 << 20)
    bundle = forge({NAME: data})

    refused(other, bundle, "as bombs do")
    refused(other, bundle, "are allowed", max_size=1000)
    assert other.take(bundle, max_size=300 << 20) == [("s", "imported")]


def test_no_room(tmp_path):
    """What does not fit on the disk is refused before it is unpacked."""
    from steno.bundles.staging import check_size

    class Huge:
        size = 1 << 60

    with pytest.raises(BundleError, match="are free in"):
        check_size(Huge(), 1 << 60, tmp_path, 1 << 61)


def test_transcripts_of_others(forge, other, transcript):
    """The header of a transcript names the session that the manifest names, and says the same."""
    refused(other, forge({NAME: transcript("t")}), "not that session's")
    refused(other, forge({NAME: transcript(user_id="u")}), "what its header does not")
    refused(other, forge({NAME: b"no header\n"}), "not that session's")


def test_archives_of_others(forge, other, transcript, full):
    """An archive is one of steno's, and of a message that the transcript names."""
    from datetime import UTC, datetime

    ids = {"user_id": "u1", "chat_id": "c1", "message_id": "m1"}
    began = datetime(2026, 11, 20, tzinfo=UTC)
    archive = (full.places.archives / "u1" / "c1" / "m1.zip").read_bytes()

    def make(name, data):
        session = BundledSession(
            session_id="s", sealed=False, day="2026-11-20", user_id="u1", began=began,
            archives=(name,),
        )  # fmt: skip
        return forge({NAME: transcript(**ids), name: data}, [session])

    refused(other, make("archives/u1/c1/m2.zip", archive), "no archive of a message")
    refused(other, make("archives/u2/c1/m1.zip", archive), "no archive of a message")
    refused(other, make("archives/u1/c1/m1.zip", b"PK other"), "no archive of steno's")
    assert other.take(make("archives/u1/c1/m1.zip", archive)) == [("s", "imported")]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "do not belong|not sealed"),
        ({"transcript.sealed": b"x"}, "not sealed as"),
        ({"transcript.sealed": b"x", "session.json": b'{"id":"t","sealed":true}'}, "another's"),
        ({"transcript.sealed": b"x", "session.json": b'{"id":"s","sealed":false}'}, "another's"),
        ({"session.json": b'{"id":"s","sealed":true}'}, "not sealed as"),
        ({"transcript.sealed": b"x", "session.json": b"{"}, "can't be read"),
    ],
)
def test_sealed_sessions(forge, other, files, why):
    """A sealed session has a sealed transcript and a file that says whose it is."""
    members = {f"sessions/s/artefacts/{name}": data for name, data in files.items()}

    refused(other, forge(members, [BundledSession(session_id="s", sealed=True)]), why)
