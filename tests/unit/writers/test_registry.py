"""Writers by name."""

import pytest

import steno
from steno.writers.registry import WRITERS, load_writer


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_every_writer_can_be_loaded(name):
    """Each name leads to a class that calls itself so."""
    assert load_writer(name).name == name


def test_unknown():
    """An unknown name is an error that says which there are."""
    with pytest.raises(steno.ConfigError) as caught:
        load_writer("papyrus")

    assert "jsonl, sqlite" in caught.value.hint
