"""Reading steno.yaml."""

import pytest

from steno.config_file import read_settings
from steno.errors import ConfigError

KNOWN = ("root.a", "root.b.c")


def read(tmp_path, text):
    """Read settings from text."""
    path = tmp_path / "steno.yaml"
    path.write_text(text)
    return [(found.key, found.value, found.place) for found in read_settings(path, KNOWN)]


def test_values_and_lines(tmp_path):
    """Values come with their type and line."""
    assert read(tmp_path, "root:\n  a: 1\n  b:\n    c: 'x'\n") == [
        ("root.a", 1, "steno.yaml:2"),
        ("root.b.c", "x", "steno.yaml:4"),
    ]


def test_a_value_where_a_section_should_be(tmp_path):
    """A value in the place of a section is an error."""
    with pytest.raises(ConfigError, match=r"root\.b is 5"):
        read(tmp_path, "root:\n  b: 5\n")


def test_a_section_where_a_value_should_be(tmp_path):
    """A section in the place of a value is given as such, for the check of types to refuse."""
    assert read(tmp_path, "root:\n  a: {x: 1}\n")[0][1] == "a section"


def test_an_endless_file(tmp_path):
    """A file of megabytes is no configuration."""
    with pytest.raises(ConfigError, match="longer than"):
        read(tmp_path, "#" * 2_000_000)
