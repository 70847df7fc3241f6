"""Embeddings."""

import json
from pathlib import Path

import pytest

from steno.wire.providers.openai_embeddings import OpenAIEmbeddings

DATA = Path(__file__).parents[3] / "data" / "providers" / "openai.embeddings"


def load(case):
    """Load a recorded exchange."""
    return json.loads((DATA / f"{case}.json").read_text(encoding="utf-8"))


def test_sdk():
    """The recorded reply is what the provider's own SDK reads."""
    types = pytest.importorskip("openai.types")

    types.CreateEmbeddingResponse.model_validate(load("text")["reply"])


@pytest.mark.parametrize("case", ["text", "base64"])
def test_reply(case):
    """Vectors stay as they are; only input is counted."""
    body = load(case)["reply"]
    reply = OpenAIEmbeddings().read_reply(body)

    assert reply.body is body
    assert (reply.tokens.input, reply.tokens.output) == (body["usage"]["prompt_tokens"], 0)
    assert (reply.content_blocks, reply.ended) == (len(body["data"]), True)
    assert reply.model == "text-embedding-3-small"


def test_error():
    """An error is read."""
    reply = OpenAIEmbeddings().read_reply(load("rate_limit")["reply"])

    assert reply.error == "requests: Rate limit reached for text-embedding-3-small."
    assert not reply.ended


@pytest.mark.parametrize(
    ("given", "text", "count"),
    [
        ("a", "a", 1),
        (["a", "b"], "a\nb", 2),
        ([1, 2, 3], "", 1),
        ([[1, 2], [3]], "", 2),
        ([], "", 0),
        (None, "", 0),
        ({"a": 1}, "", 1),
    ],
)
def test_request(given, text, count):
    """The text is the input, where the input is text."""
    facts = OpenAIEmbeddings().read_request({"model": "m", "input": given})

    assert (facts.model, facts.text, facts.message_count) == ("m", text, count)


def test_stream():
    """What comes as an event all the same is read as the reply."""
    reader = OpenAIEmbeddings().read_stream()
    body = load("text")["reply"]

    assert reader.feed("", json.dumps(body)) is False
    reader.feed("", "[DONE]")
    assert reader.reply() == OpenAIEmbeddings().read_reply(body)
