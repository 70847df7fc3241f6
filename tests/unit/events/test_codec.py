"""Events to lines and back."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import steno
from steno.errors import TranscriptError
from steno.events.codec import (
    LineEncoder,
    decode_line,
    encode_event,
    encode_header,
    format_timestamp,
    type_of,
)
from steno.events.header import Header, make_header
from steno.events.model import Event, KnownEvent

NOW = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)


def line_of(event: Event, seq: int = 7, limit: int = 1 << 24) -> tuple[dict, tuple]:
    """Encode an event as the transcript writer does, and parse the line with the stdlib."""
    line, notes = LineEncoder("rec", limit).encode(event, seq)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    return json.loads(line), notes


def reply(**facts: object) -> steno.ResponseRecorded:
    """Build a reply with some facts."""
    return steno.ResponseRecorded("s", "r", NOW, **facts)  # type: ignore[arg-type]


def test_lines_behind_each_other():
    """Lines are put behind those that are there, whichever way each has to take."""
    whole_second = NOW.replace(microsecond=0)
    events = [
        reply(response_text="a"),
        steno.Gap("s", "", whole_second, what="event", count=1, reason="buffer_full"),
        reply(response_json={"nan": float("nan")}),
        reply(response_json=object()),
        reply(response_text="x" * 200_000),
        steno.ToolCallRecorded("s", "r", NOW, tool_name="null", tool_output="null \u2014 " * 100),
        steno.Completed("s", "r", datetime(2026, 1, 1), success=True),
        steno.LogRecorded("s", "", whole_second, level="INFO", logger="a", message="\ud800"),
    ]
    lines = bytearray(b"before\n")
    encoder = LineEncoder("rec", 100_000)
    notes = [encoder.append(event, seq, lines) for seq, event in enumerate(events, 1)]

    alone = [encoder.encode(event, seq) for seq, event in enumerate(events, 1)]
    assert bytes(lines) == b"before\n" + b"".join(line for line, _ in alone)
    assert notes == [noted for _, noted in alone]
    assert [bool(noted) for noted in notes] == [
        False, False, True, True, True, False, False, True,
    ]  # fmt: skip
    read = [json.loads(line) for line in lines.splitlines()[1:]]
    assert [line["seq"] for line in read] == list(range(1, 9))
    assert read[1]["timestamp"] == "2026-11-20T12:30:15.000000Z"


class TestShapes:
    """The JSON shapes of the specification."""

    def test_started(self):
        """A started event has its type first, then the ids, the time and the model."""
        event = steno.Started(
            session_id="abc-123",
            request_id="req-456",
            timestamp=datetime(2025, 10, 1, 12, tzinfo=UTC),
            model_requested="gpt-4",
            provider="openai",
            listener="openai",
        )

        line, _ = LineEncoder("rec").encode(event, 1)

        assert line.startswith(
            b'{"type":"started","session_id":"abc-123","request_id":"req-456",'
            b'"timestamp":"2025-10-01T12:00:00.000000Z","model_requested":"gpt-4",'
        )
        assert line.endswith(b',"recorder":"rec","seq":1}\n')

    def test_response_has_nested_tokens(self):
        """A reply carries its token counts in an object of their own."""
        line, _ = line_of(reply(tokens=steno.Tokens(input=100, output=200)))

        assert line["tokens"] == {"input_tokens": 100, "output_tokens": 200}

    def test_completed_has_totals_at_top_level(self):
        """A completed event carries the totals beside its other fields, zeros included."""
        line, _ = line_of(steno.Completed("s", "r", NOW, success=True, total_thinking=10_001))

        assert line["total_thinking"] == 10_001
        assert line["total_input"] == 0
        assert line["grand_total"] == 0
        assert "error" not in line

    def test_metadata(self):
        """The client's metadata lies in an object of its own."""
        event = steno.Started(
            "s",
            "r",
            NOW,
            model_requested="m",
            provider="p",
            listener="l",
            metadata=steno.SessionMetadata(client_ip="127.0.0.1", session_tags=("a",)),
        )

        assert line_of(event)[0]["metadata"] == {
            "client_ip": "127.0.0.1",
            "session_tags": ["a"],
        }

    @pytest.mark.parametrize("kind", KnownEvent.__args__)
    def test_every_type_round_trips(self, kind):
        """Every type of event is read back as it was written, byte for byte."""
        required = {
            info.name: {"str": "x", "int": 3, "bool": True}[getattr(info.type, "__name__", "str")]
            if getattr(info.type, "__name__", "") in {"str", "int", "bool"}
            else "x"
            for info in msgspec.structs.fields(kind)
            if info.required and info.name not in {"session_id", "request_id", "timestamp"}
        }
        line, notes = LineEncoder("rec").encode(kind("s", "r", NOW, **required), 9)

        event = decode_line(line)

        assert notes == ()
        assert type(event) is kind
        assert event.recorder == "rec"
        assert event.seq == 9
        assert encode_event(event) + b"\n" == line


