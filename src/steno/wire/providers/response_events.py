"""Rebuilds a response of OpenAI's Responses API from its streaming events.

The last event has the whole response. What came before counts where the stream broke off, and for
servers whose last event leaves the output out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from steno.wire.providers import reading
from steno.wire.providers.deltas import Fragments

_PREFIX = "response."
_FINAL = frozenset({"completed", "incomplete", "failed", "cancelled"})
_EARLY = frozenset({"created", "queued", "in_progress"})


class _Text(NamedTuple):
    """Where a text that grows has its place.

    Attributes:
        item_type: The type of the output item around it.
        field: The member that holds it.
        array: The item's array of parts that it stands in; "" for the item itself.
        part_type: The type of the part around it.
    """

    item_type: str
    field: str
    array: str = ""
    part_type: str = ""

    def position(self, event: dict[str, Any]) -> int:
        """Return the part's position in its array."""
        key = "summary_index" if self.array == "summary" else "content_index"
        return reading.index(event.get(key))


_TEXTS = {
    "output_text": _Text("message", "text", "content", "output_text"),
    "refusal": _Text("message", "refusal", "content", "refusal"),
    "reasoning_text": _Text("reasoning", "text", "content", "reasoning_text"),
    "reasoning_summary_text": _Text("reasoning", "text", "summary", "summary_text"),
    "function_call_arguments": _Text("function_call", "arguments"),
    "mcp_call_arguments": _Text("mcp_call", "arguments"),
    "custom_tool_call_input": _Text("custom_tool_call", "input"),
    "code_interpreter_call_code": _Text("code_interpreter_call", "code"),
}


class _Object:
    """An object whose texts grow."""

    __slots__ = ("_texts", "_values")

    def __init__(self, values: dict[str, Any]) -> None:
        """Begin with what is known."""
        self._values = dict(values)
        self._texts: dict[str, Fragments] = {}

    def grow(self, field: str, piece: str) -> None:
        """Append to a text."""
        text = self._texts.get(field)
        if text is None:
            text = self._texts[field] = Fragments(reading.text(self._values.get(field)))
        text.add(piece)

    def put(self, field: str, value: Any) -> None:
        """Set a member to what it is in the end."""
        self._texts.pop(field, None)
        self._values[field] = value

    def whole(self) -> dict[str, Any]:
        """Return the object as far as it came."""
        texts = {field: text.whole() for field, text in self._texts.items()}
        return {**self._values, **texts}


class _Part(_Object):
    """A part of an item: its lists grow too."""

    __slots__ = ("_lists",)

    def __init__(self, values: dict[str, Any]) -> None:
        """Begin with what is known."""
        super().__init__(values)
        self._lists: dict[str, list[Any]] = {}

    def extend(self, field: str, values: list[Any]) -> None:
        """Append to a list."""
        self._lists.setdefault(field, []).extend(values)

    def whole(self) -> dict[str, Any]:
        """Return the part as far as it came."""
        found = super().whole()
        for field, values in self._lists.items():
            there = found.get(field)
            found[field] = [*(there if isinstance(there, list) else ()), *values]
        return found


class _Item(_Object):
    """An output item: a message, a call, a piece of reasoning."""

    __slots__ = ("_arrays",)

    def __init__(self, values: dict[str, Any]) -> None:
        """Begin with what is known."""
        super().__init__(values)
        self._arrays: dict[str, dict[int, _Part]] = {}

    def part(self, array: str, position: int, default: dict[str, Any]) -> _Part:
        """Return the part at a position, begun now if there is none."""
        parts = self._arrays.setdefault(array, {})
        found = parts.get(position)
        if found is None:
            known = _at(self._values.get(array), position)
            found = parts[position] = _Part(known if isinstance(known, dict) else default)
        return found

    def put_part(self, array: str, position: int, values: dict[str, Any]) -> None:
        """Set a part to what it is now."""
        self._arrays.setdefault(array, {})[position] = _Part(values)

    def whole(self) -> dict[str, Any]:
        """Return the item as far as it came."""
        found = super().whole()
        for array, parts in self._arrays.items():
            there = found.get(array)
            known = dict(enumerate(there)) if isinstance(there, list) else {}
            known.update({position: part.whole() for position, part in parts.items()})
            found[array] = [known[position] for position in sorted(known)]
        return found


