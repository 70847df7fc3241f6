"""What the commands around the proxy share."""

import sys

import pytest

from steno.cli.proxying import import_proxy, set_upstreams
from steno.errors import ConfigError, StenoError
from steno.proxy.upstreams import Upstreams


def test_set_upstreams():
    """NAME=URL sets where a provider is, also one that nobody knew."""
    upstreams = Upstreams({})
    set_upstreams(upstreams, ("openai=http://gpu:8000/v1", "mine=https://x"))

    assert upstreams.get("openai").url == "http://gpu:8000"
    assert upstreams.get("mine").url == "https://x"


@pytest.mark.parametrize("given", ["openai", "=http://x", "openai=x"])
def test_no_upstream(given):
    """What is not of this form is an error."""
    with pytest.raises(ConfigError):
        set_upstreams(Upstreams({}), (given,))


def test_without_the_extra(monkeypatch):
    """Without the extra the error says what to install."""
    for name in [name for name in sys.modules if name.startswith(("steno.proxy", "httptools"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httptools", None)

    with pytest.raises(StenoError) as caught:
        import_proxy()

    assert "steno[proxy]" in caught.value.hint
