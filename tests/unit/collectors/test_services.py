"""Where services are, and what lets one in."""

import base64

import pytest

from steno.collectors.services import JAEGER, PROMETHEUS, find_service
from steno.errors import CollectError

URL = "http://metrics.example:9090"


def basic(pair):
    return "Basic " + base64.b64encode(pair.encode()).decode()


def test_address():
    """The caller's address goes before the environment's; a slash at the end does not count."""
    environ = {"PROMETHEUS_URL": f"{URL}/prom/"}

    assert find_service(PROMETHEUS, None, environ).shown == f"{URL}/prom"
    assert find_service(PROMETHEUS, "https://other", environ).shown == "https://other"
    assert find_service(JAEGER, None, {"JAEGER_URL": URL}).shown == URL
    both = {"JAEGER_URL": "http://b", "JAEGER_QUERY_URL": URL}
    assert find_service(JAEGER, None, both).shown == URL


def test_nowhere():
    """Without an address, the error names what gives one."""
    with pytest.raises(CollectError) as caught:
        find_service(PROMETHEUS, None, {})

    assert "PROMETHEUS_URL" in caught.value.hint
    assert caught.value.reason == "configuration"


@pytest.mark.parametrize(
    "url",
    ["ftp://u:secret@h", "u:secret@h:9090", "http://u:secret@", "http://u:secret@h:x",
     "http://u:secret@h/?q=1", "http://u:secret@[h", "http://u:secret@h:0"],
)  # fmt: skip
def test_no_address(url):
    """What is no address is refused without repeating it: it may hold a password."""
    with pytest.raises(CollectError) as caught:
        find_service(PROMETHEUS, url, {})

    assert "secret" not in f"{caught.value.message}{caught.value.hint}"


def test_credentials_in_the_address():
    """A user's name and password in the address become a header, and are shown nowhere."""
    service = find_service(PROMETHEUS, "http://u%40x:p%3Aw@h:9090", {"PROMETHEUS_TOKEN": "t"})

    assert service.authorization == basic("u@x:p:w")
    assert service.shown == "http://h:9090"
    assert repr(service) == "Service('http://h:9090')"


@pytest.mark.parametrize(
    ("environ", "header"),
    [
        ({"PROMETHEUS_TOKEN": "abc\n"}, "Bearer abc"),
        ({"PROMETHEUS_USERNAME": "u", "PROMETHEUS_PASSWORD": "p"}, basic("u:p")),
        ({"PROMETHEUS_USERNAME": "u"}, basic("u:")),
        ({"JAEGER_TOKEN": "abc"}, None),
        ({}, None),
    ],
)
def test_credentials_of_the_environment(environ, header):
    """The environment lets one in, by a token before a password; each service has its own."""
    assert find_service(PROMETHEUS, URL, environ).authorization == header


def test_token_file(tmp_path):
    """A token may lie in a file; one that can't be read is an error that names the variable."""
    (tmp_path / "token").write_text("from-file\n")
    environ = {"PROMETHEUS_TOKEN_FILE": str(tmp_path / "token")}

    assert find_service(PROMETHEUS, URL, environ).authorization == "Bearer from-file"
    environ["PROMETHEUS_TOKEN_FILE"] = str(tmp_path / "missing")
    with pytest.raises(CollectError, match="PROMETHEUS_TOKEN_FILE"):
        find_service(PROMETHEUS, URL, environ)


@pytest.mark.parametrize("token", [" ", "a\nb", "ä", "a\x00"])
def test_bad_token(token):
    """A token that would break the header is refused, and not shown."""
    with pytest.raises(CollectError) as caught:
        find_service(PROMETHEUS, URL, {"PROMETHEUS_TOKEN": token})

    assert token.strip() == "" or token not in caught.value.message


def test_credentials_stay_with_their_host():
    """What the environment has for its own address is not sent to another host."""
    environ = {"PROMETHEUS_URL": "http://u:p@own:9090", "PROMETHEUS_TOKEN": "t"}

    assert find_service(PROMETHEUS, "http://other:9090", environ).authorization is None
    assert find_service(PROMETHEUS, "http://own:9091", environ).authorization is None
    assert find_service(PROMETHEUS, "http://own:9090/path", environ).authorization == "Bearer t"
    del environ["PROMETHEUS_TOKEN"]
    assert find_service(PROMETHEUS, "http://own:9090", environ).authorization == basic("u:p")


def test_certificates():
    """The environment names the certificates to trust."""
    assert find_service(JAEGER, URL, {"JAEGER_CA_FILE": "/ca.pem"}).ca_file == "/ca.pem"
    assert find_service(JAEGER, URL, {"JAEGER_CA_FILE": ""}).ca_file is None