class TestTimes:
    """Timestamps are RFC 3339 in UTC with microseconds and Z."""

    @given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
    def test_any_zone(self, naive, minutes):
        """A time in any zone is written in UTC, always with six digits."""
        zone = timezone(timedelta(minutes=minutes))
        try:
            stamp = naive.replace(tzinfo=zone)
            expected = stamp.astimezone(UTC)
        except OverflowError:
            return
        line, _ = line_of(steno.Completed("s", "r", stamp, success=True))

        assert line["timestamp"] == expected.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")

    def test_naive_is_utc(self):
        """A naive time is taken as UTC."""
        assert format_timestamp(NOW.replace(tzinfo=None)) == "2026-11-20T12:30:15.123456Z"

    def test_id_that_looks_like_a_timestamp(self):
        """A session id that imitates the timestamp's key is left alone."""
        hostile = 'x","timestamp":"2025-10-01T12:00:00Z'
        event = steno.Completed(hostile, "r", NOW.replace(microsecond=0), success=True)

        line, _ = line_of(event)

        assert line["session_id"] == hostile
        assert line["timestamp"] == "2026-11-20T12:30:15.000000Z"


class TestHostileValues:
    """Whatever an event holds, it is kept in the best form possible, with a mark."""

    @pytest.mark.parametrize("where", ["response_json", "post_processing_ms"])
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_not_finite(self, where, value):
        """A number that JSON lacks is written as text and marked, in payloads and in figures."""
        line, notes = line_of(reply(**{where: value}, response_text="null"))

        assert line[where] == str(value)
        assert [(note.path, note.reason) for note in notes] == [(f"/{where}", "not_finite")]
        assert line["altered"] == [{"path": f"/{where}", "reason": "not_finite"}]

    def test_null_is_no_nan(self):
        """A null that was given stays a null, without a mark."""
        line, notes = line_of(reply(response_json={"refusal": None}))

        assert line["response_json"] == {"refusal": None}
        assert notes == ()

    def test_surrogate(self):
        """A lone surrogate is written as an escape."""
        line, notes = line_of(reply(response_text="a\ud800b"))

        assert line["response_text"] == "a\\ud800b"
        assert notes[0].reason == "surrogate"

    def test_cycle(self):
        """A value that holds itself is cut where it begins again."""
        loop: dict[str, object] = {"a": 1}
        loop["self"] = loop

        line, notes = line_of(reply(response_json=loop))

        assert line["response_json"]["a"] == 1
        assert notes[0].path == "/response_json/self"
        assert notes[0].reason == "cycle"

    def test_too_large(self):
        """A text of 50 MB is cut, with its size and digest."""
        line, notes = line_of(reply(response_text="x" * 50_000_000))

        assert len(line["response_text"]) == 4096
        assert line["altered"][0]["size"] == 50_000_000
        assert len(line["altered"][0]["sha256"]) == 64
        assert notes[0].reason == "too_large"

    def test_many_small_values(self):
        """A payload of many values beyond the limit is left out as a whole, with its digest."""
        line, notes = line_of(reply(response_json=list(range(100_000))), limit=100_000)

        assert line["response_json"] is None
        assert notes[-1].path == "/response_json"

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(alphabet=st.characters())
            | st.binary()
            | st.sampled_from([object, object(), 1j, {1}, frozenset({2})]),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.text(alphabet=st.characters()) | st.integers() | st.none(), inner
                )
            ),
            max_leaves=20,
        )
    )
    def test_anything_is_one_line(self, value):
        """Whatever a caller hands over, one line of valid JSON comes out, and it reads back."""
        line, _ = LineEncoder("rec").encode(reply(response_json=value), 3)

        event = decode_line(line)

        assert line.count(b"\n") == 1
        assert event.session_id == "s"
        assert event.seq == 3

    def test_wrong_types(self):
        """An event of wrong field types still becomes a line with its ids."""
        event = steno.Started("s", 5, "yesterday", model_requested=None, provider={}, listener=[])

        line, _ = line_of(event)

        assert line["session_id"] == "s"
        assert line["type"] == "started"


class TestNewerVersions:
    """What a newer version added is kept."""

    def test_unknown_fields(self):
        """Unknown fields, also nested ones, survive reading and writing again."""
        line, _ = LineEncoder("rec").encode(
            reply(tool_calls=(steno.ToolCallStats(tool_name="t"),)), 1
        )
        raw = json.loads(line)
        raw["novel"] = {"a": [1]}
        raw["tokens"]["novel_tokens"] = 4
        raw["tool_calls"][0]["novel"] = "x"

        event = decode_line(json.dumps(raw).encode())

        assert isinstance(event, steno.ResponseRecorded)
        assert json.loads(encode_event(event)) == raw

    def test_unknown_type(self):
        """An event of an unknown type is kept whole."""
        raw = {
            "type": "teleported",
            "session_id": "s",
            "timestamp": "2027-01-01T00:00:00Z",
            "x": 1.5,
        }

        event = decode_line(json.dumps(raw).encode())

        assert isinstance(event, steno.UnknownEvent)
        assert event.session_id == "s"
        assert event.timestamp.year == 2027
        assert type_of(event) == "teleported"
        assert json.loads(encode_event(event)) == raw

    def test_known_type_of_another_shape(self):
        """An event whose fields have other types than today's is kept whole too."""
        raw = {"type": "completed", "session_id": "s", "success": "partly"}

        event = decode_line(json.dumps(raw).encode())

        assert json.loads(encode_event(event)) == raw

    def test_unknown_event_is_written_as_it_stood(self):
        """An unknown event that is recorded again gets a number and keeps the rest."""
        event = decode_line(b'{"type":"teleported","session_id":"s","x":1}')

        line, _ = line_of(event, seq=12)

        assert line == {
            "type": "teleported",
            "session_id": "s",
            "x": 1,
            "recorder": "rec",
            "seq": 12,
        }


