"""The answers that the provider gives when no script does: they echo what was said.

Strategy: what is said (`Said`) is decided once; whether it is streamed changes its form only. All
of an answer follows from its question, also its ids: a test can compare answers of several runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import struct
from dataclasses import dataclass, field
from typing import Any

from steno.testing import speech
from steno.testing.questions import Endpoint, Question, plain
from steno.testing.speech import CREATED, Said, write_json

MODELS = ("gpt-4o-mini", "gpt-5", "text-embedding-3-small", "claude-sonnet-4-5", "claude-opus-4-5")
DIMENSIONS = 8


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, before it is compressed and framed.

    Attributes:
        status: The status.
        pieces: The body; of a stream, one piece for each event.
        streamed: Whether it is a stream of events.
        headers: Headers of this answer alone.
    """

    status: int = 200
    pieces: list[bytes]
    streamed: bool = False
    headers: dict[str, Any] = field(default_factory=dict)


def reply(question: Question, request_id: str = "") -> Answer:
    """Answer a question in the form of its endpoint."""
    endpoint = question.endpoint
    if endpoint is Endpoint.UNKNOWN:
        message = f"Invalid URL ({question.method} {question.path})"
        return failure(question, 404, message, request_id, code="unknown_url")
    if endpoint is Endpoint.MODELS:
        return _models(question)
    if question.method != "POST":
        return failure(question, 405, f"Not allowed to {question.method} here", request_id)
    if not isinstance(question.body, dict):
        return failure(
            question, 400, "We could not parse the JSON body of your request", request_id
        )
    if endpoint is Endpoint.COUNT_TOKENS:
        return Answer(pieces=[write_json({"input_tokens": question.words})])
    if endpoint is Endpoint.EMBEDDINGS:
        return _embeddings(question)
    form, events = {
        Endpoint.CHAT: (speech.chat, speech.chat_events),
        Endpoint.RESPONSES: (speech.response, speech.response_events),
        Endpoint.MESSAGES: (speech.message, speech.message_events),
    }[endpoint]
    said = say(question)
    if question.wants_stream:
        return Answer(pieces=events(said, question), streamed=True)
    return Answer(pieces=[write_json(form(said))])


def say(question: Question) -> Said:
    """Decide what the model says: it calls the tools that are named, or echoes the last words."""
    calls = []
    if question.result is None:
        named = re.findall(r"tool:([\w.-]+)", question.text)
        calls = [name for name in dict.fromkeys(named) if name in question.tools]
    last = question.text if question.result is None else question.result
    model = str(question.model or MODELS[0])
    key = hashlib.sha256(f"{question.endpoint} {model} {question.turns}".encode(errors="replace"))
    text = "" if calls else f"echo: {last}"
    return Said(key.hexdigest(), model, text, calls, question.words)


def failure(
    question: Question, status: int, message: str, request_id: str = "", *, code: str | None = None
) -> Answer:
    """Answer with an error in the shape of the provider."""
    if question.speaks_anthropic:
        kinds = {404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
        kind = kinds.get(status, "api_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004 -- statuses
        error: dict[str, Any] = {"type": kind, "message": message}
        body: dict[str, Any] = {"type": "error", "error": error, "request_id": request_id}
    else:
        kinds = {429: "requests", 500: "server_error", 503: "server_error"}
        kind = kinds.get(status, "invalid_request_error")
        error = {"message": message, "type": kind, "param": None, "code": code}
        body = {"error": error}
    return Answer(status=status, pieces=[write_json(body)])


def _models(question: Question) -> Answer:
    """List the models, or describe the one that the path names."""
    kinds: list[dict[str, Any]]
    if question.speaks_anthropic:
        made = "2025-11-01T00:00:00Z"
        kinds = [
            {"type": "model", "id": name, "display_name": name, "created_at": made}
            for name in MODELS
        ]
        ends = {"has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
        listing: dict[str, Any] = {"data": kinds, **ends}
    else:
        kinds = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": "system"}
            for name in MODELS
        ]
        listing = {"object": "list", "data": kinds}
    if question.path.endswith("/models"):
        return Answer(pieces=[write_json(listing)])
    name = question.path.partition("/models/")[2]
    found = next((kind for kind in kinds if kind["id"] == name), None)
    if found is None:
        return failure(question, 404, f"The model '{name}' does not exist", code="model_not_found")
    return Answer(pieces=[write_json(found)])


def _embeddings(question: Question) -> Answer:
    """Embed each input."""
    asked = question.fields.get("input")
    # One text, one list of tokens, or a list of such.
    many = isinstance(asked, list) and bool(asked) and not isinstance(asked[0], int)
    inputs = asked if isinstance(asked, list) and many else [asked]
    size = question.fields.get("dimensions") or DIMENSIONS
    encoded = question.fields.get("encoding_format") == "base64"
    data = []
    for index, each in enumerate(inputs):
        vector: list[float] | str = _vector(each, int(size))
        if encoded:
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = sum(
        len(each) if isinstance(each, list) else len(plain(each).split()) for each in inputs
    )
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": data, "model": question.model, "usage": usage}
    return Answer(pieces=[write_json(body)])


def _vector(value: object, size: int) -> list[float]:
    """Make a vector of length 1 that depends on a value alone."""
    seed = json.dumps(value).encode()
    numbers = [
        int.from_bytes(hashlib.sha256(b"%d " % place + seed).digest()[:4], "big") / 2**31 - 1
        for place in range(size)
    ]
    length = math.sqrt(math.fsum(number * number for number in numbers))
    return [number / length for number in numbers]
