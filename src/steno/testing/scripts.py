"""Scripts: the answers that a test gives to a provider, and which of them answers a request.

Strategy: scripts are ranked by how much of a request they describe; the order in which they were
given decides only between equals. A file that repeats a whole request always answers it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from steno.testing.questions import Question
from steno.testing.replies import Answer, failure, reply

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

ERRORS = 400
# How well a script fits a request, the best first.
TOLD, SAME, WHOLE, OTHER_FORM, MODEL, NOT = range(6)


@dataclass(frozen=True, kw_only=True)
class Script:
    """An answer to requests for one path, and how it is sent.

    A script with neither `reply` nor `stream` sends the built-in answer, in its own manner.

    Attributes:
        path: The end of the paths it answers, such as ``/v1/messages``.
        about: What the script is for.
        request: The body of the request it answers; None or empty for any.
        status: The status.
        headers: Headers beside those that providers send; a list sends several, None sends none.
        reply: The body: JSON, or text or bytes as they are.
        stream: Server-sent events, as one text or as the chunks to send.
        delay_ms: How long to wait before the head.
        chunk_delay_ms: How long to wait between two pieces of the body.
        chunk_bytes: The size of the pieces that the encoded body is cut into.
        break_after: After so many bytes of the encoded body, close the connection.
        reset: Whether `break_after` resets the connection rather than closing it.
        encoding: ``gzip``, ``deflate``, ``br`` or ``zstd``.
        trailers: The fields after a chunked body.
        framing: How the body ends; ``headers`` sends a bare body below `headers` alone.
        raw: Bytes to send in place of a response, as Latin-1 when they are text.
        hold: Whether the answer never ends.
        times: How often the script answers; None for always.
    """

    path: str
    about: str = ""
    request: Any = None
    status: int = 200
    headers: Mapping[str, str | list[str] | None] = field(default_factory=dict)
    reply: Any = None
    stream: str | bytes | list[str] | list[bytes] | None = None
    delay_ms: float = 0
    chunk_delay_ms: float = 0
    chunk_bytes: int | None = None
    break_after: int | None = None
    reset: bool = False
    encoding: str | None = None
    trailers: Mapping[str, str] = field(default_factory=dict)
    framing: Literal["chunked", "length", "close", "headers"] | None = None
    raw: str | bytes | None = None
    hold: bool = False
    times: int | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make a script of what a file holds; keys that mean nothing here are left out."""
        known = {each.name for each in fields(cls)}
        return cls(
            **{key: value for key, value in values.items() if key in known and value is not None}
        )

    def answer(self, question: Question, request_id: str) -> Answer:
        """Return what is sent, before it is compressed and framed."""
        if self.stream is not None and (question.wants_stream or self.reply is None):
            return Answer(status=self.status, pieces=_events(self.stream), streamed=True)
        if self.reply is not None:
            return Answer(status=self.status, pieces=[_body(self.reply)])
        if self.status >= ERRORS:
            return failure(question, self.status, self.about or "scripted", request_id)
        return reply(question, request_id)

    def fits(self, question: Question, *, told: bool) -> int:
        """Rank how well this script fits a question.

        Args:
            question: The question.
            told: Whether a test added the script while the provider ran.
        """
        if not question.path.endswith(self.path):
            return NOT
        if not self.request:
            return TOLD if told else MODEL
        if self.request == question.body:
            return SAME
        mine = Question(self.path, self.request)
        streams = self.stream is not None
        right_form = (
            self.status >= ERRORS
            or streams is (self.reply is not None)  # both forms, or the built-in answer's
            or streams is question.wants_stream
        )
        if mine.model is not None and mine.model != question.model:
            return NOT
        if (mine.text, mine.result) == (question.text, question.result):
            return WHOLE if right_form else OTHER_FORM
        return MODEL if mine.model is not None and right_form else NOT


def read_scripts(folder: str | os.PathLike[str]) -> list[Script]:
    """Read the scripts of a folder and of those below it, in the order of their paths.

    A file without a path is no script and is left out.

    Raises:
        ValueError: A file is no JSON.
    """
    found = []
    for path in sorted(Path(folder).rglob("*.json")):
        try:
            values = json.loads(path.read_bytes())
        except ValueError as exc:
            raise ValueError(f"{path} is no JSON: {exc}") from exc
        if isinstance(values, dict) and values.get("path"):
            found.append(Script.from_dict(values))
    return found


def choose(question: Question, told: Iterable[Script], read: Iterable[Script]) -> Script | None:
    """Choose the script that answers a question.

    Args:
        question: The question.
        told: What a test added while the provider ran, the newest first.
        read: What the provider began with.
    """
    ranked = [(script.fits(question, told=True), script) for script in told]
    ranked += [(script.fits(question, told=False), script) for script in read]
    rank, script = min(ranked, key=lambda each: each[0], default=(NOT, None))
    return None if rank == NOT else script


def rate_limited(path: str, retry_after: str = "1") -> Script:
    """Refuse requests as the provider of a path does when there were too many."""
    question = Question(path)
    message = "Rate limit reached for requests"
    if question.speaks_anthropic:
        message = "This request would exceed your organization's rate limit"
        reset = "2026-11-20T12:00:01Z"
        headers = {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": reset,
            "anthropic-ratelimit-input-tokens-limit": "30000",
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-input-tokens-reset": reset,
            "anthropic-ratelimit-output-tokens-limit": "8000",
            "anthropic-ratelimit-output-tokens-remaining": "8000",
            "anthropic-ratelimit-output-tokens-reset": reset,
        }
    else:
        headers = {
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-limit-tokens": "30000",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-remaining-tokens": "29990",
            "x-ratelimit-reset-requests": f"{retry_after}s",
            "x-ratelimit-reset-tokens": "20ms",
        }
    # The id of the request stands in Anthropic's body: it is made when the request is there.
    return Script(
        path=path, status=429, about=message, headers={"retry-after": retry_after, **headers}
    )


def _events(stream: str | bytes | list[str] | list[bytes]) -> list[bytes]:
    """Split a stream in the pieces to send: as they are given, or one for each event."""
    if isinstance(stream, list):
        return [_text(piece) for piece in stream]
    return re.split(rb"(?<=\n\n)(?=.)|(?<=\r\n\r\n)(?=.)", _text(stream), flags=re.DOTALL)


def _body(value: object) -> bytes:
    if isinstance(value, str | bytes):
        return _text(value)
    return json.dumps(value, separators=(",", ":")).encode()


def _text(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode(errors="surrogateescape")
