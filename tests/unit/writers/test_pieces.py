"""Pieces of transcripts as rows."""

import io
from datetime import UTC, datetime

import steno
from steno.events.codec import LineEncoder, encode_header
from steno.events.header import make_header
from steno.writers import pieces
from steno.writers.pieces import read_piece

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ENCODER = LineEncoder("rec")
HEADER = encode_header(make_header("s", NOW)) + b"\n"
LINES = [ENCODER.encode(steno.Completed("s", str(n), NOW, success=True), n)[0] for n in range(1, 6)]


def named(data):
    """Make a file that has a name."""
    file = io.BytesIO(data)
    file.name = "t.jsonl"
    return file


def test_whole_lines_alone():
    """A piece ends behind the last whole line; damage is counted and passed over."""
    data = HEADER + LINES[0] + b"not json\n" + b"\x00" * 40 + LINES[1] + b"\x00\x00\n\n"

    piece = read_piece(named(data + b'{"torn'), 0, 1 << 60)

    assert (piece.end, piece.damaged, piece.session_id) == (len(data), 2, "s")
    assert len(piece.rows._requests) == 2


def test_bounds(monkeypatch):
    """A piece is bounded by lines, by bytes and by the end that was asked for."""
    data = HEADER + b"".join(LINES)
    upto = len(HEADER) + len(LINES[0])

    assert read_piece(named(data), 0, upto).end == upto
    monkeypatch.setattr(pieces, "_PIECE_LINES", 2)
    assert read_piece(named(data), 0, 1 << 60).end == upto
    monkeypatch.setattr(pieces, "_PIECE_LINES", 100)
    monkeypatch.setattr(pieces, "_PIECE_BYTES", 1)
    assert read_piece(named(data), len(HEADER), 1 << 60).end == upto


def test_a_repeated_header():
    """A header that stands again is no damage; it names a transcript whose first line is torn."""
    header = encode_header(make_header("s", NOW, session_key="agent:a:main")) + b"\n"

    for head, damaged in ((header, 0), (header[9:], 1)):
        piece = read_piece(named(head + LINES[0] + header + LINES[1]), 0, 1 << 60)
        (session,) = piece.rows._sessions.values()
        assert (piece.damaged, piece.session_id) == (damaged, "s")
        assert "agent:a:main" in session
        assert len(piece.rows._requests) == 2


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


def test_sources(tmp_path):
    """A compressed transcript stays open from piece to piece, until another one is asked for."""
    import pytest

    from steno.writers.pieces import Sources

    path = tmp_path / "a.jsonl"
    path.write_bytes(HEADER + b"".join(LINES))
    (tmp_path / "b.jsonl").write_bytes(HEADER)
    packed = pack_away(path)
    sources = Sources()

    with sources.open(str(path)) as first:
        piece = read_piece(first, 0, len(HEADER) + 1)
        assert (piece.end, piece.session_id) == (len(HEADER) + len(LINES[0]), "s")
    with sources.open(str(path)) as second:
        assert second is first
        assert read_piece(second, piece.end, 1 << 60).end == len(HEADER + b"".join(LINES))
    with sources.open(str(tmp_path / "b.jsonl")) as plain:
        assert plain.read() == HEADER
    assert first.closed

    with sources.open(str(path)) as first:
        pass
    packed.rename(tmp_path / "kept")
    packed.write_bytes((tmp_path / "kept").read_bytes())
    (tmp_path / "kept").unlink()
    with sources.open(str(path)) as second:
        assert second is not first
    sources.close()
    with pytest.raises(FileNotFoundError), sources.open(str(tmp_path / "c.jsonl")):
        pass


def test_damage_counts(tmp_path):
    """A compressed transcript that is damaged counts as a damaged line."""
    from steno.writers.pieces import Sources

    path = tmp_path / "a.jsonl"
    path.write_bytes(HEADER + b"".join(LINES))
    packed = pack_away(path)
    packed.write_bytes(packed.read_bytes()[:-2])

    with Sources().open(str(path)) as file:
        assert read_piece(file, 0, 1 << 60).damaged == 1
        file.close()
