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
