"""`steno export`: whole transcripts, and requests byte for byte."""

import http.client
import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

TEXT = "a long text that stands in every turn of this conversation, and is written once " * 3
TURNS = [
    {
        "model": "gpt-5",
        "messages": [{"role": "user", "content": f"{n} {TEXT}"} for n in range(count)],
    }
    for count in range(1, 6)
]


@pytest.fixture
def session(served, start_proxy):
    """Record a conversation that grows; returns its home."""
    proxy = start_proxy(served.url, session_id="talk")
    place = urlsplit(proxy.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    for body in TURNS:
        connection.request("POST", "/openai/v1/chat/completions", json.dumps(body, indent=None))
        connection.getresponse().read()
    connection.close()
    proxy.stop()
    return proxy.home


def bodies(lines):
    """Return the requests of exported lines."""
    events = [json.loads(line) for line in lines]
    return [event["request_json"] for event in events if event["type"] == "request_recorded"]


def test_references_are_followed(run, session, tmp_path):
    """In an export every request is whole, on stdout and in a file."""
    code, out, _ = run("export", "talk", "--home", session)
    run("export", "talk", "--home", session, "-o", tmp_path / "x.jsonl")

    assert code == 0
    assert bodies(out.splitlines()) == TURNS
    assert (tmp_path / "x.jsonl").read_text() == out
    assert json.loads(out.splitlines()[0])["type"] == "session"


def test_requests(run, session, tmp_path):
    """Each request is written as it was sent."""
    code, _, err = run("export", "talk", "--home", session, "--requests", tmp_path / "r")
    written = [path.read_bytes() for path in sorted((tmp_path / "r").iterdir())]

    assert code == 0
    assert "5 request(s) written" in err
    assert written == [json.dumps(body).encode() for body in TURNS]


def test_openclaw(run, session, tmp_path):
    """With --format openclaw a conversation is written as OpenClaw keeps it."""
    code, out, _ = run("export", "talk", "--home", session, "--format", "openclaw")
    run("export", "talk", "--home", session, "--format", "openclaw", "-o", tmp_path / "x.jsonl")
    header, *entries = map(json.loads, out.splitlines())
    roles = [entry["message"]["role"] for entry in entries]

    assert code == 0
    assert (header["type"], header["version"], header["id"]) == ("session", 3, "talk")
    assert roles.count("assistant") == 5
    assert roles[:2] == ["user", "assistant"]
    assert (tmp_path / "x.jsonl").read_text() == out


def test_imported(run, home, data):
    """What was imported from OpenClaw is given back: as it stood there, and written anew."""
    source = data / "imports" / "openclaw" / "compaction.jsonl"
    run("import", source, "--home", home)
    export = ("export", "latest", "--home", home, "--format", "openclaw")
    _, out, _ = run(*export, "--verbatim")
    given = [json.loads(line) for line in source.read_text().splitlines()]

    assert [json.loads(line) for line in out.splitlines()] == given

    _, out, _ = run(*export)
    messages = [
        [entry["message"] for entry in entries if "message" in entry]
        for entries in (given, map(json.loads, out.splitlines()))
    ]
    # The second summary took a reply of its own, which the source tells in one with it.
    assert len(messages[1]) == len(messages[0]) + 1
    for before, after in zip(*messages, strict=False):
        assert before["role"] == after["role"]
        assert before.get("usage", {}).get("totalTokens") == after.get("usage", {}).get(
            "totalTokens"
        )
        assert [block.get("text") for block in before["content"]] == [
            block.get("text") for block in after["content"]
        ]


def test_verbatim(run, session):
    """--verbatim goes with OpenClaw's form, and with sessions that were imported from there."""
    code, _, err = run("export", "talk", "--home", session, "--verbatim")
    assert (code, "--format openclaw" in err) == (2, True)

    code, _, err = run("export", "talk", "--home", session, "--format", "openclaw", "--verbatim")
    assert (code, "no entries of OpenClaw's" in err) == (1, True)


def test_lost_request(run, session, tmp_path):
    """A request that can't be given back is said, and the others are written."""
    (path,) = session.rglob("talk.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    code, _, err = run("export", "talk", "--home", session, "--requests", tmp_path / "r")

    assert code == 1
    assert "can't be given back" in err


def test_show_raw(session):
    """`steno show --raw` gives one request back, byte for byte."""
    (path,) = session.rglob("talk.jsonl")
    events = [json.loads(line) for line in path.read_text().splitlines()]
    last = [event for event in events if event["type"] == "request_recorded"][-1]["request_id"]
    done = subprocess.run(
        [sys.executable, "-m", "steno", "show", "talk", "--raw", last, "--home", str(session)],
        capture_output=True,
    )  # fmt: skip

    assert done.stdout == json.dumps(TURNS[-1]).encode()


def test_show_tells_what_is_new(run, session):
    """`steno show` tells of each request what is new in it."""
    _, out, _ = run("show", "talk", "--home", session)

    assert out.count(f"    0 {TEXT[:30]}") == 1
    assert "4 of 5 messages as before" in out
