"""Calls of tools that have been told, so that their results find them.

A result names its call by an id. Where a source has no ids, calls get one of ours, and a result is
that of the first call of its tool that has none yet.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steno.transcripts.importers.model import Call, Returned

_MAX_CALLS = 100_000
_MAX_UNNAMED = 1_000


class Called(NamedTuple):
    """Who has called a tool.

    Attributes:
        id: Id of the call.
        request_id: The request of the reply that called it.
        name: The tool.
        owner: The session that counts the reply, where that is another one.
    """

    id: str
    request_id: str
    name: str
    owner: str | None


class Calls:
    """The calls of one conversation."""

    def __init__(self) -> None:
        """Begin without any."""
        self._calls: OrderedDict[str, Called] = OrderedDict()
        self._unnamed: OrderedDict[str, str] = OrderedDict()

    def name(self, calls: tuple[Call, ...], request_id: str, first: int) -> tuple[Call, ...]:
        """Give ids to calls that have none.

        Args:
            calls: The calls of a reply, or of a part of it.
            request_id: The reply's request.
            first: How many calls of the reply were told before.
        """
        if all(call.id for call in calls):
            return calls
        return tuple(
            call if call.id else self._name(call, f"{request_id}-call-{number}")
            for number, call in enumerate(calls, first + 1)
        )

    def _name(self, call: Call, key: str) -> Call:
        self._unnamed[key] = call.name
        if len(self._unnamed) > _MAX_UNNAMED:
            self._unnamed.popitem(last=False)
        return msgspec.structs.replace(call, id=key)

    def add(self, calls: Iterable[Call], request_id: str, owner: str | None) -> None:
        """Remember the calls of a reply."""
        for call in calls:
            if call.id:
                self._calls[call.id] = Called(call.id, request_id, call.name, owner)
                if len(self._calls) > _MAX_CALLS:
                    self._calls.popitem(last=False)

    def find(self, returned: Returned) -> Called | None:
        """Find the call of a result; None where nobody was told of it."""
        if returned.call_id:
            return self._calls.get(returned.call_id)
        key = next(
            (key for key, name in self._unnamed.items() if returned.name in {"", name}), None
        )
        if key is None:
            return None
        del self._unnamed[key]
        return self._calls.get(key)
