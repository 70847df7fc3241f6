"""The transcripts of one session key, in the order of the conversation."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steno
from steno.events.codec import LineEncoder, encode_header
from steno.events.header import make_header
from steno.transcripts.conversations import find_conversation

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = "agent:main:main"
ENCODER = LineEncoder("rec")


class Home:
    """A folder of transcripts that a test writes by hand."""

    def __init__(self, folder):
        """Begin empty."""
        self.folder = folder

    def add(self, name, minutes=0, previous=None, *, key=KEY, successor=None, head=None, day=20):
        """Write a transcript that began so many minutes after noon."""
        header = make_header(
            name, NOW + timedelta(minutes=minutes), session_key=key, previous=previous
        )
        line = encode_header(header) + b"\n" if head is None else head
        if successor is not None:
            rotated = steno.Rotated(
                name, "", NOW, reason="reset", successor=successor, session_key=key
            )
            line += ENCODER.encode(rotated, 1)[0]
        path = self.folder / f"2026-11-{day}" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(line)
        return path

    def parts(self, key=KEY, damage=None):
        """Find the conversation of a key."""
        return find_conversation(self.folder, key, [] if damage is None else damage)

    def names(self, key=KEY):
        """List the sessions of a key, in order."""
        return [part.header.session_id for part in self.parts(key)]


@pytest.fixture(name="folder")
def _folder(tmp_path):
    return Home(tmp_path / "sessions")


def test_links_go_before_time(folder):
    """A session stands behind the one that it goes on from, whatever their clocks said."""
    folder.add("b", minutes=-50, previous="a")
    folder.add("c", minutes=-90, previous="b", day=19)
    folder.add("a", minutes=0)

    assert folder.names() == ["a", "b", "c"]


def test_time_decides_between_strangers(folder):
    """What began independently under one key is mixed by time; other keys stay away."""
    folder.add("late", minutes=30)
    folder.add("early", minutes=0)
    folder.add("next", minutes=60, previous="early")
    folder.add("other", minutes=10, key="agent:main:cron:x")
    folder.add("nobody's", key=None)

    assert folder.names() == ["early", "late", "next"]
    assert folder.names("agent:main:cron:x") == ["other"]
    assert folder.names("agent:main") == []


def test_forks(folder):
    """Sessions that go on from the same one name each other; others don't."""
    folder.add("a")
    folder.add("c", minutes=2, previous="a")
    folder.add("b", minutes=1, previous="a")
    folder.add("d", minutes=3, previous="b")

    forks = {part.header.session_id: part.forks for part in folder.parts()}

    assert forks == {"a": (), "b": ("b", "c"), "c": ("b", "c"), "d": ()}


def test_a_predecessor_that_is_gone(folder):
    """A session whose predecessor was let go stands where its time puts it."""
    folder.add("b", minutes=5, previous="gone")
    folder.add("a", minutes=1)

    assert folder.names() == ["a", "b"]


@pytest.mark.parametrize(
    "links",
    [
        {"a": "a"},
        {"a": "b", "b": "a"},
        {"a": "c", "b": "a", "c": "b", "d": "c", "e": "f", "f": "e"},
    ],
)
def test_circles(folder, links):
    """Links that lead in a circle bind nobody, and nothing is lost or shown twice."""
    for minutes, (name, previous) in enumerate(links.items()):
        folder.add(name, minutes=minutes, previous=previous)

    assert sorted(folder.names()) == sorted(links)
    assert folder.names()[0] == "a"


def test_a_successor_without_a_header(folder):
    """A transcript that has lost its identity is found by the one that names it as successor."""
    folder.add("a", successor="b")
    folder.add("b", head=b"torn\n", minutes=9, key=None, successor="../c")
    hostile = folder.add("c", head=b"", day=21)
    from steno.identity import safe_name

    hostile.rename(hostile.with_name(f"{safe_name('../c')}.jsonl"))
    folder.add("x", key=None)

    parts = folder.parts()

    assert [part.header.session_id for part in parts] == ["a", "b", "../c"]
    assert [part.header.previous for part in parts] == [None, "a", "b"]
    assert {part.header.session_key for part in parts} == {KEY}


def test_a_successor_that_was_begun_anonymously(folder):
    """A successor whose header has no key keeps what its header does say."""
    folder.add("a", successor="b")
    folder.add("b", minutes=7, key=None)

    _, part = folder.parts()

    assert (part.header.session_key, part.header.agent_id) == (KEY, "main")
    assert part.header.timestamp == NOW + timedelta(minutes=7)


@pytest.mark.parametrize("following", [b"", b'{"type":"started"}\n' * 500])
def test_a_successor_that_is_named_behind_long_lines(folder, following):
    """However long the last lines are, and whatever ended later, the successor is found."""
    path = folder.add("a", successor="b")
    head, rotated = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + b'{"text":"%b"}\n' % (b"x" * 500_000) * 5 + rotated + following)
    folder.add("b", key=None, minutes=1)
    damage = []

    assert [part.header.session_id for part in folder.parts(damage=damage)] == ["a", "b"]
    assert damage == []


def test_a_torn_head(folder):
    """A rotated transcript whose head is torn is found by its own last event."""
    folder.add("a", successor="b", head=b'{"type":"sess\n')
    folder.add("b", previous="a")

    assert folder.names() == ["a", "b"]


def test_naive_times(folder):
    """Headers of other programs, whose times have no zone or lie at the end of time, are ordered."""
    folder.add("a", minutes=5)
    for name, stamp in (("b", "2026-11-20T12:01:00"), ("c", "0001-01-01T00:00:00Z"), ("d", "junk")):
        head = f'{{"type":"session","version":4,"id":"{name}","sessionKey":"{KEY}","timestamp":"{stamp}"}}\n'
        folder.add(name, head=head.encode())

    assert folder.names()[-2:] == ["b", "a"]
    assert len(folder.names()) == 4


def test_compressed(folder):
    """Compressed transcripts are part of a conversation."""
    from steno.storage.compressed import pack

    folder.add("b", previous="a")
    path = folder.add("a", successor="b")
    with path.open("rb") as source, path.with_name("a.jsonl.zst").open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()

    assert folder.names() == ["a", "b"]


def test_what_cannot_be_read(folder):
    """A transcript that can't be read is told, and the rest is found."""
    folder.add("a")
    path = folder.add("b")
    packed = path.with_name("b.jsonl.zst")
    path.rename(packed)
    damage = []

    assert [part.header.session_id for part in folder.parts(damage=damage)] == ["a"]
    assert [each.path for each in damage] in ([], [str(packed)])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 9)), max_size=10))
def test_any_links(tmp_path_factory, links):
    """Whatever the links, every session is shown once, and behind its predecessor unless they circle."""
    folder = Home(tmp_path_factory.mktemp("home") / "sessions")
    for number, (minutes, previous) in enumerate(links):
        folder.add(f"s{number}", minutes=minutes, previous=None if previous < 0 else f"s{previous}")

    names = folder.names()

    assert sorted(names) == sorted(f"s{number}" for number in range(len(links)))
    for number, (_, previous) in enumerate(links):
        chain, at = [], number
        while 0 <= at < len(links) and at not in chain:
            chain.append(at)
            at = links[at][1]
        if not 0 <= at < len(links) and 0 <= previous < len(links):
            assert names.index(f"s{previous}") < names.index(f"s{number}")
