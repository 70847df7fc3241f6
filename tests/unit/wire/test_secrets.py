"""What may be recorded of headers and URLs."""

import pytest

from steno.wire.secrets import (
    HIDDEN,
    hide_secrets,
    is_secret,
    public_headers,
    public_target,
    public_url,
)

KEY = "sk-proj-abcdefghijklmnop1234567890"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "x-api-key", "api-key", "X-Goog-Api-Key", "Cookie",
        "Set-Cookie", "x-steno-token", "x-amz-security-token", "x-auth-token", "client-secret",
        "X-OpenWebUI-Jwt", "key", "access_token", "X-Subscription-Key",
    ],
)  # fmt: skip
def test_secret_names(name):
    """Names that carry credentials are secret in any case of letters."""
    assert is_secret(name)
    assert public_headers([(name, "value")]) == {}


@pytest.mark.parametrize(
    "name",
    [
        "x-ratelimit-remaining-tokens", "anthropic-ratelimit-input-tokens-limit",
        "x-openclaw-session-key", "idempotency-key", "x-claude-code-session-id", "x-request-id",
        "anthropic-version", "x-stainless-retry-count", "x-steno-key",
    ],
)  # fmt: skip
def test_harmless_names(name):
    """Names that only look like credentials are kept."""
    assert public_headers([(name, "value")]) == {name: "value"}


@pytest.mark.parametrize(
    "value",
    [f"Bearer {KEY}", KEY, "xoxb-123456789012-abcdefabcdef", "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0"],
)
def test_values_that_look_like_keys(value):
    """A key under a harmless name is not recorded either."""
    assert value not in str(public_headers([("x-note", f"it is {value}")]))


def test_dull_headers():
    """Headers that say nothing about a session are left out, unless they are asked for."""
    assert public_headers([("Accept", "*/*"), ("Host", "h")]) == {}
    assert public_headers([("Accept", "*/*")], dull=True) == {"accept": "*/*"}


def test_repeated_headers():
    """All values of one header are kept."""
    assert public_headers([("X-A", "1"), ("x-a", "2")]) == {"x-a": "1, 2"}


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("/v1/x?key=abc&b=1", f"/v1/x?key={HIDDEN}&b=1"),
        ("/v1/x?api%5Fkey=abc", f"/v1/x?api%5Fkey={HIDDEN}"),
        ("/v1/x?sig=1&X-Amz-Signature=abc", f"/v1/x?sig=1&X-Amz-Signature={HIDDEN}"),
        (f"/v1/x?note={KEY}", f"/v1/x?note={HIDDEN}"),
        (f"/{KEY}/v1", f"/{HIDDEN}/v1"),
        ("/v1/x?", "/v1/x?"),
    ],
)
def test_targets(target, shown):
    """Credentials in a path or query are replaced, and the rest stays."""
    assert public_target(target) == shown


def test_url_with_user():
    """What stands before the host of a URL is left out."""
    assert public_url("https://me:pass@host:1/v1?key=a") == f"https://host:1/v1?key={HIDDEN}"


def test_text():
    """Keys in a sentence are replaced, the sentence stays."""
    assert (
        hide_secrets(f"Incorrect API key provided: {KEY}.")
        == f"Incorrect API key provided: {HIDDEN}."
    )