class TestHeader:
    """The first line of a transcript."""

    def test_fields(self):
        """A header begins as the specification shows, and names what is not known as null."""
        header = make_header("s1", NOW, session_key="agent:main:main", cwd="/srv")

        line = json.loads(encode_header(header))

        assert list(line) == [
            "type",
            "version",
            "id",
            "session_id",
            "sessionKey",
            "agentId",
            "timestamp",
            "cwd",
        ]
        assert line["agentId"] == "main"
        assert line["version"] == 4
        assert json.loads(encode_header(make_header("s", NOW)))["sessionKey"] is None

    @pytest.mark.parametrize(
        "bad",
        [{"timestamp": "junk"}, {"timestamp": 5}, {"pid": "x"}, {"tags": "x", "user_id": 7},
         {"source": []}, {"extra": 5}, {"extra": {"a": 1}}, {"version": 2**80}, {"agentId": {}},
         {"previous": 5, "reason": [], "program": {}}, {"id": None}],
    )  # fmt: skip
    def test_a_field_that_is_not_what_it_should_be(self, bad):
        """A header with a broken field still tells whose it is, and loses nothing."""
        raw = {"type": "session", "version": 4, "id": "s", "session_id": "s",
               "sessionKey": "agent:a:main", "timestamp": "2026-11-20T12:00:00.000000Z", **bad}  # fmt: skip

        header = decode_line(json.dumps(raw).encode())

        assert isinstance(header, Header)
        assert (header.session_id, header.session_key) == ("s", "agent:a:main")
        again = json.loads(encode_header(header))
        gained = {"id", "timestamp"}  # of which steno's form is written where there is none
        assert {key: again[key] for key in raw if key not in gained} == {
            key: value for key, value in raw.items() if key not in gained
        }

    def test_grep_finds_the_key(self):
        """The key can be found with a plain text search."""
        line = encode_header(make_header("s", NOW, session_key="agent:main:main"))

        assert b'"sessionKey":"agent:main:main"' in line

    def test_round_trip_with_unknown_fields(self):
        """A header's unknown fields survive."""
        raw = json.loads(encode_header(make_header("s", NOW, user_id="u")))
        raw["region"] = "eu"

        header = decode_line(json.dumps(raw).encode())

        assert isinstance(header, Header)
        assert header.user_id == "u"
        assert json.loads(encode_header(header)) == raw

    def test_version_3(self):
        """A header of an older version gives its id as the session's."""
        header = decode_line(
            b'{"type":"session","version":3,"id":"x","timestamp":"2026-01-01T00:00:00Z","cwd":"/"}'
        )

        assert header.session_id == "x"
        assert header.version == 3
        assert header.session_key is None


@pytest.mark.parametrize(
    "line", [b"", b"[1]", b"nul", b'{"type":', b"\x00" * 20, b"\xff\xfe", b"[" * 100_000, b"7"]
)
def test_no_object(line):
    """A line that is no JSON object is refused with an error that says so."""
    with pytest.raises(TranscriptError, match="not a JSON object"):
        decode_line(line)


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"session","version":3,"id":"s","timestamp":"2026-11-20T12:00:00Z","of":"later"}',
        (
            b'{"type":"log_recorded","session_id":"s","request_id":"r","of":{"later":"x"},'
            b'"timestamp":"2026-11-20T12:00:00Z","level":"INFO","logger":"l","message":"m"}'
        ),
    ],
    ids=["header", "event"],
)
def test_a_byte_that_is_no_text(line, lossless):
    """Wherever in a line a byte is none of UTF-8, in what is not known too, it is said or passed."""
    assert decode_line(line, lossless=lossless).session_id == "s"
    failed = 0
    for at in range(len(line)):
        try:
            decode_line(line[:at] + b"\xf1" + line[at + 1 :], lossless=lossless)
        except TranscriptError as error:
            failed += "not a JSON object" in error.message
    assert failed > len(line) // 2


@given(st.binary())
def test_any_bytes(data):
    """Any bytes are an entry or a `TranscriptError`, and nothing else."""
    try:
        decode_line(data)
    except TranscriptError:
        pass
