"""The provider, asked by the real clients and by raw sockets."""

import gzip
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import replace

import anthropic
import brotli
import openai
import pytest

from steno.testing import provider
from steno.testing.provider import Script

HI = [{"role": "user", "content": "hi there\nyou"}]
ECHO = "echo: hi there\nyou"
PATH = "/v1/chat/completions"


@pytest.fixture
def served():
    """A provider without scripts."""
    with provider.serve() as running:
        yield running


@pytest.fixture
def gpt(served):
    """A client of OpenAI's."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(served):
    """A client of Anthropic's."""
    with anthropic.Anthropic(base_url=served.url, api_key="none", max_retries=0) as client:
        yield client


def connect(served):
    """Open a connection."""
    host, port = served.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def request(body=None, path=PATH, more=""):
    """Write a request."""
    data = json.dumps(body if body is not None else {"model": "m", "messages": HI}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def exchange(served, data=None):
    """Send bytes and read head and body until the provider closes."""
    with connect(served) as sock:
        sock.sendall(data or request(more="Connection: close\r\n"))
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def dechunk(body):
    """Return the chunks of a body, and what follows its last chunk."""
    chunks = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if size == b"0":
            return chunks, body
        chunks.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]


class TestOpenAI:
    def test_chat(self, gpt):
        """A chat completion says the same whole and streamed."""
        whole = gpt.chat.completions.create(model="m", messages=HI)
        chunks = list(
            gpt.chat.completions.create(
                model="m", messages=HI, stream=True, stream_options={"include_usage": True}
            )
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

        assert whole.choices[0].message.content == text == ECHO
        assert whole.id == chunks[0].id
        assert whole.usage == chunks[-1].usage
        assert whole.usage.total_tokens == 3 + 4

    def test_tool(self, gpt):
        """A tool that the user names is called, in fragments when streamed; then its result is said."""
        tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
        ask = [{"role": "user", "content": "tool:look please"}]
        whole = gpt.chat.completions.create(model="m", messages=ask, tools=tools)
        message = whole.choices[0].message
        with gpt.chat.completions.stream(model="m", messages=ask, tools=tools) as stream:
            streamed = stream.get_final_completion().choices[0]
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "42"}
        after = gpt.chat.completions.create(
            model="m", messages=[*ask, message, result], tools=tools
        )

        assert message.tool_calls[0].function.arguments == "{}"
        assert streamed.message.tool_calls[0].id == message.tool_calls[0].id
        assert streamed.finish_reason == whole.choices[0].finish_reason == "tool_calls"
        assert after.choices[0].message.content == "echo: 42"

    def test_responses(self, gpt):
        """A response says the same whole and streamed."""
        whole = gpt.responses.create(model="m", input="hi")
        with gpt.responses.stream(model="m", input="hi") as stream:
            kinds = [event.type for event in stream]
            streamed = stream.get_final_response()

        assert whole.output_text == streamed.output_text == "echo: hi"
        assert whole.usage == streamed.usage
        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.completed"

    def test_responses_tool(self, gpt):
        """A response calls the tool that the user names."""
        tools = [{"type": "function", "name": "look", "parameters": {}, "strict": False}]
        with gpt.responses.stream(model="m", input="tool:look", tools=tools) as stream:
            kinds = [event.type for event in stream]
            call = stream.get_final_response().output[0]

        assert (call.name, call.arguments) == ("look", "{}")
        assert kinds.count("response.function_call_arguments.delta") == 2

    def test_embeddings(self, gpt):
        """Embeddings are the same as floats and in the client's own encoding."""
        packed = gpt.embeddings.create(model="m", input=["a", "b"])
        floats = gpt.embeddings.create(model="m", input="b", encoding_format="float")

        assert packed.data[1].embedding == pytest.approx(floats.data[0].embedding, rel=1e-5)

    def test_models(self, gpt):
        """Models are listed, and one is described."""
        names = [model.id for model in gpt.models.list()]

        assert gpt.models.retrieve(names[0]).id == names[0]

    def test_rate_limited(self, served, gpt):
        """A refusal is the client's own error, once, and the next request is answered."""
        served.script(replace(provider.rate_limited(PATH), times=1))

        with pytest.raises(openai.RateLimitError) as caught:
            gpt.chat.completions.create(model="m", messages=HI)

        assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
        assert gpt.chat.completions.create(model="m", messages=HI).choices

    def test_unknown_path(self, gpt):
        """An unknown path is not found."""
        with pytest.raises(openai.NotFoundError, match="Invalid URL"):
            gpt.post("/nothing", cast_to=object, body={})

    def test_prefix(self, served):
        """Below another prefix everything is the same, and connections are used again."""
        with openai.OpenAI(base_url=f"{served.url}/api/v1", api_key="none") as client:
            for _ in range(3):
                client.chat.completions.create(model="m", messages=HI)

        assert [each.path for each in served.requests] == [f"/api{PATH}"] * 3
        assert served.connections == 1


