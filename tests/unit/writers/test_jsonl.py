"""The transcripts."""

import json
from datetime import UTC, datetime

import pytest

import steno
from steno.errors import WriteError
from steno.events.header import make_header
from steno.identity import safe_name
from steno.writers.base import Batch
from steno.writers.jsonl import JsonlWriter

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def batch(*sessions, first=1, number=1, headers=None, **facts):
    """Make a batch with one event for each session."""
    events = [steno.ResponseRecorded(session, "r", NOW, **facts) for session in sessions]
    seqs = range(first, first + len(events))
    return Batch(events, seqs, recorder="rec", number=number, headers=headers)


def lines(path):
    """Parse a transcript."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def writer(tmp_path):
    """Open a writer."""
    writer = JsonlWriter(tmp_path)
    yield writer
    writer.close()


def test_one_file_for_each_session(writer, tmp_path):
    """Events of a batch are grouped by session; each file begins with a header."""
    writer.write(batch("a", "b", "a"))

    first, second = (
        lines(tmp_path / "2026-11-20" / "a.jsonl"),
        lines(tmp_path / "2026-11-20" / "b.jsonl"),
    )
    assert [line["type"] for line in first] == ["session", "response_recorded", "response_recorded"]
    assert [line.get("seq") for line in first] == [None, 1, 3]
    assert second[0]["session_id"] == second[0]["id"] == "b"
    assert second[0]["version"] == 4
    assert second[0]["pid"] > 0


def test_header_of_an_introduced_session(writer, tmp_path):
    """A session that was introduced has its identity in the header, also without any event."""
    headers = {"s": make_header("s", NOW, session_key="agent:main:main", user_id="u")}

    writer.write(batch(headers=headers))
    writer.write(batch("s", first=1, number=2))

    header, event = lines(tmp_path / "2026-11-20" / "s.jsonl")
    assert (header["sessionKey"], header["agentId"], header["user_id"]) == (
        "agent:main:main",
        "main",
        "u",
    )
    assert event["seq"] == 1


@pytest.mark.parametrize(
    "session",
    ["../../etc/passwd", "/etc/passwd", "a\x00b", "x" * 300, "🙂", "CON", ".", "", "a\nb", "\ud800", 7, None],
)  # fmt: skip
def test_hostile_ids(writer, tmp_path, session, capsys):
    """A hostile id gets a safe file under the day's folder, keeps its value inside, and is told."""
    writer.write(batch(session))

    (path,) = tmp_path.glob("*/*.jsonl")
    assert path == tmp_path / "2026-11-20" / f"{safe_name(str(session))}.jsonl"
    header, event = lines(path)
    expected = "\\ud800" if session == "\ud800" else str(session)
    assert header["session_id"] == expected
    assert event["session_id"] in {session, expected}
    if isinstance(session, str):
        assert "not safe as a file name" in capsys.readouterr().err


def test_a_repeated_batch_is_not_written_twice(writer, tmp_path):
    """After an error, what had landed is not written again when the batch comes back."""
    obstacle = tmp_path / "2026-11-20" / "bad.jsonl"
    obstacle.mkdir(parents=True)
    whole = batch("good", "bad", "good")

    with pytest.raises(WriteError) as caught:
        writer.write(whole)
    assert caught.value.transient
    assert caught.value.unwritten == [2]
    assert "a folder stands where a transcript should be" in caught.value.hint
    obstacle.rmdir()
    writer.write(whole)

    assert [line.get("seq") for line in lines(tmp_path / "2026-11-20" / "good.jsonl")] == [
        None,
        1,
        3,
    ]
    assert [line.get("seq") for line in lines(obstacle)] == [None, 2]


def test_extents_for_followers(writer, tmp_path):
    """A follower learns where the lines of each batch lie."""
    writer.landings.followed = True
    writer.write(batch("s"))
    writer.write(batch("s", first=2, number=2))

    (first, second), merged = writer.landings.take(2)

    path = tmp_path / "2026-11-20" / "s.jsonl"
    assert merged == []
    assert (first.path, first.start, first.batch) == (str(path), 0, 1)
    assert (second.start, second.end) == (first.end, path.stat().st_size)


def test_altered_values_are_counted(writer):
    """A value that could not be kept is counted, to become a gap."""
    writer.write(batch("s", response_json=float("nan")))

    (loss,) = writer.losses.take()

    assert (loss.session_id, loss.what, loss.reason, loss.count) == ("s", "value", "altered", 1)
    assert "not_finite" in loss.detail


def test_torn_lines_are_counted(writer, tmp_path):
    """A torn line that another process left is counted, to become a gap."""
    writer.write(batch("s"))
    with (tmp_path / "2026-11-20" / "s.jsonl").open("ab") as file:
        file.write(b'{"torn')
    writer.write(batch("s", first=2, number=2))

    (loss,) = writer.losses.take()

    assert (loss.what, loss.reason) == ("line", "torn_line")


def test_nothing_is_created_before_the_first_event(tmp_path):
    """A writer that writes nothing leaves nothing."""
    writer = JsonlWriter(tmp_path / "sessions")
    writer.close()
    writer.close()

    assert not (tmp_path / "sessions").exists()


def test_permissions(writer, tmp_path):
    """Transcripts are for the owner alone."""
    writer.write(batch("s"))

    assert (tmp_path / "2026-11-20").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "2026-11-20" / "s.jsonl").stat().st_mode & 0o777 == 0o600


def test_positions_over_repeated_headers(tmp_path):
    """The index keeps step with a transcript that repeats its header, and reads none of it again."""
    import sqlite3

    with steno.open(tmp_path) as recorder, recorder.session("s", key="agent:a:main") as session:
        for number in range(60):
            with session.request(model="m", text="x" * 1500):
                pass
            if number % 7 == 0:
                recorder.flush()
    (path,) = tmp_path.glob("sessions/*/s.jsonl")
    connection = sqlite3.connect(tmp_path / "sessions.db")

    assert path.read_bytes().count(b'"sessionKey":"agent:a:main"') == 3
    assert connection.execute(
        "SELECT position, damaged_lines, rebuilds FROM transcripts"
    ).fetchall() == [(path.stat().st_size, 0, 0)]
    assert connection.execute("SELECT session_key, request_count FROM sessions").fetchall() == [
        ("agent:a:main", 60)
    ]
    connection.close()
