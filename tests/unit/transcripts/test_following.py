"""Following transcripts as they grow."""

import os
from datetime import UTC, datetime

import pytest

import steno
from steno.events.codec import LineEncoder, encode_header
from steno.events.header import Header, make_header
from steno.transcripts import following
from steno.transcripts.following import Follower, find_tail
from steno.transcripts.reader import Damage

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ENCODER = LineEncoder("rec")
HEADER = encode_header(make_header("s", NOW)) + b"\n"


def line(number):
    """Make one line, whose request is ``r<number>``."""
    return ENCODER.encode(steno.Completed("s", f"r{number}", NOW, success=True), number)[0]


def ids(follower):
    """Poll once; returns the request ids, and "damage" for damage; headers are left out."""
    return [
        "damage" if isinstance(what, Damage) else what.event.request_id
        for _, what in follower.poll()
        if isinstance(what, Damage) or not isinstance(what.event, Header)
    ]


@pytest.fixture
def sessions(tmp_path):
    """Make a folder of transcripts with one transcript of two lines."""
    (tmp_path / "2026-11-20").mkdir()
    (tmp_path / "2026-11-20" / "a.jsonl").write_bytes(HEADER + line(1) + line(2))
    return tmp_path


@pytest.fixture
def add(sessions):
    """Add bytes to a transcript, and a header to a new one."""

    def add(data, name="2026-11-20/a.jsonl"):
        (sessions / name).parent.mkdir(exist_ok=True)
        if not (sessions / name).exists():
            data = HEADER + data
        with (sessions / name).open("ab") as file:
            file.write(data)

    return add


@pytest.mark.parametrize("block", [1, 3, 65_536])
@pytest.mark.parametrize(("lines", "begin"), [(0, 8), (1, 5), (2, 2), (3, 0), (9, 0)])
def test_find_tail(tmp_path, monkeypatch, block, lines, begin):
    """The last lines are found from the end, wherever the blocks are cut; a torn tail is none."""
    monkeypatch.setattr(following, "_BLOCK", block)
    (tmp_path / "f").write_bytes(b"a\nbb\ncc\ntorn")

    assert find_tail(tmp_path / "f", lines) == begin


def test_find_tail_of_nothing(tmp_path):
    """An empty file, and one without a newline, begin at 0."""
    for data in (b"", b"torn"):
        (tmp_path / "f").write_bytes(data)
        assert find_tail(tmp_path / "f", 5) == 0


def test_a_repeated_header(sessions, add):
    """A header that a transcript repeats is not followed, alone or among events."""
    follower = Follower(sessions)
    for data, expected in ((HEADER, []), (line(3) + HEADER + line(4), ["r3", "r4"])):
        add(data)
        assert [what.event.request_id for _, what in follower.poll()] == expected


def test_new_lines_only(sessions, add):
    """What was there before is not given, what is added is, once."""
    follower = Follower(sessions)

    assert ids(follower) == []
    add(line(3))
    assert ids(follower) == ["r3"]
    assert ids(follower) == []


def test_a_line_that_grows(sessions, add):
    """A line is given when it is whole, however many pieces it comes in."""
    follower = Follower(sessions)
    whole = line(3)

    seen = []
    for at in range(len(whole)):
        add(whole[at : at + 1])
        seen.append(ids(follower))
    assert seen == [[]] * (len(whole) - 1) + [["r3"]]


def test_begun_in_mid_line(sessions, add):
    """A line that was half there in the beginning is given whole."""
    whole = line(3)
    add(whole[:50])
    follower = Follower(sessions)

    assert ids(follower) == []
    add(whole[50:] + line(4))
    assert ids(follower) == ["r3", "r4"]


