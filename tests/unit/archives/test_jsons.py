"""JSON in which any text may stand."""

import pytest

from steno.archives import jsons
from steno.archives.identifiers import ArchiveIds


@pytest.mark.parametrize("text", ["a", "\ud800", "\udfffx\U0001f600", "\\ud800", "\x00\n"])
def test_any_text(text):
    """What was written is read, half of a surrogate pair too."""
    ids = ArchiveIds(text, chat_id=text)

    assert jsons.decode(jsons.encode(ids), ArchiveIds) == ids


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"user_id":5}', b'"\xff"', b'{"x":' + b"[" * 100_000,
     b'{"x":"\\ud800","y":' + b"[" * 100_000, b'{"user_id":"\\ud800"', b'{"x":"\\ud800\xff"}'],
)  # fmt: skip
def test_what_is_none(data):
    """Whatever can't be read is a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        jsons.decode(data, ArchiveIds)
