"""A real model server, ``transformers serve`` with a model made on the spot, under the recorder."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak

# Read before a fixture takes HOME and STENO_* away.
FOLDER = Path(os.environ.get("STENO_TRANSFORMERS") or Path.home() / ".cache/steno/transformers")
HERE = Path(__file__).parent
STENO = Path(sys.executable).with_name("steno")
READY_S = 120


@pytest.fixture(scope="module")
def programs():
    """Name the folder of programs of the environment that has transformers."""
    found = sorted(FOLDER.glob("*/.installed"))
    if found:
        return found[-1].parent / "bin"
    reason = f"there are no transformers in {FOLDER}: run scripts/install-transformers"
    if os.environ.get("CI"):
        pytest.fail(reason)
    return pytest.skip(reason)


@pytest.fixture(scope="module")
def model(programs, tmp_path_factory):
    """Make a model."""
    folder = tmp_path_factory.mktemp("model")
    subprocess.run(
        [programs / "python", HERE / "tiny_model.py", folder], check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def url(programs, model, tmp_path_factory):
    """Serve the model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("serve")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    told = folder / "told.txt"
    with told.open("wb") as said:
        server = subprocess.Popen(
            [
                programs / "transformers", "serve", model, "--host", "127.0.0.1",
                "--port", str(port), "--device", "cpu", "--default-seed", "7",
            ],
            env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=said,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + READY_S
        while not is_ready(url):
            assert server.poll() is None, told.read_text()
            assert time.monotonic() < deadline, told.read_text()
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def is_ready(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=2) as reply:
        return reply.status == 200
    return False


def test_transformers(url, model, home):
    """What was recorded of every reply, whole and streamed, is what the openai SDK made of it."""
    done = subprocess.run(
        [
            STENO, "record", "--home", home, "--upstream", f"openai={url}", "--",
            sys.executable, HERE / "ask_transformers.py", model,
        ],
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = {reply.pop("id"): reply for reply in json.loads(done.stdout)}

    (transcript,) = home.glob("sessions/*/*.jsonl")
    shown = subprocess.run(
        [STENO, "show", transcript, "--json", "--home", home], capture_output=True, check=True
    ).stdout
    events = [json.loads(line) for line in shown.splitlines()]
    recorded = {
        event["response_id"]: {
            "text": event["response_text"],
            "finish": event["finish_reason"],
            "tokens": [event["tokens"]["input_tokens"], event["tokens"]["output_tokens"]],
        }
        for event in events
        if event["type"] == "response_recorded"
    }
    assert len(got) == 120
    assert recorded == got
    assert {event["tokens"]["source"] for event in events if "tokens" in event} == {
        "provider_final"
    }
    completed = [event["success"] for event in events if event["type"] == "completed"]
    assert completed == [True] * 120
    assert not [event for event in events if event["type"] == "gap"]
