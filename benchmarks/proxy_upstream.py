"""The provider behind the proxy's benchmarks: a process that answers faster than anything it serves.

It speaks as much HTTP/1.1 as is needed and no more, so that what is measured is the proxy. The path
says what it does:

- ``/v1/chat/completions``: a chat completion of 2 kB; with ``stream``, 100 chunks at once.
- ``/paced/MS/v1/...``: a stream, one chunk each so many milliseconds.
- ``/big/v1/...``: a stream of 200 MB, as fast as it is read.
- ``/agent/v1/...``: the reply of an agent's turn: text and a tool call, streamed, as
  ``chat/completions`` or ``messages`` have it. The turn is counted in the request.

A mark (``marker-000123``) in a request comes back in every chunk of its stream, and no two replies
hold the same text: a recorder that writes what is repeated once gains nothing here.
"""

import asyncio
import json
import random
import re
import sys
from typing import Any, NamedTuple

MARK = "marker-000000"
BIG_BYTES = 200 * 1000 * 1000
CHUNKS = 100

_MARK = re.compile(rb"marker-\d{6}")
_LENGTH = re.compile(rb"\ncontent-length: *(\d+)")
_PACED = re.compile(r"/paced/(\d+)/")
_VOCABULARY = (
    "the recorder index session request of a to file line value when path return and not that is"
    " in test module error with it buffer token stream for reply proxy batch handle import self"
    " queue worker config parse state result check build write read open close table column byte"
)
_WORDS = _VOCABULARY.split()


def speak(seed: object, length: int) -> str:
    """Make text of about so many characters that differs with the seed: lines as of code."""
    dice = random.Random(str(seed))
    lines: list[str] = []
    size = 0
    while size < length:
        words = " ".join(dice.choices(_WORDS, k=dice.randint(3, 12)))
        line = f"{' ' * dice.choice((0, 4, 8))}{words} {dice.randrange(100_000)}"
        lines.append(line)
        size += len(line) + 1
    return "\n".join(lines)[:length]


# -- an agent's turn -------------------------------------------------------------------------


class Turn(NamedTuple):
    """What the model says in one turn."""

    text: str
    call_id: str
    tool: str
    arguments: dict[str, Any]


def take_turn(number: int) -> Turn:
    """Make what the model says in a turn: some sentences, and a call of a tool."""
    return Turn(
        text=speak(f"said {number}", 300 + number * 37 % 500),
        call_id=f"call_{number:04}_{random.Random(number).randrange(10**12):012}",
        tool=f"tool_{number % 15}",
        arguments={
            "path": f"src/part_{number % 7}/module_{number}.py",
            "pattern": speak(f"args {number}", 80 + number * 53 % 400),
            "limit": 200 + number,
        },
    )


def chat_reply(number: int) -> dict[str, Any]:
    """Return a turn as a chat completion."""
    turn = take_turn(number)
    call = {
        "id": turn.call_id,
        "type": "function",
        "function": {"name": turn.tool, "arguments": json.dumps(turn.arguments)},
    }
    message = {"role": "assistant", "content": turn.text, "tool_calls": [call]}
    return {
        "id": f"chatcmpl-{number:08}", "object": "chat.completion", "created": 1760000000 + number,
        "model": "gpt-5-2025-08-07",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 9000 + 1500 * number, "completion_tokens": 210,
                  "total_tokens": 9210 + 1500 * number},
    }  # fmt: skip


def anthropic_reply(number: int) -> dict[str, Any]:
    """Return a turn as a message of Anthropic's."""
    turn = take_turn(number)
    call = {"type": "tool_use", "id": turn.call_id, "name": turn.tool, "input": turn.arguments}
    return {
        "id": f"msg_{number:08}", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": turn.text}, call],
        "stop_reason": "tool_use", "stop_sequence": None,
        "usage": {"input_tokens": 12, "cache_read_input_tokens": 9000 + 1500 * number,
                  "cache_creation_input_tokens": 1500, "output_tokens": 210},
    }  # fmt: skip


def _pieces(text: str, size: int = 40) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _chat_stream(number: int) -> list[bytes]:
    reply = chat_reply(number)
    message = reply["choices"][0]["message"]
    call = message["tool_calls"][0]
    function = call["function"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _pieces(message["content"])]
    begun = {"name": function["name"], "arguments": ""}
    deltas.append({"tool_calls": [{**call, "index": 0, "function": begun}]})
    deltas += [
        {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        for piece in _pieces(function["arguments"])
    ]
    head = {**reply, "object": "chat.completion.chunk"}
    del head["usage"]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    chunks.append({**head, "choices": [], "usage": reply["usage"]})
    return [*(_event(chunk) for chunk in chunks), b"data: [DONE]\n\n"]


def _anthropic_stream(number: int) -> list[bytes]:
    reply = anthropic_reply(number)
    text, call = reply["content"]
    begun = {**reply, "content": [], "stop_reason": None}
    ended = {"stop_reason": "tool_use", "stop_sequence": None}
    kinds: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0,
             "delta": {"type": "text_delta", "text": piece}}
            for piece in _pieces(text["text"])
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {**call, "input": {}}},
        *(
            {"type": "content_block_delta", "index": 1,
             "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in _pieces(json.dumps(call["input"]))
        ),
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 210}},
        {"type": "message_stop"},
    ]  # fmt: skip
    return [f"event: {kind['type']}\n".encode() + _event(kind) for kind in kinds]


