"""A provider of models for tests: a real server on loopback that speaks their wire protocols.

OpenAI's chat completions, responses, embeddings and models, and Anthropic's messages, below any
prefix. It answers from scripts (`Script`, or JSON files of the same fields), and echoes without.

Strategy: HTTP/1.1 is written by hand on asyncio's streams, because a server must do here what
libraries rightly refuse: tear chunks, break off, send garbage. The loop runs in a thread of its
own, so that tests with and without asyncio can use it, and so can programs beside it::

    with provider.serve("tests/data/providers") as served:
        client = openai.OpenAI(base_url=f"{served.url}/v1", api_key="none")

``python -m steno.testing.provider --port N --scripts DIR`` prints its URL and serves until SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import signal
import sys
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steno.testing.replies import failure
from steno.testing.requests import Received, read_request
from steno.testing.scripts import Script, choose, rate_limited, read_scripts
from steno.testing.sending import Sending, usual_headers

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Iterable, Iterator

    from steno.testing.questions import Question

__all__ = ["Received", "Script", "Served", "rate_limited", "read_scripts", "serve"]

BACKLOG = 1024
# The longest line of a head.
LINE_LIMIT = 1 << 20


@dataclass
class _Entry:
    """A script, and how often it may still answer."""

    script: Script
    left: int | None


class Served:
    """A provider that runs.

    Attributes:
        url: Where it is, such as ``http://127.0.0.1:8080``.
        connections: How many connections were opened.
        abandoned: How many answers a client left before their end.
    """

    def __init__(self, scripts: Iterable[Script] = (), *, keep: int | None = None) -> None:
        """Prepare a provider; `serve` runs it."""
        self.url = ""
        self.connections = 0
        self.abandoned = 0
        self._lock = threading.Lock()
        self._requests: deque[Received] = deque(maxlen=keep)
        self._read = [_Entry(script, script.times) for script in scripts]
        self._told: list[_Entry] = []
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def requests(self) -> list[Received]:
        """The requests so far, in the order in which they were complete."""
        with self._lock:
            return list(self._requests)

    @property
    def scripts(self) -> list[Script]:
        """The scripts: those that were added, the newest first, then those it began with."""
        with self._lock:
            return [entry.script for entry in (*self._told, *self._read)]

    def script(self, *scripts: Script) -> None:
        """Add scripts; the newest wins over equals, and one for any request wins over all."""
        with self._lock:
            for script in scripts:
                self._told.insert(0, _Entry(script, script.times))

    def clear(self) -> None:
        """Forget the requests, and the scripts that were added."""
        with self._lock:
            self._requests.clear()
            self._told.clear()

    async def run(
        self, host: str, port: int, started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
    ) -> None:
        """Serve until the event is set that is handed over with its loop."""
        stopped = asyncio.Event()
        try:
            server = await asyncio.start_server(
                self._converse, host, port, backlog=BACKLOG, limit=LINE_LIMIT
            )
        except (OSError, OverflowError) as exc:  # taken, or no port
            started.set_exception(exc)
            return
        address = server.sockets[0].getsockname()
        name = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.url = f"http://{name}:{address[1]}"
        started.set_result((asyncio.get_running_loop(), stopped))
        await stopped.wait()
        server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close in the next turn of the loop

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        # A drain waits until the kernel has every byte: only so is a delay or a break exact.
        writer.transport.set_write_buffer_limits(0)
        try:
            while (received := await read_request(reader, writer)) is not None:
                with self._lock:
                    self._requests.append(received)
                if not await self._answer(received, reader, writer):
                    break
        except (ValueError, asyncio.LimitOverrunError):  # no HTTP, or a line without end
            with contextlib.suppress(ConnectionError):
                writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        except asyncio.CancelledError:
            # The server stops, and nothing else cancels. Python 3.11's streams would report this as
            # an error; a client that reads nothing would keep a mere close waiting.
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, received: Received, reader: StreamReader, writer: StreamWriter) -> bool:
        """Answer a request, and tell whether the connection goes on."""
        question = received.question
        script = self._choose(question)
        await asyncio.sleep(script.delay_ms / 1000)
        try:
            if script.raw is not None:
                raw = script.raw
                writer.write(raw if isinstance(raw, bytes) else raw.encode("latin-1", "replace"))
                await writer.drain()
                goes_on = False
            else:
                head, sending = self._prepare(script, received, question)
                goes_on = await sending.send(head, writer)
            if script.hold and not writer.is_closing():
                await reader.read()  # until the client leaves, or the server stops
                self.abandoned += 1
        except ConnectionError:
            self.abandoned += 1
            raise
        return goes_on

    def _prepare(
        self, script: Script, received: Received, question: Question
    ) -> tuple[bytes, Sending]:
        """Make the head and the body of an answer; a script that can't be played is a 500."""
        request_id = f"req_{next(self._numbers):024d}"
        try:
            answer = script.answer(question, request_id)
            sending = Sending(script, answer, received)
        except (LookupError, TypeError, ValueError) as exc:
            answer = failure(question, 500, f"the script can't be played: {exc}", request_id)
            sending = Sending(Script(path=""), answer, received)
        return sending.head(usual_headers(answer, question, request_id)), sending

    def _choose(self, question: Question) -> Script:
        """Choose the script that answers, and count its use."""
        with self._lock:
            told, read = (
                [entry for entry in entries if entry.left != 0]
                for entries in (self._told, self._read)
            )
            script = choose(
                question, [entry.script for entry in told], [entry.script for entry in read]
            )
            if script is None:
                return Script(path="")  # which sends the built-in answer
            entry = next(entry for entry in (*told, *read) if entry.script is script)
            if entry.left is not None:
                entry.left -= 1
            return script


@contextlib.contextmanager
def serve(
    scripts: str | os.PathLike[str] | Iterable[Script] = (),
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    keep: int | None = None,
) -> Iterator[Served]:
    """Serve for the length of a ``with`` block.

    Args:
        scripts: A folder of scripts, or scripts.
        host: The address to listen on.
        port: The port to listen on; 0 for any that is free.
        keep: How many requests to remember; None for all.

    Raises:
        OSError: The port can't be listened on; OverflowError when it is none.
        ValueError: A file of the folder is no JSON.
    """
    if isinstance(scripts, str | os.PathLike):
        scripts = read_scripts(scripts)
    served = Served(scripts, keep=keep)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(
        target=lambda: asyncio.run(served.run(host, port, started)), name="provider", daemon=True
    )
    thread.start()
    try:
        loop, stopped = started.result()
        try:
            yield served
        finally:
            loop.call_soon_threadsafe(stopped.set)
    finally:
        thread.join()


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or an interrupt; the first line of the output is the URL."""
    parser = argparse.ArgumentParser(
        prog="python -m steno.testing.provider", description=main.__doc__
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--scripts", metavar="DIR", help="a folder of scripts")
    options = parser.parse_args(arguments)
    signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the thread starts, which inherits it: the signal then waits for `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    # Nobody in this process can look at the requests.
    with serve(options.scripts or (), host=options.host, port=options.port, keep=0) as served:
        sys.stdout.write(f"{served.url}\n")
        sys.stdout.flush()
        signal.sigwait(signals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
