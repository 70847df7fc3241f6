"""``steno show``."""

import json


def test_conversation(recorded, run):
    """A session is shown as a conversation: who, what was said, tools, tokens, outcome."""
    code, out, err = run("show", "well", "--home", recorded)

    assert (code, err) == (0, "")
    for part in ("agent:main:main", "gpt-5 at openai", "how are you?", "I am well", "tool search, ok",
                 '{"q":1}', "10 tokens in, 20 out", "5 of the output thinking"):  # fmt: skip
        assert part in out


def test_failure(recorded, run):
    """A failed request shows its error."""
    assert "failed: ValueError: it broke" in run("show", "fail", "--home", recorded)[1]


def test_json_is_the_transcript(recorded, run):
    """With --json, the lines are those of the transcript, the header first."""
    _, out, _ = run("show", "well", "--home", recorded, "--json")

    (path,) = recorded.glob("sessions/*/well.jsonl")
    assert [json.loads(line) for line in out.splitlines()] == [
        json.loads(line) for line in path.read_bytes().splitlines()
    ]


def test_one_request(recorded, run):
    """A single request can be asked for."""
    _, out, _ = run("show", "well", "--home", recorded, "--json")
    request = json.loads(out.splitlines()[1])["request_id"]

    _, out, _ = run("show", "well", "--home", recorded, "--json", "--request", request)

    assert {json.loads(line).get("request_id") for line in out.splitlines()} == {None, request}


def test_hostile_contents(recorded, run):
    """Escapes and marks of direction in a transcript never reach the terminal."""
    _, out, _ = run("show", "../hostile\x1b[2J", "--home", recorded)

    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "<script>" in out


def test_damage(recorded, run):
    """Damage is reported with its offset, and the rest is shown."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"torn')

    _, out, err = run("show", "well", "--home", recorded)

    assert "I am well" in out
    assert f"at byte {size}: torn" in err


def test_unknown_session(recorded, run):
    """A session that isn't there is an error with a hint."""
    code, _, err = run("show", "nobody", "--home", recorded)

    assert code == 1
    assert "steno: error: no session 'nobody'" in err
    assert "hint:" in err