class TestAnthropic:
    def test_messages(self, claude):
        """A message says the same whole and streamed."""
        whole = claude.messages.create(model="m", max_tokens=9, messages=HI)
        with claude.messages.stream(model="m", max_tokens=9, messages=HI) as stream:
            text = "".join(stream.text_stream)
            streamed = stream.get_final_message()

        assert whole.content[0].text == text == ECHO
        assert (whole.id, whole.usage) == (streamed.id, streamed.usage)
        assert whole._request_id.startswith("req_")

    def test_tool(self, claude):
        """A tool that the user names is used, and then its result is said."""
        tools = [{"name": "look", "input_schema": {"type": "object"}}]
        ask = {"role": "user", "content": "tool:look please"}
        kwargs = {"model": "m", "max_tokens": 9, "tools": tools}
        with claude.messages.stream(messages=[ask], **kwargs) as stream:
            message = stream.get_final_message()
        use = message.content[0]
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "42"}
        turns = [
            ask,
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [result]},
        ]

        assert (message.stop_reason, use.name, use.input) == ("tool_use", "look", {})
        assert claude.messages.create(messages=turns, **kwargs).content[0].text == "echo: 42"

    def test_count_tokens(self, claude):
        """Tokens are counted."""
        assert claude.messages.count_tokens(model="m", messages=HI).input_tokens == 3

    def test_rate_limited(self, served, claude):
        """A refusal is the client's own error."""
        served.script(provider.rate_limited("/v1/messages", retry_after="3"))

        with pytest.raises(anthropic.RateLimitError) as caught:
            claude.messages.create(model="m", max_tokens=9, messages=HI)

        assert caught.value.response.headers["retry-after"] == "3"
        assert caught.value.body["request_id"] == caught.value.request_id


class TestScripts:
    def test_folder(self, tmp_path):
        """Scripts of a folder answer what they describe."""
        script = {"path": PATH, "request": {"model": "m", "messages": HI}, "reply": {"id": "mine"}}
        (tmp_path / "case.json").write_text(json.dumps(script))

        with provider.serve(tmp_path) as served:
            _, mine = exchange(served)
            _, other = exchange(served, request({"model": "x"}, more="Connection: close\r\n"))

        assert json.loads(mine) == {"id": "mine"}
        assert json.loads(other)["model"] == "x"

    def test_listed(self, served):
        """The scripts of a provider are listed, the newest first, until it is cleared."""
        one, two = Script(path="/a"), Script(path="/b")
        served.script(one)
        served.script(two)

        assert served.scripts == [two, one]

        served.clear()

        assert served.scripts == []

    def test_unplayable(self, served):
        """A script that can't be played is an answer that says so."""
        served.script(Script(path=PATH, encoding="snappy"))
        head, body = exchange(served)

        assert head.startswith(b"HTTP/1.1 500 ")
        assert b"there is no content-encoding 'snappy'" in body


