"""Who may speak to a listener."""

import pytest

from steno.errors import ConfigError
from steno.proxy.guard import Address, Guard, is_loopback, parse_address

LOCAL = Address("127.0.0.1", 8788)
OPEN = Address("0.0.0.0", 8788)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "[::1]", "a.localhost"]
)
def test_loopback(host):
    """These names are this machine and nothing else."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "example.com", "", "127.0.0.1.evil.com", "localhost.evil.com"],
)
def test_not_loopback(host):
    """These are not."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8788", Address("127.0.0.1", 8788)), ("[::1]:0", Address("::1", 0)),
        ("8788", Address("127.0.0.1", 8788)), ("0.0.0.0:1", Address("0.0.0.0", 1)),
    ],
)  # fmt: skip
def test_addresses(text, address):
    """An address is a host and a port, or a port alone."""
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "localhost", "host:port", "host:70000", "host:-1"])
def test_no_address(text):
    """What is no address is an error with an example."""
    with pytest.raises(ConfigError) as caught:
        parse_address(text)

    assert "127.0.0.1:8788" in caught.value.hint


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8788", "localhost:8788", "localhost", "[::1]:8788", "[::1]"]
)
def test_hosts_of_loopback(host):
    """A loopback listener answers to loopback names."""
    assert Guard(LOCAL, None).check("/x", {"host": host}) == ("/x", None)


@pytest.mark.parametrize(
    "host",
    [
        "evil.com:8788", "evil.com", "", "127.0.0.1.evil.com:8788", "localhost:80@evil.com",
        "localhost:evil", "evil.com/.localhost", "evil.com#.localhost", "localhost ",
    ],
)  # fmt: skip
def test_foreign_hosts(host):
    """A page that points a name of its own to loopback is refused."""
    assert Guard(LOCAL, None).check("/x", {"host": host})[1]


def test_open_listener_without_token():
    """A listener that others can reach does not begin without a token."""
    with pytest.raises(ConfigError, match="no token"):
        Guard(OPEN, None)


@pytest.mark.parametrize(
    ("target", "headers", "seen", "refused"),
    [
        ("/openai/v1", {"x-steno-token": "t1"}, "/openai/v1", False),
        ("/~t1/openai/v1?a=1", {}, "/openai/v1?a=1", False),
        ("/~t1", {}, "/", False),
        ("/openai/v1", {}, "/openai/v1", True),
        ("/~wrong/openai", {"x-steno-token": "t1"}, "/openai", True),
        ("/openai", {"x-steno-token": "t"}, "/openai", True),
        ("/openai", {"x-steno-token": "\u00e9"}, "/openai", True),
    ],
)
def test_token(target, headers, seen, refused):
    """Off loopback every request needs the token, in a header or before the path."""
    path, why = Guard(OPEN, "t1").check(target, headers)

    assert (path, why is not None) == (seen, refused)
