"""What the proxy's benchmarks share: the proxy in a process of its own, and who speaks to it.

The proxy runs as `steno record` and `steno proxy` run it, by `steno.proxy.running.running`; its
provider is `benchmarks.proxy_upstream`, a third process. Each child ends when its stdin does, so
that none outlives a benchmark that was killed.
"""

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, build_opener

CHAT = "/v1/chat/completions"
VARIANTS = {"openai": "", "paced1": "/paced/1", "paced100": "/paced/100", "big": "/big",
            "agent": "/agent", "anthropic": "/agent"}  # fmt: skip
"""What paths on the proxy begin with, and where that leads at the upstream."""

_STOP_S = 60.0
_open = build_opener(ProxyHandler({})).open


class Child(NamedTuple):
    """A server that runs.

    Attributes:
        url: Where it is.
        pid: Its process.
    """

    url: str
    pid: int

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def health(self) -> dict[str, Any]:
        """Ask a proxy for its state."""
        with _open(f"{self.url}/healthz", timeout=30) as reply:
            found: dict[str, Any] = json.load(reply)
        return found

    def unrecorded_bytes(self) -> float:
        """Ask a proxy for the bytes that it passed on without recording them."""
        with _open(f"{self.url}/metrics", timeout=30) as reply:
            lines = reply.read().decode().splitlines()
        return next(
            float(line.split()[1]) for line in lines if line.startswith("steno_proxy_unrecorded")
        )

    def memory_mb(self, field: str) -> float:
        """Read ``VmRSS`` or ``VmHWM`` of its process."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1000
        raise LookupError(field)

    def forget_peak(self) -> None:
        """Make ``VmHWM`` begin at what is used now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def _child(*arguments: str) -> Iterator[Child]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STENO_")}
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"{arguments[0]} ended with {process.wait()} before it listened")
        yield Child(url, process.pid)
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def upstream() -> contextlib.AbstractContextManager[Child]:
    """Run the provider."""
    return _child("benchmarks.proxy_upstream")


def proxy(
    home: Path, behind: Child, *, recording: bool = True
) -> contextlib.AbstractContextManager[Child]:
    """Run a proxy before a provider; what it records lies under the home when it has ended."""
    return _child("benchmarks.proxy_child", str(home), behind.url, "on" if recording else "off")


def count_completed(home: Path) -> int:
    """Count the requests that the index knows as completed, and as well."""
    database = home / "sessions.db"
    if not database.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as index:
        try:
            row = index.execute(
                "SELECT count(*) FROM session_stats WHERE completed_at IS NOT NULL AND success"
            ).fetchone()
        except sqlite3.OperationalError:
            return 0  # it is being made
    return int(row[0])


def await_completed(home: Path, count: int, timeout_s: float = 120.0) -> float:
    """Wait until the index knows so many completed requests; returns the seconds it took."""
    begun = time.perf_counter()
    while (found := count_completed(home)) != count:
        if found > count or time.perf_counter() - begun > timeout_s:
            raise AssertionError(f"{found} requests completed in the index, {count} were made")
        time.sleep(0.02)
    return time.perf_counter() - begun


def assert_nothing_lost(server: Child, note: str = "") -> dict[str, Any]:
    """Check the recorder's own figures: nothing dropped, failed or passed on unrecorded."""
    state = server.health()
    figures: dict[str, Any] = state["recorder"]
    assert state["status"] == "ok", (note, state)
    assert not figures["dropped"], (note, figures)
    assert not figures["failed"], (note, figures)
    assert not server.unrecorded_bytes(), note
    return figures


# -- the client ------------------------------------------------------------------------------


def ask(path: str, body: object, **headers: str) -> bytes:
    """Write a request; ``_`` in names of headers is a hyphen."""
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "accept: application/json"]
    lines += ["authorization: Bearer sk-benchmark", "content-type: application/json"]
    lines += ["user-agent: OpenAI/Python 2.0.0", f"content-length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def chat_body(text: str, *, stream: bool = False) -> dict[str, Any]:
    """Make a small chat request."""
    system = "You are a careful assistant. Answer briefly, and say so where you are not sure."
    body: dict[str, Any] = {
        "model": "gpt-5",
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": text}],
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


class Answer(NamedTuple):
    """A reply, and how many seconds after the request its first and its last byte came."""

    status: int
    first_s: float
    whole_s: float
    body: bytes


class Line(asyncio.Protocol):
    """One kept-alive connection of a client that does next to nothing itself."""

    def __init__(self) -> None:
        """Begin without a connection."""
        self._transport: Any = None
        self._answer: asyncio.Future[Answer] | None = None
        self._pieces: list[bytes] = []
        self._head = b""
        self._left: int | None = None
        self._sent_s = self._first_s = 0.0

    @classmethod
    async def open(cls, url: str) -> "Line":
        """Connect."""
        port = int(url.rpartition(":")[2])
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(cls, "127.0.0.1", port)
        return line

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; one at a time."""
        assert self._answer is None, "an answer is awaited"
        self._answer = asyncio.get_running_loop().create_future()
        self._pieces, self._head, self._left, self._first_s = [], b"", None, 0.0
        self._sent_s = time.perf_counter()
        self._transport.write(request)
        return self._answer

    def connection_made(self, transport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the server hung up: {exc}"))

    def data_received(self, data: bytes) -> None:
        now_s = time.perf_counter()
        if not self._first_s:
            self._head += data
            head, blank, data = self._head.partition(b"\r\n\r\n")
            if not blank or not data:
                return
            self._head, self._first_s = head, now_s
            low = head.lower()
            at = low.find(b"\ncontent-length:")
            self._left = int(low[at + 16 :].split(b"\r", 1)[0]) if at >= 0 else None
        self._pieces.append(data)
        if self._left is not None:
            self._left -= len(data)
            if self._left > 0:
                return
            body = b"".join(self._pieces)
        else:
            last = data if len(data) > 4 else b"".join(self._pieces[-5:])
            if not last.endswith(b"0\r\n\r\n"):  # nothing else in these replies ends so
                return
            body = _join_chunks(b"".join(self._pieces))
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(
                Answer(
                    int(self._head[9:12]), self._first_s - self._sent_s, now_s - self._sent_s, body
                )
            )


def _join_chunks(data: bytes) -> bytes:
    pieces: list[bytes] = []
    at = 0
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(data[end + 2 : end + 2 + size])
        at = end + 4 + size


# -- the proxy's process ---------------------------------------------------------------------


async def _run(home: str, url: str, recording: str) -> None:
    from steno.config import load_config
    from steno.proxy.running import plan_from, running
    from steno.proxy.upstreams import Upstreams
    from steno.wire.grouping import Identity

    config = load_config(home=home, environ={}, overrides={"enabled": recording == "on"})
    upstreams = Upstreams({})
    for name, path in VARIANTS.items():
        upstreams.set(name, f"{url}{path}", "anthropic" if name == "anthropic" else "openai")
    plan = plan_from(config, upstreams, identity=Identity(), addresses=("127.0.0.1:0",))
    async with running(config, plan, upstreams) as run:
        print(run.urls[0][1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
