"""The best form of a value that JSON can't carry, and a note of what was changed.

Strategy: the walk happens only after the encoder refused a value, met a NaN or made a line that
is too long, so it may be slow; it must never fail and never grow without bound. Every change is
an `Alteration` with the JSON pointer of the place, so that a reader sees what is not original.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from steno.events.parts import Alteration

MAX_DEPTH = 100
"""Levels of nesting that are kept; real payloads have fewer than twenty."""

MAX_NOTES = 50
"""Alterations that are listed one by one; the rest are counted in the last one's path."""

_KEPT_OF_LARGE = 4096


def clean_text(text: str) -> str:
    r"""Write lone surrogates as ``\udXXX``, so that the text can be encoded as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Salvage:
    """One walk over one event's values.

    Attributes:
        notes: What was changed, in the order of the walk.
    """

    def __init__(self, limit: int | None = None) -> None:
        """Begin a walk.

        Args:
            limit: Bytes of UTF-8 beyond which a text is cut; None keeps every length.
        """
        self.notes: list[Alteration] = []
        self._limit = limit
        self._open: set[int] = set()

    def value(self, value: Any, path: str = "") -> Any:
        """Return the best form of ``value`` that JSON can carry."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(str(value), path)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            if math.isfinite(value):
                return float(value)
            return self._noted(path, "not_finite", str(float(value)))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._bytes(bytes(value), path)
        return self._container(value, path)

    def _noted(self, path: str, reason: str, value: Any) -> Any:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(Alteration(path=clean_text(path), reason=reason))
        return value

    def _text(self, text: str, path: str) -> str:
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            text = self._noted(path, "surrogate", clean_text(text))
            data = text.encode("utf-8")
        if self._limit is None or len(data) <= self._limit:
            return text
        self.notes.append(
            Alteration(
                path=clean_text(path),
                reason="too_large",
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
            )
        )
        return data[: min(self._limit, _KEPT_OF_LARGE)].decode("utf-8", "ignore")

    def _bytes(self, data: bytes, path: str) -> str:
        try:
            return self._text(data.decode("utf-8"), path)
        except UnicodeDecodeError:
            return self._text(
                self._noted(path, "type", data.decode("utf-8", "backslashreplace")), path
            )

    def _container(self, value: Any, path: str) -> Any:
        if id(value) in self._open:
            return self._noted(path, "cycle", "(refers to a value that holds it)")
        if len(self._open) >= MAX_DEPTH:
            return self._noted(path, "depth", f"(deeper than {MAX_DEPTH} levels)")
        self._open.add(id(value))
        try:
            if isinstance(value, Mapping):
                return {
                    self._key(key, path): self.value(item, f"{path}/{_step(key)}")
                    for key, item in list(value.items())
                }
            if isinstance(value, (Sequence, AbstractSet)):
                return [self.value(item, f"{path}/{at}") for at, item in enumerate(list(value))]
            return self._object(value, path)
        except Exception as error:  # noqa: BLE001 - a hostile __iter__ or __repr__ may raise anything
            return self._noted(
                path, "type", f"(unreadable {type(value).__name__}: {type(error).__name__})"
            )
        finally:
            self._open.discard(id(value))

    def _key(self, key: Any, path: str) -> str:
        if isinstance(key, str):
            cleaned = clean_text(key)
            if cleaned != key:
                self._noted(path, "key", cleaned)
            return cleaned
        name = _step(key)
        self._noted(path, "key", name)
        return name

    def _object(self, value: Any, path: str) -> Any:
        """Take the fields of structs, dataclasses and pydantic models; else the ``repr``."""
        dump = getattr(value, "model_dump", None)
        if callable(dump) and not isinstance(value, type):
            return self.value(dump(), path)
        if isinstance(value, msgspec.Struct):
            kind = type(value)
            names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
            return {
                encoded: self.value(item, f"{path}/{encoded}")
                for name, encoded in names
                if (item := getattr(value, name)) is not None and item is not msgspec.UNSET
            }
        fields = getattr(type(value), "__dataclass_fields__", None)
        if fields is not None:
            return {name: self.value(getattr(value, name), f"{path}/{name}") for name in fields}
        try:
            return msgspec.to_builtins(value, builtin_types=())
        except (TypeError, ValueError, RecursionError):
            return self._noted(path, "type", self._text(repr(value), path))


def _step(key: Any) -> str:
    """Write a key as one step of a JSON pointer."""
    if isinstance(key, str):
        return clean_text(key).replace("~", "~0").replace("/", "~1")
    try:
        return clean_text(repr(key))
    except Exception:  # noqa: BLE001 - a hostile __repr__ may raise anything
        return f"({type(key).__name__})"


def has_non_finite(value: Any) -> bool:
    """Tell whether a payload of dicts and lists holds a NaN or an infinity.

    The encoder writes these as ``null`` without a word; this walk is made only for lines in
    which a ``null`` stands.
    """
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is dict:
            stack.extend(item.values())
        elif kind is list or kind is tuple:
            stack.extend(item)
        elif kind is float and not math.isfinite(item):
            return True
        elif isinstance(item, msgspec.Struct):
            stack.extend(getattr(item, name) for name in item.__struct_fields__)
    return False
