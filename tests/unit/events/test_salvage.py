"""The best form of values that JSON can't carry."""

import dataclasses

import msgspec

from steno.events.salvage import MAX_DEPTH, MAX_NOTES, Salvage, clean_text, has_non_finite


def test_clean_text():
    """Only lone surrogates are changed."""
    assert clean_text("grüße 🙂\x00") == "grüße 🙂\x00"
    assert clean_text("\udcff") == "\\udcff"


def test_depth():
    """Nesting without end is cut, and said to be."""
    deep: list[object] = []
    for _ in range(MAX_DEPTH * 50):
        deep = [deep]
    walk = Salvage()

    walk.value(deep)

    assert [note.reason for note in walk.notes] == ["depth"]


def test_notes_are_bounded():
    """A payload of a million bad values is not a million notes."""
    walk = Salvage()

    kept = walk.value([float("nan")] * 10_000)

    assert kept == ["nan"] * 10_000
    assert len(walk.notes) == MAX_NOTES


def test_objects_of_other_libraries():
    """Dataclasses, structs and pydantic-like models are kept by their fields."""

    @dataclasses.dataclass
    class Point:
        x: int

    class Model:
        def model_dump(self):
            return {"y": 2}

    class Part(msgspec.Struct):
        z: int | None = None

    walk = Salvage()

    assert walk.value([Point(1), Model(), Part(3), Part()]) == [{"x": 1}, {"y": 2}, {"z": 3}, {}]
    assert walk.notes == []


def test_hostile_objects():
    """Objects that raise wherever they are touched are named, and nothing is raised."""

    class Hostile:
        def __repr__(self):
            raise RuntimeError

    class HostileMapping(dict):
        def items(self):
            raise RuntimeError

    walk = Salvage()

    kept = walk.value({"a": Hostile(), "b": HostileMapping(x=1), Hostile(): 1})

    assert "unreadable" in kept["a"]
    assert "unreadable" in kept["b"]
    assert "(Hostile)" in kept


def test_pointer_escapes():
    """Paths are JSON pointers, with ~ and / escaped."""
    walk = Salvage()

    walk.value({"a/b~c": float("inf")})

    assert walk.notes[0].path == "/a~1b~0c"


def test_has_non_finite():
    """NaN and infinities are found at any depth of lists and dicts, and nothing else is."""
    assert has_non_finite({"a": [1, {"b": (float("nan"),)}]})
    assert not has_non_finite({"a": [1.5, None, "nan"]})
