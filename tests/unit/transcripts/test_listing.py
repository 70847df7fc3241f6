"""The headers of all transcripts of a day."""

import os

import steno
from steno.storage.compressed import load_zstd
from steno.transcripts.finding import find_days
from steno.transcripts.listing import list_headers


def listed(home):
    """List a home of one day, by name."""
    (day,) = find_days(home / "sessions")
    return {os.path.basename(each.path): each for each in list_headers(home / "sessions", day)}


def test_headers(recorded):
    """Every transcript is there with its header, in the order of names."""
    found = listed(recorded)

    assert list(found) == sorted(found)
    assert {each.header.session_id for each in found.values()} == {
        "well", "failed", "../hostile\x1b[2J",
    }  # fmt: skip
    assert found["well.jsonl"].header.session_key == "agent:main:main"
    assert {each.damage for each in found.values()} == {None}


def test_compressed(recorded):
    """A compressed transcript is listed in the form in which it is there."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    path.with_name("well.jsonl.zst").write_bytes(load_zstd().compress(path.read_bytes()))
    path.unlink()

    each = listed(recorded)["well.jsonl.zst"]

    assert each.path == f"{path}.zst"
    assert each.header.session_id == "well"


def test_bad_files(recorded):
    """What is damaged or empty is listed too, and neither it nor what is no file hides the rest."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    day = path.parent
    for name, data in {
        "binary.jsonl": os.urandom(5000), "empty.jsonl": b"", "list.jsonl": b"[1]\n",
        "deep.jsonl": b"[" * 100_000 + b"\n", "bad.jsonl.zst": b"no zstd", "event.jsonl": b"{}\n",
    }.items():  # fmt: skip
        (day / name).write_bytes(data)
    (day / "loop.jsonl").symlink_to("loop.jsonl")

    found = listed(recorded)

    assert sum(each.header is None for each in found.values()) == len(found) - 3
    assert found["well.jsonl"].header.session_id == "well"
    assert "loop.jsonl" not in found
    assert {"binary.jsonl", "bad.jsonl.zst", "empty.jsonl", "deep.jsonl"} <= found.keys()


def test_changed_meanwhile(recorded):
    """What can't be read any more is listed with the reason; what is gone by then is not."""
    (day,) = find_days(recorded / "sessions")
    folder = recorded / "sessions" / day
    (folder / "a.jsonl").touch()
    listing = list_headers(recorded / "sessions", day)

    assert next(listing).header.session_id == "../hostile\x1b[2J"
    (folder / "a.jsonl").unlink()
    (folder / "well.jsonl").unlink()
    (folder / "well.jsonl").mkdir()
    failed, well = listing

    assert failed.damage is None
    assert well.header is None
    assert "directory" in well.damage


def test_a_long_header(home):
    """A header beyond the first few kilobytes is read too."""
    with steno.open(home) as recorder:
        recorder.session("s", tags=("x" * 9000,))

    (each,) = listed(home).values()
    assert each.header.session_id == "s"
