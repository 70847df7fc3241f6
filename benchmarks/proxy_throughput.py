"""The proxy's second bar: requests a second, against itself without recording and against LiteLLM.

32 clients ask one after the other, each on its own connection, and get a reply of 2 kB. The three
servers (recording, not recording, LiteLLM's proxy) run side by side before the same provider and
are measured in turn, in several rounds; the median of each counts. None of them starts more than
one process. What is recorded must be there in the end: all requests as completed in the index,
nothing dropped. Before the next round begins, the recorder has written everything of the last, so
that no round pays for another one's; the seconds that this took are in the note.

LiteLLM is installed into an environment of its own under the user's cache. It translates what
passes through it and keeps no record on disk; a model is configured that needs no translation.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from benchmarks.measuring import Result, alternate
from benchmarks.proxy_child import (
    CHAT,
    Child,
    Line,
    ask,
    assert_nothing_lost,
    await_completed,
    chat_body,
    proxy,
    upstream,
)

_CLIENTS = 32
_REQUESTS = 6000
_ROUNDS = 5
_LITELLM_REQUESTS = 500
_LITELLM = "litellm[proxy]==1.106.2"
_KEY = "sk-benchmark"  # what `ask` sends
_READY_S = 120.0
_INSTALL_S = 1200.0


async def _drive(url: str, count: int, mark: str) -> float:
    """Let the clients ask so many questions; requests a second."""
    lines = [await Line.open(url) for _ in range(_CLIENTS)]
    numbers = iter(range(count))
    requests = [
        ask(CHAT, chat_body(f"{mark}, question {number}: what is recorded, and where?"))
        for number in range(count)
    ]

    async def client(line: Line) -> None:
        for number in numbers:
            answer = await line.ask(requests[number])
            assert answer.status == 200, answer

    begun = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as tasks:
            for line in lines:
                tasks.create_task(client(line))
        return count / (time.perf_counter() - begun)
    finally:
        for line in lines:
            line.close()


# -- LiteLLM -------------------------------------------------------------------------------------


def _install() -> Path:
    """Install LiteLLM unless it is there; returns its command.

    Raises:
        OSError: It can't be.
        subprocess.SubprocessError: As above.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    place = cache / "steno-bench" / "litellm"
    done = place / f"installed-{_LITELLM.rpartition('=')[2]}"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run(
            [place / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", _LITELLM],
            check=True, timeout=_INSTALL_S, capture_output=True,
        )  # fmt: skip
        done.touch()
    return place / "bin" / "litellm"


@contextlib.contextmanager
def _litellm(command: Path, folder: Path, behind: Child) -> Iterator[str]:
    """Run LiteLLM's proxy; yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "litellm.yaml"
    config.write_text(
        "model_list:\n- model_name: gpt-5\n  litellm_params:\n    model: openai/gpt-5\n"
        f"    api_base: {behind.url}/v1\n    api_key: {_KEY}\n"
    )
    url = f"http://127.0.0.1:{port}"
    with (folder / "litellm.log").open("wb") as log:
        process = subprocess.Popen(
            [command, "--config", config, "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "LITELLM_MASTER_KEY": _KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                 "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _READY_S
        while not _is_alive(url):
            if process.poll() is not None or time.monotonic() > deadline:
                last = (folder / "litellm.log").read_text(errors="replace").splitlines()[-1:]
                raise OSError(f"LiteLLM did not start: {last}")
            time.sleep(0.3)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _is_alive(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/health/liveliness", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


# -- the bars ------------------------------------------------------------------------------------


def run() -> list[Result]:
    """Measure the servers in turn."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        behind = stack.enter_context(upstream())
        on = stack.enter_context(proxy(folder / "on", behind))
        off = stack.enter_context(proxy(folder / "off", behind, recording=False))
        other, trouble = None, ""
        try:
            other = stack.enter_context(_litellm(_install(), folder, behind))
            asyncio.run(_drive(other, _CLIENTS * 4, "warm"))
        except (OSError, subprocess.SubprocessError, AssertionError) as error:
            trouble = f"LiteLLM can't be measured: {error}".replace("\n", " ").replace("|", "/")
        made = 0
        flushes: list[float] = []

        def with_recording(count: int = _REQUESTS) -> float:
            nonlocal made
            rate = asyncio.run(_drive(on.url, count, f"round {made}"))
            made += count
            flushes.append(await_completed(folder / "on", made))
            assert_nothing_lost(on)
            return rate

        with_recording(_CLIENTS * 10)
        asyncio.run(_drive(off.url, _CLIENTS * 10, "warm"))
        flushes.clear()
        recorded, plain, theirs = alternate(
            _ROUNDS,
            with_recording,
            lambda: asyncio.run(_drive(off.url, _REQUESTS, "round")),
            lambda: asyncio.run(_drive(other, _LITELLM_REQUESTS, "round")) if other else 0.0,
        )
        figures = assert_nothing_lost(on)
    ratio = recorded / plain
    many = recorded / theirs if theirs else 0.0
    return [
        Result("proxy: requests/s, recording", ">= 0.75 of without", f"{ratio:.2f}", ratio >= 0.75,
               f"{recorded:.0f}/s against {plain:.0f}/s, {_CLIENTS} clients; the last was in the "
               f"index after {max(flushes):.2f} s; {made} completed, {figures['dropped']} dropped"),
        Result("proxy: requests/s, LiteLLM", ">= 3x", f"{many:.1f}x", many >= 3,
               trouble or f"{recorded:.0f}/s, recording, against {theirs:.0f}/s of {_LITELLM}"),
    ]  # fmt: skip
