"""Events of imported sessions lie in transcripts and in the index, once."""

import contextlib
import resource
import sqlite3
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest

import steno
from steno.events.header import make_header
from steno.events.model import EntryImported
from steno.query.reindex import reindex
from steno.storage.compressed import pack
from steno.transcripts.importers.claims import Claims
from steno.transcripts.importers.exchanges import Asked, Reply
from steno.transcripts.importers.keys import what_is_told
from steno.transcripts.importers.landing import Landing, learn_lines, read_header_of
from steno.transcripts.importers.model import Call, Replied
from steno.transcripts.reader import read_transcript
from steno.writers.rows import Rows
from steno.writers.sqlite import SqliteWriter

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = make_header("toy-1", AT, reason="import", source={"format": "toy"})


@pytest.fixture
def landing(tmp_path):
    """Where things go in a new home."""
    found = Landing(tmp_path / "sessions", tmp_path / "sessions.db")
    yield found
    found.close()


def events_of(number, session="toy-1"):
    """Make the events of one request."""
    reply = Reply(f"req-{number}", AT, AT)
    reply.add(
        Replied(
            text="hi",
            claim=f"claim-{number}",
            tokens=steno.Tokens(input=10, output=number, source="provider_final"),
            calls=(Call("read", f"t{number}", "{}"),),
        ),
        AT,
    )
    yield EntryImported(
        session, "", AT, format="toy", kind="line", entry_key=f"key-{number}", entry={"n": number}
    )
    yield from Asked(f"req-{number}", AT, texts=["hello"], messages=1).events(
        session, "toy", "", ""
    )
    yield from reply.events(session)


def rows(path, statement):
    """Ask an index."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def dump(path):
    """Read all of an index that does not tell when it was made."""
    statement = "SELECT session_id, request_id, input_tokens, output_tokens, model_name FROM {}"
    return rows(path, statement.format("session_stats") + " ORDER BY 1, 2") + rows(
        path, "SELECT session_id, request_count, input_tokens, transcript FROM sessions ORDER BY 1"
    )


def test_transcript_and_index(landing, tmp_path):
    """What was written stands in the transcript, and its facts in the index."""
    last = landing.write(HEADER, events_of(7), 0)

    transcript = read_transcript(tmp_path / "sessions/2026-03-01/toy-1.jsonl")
    entries = list(transcript)
    assert transcript.damage == []
    assert [entry.event.seq for entry in entries[1:]] == list(range(1, last + 1))
    assert rows(
        tmp_path / "sessions.db", "SELECT session_id, output_tokens FROM session_stats"
    ) == [("toy-1", 7)]


def test_index_made_anew_is_the_same(landing, tmp_path):
    """The index that an import leaves is the one that is made from the transcripts."""
    landing.write(HEADER, (event for n in range(600) for event in events_of(n)), 0)
    landing.close()
    reindex(tmp_path / "sessions", tmp_path / "again.db")

    assert dump(tmp_path / "again.db") == dump(tmp_path / "sessions.db")
    positions = "SELECT path, position FROM transcripts"
    assert rows(tmp_path / "again.db", positions) == rows(tmp_path / "sessions.db", positions)


def test_looking_up(landing):
    """A session's transcript tells what it holds, where it goes on, and which claims it has."""
    last = landing.write(HEADER, events_of(7), 0)
    claims = Claims()
    present = landing.look_up("toy-1", datetime(2030, 1, 1, tzinfo=UTC), claims)

    assert (present.began, present.seq) == (AT, last)
    assert present.known.entries.keys() == {"key-7"}
    assert ("completed", "req-7", "") in present.known.told
    assert ("tool_call_recorded called", "req-7", "t7") in present.known.told
    assert claims.get("claim-7").session_id == "toy-1"
    assert claims.get("claim-7").output == 7


def test_looking_up_nothing(landing):
    """A session without a transcript holds nothing."""
    assert landing.look_up("toy-2", AT, Claims()).began is None


