"""The proxy's own errors."""

import json

import pytest

from steno.proxy.answers import FROM_STENO, refuse, speaks_anthropic


def test_shape_of_openai():
    """An error to an OpenAI client has OpenAI's shape, and says that it is the proxy's."""
    response = refuse(502, "upstream_failed", "it is down", anthropic=False)

    assert json.loads(response.body)["error"] == {
        "message": "it is down", "type": "proxy_error", "param": None, "code": "upstream_failed",
    }  # fmt: skip
    assert response.headers[FROM_STENO] == "upstream_failed"


def test_shape_of_anthropic():
    """An error to an Anthropic client has Anthropic's shape."""
    body = json.loads(refuse(502, "x", "it is down", anthropic=True).body)

    assert body == {"type": "error", "error": {"type": "api_error", "message": "it is down"}}


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("/v1/messages?beta=true", {}, True), ("/v1/messages/count_tokens", {}, True),
        ("/v1/models", {"anthropic-version": "x"}, True), ("/v1/chat/completions", {}, False),
    ],
)  # fmt: skip
def test_who_speaks(target, headers, expected):
    """Anthropic's clients are known by their path or their version header."""
    assert speaks_anthropic(target, headers) is expected
