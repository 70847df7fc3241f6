"""What a bundle says of itself, and what it may not say."""

import msgspec
import pytest

from steno.bundles.form import STORED, ZSTD, Member
from steno.bundles.manifest import (
    BundledMember,
    BundledSession,
    Manifest,
    decode_manifest,
    encode_manifest,
    is_day,
    match_members,
)
from steno.errors import BundleError

TRANSCRIPT = "sessions/s/transcript.jsonl"


def fact(path=TRANSCRIPT, **other):
    """Tell of a member."""
    digest = "0" * 64
    facts = {"size": 5, "sha256": digest, "packed_size": 4, "packed_sha256": digest, **other}
    return BundledMember(path=path, **facts)


def told(members=None, **session):
    """Make a manifest and the members that fit it."""
    members = [fact()] if members is None else members
    facts = {"session_id": "s", "sealed": False, "day": "2026-11-20", **session}
    manifest = Manifest(sessions=(BundledSession(**facts),), members=tuple(members), created="2026")
    there = [Member(each.path, ZSTD, 0, each.packed_size, each.size, 0) for each in members]
    return manifest, [*there, Member("manifest.json", STORED, 0, 9, 9, 0)]


def test_read_as_written():
    """A manifest is read as it was written, and fits its members."""
    manifest, members = told()

    assert decode_manifest(encode_manifest(manifest)) == manifest
    assert list(match_members(manifest, members)) == [TRANSCRIPT]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "knows 1"), ({"format": "zip"}, "not that of a bundle"),
        ({"more": 1}, "can't be read"), ({"members": None}, "can't be read"),
    ],
)  # fmt: skip
def test_other_manifests(change, why):
    """A newer version is told from damage, and a field that nobody knows is refused."""
    document = msgspec.to_builtins(told()[0]) | change

    with pytest.raises(BundleError, match=why):
        decode_manifest(msgspec.json.encode(document))


@pytest.mark.parametrize(
    ("members", "session", "why"),
    [
        ([], {}, "do not belong"),
        ([fact(), fact("sessions/t/transcript.jsonl")], {}, "do not belong"),
        ([fact(), fact("archives/u/c/m.zip")], {}, "an archive belongs to no session"),
        ([fact()], {"archives": ("archives/u/c/m.zip",)}, "is missing"),
        ([fact()], {"day": "2026-02-30"}, "no day"),
        ([fact()], {"sealed": True, "day": None}, "do not belong"),
        ([fact()], {"sealed": True}, "what none has"),
        ([fact()], {"session_id": ""}, "or none"),
        ([fact(sha256="x")], {}, "digest"),
        ([fact("sessions/s/evil")], {}, "no name of a member"),
        ([fact(), fact("sessions/s/artefacts/a"), fact("sessions/s/artefacts/a/b")], {}, "folder"),
        ([fact(), fact("sessions/s/artefacts/a"), fact("sessions/s/artefacts/%61")], {}, "twice"),
    ],
)
def test_manifests_that_contradict_themselves(members, session, why):
    """Each member belongs to a session, and each session has what it needs, once."""
    manifest, there = told(members, **session)

    with pytest.raises(BundleError, match=why):
        match_members(manifest, there)


def test_members_that_nobody_told():
    """Every member stands in the manifest, and the other way round, with its size."""
    manifest, members = told()
    other = Member("sessions/s/artefacts/a", STORED, 0, 1, 1, 0)

    with pytest.raises(BundleError, match="was added"):
        match_members(manifest, [members[0], other, members[-1]])
    with pytest.raises(BundleError, match="is missing"):
        match_members(manifest, members[1:])
    with pytest.raises(BundleError, match="lies about"):
        match_members(manifest, [msgspec.structs.replace(members[0], size=6), members[-1]])


def test_days():
    """A day is one of the calendar, as folders are called."""
    assert is_day("2026-11-20")
    assert not any(map(is_day, ["2026-13-01", "2026-1-1", "../2026", None, "2026-11-20\n"]))


def test_a_field_of_any_length():
    """What is wrong is said in a few words, however much of it a stranger wrote."""
    text = b'{"%b":1,"format":"steno-bundle","version":1}' % (b"x" * 1_000_000)

    with pytest.raises(BundleError, match="unknown field") as caught:
        decode_manifest(text)
    assert len(caught.value.message) < 400


def test_more_than_there_can_be():
    """A manifest of a byte for each of its values would fill the memory; it is not decoded."""
    text = b'{"archives":[' + b'"",' * 2_000_000 + b'""]}'

    with pytest.raises(BundleError, match="more than there can be"):
        decode_manifest(text)
