"""Bytes pass through recording transports as they are, and are noted."""

import asyncio
import gzip
import json

import httpx
import httpx2
import pytest

import steno
from steno.integrations.openai import instrument
from steno.testing import capture_events

URL = "https://llm.example/v1/chat/completions"
REPLY = {
    "id": "c1", "object": "chat.completion", "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}  # fmt: skip
PIECES = [b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n', b"data: [DONE]\n\n"]
EVENTS = {"content-type": "text/event-stream"}
LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2])


@pytest.fixture
def kept():
    """Record into memory."""
    with capture_events() as both:
        yield both


def events(kept, kind):
    """List the events of a kind."""
    recorder, writer = kept
    assert recorder.flush()
    return [event for event in writer.events if isinstance(event, kind)]


def make(library, recorder, handler):
    """Make an instrumented client whose replies a function gives."""
    return instrument(library.Client(transport=library.MockTransport(handler)), recorder)


def stream_of(library, pieces, closed):
    """Make a body that says when it is closed."""

    class Body(library.SyncByteStream):
        def __iter__(self):
            yield from pieces

        def close(self):
            closed.append(True)

    return Body()


@LIBRARIES
def test_memory(library, kept):
    """A reply that the transport has in memory is noted, compressed as it is."""
    body = gzip.compress(json.dumps(REPLY).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    with make(
        library, kept[0], lambda _: library.Response(200, headers=headers, content=body)
    ) as client:
        assert client.post(URL, json={"model": "m"}).json() == REPLY

    (event,) = events(kept, steno.ResponseRecorded)
    assert event.response_json == REPLY
    assert event.response_size_bytes == len(body)


@LIBRARIES
def test_streamed_request(library, kept):
    """The body of a request that is made while it is sent is noted, and sent as it was."""
    got = []

    def handler(request):
        got.append(request.read())
        return library.Response(200, json=REPLY)

    with make(library, kept[0], handler) as client:
        client.post(URL, content=iter([b'{"model":', b'"m"}']))

    assert [event.request_json for event in events(kept, steno.RequestRecorded)] == [{"model": "m"}]
    assert got == [b'{"model":"m"}']


@LIBRARIES
def test_broken_request(library, kept):
    """A request whose body raises is the program's own end, and the error its own."""

    def body():
        yield b"{"
        raise KeyError("mine")

    with make(library, kept[0], lambda request: request.read()) as client:
        with pytest.raises(KeyError, match="mine"):
            client.post(URL, content=body())

    (event,) = events(kept, steno.Completed)
    assert event.error == "client_disconnected: in the middle of its request"


@LIBRARIES
def test_dropped_generator(library, kept):
    """A reply whose reader is dropped is closed like without steno."""
    closed = []
    body = stream_of(library, [PIECES[0]] * 3, closed)
    with make(
        library, kept[0], lambda _: library.Response(200, headers=EVENTS, stream=body)
    ) as client:
        with client.stream("POST", URL, json={"stream": True}) as response:
            reader = response.iter_raw()
            assert next(reader) == PIECES[0]
            reader.close()

    assert closed == [True]
    (event,) = events(kept, steno.Completed)
    assert event.error == "client_disconnected: in the reply"


@LIBRARIES
def test_last_word(library, kept):
    """A stream that is closed after the provider's last word is complete."""
    body = stream_of(library, [*PIECES, b": more\n\n"], [])
    with make(
        library, kept[0], lambda _: library.Response(200, headers=EVENTS, stream=body)
    ) as client:
        with client.stream("POST", URL, json={"stream": True}) as response:
            reader = response.iter_raw()
            assert [next(reader), next(reader)] == PIECES

    assert [event.error for event in events(kept, steno.Completed)] == [None]


@LIBRARIES
def test_error_in_reply(library, kept):
    """An error in the middle of a reply passes through as the same object."""
    error = library.ReadError("broken")

    def pieces():
        yield PIECES[0]
        raise error

    body = stream_of(library, pieces(), [])
    with make(
        library, kept[0], lambda _: library.Response(200, headers=EVENTS, stream=body)
    ) as client:
        with pytest.raises(library.ReadError) as caught:
            client.post(URL, json={"stream": True})

    assert caught.value is error
    (event,) = events(kept, steno.Completed)
    assert event.error == "upstream_failed: its reply broke off"


@LIBRARIES
def test_async(library, kept):
    """With asyncio, requests and replies that are made while they pass are noted alike."""

    class Body(library.AsyncByteStream):
        async def __aiter__(self):
            for each in PIECES:
                yield each

    async def sent():
        yield b'{"stream":'
        yield b"true}"

    async def handler(request):
        await request.aread()
        return library.Response(200, headers=EVENTS, stream=Body())

    async def go():
        transport = library.MockTransport(handler)
        async with library.AsyncClient(transport=transport) as client:
            instrument(client, kept[0])
            response = await client.post(URL, content=sent())
            assert response.content == b"".join(PIECES)

    asyncio.run(go())

    assert [event.error for event in events(kept, steno.Completed)] == [None]
    assert [event.request_json for event in events(kept, steno.RequestRecorded)] == [
        {"stream": True}
    ]


def test_delegation(kept):
    """Who looks into the transport sees what the wrapped one has."""
    with httpx2.Client() as client:
        pool = client._transport._pool
        instrument(client, kept[0])
        assert client._transport._pool is pool
        with pytest.raises(AttributeError):
            _ = client._transport.nothing
