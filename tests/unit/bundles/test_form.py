"""The bytes around members: one way alone to write each."""

import pytest

from steno.bundles import form


def directory(*members):
    """Write the directory of members."""
    return b"".join(map(form.entry, members))


def test_ending_and_directory_are_read_as_written():
    """What was written is read back: count, place, and each member."""
    first = form.Member("a", form.STORED, 1, 5, 5, 0)
    second = form.Member("b", form.ZSTD, 2, 7, 700, first.end)
    data = directory(first, second)
    end = form.ending(2, second.end, len(data))

    assert form.parse_ending(end, second.end + len(data) + len(end)) == (2, second.end, len(data))
    assert form.parse_directory(data, 2, second.end) == [first, second]


def test_headers_have_the_length_that_is_counted_with():
    """A member begins behind its header and ends behind its descriptor."""
    member = form.Member("name", form.STORED, 0, 10, 10, 100)

    assert member.begin == 100 + len(form.local_header("name", form.STORED))
    assert member.end == member.begin + 10 + len(form.descriptor(member))


@pytest.mark.parametrize("at", range(form.END_SIZE))
def test_no_byte_of_the_ending_can_be_changed(at):
    """Each byte of the ending is needed."""
    end = bytearray(form.ending(2, 1000, 300))
    end[at] ^= 1

    with pytest.raises(form.FormError):
        form.parse_ending(bytes(end), 1300 + form.END_SIZE)


def test_fields_of_the_directory_that_nobody_needs():
    """A byte of an entry that other programs pass over can't be changed either."""
    member = form.Member("a", form.STORED, 1, 5, 5, 0)
    good = directory(member)
    refused = set()
    for at in range(len(good)):
        data = bytearray(good)
        data[at] ^= 1
        try:
            form.parse_directory(bytes(data), 1, member.end)
        except form.FormError:
            refused.add(at)

    # The checksum, and the name, which is compared with the manifest.
    assert set(range(len(good))) - refused == {16, 17, 18, 19, 46}


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (form.Member("b", form.STORED, 1, 5, 5, 3), "behind the one before"),
        (form.Member("A", form.STORED, 1, 5, 5, 62 + 24), "its case"),
        (form.Member("b", 8, 1, 5, 5, 62 + 24), "no known way"),
        (form.Member("b", form.STORED, 1, 5, 6, 62 + 24), "no known way"),
    ],
)
def test_members_that_can_not_be(second, why):
    """Members lie one behind the other, differ in more than case, and are packed in known ways."""
    first = form.Member("a", form.STORED, 1, 5, 5, 0)
    second = form.Member(
        second.name, second.method, 1, second.packed, second.size,
        second.offset if second.offset == 3 else first.end,
    )  # fmt: skip

    with pytest.raises(form.FormError, match=why):
        form.parse_directory(directory(first, second), 2, second.end)
