"""The door of Anthropic's SDK."""

import anthropic
import pytest

from steno.integrations.anthropic import instrument, uninstrument
from steno.integrations.transports import SyncTransport
from steno.testing import capture_events


def test_instrument():
    """A client is given back, with its transport wrapped; again, it stays as it is."""
    with capture_events() as (recorder, _), anthropic.Anthropic(api_key="none") as client:
        assert instrument(client, recorder) is client
        wrapped = client._client._transport
        assert isinstance(wrapped, SyncTransport)
        instrument(client, recorder)
        assert client._client._transport is wrapped


def test_uninstrument():
    """A client is put back to what it was, its copies with it."""
    with capture_events() as (recorder, _), anthropic.Anthropic(api_key="none") as client:
        before = client._client._transport
        copy = instrument(client, recorder).with_options(timeout=1)
        assert uninstrument(client) is client

        assert client._client._transport is before is copy._client._transport


def test_no_client():
    """What is no client is refused where it is handed over."""
    with pytest.raises(TypeError, match="int is no client"):
        instrument(1)
    with pytest.raises(TypeError, match="int is no client"):
        uninstrument(1)
