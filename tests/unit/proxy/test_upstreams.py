"""Which requests go to whom."""

import pytest

from steno.config import UpstreamConfig
from steno.errors import ConfigError
from steno.proxy.upstreams import KNOWN, Upstreams

BASE = "http://127.0.0.1:1234"


@pytest.fixture
def upstreams():
    """Know what is known, and one that is configured."""
    return Upstreams({"local": UpstreamConfig("http://127.0.0.1:8000/", "vllm")})


@pytest.mark.parametrize(
    ("target", "headers", "name", "rest"),
    [
        ("/openai/v1/responses?a=1", {}, "openai", "/v1/responses?a=1"),
        ("/anthropic/v1/messages", {}, "anthropic", "/v1/messages"),
        ("/openrouter/api/v1/chat/completions", {}, "openrouter", "/api/v1/chat/completions"),
        ("/local/v1/models", {}, "local", "/v1/models"),
        ("/v1/chat/completions", {}, "openai", "/v1/chat/completions"),
        ("/v1/messages?beta=true", {}, "anthropic", "/v1/messages?beta=true"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "anthropic", "/v1/models"),
        ("/api/v1/chat/completions", {}, "openrouter", "/api/v1/chat/completions"),
        ("/openai", {}, "openai", "/"),
        ("/", {}, "openai", "/"),
    ],
)
def test_find(upstreams, target, headers, name, rest):
    """The path names the upstream; else it is told by what the request looks like."""
    upstream, seen = upstreams.find(target, headers)

    assert (upstream.name, seen) == (name, rest)


def test_configured(upstreams):
    """An upstream of the configuration has its URL and its provider."""
    assert upstreams.get("local").url == "http://127.0.0.1:8000"
    assert upstreams.get("local").provider == "vllm"


@pytest.mark.parametrize("url", ["", "llm.example.com", "ftp://x", "http://"])
def test_no_url(url):
    """What is no URL is an error that names the upstream."""
    with pytest.raises(ConfigError, match="mine"):
        Upstreams({"mine": UpstreamConfig(url)})


def test_unknown_name(upstreams):
    """An unknown upstream is an error that lists the known ones."""
    with pytest.raises(ConfigError) as caught:
        upstreams.get("opnai")

    assert "openai" in caught.value.hint


def test_redirect_all(upstreams):
    """Every known client is sent to the proxy, by the variables that it reads."""
    variables = upstreams.redirect(BASE, {})

    assert variables["OPENAI_BASE_URL"] == f"{BASE}/openai/v1"
    assert variables["ANTHROPIC_BASE_URL"] == f"{BASE}/anthropic"
    assert variables["OPENROUTER_BASE_URL"] == f"{BASE}/openrouter/api/v1"
    assert set(variables) == {name for known in KNOWN for name in known.variables}


@pytest.mark.parametrize(
    ("given", "url", "path"),
    [
        ("http://gpu:8000/v1", "http://gpu:8000", "/openai/v1"),
        ("http://gpu:8000/v1/", "http://gpu:8000", "/openai/v1"),
        ("http://gpu:8000/llm", "http://gpu:8000/llm", "/openai"),
    ],
)
def test_redirect_respects_what_is_set(upstreams, given, url, path):
    """A variable that is set already becomes the upstream, whatever its path ends with."""
    variables = upstreams.redirect(BASE, {"OPENAI_BASE_URL": given})

    assert upstreams.get("openai").url == url
    assert variables["OPENAI_BASE_URL"] == BASE + path


def test_redirect_keeps(upstreams):
    """What was said on the command line is not taken back by a variable."""
    upstreams.set("openai", "http://mine/v1")
    upstreams.redirect(BASE, {"OPENAI_BASE_URL": "http://other"}, keep={"openai"})

    assert upstreams.get("openai").url == "http://mine"
