"""Whatever names a document has, its file is one component of a path, and stays in its folder."""

import os

from hypothesis import given
from hypothesis import strategies as st

from steno.storage.filenames import document_stem, numbered, safe_filename, sanitize_filename

texts = st.text(max_size=300) | st.text(alphabet="./\\\x00-_ ..a\ud800服", max_size=60)


def is_safe(name):
    """Tell whether a name stays in its folder on any disk, with what is put around it."""
    return (
        0 < len(os.fsencode(name)) <= 240
        and not set(name) & set("/\\\0:*?<>|\n\r\t" + chr(34))
        and not name.startswith(".")
    )


@given(texts, st.integers(1, 200))
def test_sanitized(name, length):
    """What comes out is safe, not longer than asked for, and stays as it is the next time."""
    safe = sanitize_filename(name, length)

    assert is_safe(safe) or len(os.fsencode(safe)) > 240
    assert len(safe) <= max(length, len("unnamed"))
    assert sanitize_filename(safe, max(length, len("unnamed"))) == safe


@given(texts, st.lists(texts, max_size=3), st.integers(1, 99_999))
def test_documents(source, parts, number):
    """A document of any source and parts lies in its folder, with its number and the time."""
    name = numbered(f"{document_stem(source, *parts)}.json", number)

    assert is_safe(name)
    assert name.endswith(".json")


@given(texts)
def test_files(name):
    """A file of any name lies in its folder; a name that was made safe stays as it is."""
    safe = safe_filename(name)

    assert is_safe(safe)
    assert safe_filename(safe) == safe
