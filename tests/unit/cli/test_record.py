"""`steno record`: a program runs as ever, and its model calls are recorded."""

import json
import os
import subprocess
import sys

import pytest

ASK = """
import json, os, sys, urllib.request
body = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}).encode()
request = urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions", body, {"content-type": "application/json"}
)
print(json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"])
"""


@pytest.fixture
def record(home, served):
    """Run `steno record` as a user does."""

    def record(*arguments, code=ASK, stdin="", env=None):
        return subprocess.run(
            [sys.executable, "-m", "steno", "record", "--home", str(home), *arguments, "--",
             sys.executable, "-c", code],
            env={**os.environ, "OPENAI_BASE_URL": f"{served.url}/v1", **(env or {})},
            input=stdin, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return record


def transcript(home):
    """Read the one transcript of a home."""
    (path,) = home.rglob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_recorded(record, home, served):
    """The program gets its answer, the home the session, and the person a table."""
    done = record("--key", "agent:main:main", "--user", "u1", "--tag", "a", "--tag", "b")
    header, *events = transcript(home)

    assert (done.returncode, done.stdout) == (0, "echo: hello\n")
    assert served.requests[0].path == "/v1/chat/completions"
    assert (header["sessionKey"], header["user_id"], header["tags"]) == (
        "agent:main:main",
        "u1",
        ["a", "b"],
    )
    assert header["program"].startswith("python")
    assert [event["type"] for event in events] == [
        "started", "request_recorded", "response_recorded", "completed",
    ]  # fmt: skip
    assert "gpt-5" in done.stderr
    assert header["session_id"] in done.stderr
    assert "$0.0" in done.stderr


def test_summary_for_machines(record, home, tmp_path):
    """The summary is to be had as JSON, on stderr and in a file."""
    file = tmp_path / "summary.json"
    done = record("--json", "--summary", str(file))
    facts = json.loads(done.stderr)
    (model,) = facts["models"]

    assert json.loads(file.read_text()) == facts
    assert (facts["exit_code"], facts["requests"], facts["errors"]) == (0, 1, {})
    assert (model["model"], model["requests"], model["output_tokens"]) == ("gpt-5", 1, 2)
    assert facts["sessions"][0]["transcript"].endswith(".jsonl")


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_code(record, code):
    """The exit code is the program's."""
    assert record(code=f"raise SystemExit({code})").returncode == code


def test_input_and_output(record):
    """Input and output are the program's alone."""
    done = record("--quiet", code="import sys; print(sys.stdin.read().upper())", stdin="in")

    assert (done.stdout, done.stderr) == ("IN\n", "")


def test_no_call(record):
    """A program that never spoke to a model is told how it could."""
    assert "OPENAI_BASE_URL" in record(code="pass").stderr


def test_no_call_of_codex(run, home, tmp_path, monkeypatch):
    """Codex, which reads no variable, is told how it finds the proxy."""
    (tmp_path / "codex").write_text("#!/bin/sh\n")
    (tmp_path / "codex").chmod(0o755)
    _, _, err = run("record", "--home", home, "--", tmp_path / "codex")

    assert "openai_base_url=" in err


def test_no_command(run, home):
    """A command that is not there has a shell's exit code, and an error in words."""
    code, _, err = run("record", "--home", home, "--", "no-such-command")

    assert code == 127
    assert "there is no command 'no-such-command'" in err


def test_options_of_the_program(record):
    """Options behind the command are the program's."""
    done = record(code="import sys; print(sys.argv[1:])")

    assert done.returncode == 0
    assert done.stdout == "[]\n"


def test_upstream_that_is_down(record, home):
    """An upstream that is down is said in the table, and recorded."""
    done = record("--upstream", "openai=http://127.0.0.1:9/v1")

    assert done.returncode == 1
    assert "error: upstream_failed: cannot connect" in done.stderr
    assert transcript(home)[-1]["success"] is False


def test_wrong_upstream(run):
    """An upstream that is none is an error before anything runs."""
    code, _, err = run("record", "--upstream", "nonsense", "--", "true")

    assert code == 1
    assert "NAME=URL" in err


def test_continued_session(record, home):
    """A session can be named, and continued by a later run."""
    record("--session", "mine")
    record("--session", "mine")

    assert [event["type"] for event in transcript(home)].count("completed") == 2
    assert (next(home.rglob("*.jsonl"))).name == "mine.jsonl"


def test_proxies_of_the_client(record):
    """Clients that go through a proxy of their own reach loopback without it."""
    code = "import os; print(os.environ['NO_PROXY'], os.environ['no_proxy'])"
    done = record(code=code, env={"NO_PROXY": "corp", "no_proxy": ""})

    assert done.stdout == "corp,127.0.0.1,localhost 127.0.0.1,localhost\n"
