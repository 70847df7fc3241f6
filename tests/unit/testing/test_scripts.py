"""Scripts, and which of them answers."""

import json

import pytest

from steno.testing.questions import Question
from steno.testing.scripts import Script, choose, rate_limited, read_scripts

PATH = "/v1/chat/completions"


def body(text="hi", model="m", **more):
    """Make the body of a request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def chosen(request, *read, told=()):
    """Choose the script for a request."""
    return choose(Question(f"/api{PATH}", request), told, read)


class TestChoose:
    def test_text(self):
        """The same model and text go before the same model."""
        model = Script(path=PATH, request=body("other"), reply={})
        text = Script(path=PATH, request=body("hi", temperature=0), reply={})

        assert chosen(body(), model, text) is text
        assert chosen(body("third"), model, text) is model

    def test_same_request(self):
        """The very same request goes before the same text."""
        text = Script(path=PATH, request=body(), reply={})
        same = Script(path=PATH, request=body(temperature=0), reply={})

        assert chosen(body(temperature=0), text, same) is same

    def test_other_model(self):
        """A script for another model does not answer."""
        assert chosen(body(model="x"), Script(path=PATH, request=body(), reply={})) is None

    def test_other_path(self):
        """A script for another path does not answer."""
        assert chosen(body(), Script(path="/v1/messages", reply={})) is None

    def test_form(self):
        """A script that streams answers who wants a stream."""
        whole = Script(path=PATH, request=body(), reply={})
        stream = Script(path=PATH, request=body(), stream="data: x\n\n")

        assert chosen(body(stream=True), whole, stream) is stream
        assert chosen(body(temperature=0), stream, whole) is whole

    def test_told(self):
        """A script for any request that a test adds wins, and the newest of them first."""
        read = Script(path=PATH, request=body(), reply={})
        newest, old = Script(path=PATH, reply=1), Script(path=PATH, reply=2)

        assert chosen(body(), read, told=[newest, old]) is newest

    def test_any_in_folder(self):
        """A script for any request that comes from a folder wins only over nothing."""
        anything = Script(path=PATH, reply={})
        read = Script(path=PATH, request=body(), reply={})

        assert chosen(body(), anything, read) is read
        assert chosen(body(model="x"), anything, read) is anything

    def test_result(self):
        """The result of a tool tells the second turn from the first."""
        second = body()
        second["messages"].append({"role": "tool", "content": "42"})
        scripts = [Script(path=PATH, request=each, reply={}) for each in (body(), second)]

        assert chosen({**second, "temperature": 0}, *scripts) is scripts[1]


class TestAnswer:
    def test_events(self):
        """A stream of text is sent event by event, and one of chunks as it is cut."""
        text = Script(path=PATH, stream="data: a\n\nevent: b\r\ndata: b\r\n\r\ndata: c")
        chunks = Script(path=PATH, stream=["data: ", "a\n\ndata: b"])
        question = Question(PATH, body(stream=True))

        assert text.answer(question, "").pieces == [
            b"data: a\n\n",
            b"event: b\r\ndata: b\r\n\r\n",
            b"data: c",
        ]
        assert chunks.answer(question, "").pieces == [b"data: ", b"a\n\ndata: b"]

    @pytest.mark.parametrize(
        ("reply", "sent"), [({"a": 1}, b'{"a":1}'), ("<html>", b"<html>"), (b"\xff", b"\xff")]
    )
    def test_reply(self, reply, sent):
        """A reply is JSON, or goes out as it is."""
        assert Script(path=PATH, reply=reply).answer(Question(PATH), "").pieces == [sent]

    def test_built_in(self):
        """A script that only has a manner sends the built-in answer."""
        answer = Script(path=PATH, delay_ms=1).answer(Question(PATH, body()), "")

        assert b"echo: hi" in answer.pieces[0]

    @pytest.mark.parametrize(
        ("path", "header"), [(PATH, "x-ratelimit-"), ("/v1/messages", "anthropic-ratelimit-")]
    )
    def test_rate_limited(self, path, header):
        """A refusal has the status, headers and body of its provider."""
        script = rate_limited(path, retry_after="7")
        answer = script.answer(Question(path), "req_7")

        assert answer.status == 429
        assert script.headers["retry-after"] == "7"
        assert any(name.startswith(header) for name in script.headers)
        assert "error" in json.loads(answer.pieces[0])


class TestRead:
    def test_folder(self, tmp_path):
        """Scripts are read from folders; other keys, and files without a path, are left out."""
        (tmp_path / "chat").mkdir()
        values = {"path": PATH, "about": "x", "mine": 1, "headers": None}
        (tmp_path / "chat" / "a.json").write_text(json.dumps(values))
        (tmp_path / "index.json").write_text("[]")

        assert read_scripts(tmp_path) == [Script(path=PATH, about="x")]

    def test_damaged(self, tmp_path):
        """A damaged file is named."""
        (tmp_path / "a.json").write_text("{")

        with pytest.raises(ValueError, match=r"a\.json is no JSON"):
            read_scripts(tmp_path)
