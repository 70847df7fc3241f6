"""What is in the home already, and where it differs."""

import os

import pytest

from steno.errors import BundleError


def test_a_session_that_went_on(full, other):
    """A transcript that begins as the bundle's and goes on holds all of it, and stays."""
    bundle = full.export()
    other.take(bundle)
    path = next(other.places.sessions.glob("*/s.jsonl"))
    with path.open("ab") as file:
        file.write(b'{"type":"more"}\n')
    before = other.look()

    assert other.take(bundle) == [("s", "there")]
    assert other.look() == before


def test_artefacts_that_are_missing(full, other):
    """What a session lacks is added beside what it has."""
    bundle = full.export()
    other.take(bundle)
    before = other.look()
    (other.places.artefacts / "s" / "logs" / "k.json").unlink()
    (other.places.archives / "u1" / "c1" / "m1.zip").unlink()
    (other.places.archives / "u1" / "c1").rmdir()

    assert other.take(bundle) == [("s", "completed")]
    assert other.look() == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda home: home.record("s", text="other"), "differs"),
        (lambda home: home.collect("logs/k.json", b"other"), "differs"),
        (lambda home: home.collect("logs", b"a file"), "no folder"),
        (lambda home: home.archive(text="other"), "differs"),
        (lambda home: home.seal("s"), "and sealed"),
    ],
)
def test_clashes_are_refused(full, other, change, why):
    """Without a word about clashes, nothing at all is imported, and all is as it was."""
    change(other)
    before = other.look()

    with pytest.raises(BundleError, match=why):
        other.take(full.export())
    assert other.look() == before


def test_the_end_of_a_session(full, other):
    """A bundle that goes on where the transcript ends is a clash too, and said to go on."""
    early = full.export()
    path = next(full.places.sessions.glob("*/s.jsonl"))
    with path.open("ab") as file:
        file.write(b'{"type":"more"}\n')
    other.take(early)

    with pytest.raises(BundleError, match="goes on where it ends"):
        other.take(full.export(name="late.steno"))


def test_links_are_never_followed(full, other, tmp_path):
    """A folder that somebody made a link leads nowhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    other.places.artefacts.mkdir(parents=True)
    (other.places.artefacts / "s").symlink_to(outside)

    with pytest.raises(BundleError, match="a link"):
        other.take(full.export())
    assert not list(outside.iterdir())


def test_a_transcript_that_is_no_file(full, other):
    """Nobody waits for a pipe in the place of a transcript, or reads where a link leads."""
    day = next(full.places.sessions.glob("2*")).name
    path = other.places.sessions / day / "s.jsonl"
    path.parent.mkdir(parents=True)
    os.mkfifo(path)

    with pytest.raises(BundleError, match="no regular file"):
        other.take(full.export())
    path.unlink()
    path.symlink_to("/nowhere")
    with pytest.raises(BundleError, match="no regular file"):
        other.take(full.export(), on_clash="replace")


def test_a_day_that_is_no_folder(full, other):
    """A file in the place of a day is named, and nothing is left behind."""
    day = next(full.places.sessions.glob("2*")).name
    other.places.sessions.mkdir(parents=True)
    (other.places.sessions / day).write_text("a file")
    before = other.look()

    with pytest.raises(BundleError, match="no folder"):
        other.take(full.export())
    assert other.look() == before