class ResponseBuilder:
    """Puts the events of one response together.

    Attributes:
        is_final: The event that ends a response came.
    """

    def __init__(self) -> None:
        """Begin before the first event."""
        self.is_final = False
        self._response: dict[str, Any] | None = None
        self._items: dict[int, _Item] = {}
        self._places: dict[str, int] = {}  # of items, by their id
        self._error: dict[str, Any] | None = None

    def add(self, kind: str, event: dict[str, Any]) -> bool:
        """Take the next event.

        Args:
            kind: Its type, such as ``response.output_text.delta``.
            event: Its data.

        Returns:
            True when it carries a piece of what the model says.
        """
        name, _, action = kind.removeprefix(_PREFIX).rpartition(".")
        if action == "delta":
            return self._add_delta(name, event)
        if action in _FINAL or action in _EARLY:
            response = event.get("response")
            if not name and isinstance(response, dict) and not self.is_final:
                self._response = response
                self.is_final = action in _FINAL
                if self.is_final and response.get("output"):
                    self._items.clear()
        elif kind == "error":
            self._error = _read_error(event)
        elif name == "output_item":
            self._put_item(event)
        elif name in {"content_part", "reasoning_summary_part"}:
            self._put_part("content" if name == "content_part" else "summary", event)
        elif name == "output_text.annotation":
            part = self._text_part(_TEXTS["output_text"], event)
            part.extend("annotations", [event.get("annotation")])
        elif action == "done" and name in _TEXTS:
            self._put_text(_TEXTS[name], event)
        return False

    def body(self) -> dict[str, Any] | None:
        """Return the response as far as it came; None when nothing came."""
        if self._response is None and not self._items:
            return None if self._error is None else {"error": self._error}
        body = dict(self._response or {"object": "response"})
        if self._items:
            body["output"] = [self._items[place].whole() for place in sorted(self._items)]
        if self._error is not None and not body.get("error"):
            body["error"] = self._error
        return body

    def _add_delta(self, name: str, event: dict[str, Any]) -> bool:
        """Append a piece of text."""
        place, piece = _TEXTS.get(name), event.get("delta")
        if place is None or not isinstance(piece, str):
            return False
        target = self._text_part(place, event) if place.array else self._item(place, event)
        target.grow(place.field, piece)
        logprobs = event.get("logprobs")
        if logprobs and isinstance(logprobs, list) and isinstance(target, _Part):
            target.extend("logprobs", logprobs)
        return bool(piece)

    def _put_text(self, place: _Text, event: dict[str, Any]) -> None:
        """Set a text to what it is in the end."""
        value = event.get(place.field)
        if isinstance(value, str):
            target = self._text_part(place, event) if place.array else self._item(place, event)
            target.put(place.field, value)

    def _text_part(self, place: _Text, event: dict[str, Any]) -> _Part:
        """Return the part that a text stands in."""
        default: dict[str, Any] = {"type": place.part_type, place.field: ""}
        if place.part_type == "output_text":
            default["annotations"] = []
        return self._item(place, event).part(place.array, place.position(event), default)

    def _item(self, place: _Text, event: dict[str, Any]) -> _Item:
        """Return the item that an event is about, begun now if its own beginning was missed."""
        at = self._place_of(event)
        item = self._items.get(at)
        if item is None:
            known: dict[str, Any] = {"type": place.item_type}
            if name := reading.text(event.get("item_id")):
                known["id"] = name
                self._places[name] = at
            if place.item_type == "message":
                known["role"] = "assistant"
            item = self._items[at] = _Item(known)
        return item

    def _place_of(self, event: dict[str, Any]) -> int:
        """Return the position in the output: as told, or where the item with that id is."""
        at = event.get("output_index")
        if isinstance(at, int):
            return at
        return self._places.get(reading.text(event.get("item_id")), len(self._items))

    def _put_item(self, event: dict[str, Any]) -> None:
        """Set an item to what it is when it is added, or done."""
        values = event.get("item")
        if isinstance(values, dict):
            name = reading.text(values.get("id"))
            at = event.get("output_index")
            if not isinstance(at, int):
                at = self._places.get(name, len(self._items))
            self._items[at] = _Item(values)
            if name:
                self._places[name] = at

    def _put_part(self, array: str, event: dict[str, Any]) -> None:
        """Set a part to what it is when it is added, or done."""
        values = event.get("part")
        if isinstance(values, dict):
            place = _TEXTS["output_text" if array == "content" else "reasoning_summary_text"]
            if values.get("type") == "reasoning_text":
                place = _TEXTS["reasoning_text"]
            self._item(place, event).put_part(array, place.position(event), values)


def _at(array: Any, position: int) -> Any:
    """Return what stands at a position of an array; None when nothing does."""
    return array[position] if isinstance(array, list) and 0 <= position < len(array) else None


def _read_error(event: dict[str, Any]) -> dict[str, Any]:
    """Read an event of an error: flat as documented, or with an object, as sent at times."""
    nested = event.get("error")
    if isinstance(nested, dict) and nested:
        return nested
    known: dict[str, Any] = {
        key: value for key, value in event.items() if key in {"code", "message", "param"}
    }
    return known or {"message": "unknown error"}
