"""`steno proxy`: the proxy for long."""

import http.client
import json
import signal
import subprocess
import sys
from urllib.parse import urlsplit


def start(home, *arguments):
    """Start it as a user does; returns the process and what it says first."""
    return subprocess.Popen(
        [sys.executable, "-m", "steno", "proxy", "--home", str(home), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def end(child, number=signal.SIGTERM):
    """End it; returns its exit code and the rest of what it said."""
    child.send_signal(number)
    _, err = child.communicate(timeout=30)
    return child.returncode, err


def test_life(home, served):
    """It says where it listens, passes and records, and ends well on Ctrl-C."""
    child = start(home, "--listen", "127.0.0.1:0", "--upstream", f"openai={served.url}")
    url = child.stderr.readline().split()[2]
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("POST", "/openai/v1/chat/completions", '{"model":"gpt-5","messages":[]}')
    status = connection.getresponse().status
    connection.close()
    code, err = end(child, signal.SIGINT)

    assert (status, code) == (200, 0)
    assert "finishing open streams" in err
    assert list(home.rglob("*.jsonl"))


def test_listeners_of_the_configuration(home):
    """Listeners of steno.yaml are told as JSON, one in a line."""
    home.mkdir()
    (home / "steno.yaml").write_text(
        "proxy: {listeners: {a: {address: '127.0.0.1:0'}, b: {address: '127.0.0.1:0', upstream: openai}}}"
    )
    child = start(home, "--json")
    lines = [json.loads(child.stdout.readline()) for _ in range(2)]
    end(child)

    assert [(line["listener"], line["upstream"]) for line in lines] == [
        ("a", None),
        ("b", "openai"),
    ]


def test_no_token(run, home):
    """A listener that others can reach is refused without a token."""
    code, _, err = run("proxy", "--home", home, "--listen", "0.0.0.0:0")

    assert code == 1
    assert "STENO_PROXY_TOKEN" in err