def test_new_transcripts(sessions, add):
    """Transcripts that begin later are followed from their start, also on a new day."""
    follower = Follower(sessions)

    add(line(3), "2026-11-20/b.jsonl")
    add(line(4), "2026-11-21/c.jsonl")
    assert sorted(ids(follower)) == ["r3", "r4"]
    add(line(5), "2026-11-21/d.jsonl")
    assert ids(follower) == ["r5"]


def test_one_transcript_alone(sessions, add):
    """Without a folder only the given transcript is followed."""
    follower = Follower()
    follower.start(sessions / "2026-11-20" / "a.jsonl", 0)

    add(line(3), "2026-11-20/b.jsonl")
    assert ids(follower) == ["r1", "r2"]


def test_begun_anew(sessions, add):
    """A transcript that was removed and begun anew, or cut, is read from its start."""
    follower = Follower(sessions)
    path = sessions / "2026-11-20" / "a.jsonl"

    path.unlink()
    assert ids(follower) == []
    add(line(7))
    assert ids(follower) == ["r7"]
    path.write_bytes(b"")
    assert ids(follower) == []
    add(HEADER + line(8))
    assert ids(follower) == ["r8"]


def test_damage(sessions, add):
    """Damage is given once, and what follows it is read."""
    follower = Follower(sessions)

    add(b"garbage\n" + line(3))
    assert sorted(ids(follower)) == ["damage", "r3"]
    assert ids(follower) == []


def test_quiet_transcripts_are_seen_in_turns(sessions, add, monkeypatch):
    """Of many quiet transcripts each is looked at after a few polls, and then at once."""
    monkeypatch.setattr(following, "_TURN", 10)
    for number in range(30):
        add(line(1), f"2026-11-20/n{number}.jsonl")
    follower = Follower(sessions)
    ids(follower)

    for number in range(30):
        add(line(2), f"2026-11-20/n{number}.jsonl")
    polls = [ids(follower) for _ in range(5)]
    assert [each for poll in polls for each in poll] == ["r2"] * 30
    assert max(map(len, polls)) <= 10


def test_no_folder(tmp_path):
    """A home that does not exist yet is followed, and what appears is given."""
    follower = Follower(tmp_path / "sessions")

    assert ids(follower) == []
    (tmp_path / "sessions" / "2026-11-20").mkdir(parents=True)
    (tmp_path / "sessions" / "2026-11-20" / "a.jsonl").write_bytes(HEADER + line(1))
    assert ids(follower) == ["r1"]


def test_a_transcript_that_is_lost_on_the_way(sessions, add):
    """A transcript that can't be read any more is forgotten, and the others go on."""
    follower = Follower(sessions)
    path = sessions / "2026-11-20" / "a.jsonl"
    path.unlink()
    os.mkdir(path)
    add(line(3), "2026-11-20/b.jsonl")

    assert ids(follower) == ["r3"]


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


def test_tail_of_a_compressed_one(sessions):
    """The last lines of a compressed transcript are found, however many are wanted."""
    path = sessions / "2026-11-20" / "a.jsonl"
    wanted = [find_tail(path, lines) for lines in range(5)]
    packed = pack_away(path)

    assert [find_tail(packed, lines) for lines in range(5)] == wanted


def test_compressed_meanwhile(sessions, add):
    """A transcript that is compressed and put back is followed from where it was left."""
    from steno.storage.compressed import unpack

    path = sessions / "2026-11-20" / "a.jsonl"
    follower = Follower(sessions)
    pack_away(path)
    assert ids(follower) == []
    unpack(str(path))
    add(line(7))

    assert ids(follower) == ["r7"]


def test_one_compressed_session(sessions, add):
    """A compressed transcript that alone is followed goes on where its text ended."""
    from steno.storage.compressed import unpack

    path = sessions / "2026-11-20" / "a.jsonl"
    size = path.stat().st_size
    packed = pack_away(path)
    follower = Follower()
    follower.start(packed, size)
    assert ids(follower) == []
    unpack(str(path))
    add(line(8))

    assert ids(follower) == ["r8"]
