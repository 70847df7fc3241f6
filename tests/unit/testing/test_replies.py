"""The built-in answers."""

import base64
import json
import struct

import pytest

from steno.testing.questions import Question
from steno.testing.replies import failure, reply, say


def answered(path, body=None, **kwargs):
    """Answer, and parse what is answered."""
    return json.loads(b"".join(reply(Question(path, body, **kwargs)).pieces))


def user(text, **more):
    """Make the body of a request."""
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


class TestSay:
    def test_echo(self):
        """The last words of the user are echoed."""
        assert say(Question("/chat/completions", user("hi"))).text == "echo: hi"

    def test_call(self):
        """A tool that is named is called; one that is not offered is not."""
        question = Question("/messages", user("tool:f tool:g tool:f", tools=[{"name": "f"}]))

        assert say(question).calls == ["f"]

    def test_result(self):
        """After its result a tool is not called again: the result is echoed."""
        body = user("tool:f", tools=[{"name": "f"}])
        body["messages"].append({"role": "tool", "content": "42"})

        assert say(Question("/chat/completions", body)).text == "echo: 42"

    def test_ids(self):
        """Ids depend on what was asked, and not on whether it is streamed."""
        one, same, other = (
            say(Question("/messages", body)).key
            for body in (user("a"), user("a", stream=True), user("b"))
        )

        assert one == same != other


class TestFailure:
    @pytest.mark.parametrize(
        ("path", "method", "status"),
        [("/v1/audio", "POST", 404), ("/v1/responses", "GET", 405), ("/v1/messages", "POST", 400)],
    )
    def test_refused(self, path, method, status):
        """What can't be answered is refused with its status."""
        assert reply(Question(path, None, method)).status == status

    def test_shapes(self):
        """An error has the shape of its provider."""
        openai = json.loads(failure(Question("/v1/x"), 404, "no").pieces[0])
        anthropic = json.loads(failure(Question("/v1/messages"), 529, "no", "req_1").pieces[0])

        assert openai["error"]["message"] == "no"
        assert anthropic["error"]["type"] == "overloaded_error"
        assert anthropic["request_id"] == "req_1"


class TestModels:
    def test_list(self):
        """Models are listed for clients of both providers."""
        openai = answered("/v1/models", method="GET")
        anthropic = answered("/v1/models", method="GET", anthropic=True)

        assert openai["object"] == "list"
        assert anthropic["has_more"] is False

    def test_one(self):
        """One model is described, and an unknown one refused."""
        assert answered("/v1/models/gpt-5", method="GET")["id"] == "gpt-5"
        assert reply(Question("/v1/models/x", method="GET")).status == 404


class TestEmbeddings:
    @pytest.mark.parametrize(
        ("given", "count"), [("a", 1), (["a", "b"], 2), ([1, 2], 1), ([[1], [2]], 2), ([], 1)]
    )
    def test_inputs(self, given, count):
        """Texts and tokens are embedded, one or many."""
        assert len(answered("/v1/embeddings", {"input": given})["data"]) == count

    def test_base64(self):
        """Base64 holds the same vector, as floats of four bytes."""
        floats = answered("/v1/embeddings", {"input": "a", "dimensions": 3})
        body = {"input": "a", "dimensions": 3, "encoding_format": "base64"}
        packed = answered("/v1/embeddings", body)
        vector = struct.unpack("<3f", base64.b64decode(packed["data"][0]["embedding"]))

        assert vector == pytest.approx(floats["data"][0]["embedding"])


def test_count_tokens():
    """Tokens are counted as words."""
    assert answered("/v1/messages/count_tokens", user("a b c")) == {"input_tokens": 3}
