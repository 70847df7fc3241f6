"""Reading a transcript as far as it goes."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import steno
from steno.errors import TranscriptError
from steno.events.codec import LineEncoder, encode_header
from steno.events.header import Header, make_header
from steno.storage.compressed import load_zstd
from steno.transcripts.reader import read_header, read_identity, read_transcript

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ENCODER = LineEncoder("rec")
HEADER = encode_header(make_header("s", NOW)) + b"\n"
OTHER = encode_header(make_header("other", NOW)) + b"\n"
LINES = [
    ENCODER.encode(steno.Completed("s", f"r{number}", NOW, success=True), number)[0]
    for number in range(1, 6)
]
WHOLE = HEADER + b"".join(LINES)


@pytest.fixture
def read(tmp_path):
    """Read a transcript from bytes; returns the request ids and the transcript."""

    def read(data):
        path = tmp_path / "t.jsonl"
        path.write_bytes(data)
        transcript = read_transcript(path)
        return [getattr(entry.event, "request_id", "header") for entry in transcript], transcript

    return read


def test_whole(read):
    """A whole transcript is read without damage."""
    ids, transcript = read(WHOLE)

    assert ids == ["header", "r1", "r2", "r3", "r4", "r5"]
    assert transcript.damage == []
    assert transcript.position == len(WHOLE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, len(WHOLE)))
def test_any_prefix(read, cut):
    """Any prefix of a transcript gives a prefix of its entries, and one report for a torn tail."""
    ids, transcript = read(WHOLE[:cut])

    assert ids == ["header", "r1", "r2", "r3", "r4", "r5"][: len(ids)]
    assert len(ids) == WHOLE[:cut].count(b"\n")
    torn = cut > 0 and WHOLE[cut - 1 : cut] != b"\n"
    assert [each.offset for each in transcript.damage] == (
        [WHOLE[:cut].rfind(b"\n") + 1] if torn else []
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(b'{"torn"\n', "not a JSON object"), (b"\x00" * 50 + b"\n", "NUL"), (b"\xff\xfe\n", "not a JSON object"),
     (b"[1]\n", "not a JSON object"), (LINES[0], "stands twice"), (OTHER, "another session")],
)  # fmt: skip
def test_damage_in_the_middle(read, bad, reason):
    """Damage in the middle is reported with file and offset, and everything else is read."""
    before = HEADER + LINES[0] + LINES[1]

    ids, transcript = read(before + bad + b"".join(LINES[2:]))

    assert [each for each in ids if each != "header"] == ["r1", "r2", "r3", "r4", "r5"]
    (damage,) = transcript.damage
    assert damage.offset == len(before)
    assert reason in damage.reason
    assert damage.path.endswith("t.jsonl")


def test_a_repeated_header(read):
    """A header that stands again is neither damage nor an entry, wherever reading begins."""
    ids, transcript = read(HEADER + LINES[0] + HEADER + LINES[1] + HEADER)

    assert ids == ["header", "r1", "r2"]
    assert transcript.damage == []
    rest = read_transcript(transcript.path, offset=len(HEADER))
    assert [entry.event.request_id for entry in rest] == ["r1", "r2"]
    assert rest.damage == []


@pytest.mark.parametrize(
    "torn", [HEADER[40:], b"\x00" * (len(HEADER) - 1) + b"\n", b"\x00" * 99, b""]
)
def test_a_torn_head(read, torn):
    """Where the first line is torn, a copy of the header names the transcript."""
    ids, transcript = read(torn + LINES[0] + HEADER + LINES[1] + HEADER)

    assert ids == ["r1", "header", "r2"]
    assert all(damage.offset == 0 for damage in transcript.damage)
    assert read_header(transcript.path).session_id == "s"


def test_a_torn_head_with_a_line_glued_to_it(read):
    """A copy of the header that follows a torn line without a newline is found too."""
    _, transcript = read(b'{"type":"ses' + LINES[0] + b'{"torn' + HEADER)

    assert read_header(transcript.path).session_id == "s"


def test_a_rotated_transcript_without_its_head(read):
    """The event that ends a rotated transcript names it where no header is left."""
    rotated = steno.Rotated("s", "", NOW, reason="reset", successor="t", session_key="agent:a:main")
    _, transcript = read(HEADER[5:] + LINES[0] + ENCODER.encode(rotated, 9)[0])

    header = read_header(transcript.path)

    assert (header.session_id, header.session_key, header.agent_id) == ("s", "agent:a:main", "a")


def test_the_search_for_an_identity_is_bounded(read):
    """Of a huge file that is no transcript, a bounded part is searched."""
    _, transcript = read(b"x\n" + b"y" * (9 << 20) + b"\n" + HEADER)

    assert read_header(transcript.path) is None


def test_no_header(read):
    """A transcript without a header is read, and that is said."""
    ids, transcript = read(b"".join(LINES))

    assert ids == ["r1", "r2", "r3", "r4", "r5"]
    assert "no header" in transcript.damage[0].reason


def test_from_an_offset(tmp_path, read):
    """Reading goes on from where it ended."""
    _, transcript = read(WHOLE)
    with transcript.path.open("ab") as file:
        file.write(ENCODER.encode(steno.Completed("s", "r6", NOW, success=True), 6)[0])

    rest = list(read_transcript(transcript.path, offset=transcript.position))

    assert [entry.event.request_id for entry in rest] == ["r6"]


def test_missing_file(tmp_path):
    """A file that can't be opened is an error with a hint."""
    with pytest.raises(TranscriptError, match="cannot read"):
        list(read_transcript(tmp_path / "nowhere"))
    with pytest.raises(TranscriptError, match="cannot read"):
        read_header(tmp_path / "nowhere")


