"""Put recording transports into the clients of SDKs, and take them out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from steno.errors import ConfigError
from steno.integrations.desks import default_recorder, find_desk
from steno.integrations.taps import Tap
from steno.integrations.transports import Recording, classes
from steno.wire.grouping import Identity

if TYPE_CHECKING:
    import os

    from steno.recording.recorder import Recorder
    from steno.recording.session import Session

_LIBRARIES = ("httpx2", "httpx")


class _Http(NamedTuple):
    """An HTTP client: what it is, and how."""

    client: Any
    library: str
    is_async: bool


def instrument_client(
    client: Any,
    *,
    sdk: str,
    recorder: Recorder | None,
    session: Session | None,
    provider: str | None,
    home: str | os.PathLike[str] | None,
) -> None:
    """Record what a client says, from now on; see the ``instrument`` of the SDKs.

    Raises:
        TypeError: It is no client that can be recorded.
        ConfigError: The session is sealed.
    """
    if session is not None and session.sealed:
        raise ConfigError(
            f"the calls of a client can't be recorded into {session.session_id}, which is sealed",
            hint="what passes is kept in plain text until it is recorded; use session.request()",
        )
    http = _find_http(client)
    if isinstance(http.client._transport, Recording):  # noqa: SLF001 - SDKs make it themselves
        return
    if recorder is None:
        recorder = _recorder_of(session) if session is not None else default_recorder(home)
    if not recorder.enabled:
        return
    identity = None
    if session is not None:
        identity = Identity(session_id=session.session_id, user_id=session.header.user_id)
    tap = Tap(
        find_desk(recorder, home), http.library, sdk=sdk, provider=provider, identity=identity
    )
    made = classes(http.library)
    wrap = made.async_transport if http.is_async else made.sync_transport
    _exchange(http.client, lambda transport: wrap(transport, tap))


def uninstrument_client(client: Any) -> None:
    """Put back what `instrument_client` has wrapped; what is open is recorded to its end.

    Raises:
        TypeError: It is no client that can be recorded.
    """
    _exchange(
        _find_http(client).client,
        lambda transport: transport.inner if isinstance(transport, Recording) else transport,
    )


def _exchange(http: Any, change: Any) -> None:
    http._transport = change(http._transport)  # noqa: SLF001 - SDKs make it themselves
    mounts = http._mounts  # noqa: SLF001 - as above
    for pattern, transport in list(mounts.items()):
        if transport is not None:
            mounts[pattern] = change(transport)


def _find_http(client: Any) -> _Http:
    """Find the HTTP client of an SDK's client; it may be given itself."""
    for candidate in (getattr(client, "_client", None), client):
        for each in type(candidate).__mro__:
            library = each.__module__.partition(".")[0]
            if library in _LIBRARIES and each.__name__ in {"Client", "AsyncClient"}:
                return _Http(candidate, library, each.__name__ == "AsyncClient")
    message = f"{type(client).__name__} is no client that steno can instrument"
    raise TypeError(message)


def _recorder_of(session: Session) -> Recorder:
    recorder: Recorder = session._record.__self__  # type: ignore[attr-defined]  # noqa: SLF001 - the session's recorder is all it is bound to
    return recorder
