"""Trailers reach the client behind a chunked body, and nowhere else."""

import asyncio

import pytest
from aiohttp import web

from steno.proxy.trailers import end_reply


class _Answer(web.StreamResponse):
    """A reply whose length may be unknown."""


async def _ask(trailers, *, version="1.1", length=None, leave=False):
    """Serve one reply with these trailers; returns its bytes, and what ending it raised."""
    raised = []
    ended = asyncio.Event()

    async def handle(request):
        answer = _Answer()
        answer.content_length = length
        await answer.prepare(request)
        await answer.write(b"abc")
        if leave:
            request.transport.close()
        try:
            await end_reply(answer, trailers)
        except ConnectionError as error:
            raised.append(error)
        ended.set()
        return answer

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(f"GET / HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(10):
            got = await reader.read()
            await ended.wait()
        writer.close()
        await writer.wait_closed()
    finally:
        await runner.cleanup()
    return got.partition(b"\r\n\r\n")[2], raised


@pytest.mark.parametrize(
    ("trailers", "end"),
    [
        ([], b"0\r\n\r\n"),
        ([b"X-A: 1", b"X-B: \xe9"], b"0\r\nX-A: 1\r\nX-B: \xe9\r\n\r\n"),
        ([b"Content-Length: 5", b"X-A: 1", b"TRANSFER-ENCODING: x"], b"0\r\nX-A: 1\r\n\r\n"),
        ([b"Content-Length: 5"], b"0\r\n\r\n"),
    ],
)
def test_chunked(trailers, end):
    """Fields behind a chunked body are sent; those that change how it is read are not."""
    assert asyncio.run(_ask(trailers)) == (b"3\r\nabc\r\n" + end, [])


@pytest.mark.parametrize("case", [{"length": 3}, {"version": "1.0"}], ids=str)
def test_no_place(case):
    """A body with a length, or for an old client, has no place for trailers."""
    assert asyncio.run(_ask([b"X-A: 1"], **case)) == (b"abc", [])


@pytest.mark.parametrize("trailers", [[], [b"X-A: 1"]])
def test_client_gone(trailers):
    """A client that is gone is told of by an error, with trailers and without."""
    _, raised = asyncio.run(_ask(trailers, leave=True))

    assert len(raised) == 1
