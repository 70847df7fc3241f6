"""Recording transports are put into clients, and taken out."""

import asyncio

import httpx
import httpx2
import pytest

import steno
from steno.integrations.instrumenting import instrument_client, uninstrument_client
from steno.integrations.transports import AsyncTransport, SyncTransport
from steno.recording.recorder import Recorder
from steno.testing import capture_events

USUAL = {"sdk": "openai", "recorder": None, "session": None, "provider": None, "home": None}


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_mounts(library):
    """The transports of proxies and other mounts are wrapped too, and put back."""
    mounted = library.HTTPTransport()
    mounts = {"http://other": mounted, "http://none": None}
    with capture_events() as (recorder, _), library.Client(mounts=mounts) as client:
        instrument_client(client, **{**USUAL, "recorder": recorder})
        wrapped = [each for each in client._mounts.values() if isinstance(each, SyncTransport)]
        assert [each.inner for each in wrapped] == [mounted]
        assert isinstance(wrapped[0], library.BaseTransport)

        uninstrument_client(client)
        assert mounted in client._mounts.values()
        assert not isinstance(client._transport, SyncTransport)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_async(library):
    """A client with asyncio gets a transport with asyncio."""

    async def go():
        with capture_events() as (recorder, _):
            async with library.AsyncClient() as client:
                instrument_client(client, **{**USUAL, "recorder": recorder})
                assert isinstance(client._transport, AsyncTransport)
                assert isinstance(client._transport, library.AsyncBaseTransport)

    asyncio.run(go())


def test_off():
    """With a recorder that is off, a client stays what it is."""
    with httpx2.Client() as client:
        before = client._transport
        instrument_client(client, **{**USUAL, "recorder": Recorder(())})

        assert client._transport is before


def test_subclass():
    """A client whose class was derived from the library's is one, too."""

    class Mine(httpx2.Client):
        pass

    with capture_events() as (recorder, _), Mine() as client:
        instrument_client(client, **{**USUAL, "session": recorder.session("s")})
        assert isinstance(client._transport, SyncTransport)


def test_default_recorder(home):
    """Without a recorder one is opened on the home, and shared."""
    with httpx2.Client() as one, httpx2.Client() as two:
        for client in (one, two):
            instrument_client(client, **{**USUAL, "home": home})
        recorders = {client._transport._tap._desk._recorder for client in (one, two)}
        (recorder,) = recorders
        assert isinstance(recorder, steno.Recorder)
        recorder.close()


def test_sealed(home):
    """A client is not recorded into a sealed incident: what passes would lie in plain text."""
    incident = steno.Session.create("p", home=home)

    with pytest.raises(steno.ConfigError, match="sealed"):
        instrument_client(
            object(), sdk="openai", recorder=None, session=incident, provider=None, home=home
        )
    incident.close()
