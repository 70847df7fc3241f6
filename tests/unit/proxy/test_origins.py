"""A URL says where an upstream is, and the environment what stands in between."""

import base64
import os

import pytest

from steno.proxy.origins import parse_origin


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    """Begin without proxies in the environment, and without what was read before."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    parse_origin.cache_clear()
    yield
    parse_origin.cache_clear()


def basic(pair):
    """Write who asks, as a header says it."""
    return b"Basic " + base64.b64encode(pair.encode())


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "prefix"),
    [
        ("http://a.test", "a.test", 80, b"a.test", b""),
        ("https://a.test/", "a.test", 443, b"a.test", b""),
        ("https://a.test:443/v1/", "a.test", 443, b"a.test", b"/v1"),
        ("http://a.test:443", "a.test", 443, b"a.test:443", b""),
        ("http://A.Test:81/x%2Fy", "a.test", 81, b"a.test:81", b"/x%2Fy"),
        ("http://a.test/x y/\u00e9/~@", "a.test", 80, b"a.test", b"/x%20y/%C3%A9/~@"),
        ("http://127.0.0.1:81", "127.0.0.1", 81, b"127.0.0.1:81", b""),
        ("http://[::1]:81/p", "::1", 81, b"[::1]:81", b"/p"),
        ("https://[::1]", "::1", 443, b"[::1]", b""),
        ("http://m\u00fcnchen.test:81", "xn--mnchen-3ya.test", 81, b"xn--mnchen-3ya.test:81", b""),
        ("https://xn--mnchen-3ya.test", "xn--mnchen-3ya.test", 443, b"xn--mnchen-3ya.test", b""),
    ],
)
def test_place(url, host, port, authority, prefix):
    """Host, port, what the Host header says and the prefix are the URL's."""
    origin = parse_origin(url)

    assert (origin.host, origin.port, origin.authority, origin.prefix) == (
        host, port, authority, prefix,
    )  # fmt: skip
    assert origin.is_tls == url.startswith("https")
    assert origin.authorization is None
    assert origin.proxy is None


@pytest.mark.parametrize(
    ("user", "pair"),
    [("u:p", "u:p"), ("u", "u:"), (":p", ":p"), ("u%40x:p%2F%C3%A9", "u@x:p/\u00e9")],
)
def test_authorization(user, pair):
    """Who asks stands in the URL, and is no part of the Host header."""
    origin = parse_origin(f"https://{user}@a.test")

    assert origin.authorization == basic(pair)
    assert origin.authority == b"a.test"


@pytest.mark.parametrize("url", ["", "a.test", "ftp://a.test", "http://", "http://a.test:99999"])
def test_no_url(url):
    """What is no URL of a server is refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_origin(url)


@pytest.mark.parametrize("via", ["http://u:p@proxy.test:3128", "u:p@proxy.test:3128"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy(monkeypatch, scheme, via):
    """The environment names a proxy for each scheme, with or without a scheme of its own."""
    monkeypatch.setenv(f"{scheme}_proxy", via)
    proxy = parse_origin(f"{scheme}://a.test").proxy
    other = parse_origin(f"{'http' if scheme == 'https' else 'https'}://a.test").proxy

    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.is_tls) == ("proxy.test", 3128, False)
    assert proxy.authorization == basic("u:p")
    assert other is None


@pytest.mark.parametrize(
    ("excepted", "direct"),
    [
        ("a.test", True), (".test", True), ("*", True), ("a.test:81", True),
        ("a.test:82", False), ("b.test", False), ("", False),
    ],
)  # fmt: skip
def test_no_proxy(monkeypatch, excepted, direct):
    """Hosts that the environment excepts are reached directly; a port may be part of that."""
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", excepted)

    assert (parse_origin("http://a.test:81").proxy is None) == direct
