"""What a request asks."""

import pytest

from steno.testing.questions import Endpoint, Question, plain


def asked(**body):
    """Make a question of a body."""
    return Question("/v1/x", body)


class TestEndpoint:
    @pytest.mark.parametrize("prefix", ["", "/v1", "/api/v1", "/openai/deployments/x"])
    @pytest.mark.parametrize("endpoint", [each for each in Endpoint if each.value])
    def test_prefix(self, prefix, endpoint):
        """An endpoint is known by the end of its path, below any prefix."""
        assert Question(prefix + endpoint.value).endpoint is endpoint

    def test_unknown(self):
        """Any other path is none."""
        assert Question("/v1/audio").endpoint is Endpoint.UNKNOWN

    def test_query(self):
        """A query is no part of the path."""
        assert Question.parse("/v1/messages?beta=true", b"").endpoint is Endpoint.MESSAGES


class TestSaid:
    def test_chat_parts(self):
        """The text parts of a chat message are its text."""
        content = [
            {"type": "text", "text": "a "},
            {"type": "image_url", "image_url": {"url": "x"}},
            {"type": "text", "text": "b"},
        ]

        assert asked(messages=[{"role": "user", "content": content}]).text == "a b"

    def test_chat_result(self):
        """A message of a tool at the end is a result, and the user's text stays the question."""
        question = asked(
            messages=[
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "tool", "tool_call_id": "1", "content": "42"},
                {"role": "tool", "tool_call_id": "2", "content": "43"},
            ]
        )

        assert (question.text, question.result) == ("q", "42 43")

    def test_anthropic_result(self):
        """A block of a tool's result is one, though the user says it."""
        block = {"type": "tool_result", "content": [{"type": "text", "text": "42"}]}
        question = asked(
            messages=[{"role": "user", "content": "q"}, {"role": "user", "content": [block]}]
        )

        assert (question.text, question.result) == ("q", "42")

    def test_response_result(self):
        """The output of a function is a result."""
        question = asked(
            input=[
                {"role": "user", "content": [{"type": "input_text", "text": "q"}]},
                {"type": "function_call", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "42"},
            ]
        )

        assert (question.text, question.result) == ("q", "42")

    def test_words(self):
        """Words are counted over turns and instructions."""
        assert asked(input="a b", instructions="c").words == 3

    @pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b'{"messages": [1, {}, null]}'])
    def test_strange(self, body):
        """A body that asks nothing has no text."""
        assert Question.parse("/v1/messages", body).text == ""


def test_tools():
    """The names of tools are found in each protocol's place."""
    tools = [{"function": {"name": "a"}}, {"name": "b"}, {"custom": {"name": "c"}}, {}, 1]

    assert asked(tools=tools).tools == ["a", "b", "c"]


def test_plain():
    """What holds no text is empty."""
    assert plain([{"type": "image"}, 1, None]) == ""
