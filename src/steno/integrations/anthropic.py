"""Record the calls of Anthropic's SDK, with the same events as through the proxy.

``instrument(client)`` is all there is to do, for clients
of both kinds, streaming or not::

    import anthropic
    from steno.integrations.anthropic import instrument

    client = instrument(anthropic.Anthropic())

Calls inside ``with recorder.session(...)`` belong to that session; others to the one that their
headers or bodies tell, else to one session for each client. A call inside an explicit
``session.request(...)`` is a request of its own beside that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from steno.integrations.instrumenting import instrument_client, uninstrument_client

if TYPE_CHECKING:
    import os

    from steno.recording.recorder import Recorder
    from steno.recording.session import Session

__all__ = ["instrument", "uninstrument"]

_Client = TypeVar("_Client")


def instrument(
    client: _Client,
    recorder: Recorder | None = None,
    *,
    session: Session | None = None,
    provider: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> _Client:
    """Record what a client says, from now on.

    Copies that the SDK makes of the client (``with_options``) share its connections and are
    recorded too. Instrumenting a client again changes nothing.

    Args:
        client: A client of the SDK, or the HTTP client that is handed to one.
        recorder: Takes the events; by default one on the home that is closed at exit. With one
            that is off, nothing is done.
        session: The session of calls that are not made inside another one.
        provider: Who answers; by default the host tells, else it is ``anthropic``.
        home: The home of the recorder: ``STENO_HOME`` or ``~/.steno`` when it is not given.

    Returns:
        The client.

    Raises:
        TypeError: It is no client that can be recorded.
    """
    instrument_client(
        client, sdk="anthropic", recorder=recorder, session=session, provider=provider, home=home
    )
    return client


def uninstrument(client: _Client) -> _Client:
    """Put a client back to what it was; replies that are open are recorded to their end.

    Returns:
        The client.

    Raises:
        TypeError: It is no client that can be recorded.
    """
    uninstrument_client(client)
    return client
