"""Puts together values that a stream sends in fragments, in linear time.

A fragment of text is kept as it came until the whole is asked for: adding it to a string would
copy the string each time.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 8  # of objects in objects; what lies deeper is replaced instead of put together

# These are sent once, or again and again: two of them are never two halves.
_WHOLE = frozenset({"role", "id", "type", "name", "format", "object"})


class Fragments:
    """A text that grows."""

    __slots__ = ("_pieces",)

    def __init__(self, first: str = "") -> None:
        """Begin a text."""
        self._pieces = [first] if first else []

    def add(self, piece: str) -> None:
        """Append a piece."""
        self._pieces.append(piece)

    def whole(self) -> str:
        """Return the text as far as it came."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return _pair_surrogates(self._pieces[0]) if self._pieces else ""


class Growing:
    """An object of JSON that grows by deltas, as chat completions send them.

    The rules are what providers do, since no document gives them: texts are appended; the texts of
    ``role``, ``id``, ``type``, ``name`` and ``format`` are replaced, unless by an empty one; arrays
    of objects with an ``index`` grow object by object, others by their items; objects grow by their
    members; all else is replaced; null changes nothing.
    """

    __slots__ = ("_depth", "_values")

    def __init__(self, depth: int = 0) -> None:
        """Begin an object that lies in so many others."""
        self._values: dict[str, Any] = {}
        self._depth = depth

    def add(self, delta: dict[str, Any]) -> None:
        """Take the next delta."""
        values = self._values
        for key, piece in delta.items():
            there = values.get(key)
            if isinstance(piece, str):
                if isinstance(there, Fragments):
                    there.add(piece)
                else:
                    self._add_text(key, piece, there)
            elif piece is None:
                values.setdefault(key, None)
            elif isinstance(piece, list):
                self._items_at(key, there).add(piece)
            elif isinstance(piece, dict) and self._depth < MAX_DEPTH:
                if not isinstance(there, Growing):
                    there = values[key] = Growing(self._depth + 1)
                there.add(piece)
            else:
                values[key] = piece

    def whole(self) -> dict[str, Any]:
        """Return the object as far as it came."""
        return {key: whole(value) for key, value in self._values.items()}

    def once(self, key: str) -> Any:
        """Return a member that is sent whole, such as its id."""
        return self._values.get(key)

    def _add_text(self, key: str, piece: str, there: Any) -> None:
        """Add a text where none is growing yet."""
        if key in _WHOLE:
            if piece or there is None:
                self._values[key] = piece
        elif isinstance(there, GrowingItems):
            # Mistral sends its thinking as parts, and the answer after it as text.
            there.add([{"type": "text", "text": piece}])
        else:
            self._values[key] = Fragments(piece)

    def _items_at(self, key: str, there: Any) -> GrowingItems:
        """Return the array under a key, begun now if there is none."""
        if isinstance(there, GrowingItems):
            return there
        items = self._values[key] = GrowingItems(
            self._depth + 1, keeps_index=key != "tool_calls", starts_by_id=key == "tool_calls"
        )
        if isinstance(there, Fragments) and there.whole():
            items.add([{"type": "text", "text": there.whole()}])
        return items


class GrowingItems:
    """An array of JSON that grows by deltas.

    Another ``type`` begins another object under the same ``index``: OpenRouter numbers a summary of
    reasoning and its encrypted form alike.
    """

    __slots__ = ("_depth", "_items", "_keeps_index", "_latest", "_starts_by_id")

    def __init__(self, depth: int, *, keeps_index: bool, starts_by_id: bool) -> None:
        """Begin an array.

        Args:
            depth: Of objects around it.
            keeps_index: The whole array has the ``index`` of its objects: ``reasoning_details`` of
                OpenRouter have, tool calls have not.
            starts_by_id: Another ``id`` begins another object under the same ``index``: Gemini
                numbers parallel tool calls 0, 0, 0.
        """
        self._depth = depth
        self._keeps_index = keeps_index
        self._starts_by_id = starts_by_id
        self._items: list[tuple[int, Any]] = []
        self._latest: dict[int, Growing] = {}

    def add(self, pieces: list[Any]) -> None:
        """Take the next pieces."""
        for piece in pieces:
            place = piece.get("index") if isinstance(piece, dict) else None
            if isinstance(place, int) and self._depth < MAX_DEPTH:
                self._grow(place, piece)
            elif self._starts_by_id and isinstance(piece, dict) and self._depth < MAX_DEPTH:
                self._grow(self._place_of(piece), piece)
            else:
                self._items.append((_AFTER_ALL, piece))

    def whole(self) -> list[Any]:
        """Return the array as far as it came, by index; what has none follows."""
        found = []
        for _, item in sorted(self._items, key=_by_place):
            value = whole(item)
            if isinstance(item, Growing) and not self._keeps_index:
                value.pop("index", None)
            found.append(value)
        return found

    def _place_of(self, piece: dict[str, Any]) -> int:
        """Find the place of a tool call that has no index: a new one when it has an id."""
        last = len(self._latest) - 1
        return last + 1 if last < 0 or piece.get("id") else last

    def _grow(self, place: int, piece: dict[str, Any]) -> None:
        """Add a piece to the object at an index, or begin another one there."""
        latest = self._latest.get(place)
        if latest is not None and not (
            _differs(latest, piece, "type")
            or (self._starts_by_id and _differs(latest, piece, "id"))
        ):
            latest.add(piece)
            return
        item = self._latest[place] = Growing(self._depth + 1)
        item.add(piece)
        self._items.append((place, item))


_AFTER_ALL = 2**63


def whole(value: Any) -> Any:
    """Return what a growing value has become; any other value as it is."""
    if isinstance(value, Fragments | Growing | GrowingItems):
        return value.whole()
    return value


def _differs(item: Growing, piece: dict[str, Any], key: str) -> bool:
    """Tell whether a piece names itself, and by another name than the item."""
    given, known = piece.get(key), item.once(key)
    return bool(given and known) and given != known


def _by_place(entry: tuple[int, Any]) -> int:
    return entry[0]


def _pair_surrogates(value: str) -> str:
    """Join the halves of characters that came in two fragments."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return value
