"""What one transcript says of itself."""

import json
import os

import pytest

import steno
from steno.storage.compressed import load_zstd
from steno.transcripts.recovery.reading import read_found


def spawn(key, *, call="c1", details=True):
    """Write the two lines of a sub-agent that is begun."""
    text = json.dumps({"status": "accepted", "childSessionKey": key})
    return (
        json.dumps({"type": "message", "id": "x", "message": {"role": "assistant", "content": [
            {"type": "toolCall", "id": call, "name": "sessions_spawn",
             "arguments": {"task": "do this and that"}}]}}) + "\n",
        json.dumps({"type": "message", "id": "y", "timestamp": "2026-01-01T00:00:02Z", "message": {
            "role": "toolResult", "toolCallId": call, "toolName": "sessions_spawn",
            "content": [{"type": "text", "text": text}],
            **({"details": {"childSessionKey": key}} if details else {})}}) + "\n",
    )  # fmt: skip


@pytest.mark.parametrize("version", [1, 2, 3, 4, 99, None, "x"])
def test_the_field_decides(sessions, version):
    """A key in the header is found whatever version the header says it has."""
    path = sessions.live("s", sessionKey="agent:main:main", agentId="main", version=version)

    reading = read_found(str(path))

    assert [(each.key, each.agent, each.place) for each in reading.named] == [
        ("agent:main:main", "main", "header")
    ]
    assert reading.header.has_key


def test_version_4_without_a_key(sessions):
    """A header of version 4 that has no key names nobody."""
    reading = read_found(str(sessions.live("s", version=4)))

    assert reading.named == []
    assert not reading.header.has_key


def test_a_key_in_the_metadata(sessions):
    """A key in the header's metadata is found, and told apart."""
    path = sessions.live("s", metadata={"sessionKey": "agent:main:x"}, parentSession="/p.jsonl")

    reading = read_found(str(path))

    assert reading.named[0].place == "metadata"
    assert reading.header.forked
    assert not reading.header.has_key


def test_a_header_behind_other_lines(sessions):
    """A header behind a title, behind entries, or longer than 512 bytes is the header."""
    title = '{"type":"title","v":1,"title":"t"}'.ljust(255) + "\n"
    path = sessions.write(
        "s.jsonl", title, sessions.user("hi"), sessions.header("s", cwd="x" * 2000)
    )

    header = read_found(str(path)).header

    assert header.id == "s"
    data = path.read_bytes()[header.offset : header.offset + header.length]
    assert json.loads(data)["type"] == "session"


def test_no_header(sessions):
    """Without a header the rest is read: the first words and the first time."""
    reading = read_found(str(sessions.write("s.jsonl", sessions.user("hi"))))

    assert (reading.header, reading.text) == (None, "hi")
    assert reading.first_timestamp == "2026-01-01T00:00:01.000Z"


def test_the_event_that_ends_a_transcript_of_steno(sessions):
    """The event in which steno says who a transcript was is found where the head is lost."""
    rotated = '{"type":"rotated","session_id":"s","sessionKey":"agent:main:main","successor":"t"}\n'

    reading = read_found(str(sessions.write("s.jsonl", "\x00" * 80, "\n", rotated)))

    assert [(each.key, each.session_id) for each in reading.named] == [("agent:main:main", "s")]


def test_a_transcript_of_steno(tmp_path):
    """A long transcript of steno repeats its header: no damage, and found where the head is lost."""
    with steno.open(tmp_path) as recorder, recorder.session("s", key="agent:main:main") as session:
        for _ in range(50):
            with session.request(model="m", text="x" * 200):
                pass
        assert recorder.flush()
    (path,) = (tmp_path / "sessions").rglob("s.jsonl")
    whole = read_found(str(path))
    path.write_bytes(b"\x00" * 300 + path.read_bytes()[300:])
    torn = read_found(str(path))

    assert path.read_bytes().count(b'"type":"session"') >= 1
    assert whole.flaws == []
    assert [each.key for each in whole.named] == ["agent:main:main"]
    assert [each.key for each in torn.named] == ["agent:main:main"]
    assert torn.header.offset > 300


def test_keys_that_somebody_mentions(sessions):
    """Keys in texts, in tools' details and in imported entries are not the transcript's."""
    lines = [
        sessions.user('{"type":"session","sessionKey":"agent:main:wrong"}'),
        '{"type":"message","details":{"type":"session","sessionKey":"agent:main:wrong"}}\n',
        '{"type":"entry_imported","entry":{"type":"session","sessionKey":"agent:main:wrong"}}\n',
        '{"type":"custom","sessionKey":"agent:main:wrong","id":"s"}\n',
    ]

    assert read_found(str(sessions.live("s", *lines))).named == []