def test_compressed_transcript(landing, tmp_path):
    """A transcript that was compressed is known, and put back when it grows."""
    landing.write(HEADER, events_of(7), 0)
    path = tmp_path / "sessions/2026-03-01/toy-1.jsonl"
    landing.close()
    packed = path.with_name("toy-1.jsonl.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()

    present = landing.look_up("toy-1", AT, Claims())
    assert present.known.entries.keys() == {"key-7"}
    landing.write(HEADER, events_of(8), present.seq)
    assert landing.look_up("toy-1", AT, Claims()).known.entries.keys() == {"key-7", "key-8"}


def test_damaged_lines_are_passed_over(landing, tmp_path):
    """Lines of a transcript that can't be read keep nobody from the others."""
    landing.write(HEADER, events_of(7), 0)
    path = tmp_path / "sessions/2026-03-01/toy-1.jsonl"
    path.write_bytes(path.read_bytes() + b'{"entry_key": "torn\n\xff\xfe\n')

    known, _ = learn_lines(path, "toy-1", Claims())
    assert known.entries.keys() == {"key-7"}


def test_transcript_without_header(landing, tmp_path):
    """A file at the transcript's place that has no header is left alone, with a hint."""
    path = tmp_path / "sessions/2026-03-01/toy-1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"no":"header"}\n')

    with pytest.raises(steno.TranscriptError, match="has no header") as caught:
        read_header_of(path)
    assert "recover" in caught.value.hint


@pytest.mark.parametrize("left", [b"", b'{"ty', b'{"type":"session","version":4,"id":"to'])
def test_transcript_that_was_not_begun(landing, tmp_path, left):
    """What a full disk leaves of a transcript is none: it is begun when there is room again."""
    path = tmp_path / "sessions" / "2026-03-01" / "toy-1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(left)
    present = landing.look_up("toy-1", AT, Claims())
    landing.write(HEADER, events_of(1), present.seq)

    assert (present.began, read_header_of(path).session_id) == (None, "toy-1")
    assert len(list(read_transcript(path))) == 1 + len(list(events_of(1)))


def test_without_index(tmp_path):
    """Without an index only transcripts are written."""
    landing = Landing(tmp_path / "sessions", None)
    landing.write(HEADER, events_of(7), 0)
    landing.close()

    assert [path.name for path in tmp_path.iterdir()] == ["sessions"]


def test_index_that_refuses(tmp_path, monkeypatch):
    """An index that refuses is waited for once, not for each piece; then transcripts lead on."""
    rests = []
    # The module's own: other threads have the clock of all.
    clock = SimpleNamespace(sleep=rests.append)
    monkeypatch.setattr("steno.transcripts.importers.landing.time", clock)
    landing = Landing(tmp_path / "sessions", tmp_path / "no-folder" / "sessions.db")
    (tmp_path / "no-folder").write_text("a file")
    for number in (1, 2):
        with pytest.raises(steno.WriteError):
            landing.write(HEADER, events_of(number), number * 100)
    waited = len(rests)
    (tmp_path / "no-folder").unlink()
    landing.write(HEADER, events_of(3), 300)
    landing.close()

    assert waited == 5
    assert rows(tmp_path / "no-folder" / "sessions.db", "SELECT request_count FROM sessions") == [
        (3,)
    ]


def test_beside_a_recorder(landing, tmp_path):
    """A recorder that writes at the same time loses nothing and is never locked out."""
    with steno.open(tmp_path) as recorder:
        done = threading.Event()

        def record():
            with recorder.session(key="live") as session:
                while not done.is_set():
                    with session.request(model="m"):
                        pass
                    done.wait(0.001)

        thread = threading.Thread(target=record)
        thread.start()
        landing.write(HEADER, (event for n in range(2000) for event in events_of(n)), 0)
        done.set()
        thread.join()
        assert recorder.flush()
        stats = recorder.stats()

    assert stats.accepted == stats.written > 0
    assert (stats.writers["sqlite"].retried, stats.writers["sqlite"].last_error) == (0, None)
    assert rows(tmp_path / "sessions.db", "SELECT request_count FROM sessions WHERE session_key IS "
                "NULL") == [(2000,)]  # fmt: skip


def test_index_left_behind(landing, tmp_path):
    """What a killed import has put into a transcript alone comes to the index the next time."""
    without = Landing(tmp_path / "sessions", None)
    seq = without.write(HEADER, events_of(7), 0)
    without.close()
    index = tmp_path / "sessions.db"
    assert not index.exists()
    landing.write(HEADER, (), seq)

    assert rows(index, "SELECT SUM(output_tokens) FROM session_stats") == [(7,)]


def long_events(number):
    """Make the events of some requests, each beside an entry of 300 kB."""
    for n in range(number):
        first, *others = events_of(n)
        yield msgspec.structs.replace(first, entry={"n": n, "text": "x" * 300_000})
        yield from others


def assert_index_is_exact(tmp_path):
    """Compare the index with one that is made from the transcript, positions included."""
    reindex(tmp_path / "sessions", tmp_path / "again.db")
    assert dump(tmp_path / "again.db") == dump(tmp_path / "sessions.db") != []
    positions = "SELECT path, position FROM transcripts"
    assert rows(tmp_path / "again.db", positions) == rows(tmp_path / "sessions.db", positions)


@pytest.mark.parametrize("number", [1, 4, 9, 30])
@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_pieces_of_several_writes(tmp_path, number, durability):
    """However many writes a piece takes, all of it is in the transcript and in the index."""
    with contextlib.closing(
        Landing(tmp_path / "sessions", tmp_path / "sessions.db", durability=durability)
    ) as landing:
        last = landing.write(HEADER, long_events(number), 0)
        present = landing.look_up("toy-1", AT, Claims())

    assert (present.seq, len(present.known.entries)) == (last, number)
    assert_index_is_exact(tmp_path)


def test_full_disk(landing, tmp_path):
    """What was appended before the disk was full is in the index; the rest comes the next time."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            landing.write(HEADER, long_events(30), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    path = tmp_path / "sessions/2026-03-01/toy-1.jsonl"
    assert 2_000_000 < path.stat().st_size < 3_000_000
    present = landing.look_up("toy-1", AT, Claims())
    assert 0 < len(present.known.entries) < 30
    assert_index_is_exact(tmp_path)

    rest = [event for event in long_events(30)
            if getattr(event, "entry_key", "") not in present.known.entries
            and what_is_told(event) not in present.known.told]  # fmt: skip
    landing.write(HEADER, rest, present.seq)
    assert len(landing.look_up("toy-1", AT, Claims()).known.entries) == 30
    assert_index_is_exact(tmp_path)


def test_interrupted_between_events(landing, tmp_path):
    """Ctrl-C leaves no transcript ahead of the index."""

    def events():
        yield from long_events(9)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        landing.write(HEADER, events(), 0)

    assert len(landing.look_up("toy-1", AT, Claims()).known.entries) > 3
    assert_index_is_exact(tmp_path)


def test_interrupted_in_the_index(landing, tmp_path, monkeypatch):
    """Ctrl-C while rows are stored, which takes them back, loses none of them."""
    store = Rows.store

    def interrupt(self, connection, **kwargs):
        store(self, connection, **kwargs)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(Rows, "store", interrupt)
    with pytest.raises(KeyboardInterrupt):
        landing.write(HEADER, long_events(30), 0)

    assert_index_is_exact(tmp_path)


def test_interrupted_when_rows_are_stored(landing, tmp_path, monkeypatch):
    """Ctrl-C behind a transaction that went through counts nothing twice."""
    write = SqliteWriter.write

    def interrupt(self, batch):
        write(self, batch)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(SqliteWriter, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        landing.write(HEADER, long_events(30), 0)

    assert_index_is_exact(tmp_path)


def test_full_disk_and_an_index_that_refuses(landing, tmp_path, capfd):
    """The error is that of the transcript; what the index says against it is told beside it."""
    (tmp_path / "sessions.db").mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            landing.write(HEADER, long_events(30), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert "the next import goes on with it" in capfd.readouterr().err
