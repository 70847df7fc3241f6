"""Files line by line, with offsets."""

import io

from hypothesis import given
from hypothesis import strategies as st

from steno.storage import lines
from steno.storage.lines import Line, read_lines


def test_offsets_and_tail():
    """Each line has its offset; a tail without a newline is said to be one."""
    found = list(read_lines(io.BytesIO(b"ab\n\ncd")))

    assert found == [Line(0, b"ab"), Line(3, b""), Line(4, b"cd", whole=False)]
    assert [line.end for line in found] == [3, 4, 6]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_and_blocks(data, block):
    """Whatever the bytes and wherever blocks end, the lines are those of a split."""
    before, lines._BLOCK = lines._BLOCK, block
    try:
        found = list(read_lines(io.BytesIO(data)))
    finally:
        lines._BLOCK = before

    assert [line.data for line in found if line.whole] == data.split(b"\n")[:-1]
    assert b"".join(line.data + b"\n" * line.whole for line in found) == data
    assert all(data[line.offset : line.end].startswith(line.data) for line in found)


@given(st.lists(st.binary(max_size=20).map(lambda each: each.replace(b"\n", b"")), min_size=1))
def test_from_any_line_on(parts):
    """Reading from the beginning of any line gives the rest, up to an end."""
    data = b"".join(part + b"\n" for part in parts)
    every = list(read_lines(io.BytesIO(data)))

    for at, line in enumerate(every):
        assert list(read_lines(io.BytesIO(data), line.offset)) == every[at:]
        assert list(read_lines(io.BytesIO(data), 0, line.end)) == every[: at + 1]
