"""What a collector hands back."""

import pytest

from steno.collectors.collection import LIMIT, Collection, CollectionInterrupted, completeness


def test_defaults():
    """A collection is whole unless it says otherwise, and shares nothing with another."""
    one, two = (
        Collection(source="s", query={}, time_range=(None, None), count=0) for _ in range(2)
    )

    assert one.complete
    assert one.reason is None
    assert one.entries is not two.entries
    assert one.metadata is not two.metadata


def test_interrupted():
    """An interrupted collection ends a program as Ctrl-C does, and carries what had come."""
    collection = Collection(source="s", query={}, time_range=(None, None), count=1)

    with pytest.raises(KeyboardInterrupt) as caught:
        raise CollectionInterrupted(collection)

    assert caught.value.collection is collection


def test_completeness():
    """An artefact says of itself whether it is all, and why not, in the words of saving."""
    assert completeness(None) == {"complete": True}
    assert completeness(LIMIT) == {"complete": False, "incomplete": "limit"}
