"""Names of members: the same file on every system, and no way out."""

import pytest

from steno.bundles.names import (
    Place,
    archive_name,
    artefact_name,
    decode_part,
    encode_part,
    parse_member,
    transcript_name,
)


@pytest.mark.parametrize(
    "name",
    ["a.json", "größe.json", "con", "NUL.txt", "a b", "a:b\\c", "-x", "日本.log", "x.", "%41"],
)
def test_any_name_comes_back(name):
    """Whatever a file is called, its part is plain, names no device, and is read back."""
    part = encode_part(name)

    assert part.isascii()
    assert decode_part(part) == name


def test_names_that_differ_by_case_alone():
    """The second of two names that some systems take for one is written differently."""
    part = encode_part("A.json", {"logs/a.json"}, "logs/")

    assert part == "%41.json"
    assert decode_part(part) == "A.json"


@pytest.mark.parametrize(
    "part",
    ["", ".", "..", ".hidden", "%2E%2E", "a/b", "%2Fa", "%00", "a\\b", "con", "AUX.txt", "a.", "a b",
     "%", "%4", "%zz", "%2e", "%FF", "é", "a" * 256],
)  # fmt: skip
def test_parts_that_are_no_names(part):
    """What leads elsewhere, is hidden, a device or no text is no name of a file."""
    assert decode_part(part) is None


def test_places():
    """Each kind of member has its own place."""
    assert parse_member("sessions/s/transcript.jsonl") == Place(
        "transcript", "s", ("transcript.jsonl",)
    )
    assert parse_member("sessions/s/artefacts/logs/a.json") == Place(
        "artefact", "s", ("logs", "a.json")
    )
    assert parse_member("archives/u/c/m.zip") == Place("archive", "", ("u", "c", "m.zip"))


@pytest.mark.parametrize(
    "name", ["a", "sessions/s", "sessions/s/x", "sessions/../transcript.jsonl", "archives/u/m.zip",
             "archives/u/c/m.sh", "archives/.spool/c/m.zip", "sessions/s/artefacts"],
)  # fmt: skip
def test_no_places(name):
    """Members lie nowhere else."""
    assert parse_member(name) is None


def test_names_are_made_as_they_are_read():
    """What is made for a file is read as that file; what can't be carried has no name."""
    assert parse_member(transcript_name("s")).session == "s"
    assert artefact_name("s", ("logs", "a b"), set()) == "sessions/s/artefacts/logs/a%20b"
    assert artefact_name("s", tuple("abcdefghijk"), set()) is None
    assert archive_name(("u", "c", "m.zip")) == "archives/u/c/m.zip"
    assert archive_name(("u", "c", "m.tar")) is None