def test_what_a_job_says(sessions):
    """It is counted how often a user's words begin as a job's do."""
    path = sessions.live("s", sessions.user("[cron:j n] go"), sessions.user("no [cron:", "u2"),
                         sessions.user("[cron:j n] go", "u3"))  # fmt: skip

    assert read_found(str(path)).cron_texts == 2


@pytest.mark.parametrize("details", [True, False])
def test_sub_agents(sessions, details):
    """A sub-agent's key, time and task are found, in the details or in the result's text."""
    path = sessions.live("s", *spawn("agent:main:subagent:x", details=details))

    (spawned,) = read_found(str(path)).spawned

    assert (spawned.key, spawned.task) == ("agent:main:subagent:x", "do this and that")
    assert spawned.at == "2026-01-01T00:00:02Z"


def test_lines_that_stand_twice(sessions):
    """A line that was written again is told with its place, and its words count once."""
    twice = sessions.user("[cron:j n] go and fetch what there is to fetch")

    reading = read_found(str(sessions.live("s", twice, sessions.user("other"), twice)))

    assert [flaw.kind for flaw in reading.flaws] == ["repeated"]
    assert reading.cron_texts == 1


def test_two_objects_on_a_line(sessions):
    """A header that is glued to another value is read."""
    path = sessions.write("s.jsonl", '{"type":"custom"}', sessions.header("s", sessionKey="k:1"))

    reading = read_found(str(path))

    assert reading.named[0].key == "k:1"
    assert [flaw.kind for flaw in reading.flaws] == ["glued"]


def test_a_torn_tail(sessions):
    """What was torn off is damage with its offset, and what stands before it is read."""
    path = sessions.live("s", sessions.user("hi"), '{"type":"mess')

    reading = read_found(str(path))

    assert reading.values == 2
    assert reading.flaws[-1].kind == "torn"
    assert reading.flaws[-1].offset == path.read_bytes().rindex(b'{"type":"mess')


def test_compressed(sessions):
    """A compressed transcript is read as its text, a damaged one as far as it goes."""
    data = load_zstd().compress(
        (sessions.header("s", sessionKey="k:1") + sessions.user("x" * 200_000)).encode()
    )
    whole = read_found(str(sessions.write("a.jsonl.zst", data)))
    cut = read_found(str(sessions.write("b.jsonl.zst", data[:-8])))

    assert whole.named[0].key == "k:1"
    assert whole.flaws == []
    assert "compressed" in {flaw.kind for flaw in cut.flaws}


def test_both_forms_are_two_files(sessions):
    """A plain file and a compressed one of the same name are each read as what they are."""
    plain = sessions.write("s.jsonl", sessions.header("s", sessionKey="k:plain"))
    packed = load_zstd().compress(sessions.header("s", sessionKey="k:packed").encode())

    assert read_found(str(plain)).named[0].key == "k:plain"
    path = sessions.write("s.jsonl.zst", packed)
    assert read_found(str(path)).named[0].key == "k:packed"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00" * 4096, b"\xff\xfe\n", b"[1,2]\n", b'"session"\n', b"null\n" * 9,
        b'{"type":"session"}\n', b'{"type":["session"],"id":{}}\n', b'{"type":"session","id":7}\n',
        b'{"type":"message","message":{"role":"user","content":{"a":[]}},"x":"sessions_spawn"}\n',
        b'{"type":"message","message":["user"]}\n', b"[" * 100_000, b'{"a":' * 50_000,
        b'{"type":"session","id":"s","sessionKey":{"a":1},"metadata":[1]}\n',
    ],
)  # fmt: skip
def test_hostile_contents(sessions, content):
    """Whatever a file holds, reading it ends, and names nobody."""
    reading = read_found(str(sessions.write("s.jsonl", content)))

    assert reading.failure is None
    assert reading.named == reading.spawned == []


def test_what_is_no_file(sessions):
    """A pipe, a link, a folder and a file that is gone are failures, told and not waited for."""
    os.mkfifo(sessions.path / "pipe.jsonl")
    os.symlink(sessions.live("s"), sessions.path / "link.jsonl")
    (sessions.path / "dir.jsonl").mkdir()

    for name in ("pipe.jsonl", "link.jsonl", "dir.jsonl", "gone.jsonl"):
        assert read_found(str(sessions.path / name)).failure