# -- the fixed replies -----------------------------------------------------------------------


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _fixed_reply() -> bytes:
    reply = {
        "id": "chatcmpl-NUMBER00", "object": "chat.completion", "created": 1760000000,
        "model": "gpt-5-2025-08-07",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": f"NUMBER00 {speak('fixed', 1460)}",
                        "refusal": None, "annotations": []},
            "logprobs": None, "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 61, "completion_tokens": 402, "total_tokens": 463,
                  "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                  "completion_tokens_details": {"reasoning_tokens": 64, "audio_tokens": 0}},
        "service_tier": "default", "system_fingerprint": None,
    }  # fmt: skip
    return json.dumps(reply).encode()


def piece_of(mark: str, number: int) -> str:
    """Return the text of one chunk of the stream with a mark."""
    return f"{mark} says {number:03} of the {_WORDS[number % len(_WORDS)]}; "


def stream_text(mark: str) -> str:
    """Return what the whole stream with a mark says."""
    return "".join(piece_of(mark, number) for number in range(CHUNKS - 3))


def _fixed_stream() -> list[bytes]:
    head = {
        "id": f"chatcmpl-{MARK}", "object": "chat.completion.chunk", "created": 1760000000,
        "model": "gpt-5-2025-08-07", "service_tier": "default", "system_fingerprint": None,
    }  # fmt: skip

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    usage = {"prompt_tokens": 61, "completion_tokens": 402, "total_tokens": 463}
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": piece_of(MARK, number)}) for number in range(CHUNKS - 3)),
        chunk({}, "stop"),
        _event({**head, "choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    ]


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_FRONT, _MIDDLE, _BACK = _fixed_reply().split(b"NUMBER00")
_JSON_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nopenai-processing-ms: 1\r\n"
    b"x-request-id: req_0123456789abcdef\r\ncontent-length: %d\r\n\r\n" % len(_fixed_reply())
)
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"x-request-id: req_0123456789abcdef\r\ntransfer-encoding: chunked\r\n\r\n"
)
_EVENTS = _fixed_stream()
_FRAMES = [_framed(event) for event in _EVENTS]
_END = b"0\r\n\r\n"
_MARK_BYTES = MARK.encode()
_BIG_BLOCK = b"".join(_EVENTS[1:-3]) * 3
_BIG_FRAME = _framed(_BIG_BLOCK)


class _Server(asyncio.Protocol):
    """One connection; requests on it come one after the other."""

    served = 0

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: Any = None
        self._big_left = 0
        self._paused = False

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        found = _LENGTH.search(head.lower())
        size = end + 4 + (int(found[1]) if found else 0)
        if len(self._buffer) < size:
            return
        body = bytes(self._buffer[end + 4 : size])
        del self._buffer[:size]
        self._answer(head.split(b" ", 2)[1].decode(), body)

    def _answer(self, path: str, body: bytes) -> None:
        if path.startswith("/big/"):
            self._big_left = BIG_BYTES
            self._transport.write(_STREAM_HEAD + _FRAMES[0])
            self._pump()
        elif path.startswith("/agent/"):
            turn = sum(each["role"] == "assistant" for each in json.loads(body)["messages"])
            events = _anthropic_stream(turn) if "messages" in path else _chat_stream(turn)
            frames = b"".join(_framed(event) for event in events)
            self._transport.write(_STREAM_HEAD + frames + _END)
        elif b'"stream": true' in body or b'"stream":true' in body:
            found = _MARK.search(body)
            mark = found[0] if found else _MARK_BYTES
            if paced := _PACED.match(path):
                self._transport.write(_STREAM_HEAD + _FRAMES[0].replace(_MARK_BYTES, mark))
                loop = asyncio.get_running_loop()
                self._pace(loop, loop.time(), int(paced[1]) / 1000, 1, mark)
            else:
                whole = b"".join(_FRAMES).replace(_MARK_BYTES, mark)
                self._transport.write(_STREAM_HEAD + whole + _END)
        else:
            _Server.served += 1
            number = b"%08d" % _Server.served
            self._transport.write(b"".join((_JSON_HEAD, _FRONT, number, _MIDDLE, number, _BACK)))

    def _pace(self, loop, begun_s: float, pace_s: float, number: int, mark: bytes) -> None:
        """Send the chunk that is due, and see to the next."""
        if number > 1:
            frame = _FRAMES[number - 1].replace(_MARK_BYTES, mark)
            if number == len(_FRAMES):
                self._transport.write(frame + _END)
                return
            self._transport.write(frame)
        due_s = begun_s + number * pace_s
        loop.call_at(due_s, self._pace, loop, begun_s, pace_s, number + 1, mark)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        while self._big_left > 0 and not self._paused:
            self._big_left -= len(_BIG_BLOCK)
            self._transport.write(_BIG_FRAME)
            if self._big_left <= 0:
                self._transport.write(b"".join(_FRAMES[-3:]) + _END)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Server, "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # whoever started this has ended
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
