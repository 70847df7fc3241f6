"""Ids, and the names under which they lie on disk."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.identity import (
    describe_process,
    is_plain,
    new_recorder_id,
    new_request_id,
    new_session_id,
    safe_name,
)

HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "a\x00b",
    "x" * 300,
    "🙂",
    "CON",
    "nul",
    "com1",
    ".",
    "..",
    "",
    "a/b",
    "a\\b",
    "-",
    "a b",
    "\ud800",
    "con",
    "A" * 181,
    " ",
    "a\nb",
    "~",
    "%2e%2e",
]


@pytest.mark.parametrize("identifier", HOSTILE)
def test_hostile_ids_are_safe(identifier):
    """A hostile id becomes a name of letters, digits, - and _ that names no device."""
    name = safe_name(identifier)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,180}", name)
    assert name.upper() not in {"CON", "NUL", "COM1"}


def test_hostile_ids_are_distinct():
    """No two ids share a name."""
    assert len({safe_name(identifier) for identifier in HOSTILE}) == len(HOSTILE)


@given(
    st.text(alphabet=st.characters(), max_size=30), st.text(alphabet=st.characters(), max_size=30)
)
def test_distinct(one, other):
    """Two different ids never get the same name, whatever they are."""
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_a_derived_name_can_not_be_forged():
    """An id that imitates the derived name of another one gets a name of its own."""
    derived = safe_name("a/b")

    assert safe_name(derived) != derived
    assert not is_plain(derived)


def test_plain_ids_keep_their_name():
    """UUIDs and the like are their own file names."""
    assert (
        safe_name("714affbb-d092-4e39-af42-0c59ee82ab8d") == "714affbb-d092-4e39-af42-0c59ee82ab8d"
    )
    assert safe_name("abc-123") == "abc-123"


def test_new_ids_are_plain_and_unique():
    """Ids that steno makes are plain and never come twice."""
    made = [
        make() for make in (new_session_id, new_request_id, new_recorder_id) for _ in range(500)
    ]

    assert len(set(made)) == len(made)
    assert all(is_plain(identifier) for identifier in made)


def test_describe_process(tmp_path, monkeypatch):
    """A process is described even when its working directory is gone."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()

    assert describe_process()["cwd"] is None
    assert describe_process()["pid"] > 0