def test_read_header(read, tmp_path):
    """The header is read from the first line alone; anything else is none."""
    read(WHOLE)
    assert isinstance(read_header(tmp_path / "t.jsonl"), Header)
    for data in (b"", b"{", LINES[0], b"x" * 200_000):
        read(data)
        assert read_header(tmp_path / "t.jsonl") is None


def test_a_line_behind_a_hole(read):
    """A line that follows a run of NUL bytes is read; the run alone is damage."""
    ids, transcript = read(HEADER + b"\x00" * 40 + LINES[0] + LINES[1])

    assert ids == ["header", "r1", "r2"]
    assert [(each.offset, each.length) for each in transcript.damage] == [(len(HEADER), 40)]


def test_memory_is_bounded_by_damage_too(read):
    """A file that is no transcript at all gives a bounded report that covers all of it."""
    data = b"x\n" * 5000

    _, transcript = read(data)

    assert len(transcript.damage) == 1000
    last = transcript.damage[-1]
    assert last.offset + last.length == len(data) - 1


def test_a_long_header(read, tmp_path):
    """A header with many tags is a header."""
    read(encode_header(make_header("s", NOW, tags=("tag" * 10,) * 5000)) + b"\n")

    assert read_header(tmp_path / "t.jsonl").session_id == "s"


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


def test_compressed(read, tmp_path):
    """A compressed transcript is read as the plain one, from any line on, its header too."""
    data = HEADER + b"".join(LINES)
    read(data)
    entries = list(read_transcript(tmp_path / "t.jsonl"))
    packed = pack_away(tmp_path / "t.jsonl")

    again = read_transcript(packed)
    assert [entry.line for entry in again] == [entry.line for entry in entries]
    assert again.damage == []
    assert again.position == len(data)
    rest = read_transcript(packed, offset=entries[2].offset)
    assert [entry.offset for entry in rest] == [entry.offset for entry in entries[2:]]
    assert read_header(packed).session_id == "s"


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_compressed_and_damaged(read, tmp_path, cut):
    """Damage in a compressed transcript ends the reading; it is told once, by its place in the text."""
    import os

    noise = [
        ENCODER.encode(
            steno.ResponseRecorded("s", f"r{number}", NOW, response_text=os.urandom(3000).hex()),
            number,
        )[0]
        for number in range(200)
    ]
    read(HEADER + b"".join(noise))
    packed = pack_away(tmp_path / "t.jsonl")
    data = packed.read_bytes()
    packed.write_bytes(data[: int(len(data) * cut)])

    transcript = read_transcript(packed)
    lines = [entry.line + b"\n" for entry in transcript]

    assert b"".join(lines) == (HEADER + b"".join(noise))[: transcript.position]
    assert len(lines) > 200 * cut - 50
    (damage,) = transcript.damage
    assert damage.offset == transcript.position
    assert "compressed file is damaged" in damage.reason


def test_no_zstd(read, tmp_path, monkeypatch):
    """Without zstd a compressed transcript is an error that says what to install."""
    from steno.storage import compressed

    read(HEADER)
    packed = pack_away(tmp_path / "t.jsonl")

    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(compressed.importlib, "import_module", refuse)

    with pytest.raises(TranscriptError) as caught:
        list(read_transcript(packed))
    assert "backports.zstd" in caught.value.hint


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.zst"])
def test_head(tmp_path, name):
    """A header is read in either form, and by a name of the other form too; so is a long one."""
    for tags in ((), ("x" * 10_000,)):
        line = encode_header(make_header("s", NOW, session_key="agent:a:main", tags=tags)) + b"\n"
        text = line + b'{"type":"later"}\n' * 100_000
        path = tmp_path / name
        path.write_bytes(load_zstd().compress(text) if name.endswith(".zst") else text)

        for form in (tmp_path / "t.jsonl", str(tmp_path / "t.jsonl.zst")):
            assert read_header(form).session_key == "agent:a:main"


def test_head_of_a_folder(tmp_path):
    """What can be opened but not read is an error."""
    with pytest.raises(TranscriptError, match="directory"):
        read_header(tmp_path)


def test_read_identity():
    """An open file tells whose it is, also by a copy of its header."""
    line = encode_header(make_header("s", NOW)) + b"\n"

    assert read_identity(io.BytesIO(line)).session_id == "s"
    assert read_identity(io.BytesIO(b"\0" * 4096 + b"\n" + line)).session_id == "s"
    assert read_identity(io.BytesIO(b"torn\n")) is None