class TestWire:
    def test_received(self, served):
        """A request is kept with its headers in order and case, and its body as it came."""
        packed = gzip.compress(json.dumps({"model": "m", "messages": HI}).encode())
        head = f"POST {PATH}?a=b HTTP/1.1\r\nhOSt: x\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
        _, body = exchange(served, f"{head}Content-Length: {len(packed)}\r\n\r\n".encode() + packed)
        (received,) = served.requests

        assert received.path == f"{PATH}?a=b"
        assert received.headers[:2] == [("hOSt", "x"), ("Content-Encoding", "gzip")]
        assert received.body == packed
        assert b"echo: hi there" in body

    @pytest.mark.parametrize("reset", [False, True])
    def test_break_after(self, served, reset):
        """A body breaks off after its bytes, in the middle of a chunk and without an end."""
        served.script(Script(path=PATH, stream=["abc", "defg"], break_after=5, reset=reset))
        with connect(served) as sock:
            sock.sendall(request())
            received = b""
            try:
                while data := sock.recv(65536):
                    received += data
                broken = False
            except ConnectionResetError:
                broken = True

        assert received.partition(b"\r\n\r\n")[2] == b"3\r\nabc\r\n4\r\nde"
        assert broken is reset

    def test_break_length(self, served):
        """A body of known length can break off too."""
        served.script(Script(path=PATH, reply="abcdef", break_after=2))
        head, body = exchange(served)

        assert b"Content-Length: 6" in head
        assert body == b"ab"

    def test_trailers(self, served):
        """Trailers follow the last chunk."""
        served.script(Script(path=PATH, reply="abc", trailers={"X-Sum": "1"}))
        head, body = exchange(served)

        assert b"Trailer: X-Sum" in head
        assert dechunk(body) == ([b"abc"], b"X-Sum: 1\r\n\r\n")

    @pytest.mark.parametrize(
        ("encoding", "decompressor"),
        [
            ("gzip", lambda: zlib.decompressobj(31).decompress),
            ("br", lambda: brotli.Decompressor().process),
        ],
    )
    def test_encodings(self, served, encoding, decompressor):
        """A compressed stream can be read chunk by chunk."""
        served.script(Script(path=PATH, stream=["one", "two"], encoding=encoding))
        head, body = exchange(served)
        decompress = decompressor()
        chunks, _ = dechunk(body)

        assert f"Content-Encoding: {encoding}".encode() in head
        assert [decompress(chunk) for chunk in chunks[:2]] == [b"one", b"two"]

    def test_chunk_bytes(self, served):
        """A stream is cut anew."""
        served.script(Script(path=PATH, stream="data: é\n\n", chunk_bytes=7))
        _, body = exchange(served)

        assert dechunk(body)[0] == [b"data: \xc3", b"\xa9\n\n"]

    def test_raw(self, served):
        """Raw bytes are all that is sent."""
        served.script(Script(path=PATH, raw="\xff\x00 no HTTP"))
        with connect(served) as sock:
            sock.sendall(request())

            assert sock.makefile("rb").read() == b"\xff\x00 no HTTP"

    def test_delays(self, served):
        """The head and each later piece wait."""
        served.script(Script(path=PATH, stream=["a", "b"], delay_ms=30, chunk_delay_ms=30))
        start = time.monotonic()
        exchange(served)

        assert time.monotonic() - start >= 0.06

    def test_hold(self, served):
        """What is held has no end before the client leaves."""
        served.script(Script(path=PATH, stream=["a"], hold=True))
        with connect(served) as sock:
            sock.sendall(request())
            received = b""
            while not received.endswith(b"1\r\na\r\n"):
                received += sock.recv(65536)
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.recv(1)
        while not served.abandoned:
            time.sleep(0.001)

    def test_stopped(self):
        """Connections that are held or idle do not keep the provider from stopping."""
        with provider.serve([Script(path=PATH, reply="x", hold=True)]) as served:
            held, idle = connect(served), connect(served)
            held.sendall(request())
            held.recv(1)
        with held, idle, pytest.raises(ConnectionRefusedError):
            connect(served)

    def test_malformed(self, served):
        """What is no HTTP is a bad request."""
        head, _ = exchange(served, b"garbage\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 400 ")

    def test_large(self, served):
        """A body of many megabytes comes in and goes out, both in time that grows with it."""
        text = "x" * 20_000_000
        body = {"model": "m", "messages": [{"role": "user", "content": text}]}
        _, answer = exchange(served, request(body, more="Connection: close\r\n"))

        assert len(json.loads(answer)["choices"][0]["message"]["content"]) == len(text) + 6

    def test_many(self, served):
        """Many connections are open at once, and each is answered."""
        count = 200
        socks = [connect(served) for _ in range(count)]
        for sock in socks:
            sock.sendall(request(more="Connection: close\r\n"))
        answers = [sock.makefile("rb").read() for sock in socks]
        for sock in socks:
            sock.close()

        assert all(b"echo: hi there" in answer for answer in answers)
        assert served.connections == len(served.requests) == count


def test_keep():
    """A provider that runs long remembers only the newest requests."""
    with provider.serve(keep=2) as served:
        for number in range(3):
            exchange(served, request(path=f"/{number}", more="Connection: close\r\n"))

        assert [each.path for each in served.requests] == ["/1", "/2"]


def test_port_taken(served):
    """A port that is taken is an error where the provider is started."""
    port = int(served.url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"), provider.serve(port=port):
        pass

    assert not [each for each in threading.enumerate() if each.name == "provider"][1:]


def test_program(tmp_path):
    """As a program it prints its URL, serves its scripts and ends on SIGTERM."""
    (tmp_path / "a.json").write_text(json.dumps({"path": "/x", "reply": {"a": 1}}))
    command = [sys.executable, "-m", "steno.testing.provider", "--scripts", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        with openai.OpenAI(base_url=url, api_key="none") as client:
            answer = client.post("/x", cast_to=object, body={})
        process.send_signal(signal.SIGTERM)

        assert answer == {"a": 1}
        assert process.wait(10) == 0
