"""The requests of a transcript as they were sent, byte for byte."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from steno.errors import IdentityError, TranscriptError
from steno.events.model import Event, RequestRecorded, ResponseRecorded, ToolCallRecorded
from steno.events.references import Expander, MissingReferenceError, write_in_style
from steno.transcripts.reader import read_transcript

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.events.parts import Body


def read_request(path: Path, request_id: str, home: Path) -> bytes:
    """Give back the body of one request.

    Args:
        path: The transcript.
        request_id: The request, or the beginning of its id.
        home: The home, where large bodies lie.

    Raises:
        IdentityError: There is no such request, or several.
        TranscriptError: Its body is not there as it was sent; the message says why.
    """
    found = {
        request: body
        for request, body in _requests(path, home, request_id)
        if request.startswith(request_id)
    }
    if request_id in found:
        found = {request_id: found[request_id]}
    if len(found) != 1:
        raise IdentityError(
            f"{len(found) or 'no'} request(s) of {path.name} begin with {request_id!r}",
            hint="`steno show` shows the ids of all",
        )
    body = next(iter(found.values()))
    if isinstance(body, TranscriptError):
        raise body
    return body


def read_requests(path: Path, home: Path) -> Iterator[tuple[str, bytes | TranscriptError]]:
    """Give back the bodies of all requests: each request's id, and its body or what is wrong."""
    yield from _requests(path, home, "")


def _requests(path: Path, home: Path, wanted: str) -> Iterator[tuple[str, bytes | TranscriptError]]:
    expander = Expander()
    for entry in read_transcript(path, lossless=False):
        event = entry.event
        if not isinstance(event, Event):
            continue
        expander.learn(event)
        if isinstance(event, RequestRecorded) and event.request_id.startswith(wanted):
            try:
                yield event.request_id, _rebuild(event, expander, home)
            except TranscriptError as error:
                yield event.request_id, error


def _rebuild(event: RequestRecorded, expander: Expander, home: Path) -> bytes:
    how, value = event.request_body, event.request_json
    if how is None:
        raise TranscriptError(
            f"the body of {event.request_id} was not recorded as it was sent",
            hint="requests that the proxy recorded can be given back",
        )
    if isinstance(value, dict) and value.keys() == {"method", "target", "body"}:
        value = value["body"]  # a request of which no protocol is known
    try:
        data = _encode(value, how, expander, home)
    except (MissingReferenceError, KeyError, TypeError, ValueError, OSError) as error:
        raise TranscriptError(
            f"the body of {event.request_id} can't be given back: {type(error).__name__}: {error}",
            hint="a gap in the transcript may tell what was lost",
        ) from error
    if how.sha256 is not None and hashlib.sha256(data).hexdigest() != how.sha256:
        raise TranscriptError(
            f"the body of {event.request_id} is not what was sent: its digest is another one",
            hint="a processor may have changed the event, or the transcript was edited",
        )
    return data


def _encode(value: Any, how: Body, expander: Expander, home: Path) -> bytes:
    if how.encoding == "json":
        body = write_in_style(expander.expand(value), how.style or "compact")
        return body + (how.after or "").encode()
    if how.encoding == "text":
        return str(value).encode()
    if how.encoding == "base64":
        try:
            return base64.b64decode(str(value), validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from error
    if how.encoding == "file" and how.path is not None:
        place = (home / how.path).resolve()
        if not place.is_relative_to(home.resolve()):
            raise ValueError(f"{how.path} leads out of the home")
        return place.read_bytes()
    raise ValueError(f"it is kept as {how.encoding!r}")


def expand_event(event: Event, expander: Expander) -> Event:
    """Return an event with references followed; those that lead nowhere stay as they are.

    Args:
        event: The event.
        expander: Has learned all events up to this one, this one included.
    """
    try:
        if isinstance(event, RequestRecorded):
            return replace(event, request_json=expander.expand(event.request_json))
        if isinstance(event, ResponseRecorded):
            return replace(event, response_json=expander.expand(event.response_json))
        if isinstance(event, ToolCallRecorded):
            return replace(event, tool_output=expander.expand(event.tool_output))
    except (MissingReferenceError, TypeError, KeyError):
        return event
    return event
