"""A proxy with all that belongs to it."""

import contextlib
import gc
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

import steno
from steno import Completed, Gap, RequestRecorded, ResponseRecorded
from steno.config import load_config
from steno.errors import ConfigError, SchemaVersionError
from steno.proxy.guard import Address
from steno.proxy.running import plan_from
from steno.proxy.upstreams import Upstreams
from steno.testing.provider import Script
from steno.wire.grouping import Identity

CHAT = "/v1/chat/completions"
PART = 'data: {"id":"1","choices":[{"index":0,"delta":{"content":"half a "}}]}\n\n'
BODY = {"model": "gpt-5", "stream": True, "messages": [{"role": "user", "content": "hello"}]}


def plan(home, text="", **more):
    """Make a plan from a configuration."""
    home.mkdir(exist_ok=True)
    (home / "steno.yaml").write_text(text)
    config = load_config(home=home, environ={})
    return plan_from(config, Upstreams(config.proxy.upstreams), identity=Identity(), **more)


def test_default_plan(home):
    """Without a word in the configuration there is one listener on loopback, and nothing is sent."""
    made = plan(home)

    assert [door.address for door in made.doors] == [Address("127.0.0.1", 8788)]
    assert not made.sent
    assert (made.upstream_timeout_s, made.grace_s) == (600, 30)


def test_addresses_before_the_configuration(home):
    """Addresses that are given are used instead of the configured ones."""
    made = plan(
        home, "proxy: {listeners: {a: {address: '127.0.0.1:1'}}}", addresses=("127.0.0.1:2",)
    )

    assert [door.address.port for door in made.doors] == [2]


def test_unknown_upstream(home):
    """A listener for an upstream that is not there is an error."""
    with pytest.raises(ConfigError, match="nobody"):
        plan(home, "proxy: {listeners: {a: {upstream: nobody}}}")


def start_child(home, upstream):
    """Start a proxy as a process of its own; returns it and its URL."""
    child = subprocess.Popen(
        [
            sys.executable, "-m", "steno", "proxy", "--json", "--listen", "127.0.0.1:0", "--home",
            str(home), "--upstream", f"openai={upstream}",
        ],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    return child, json.loads(child.stdout.readline())["url"]


def wait_for(condition):
    """Wait until something is so."""
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stream_until_noted(served, home):
    """Begin a stream that does not end, and wait until what came is on disk; returns the process."""
    served.script(Script(path=CHAT, stream=PART * 3, hold=True))
    child, url = start_child(home, served.url)
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("POST", "/openai" + CHAT, json.dumps(BODY), {"x-steno-session": "mine"})
    response = connection.getresponse()
    response.read(10)
    wait_for(lambda: any(PART.encode() in path.read_bytes() for path in home.rglob("*.log")))
    wait_for(lambda: b'"started"' in b"".join(path.read_bytes() for path in home.rglob("*.jsonl")))
    connection.close()
    return child


def ask(url, session):
    """Ask in a session; returns the status."""
    place = urlsplit(url)
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("POST", "/openai" + CHAT, json.dumps(body), {"x-steno-session": session})
    status = connection.getresponse().status
    connection.close()
    return status


def recorders_of(child):
    """List the processes that a process has begun."""
    with open(f"/proc/{child.pid}/task/{child.pid}/children") as file:
        return [int(word) for word in file.read().split()]


def check_interrupted(events):
    """Check that the stream was closed once, as interrupted, with what had come."""
    assert [type(event) for event in events].count(RequestRecorded) == 1
    replies = [event.response_text for event in events if isinstance(event, ResponseRecorded)]
    assert replies == ["half a " * 3]
    (end,) = [event for event in events if isinstance(event, Completed)]
    assert end.error.startswith("interrupted")
    assert not [event for event in events if isinstance(event, Gap)]


def test_proxy_is_killed(served, start_proxy, home):
    """Where the proxy is killed, its recorder closes the exchange with what had come."""
    child = stream_until_noted(served, home)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    wait_for(lambda: not list(home.rglob("*.log")))

    check_interrupted(start_proxy(served.url).events("mine"))


def test_all_is_killed(served, start_proxy, home):
    """Where the recorder is killed with it, the next start closes the exchange with what had come."""
    child = stream_until_noted(served, home)
    (recorder,) = recorders_of(child)
    os.kill(child.pid, signal.SIGSTOP)
    os.kill(recorder, signal.SIGKILL)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()

    check_interrupted(start_proxy(served.url).events("mine"))
    assert not list(home.rglob("*.log"))


def test_collecting_seldom(served, start_proxy):
    """While a proxy runs, Python looks for cycles less often; afterwards as before."""
    before = gc.get_threshold()
    proxy = start_proxy(served.url)
    during = gc.get_threshold()
    proxy.stop()

    assert during[0] > before[0]
    assert during[1:] == before[1:]
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_newer_index(served, start_proxy, home):
    """An index of a newer version is an error before anything runs, and stays as it is."""
    with steno.open(home) as recorder:
        recorder.session("s")
    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as index:
        index.execute("UPDATE schema_version SET version = 99")
        index.commit()

    with pytest.raises(SchemaVersionError, match="Unsupported schema version: 99"):
        start_proxy(served.url)
    assert served.requests == []


def test_recorder_is_killed(served, home, capfd):
    """Where the recorder alone is killed, the traffic goes on and another one takes its place."""
    child, url = start_child(home, served.url)
    (recorder,) = recorders_of(child)
    assert ask(url, "before") == 200
    os.kill(recorder, signal.SIGKILL)
    wait_for(lambda: recorders_of(child) not in ([], [recorder]))
    assert ask(url, "after") == 200
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    child.stdout.close()

    for name in ("before", "after"):
        (path,) = home.rglob(f"{name}.jsonl")
        assert path.read_text().count('"type":"completed"') == 1
    assert "the recorder's process died" in capfd.readouterr().err


def test_graceful_end_of_a_process(served, home):
    """SIGTERM ends the process well, once its streams are finished."""
    served.script(Script(path=CHAT, chunk_delay_ms=50))
    child, url = start_child(home, served.url)
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("POST", "/openai" + CHAT, json.dumps(BODY))
    response = connection.getresponse()
    child.send_signal(signal.SIGTERM)
    body = response.read()
    connection.close()

    assert child.wait(20) == 0
    child.stdout.close()
    assert body.endswith(b"data: [DONE]\n\n")
    assert b'"success":true' in b"".join(path.read_bytes() for path in home.rglob("*.jsonl"))
