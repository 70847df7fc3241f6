"""What the tests of the functions for Open WebUI share."""

import pytest

from steno.integrations.open_webui import resources


@pytest.fixture(autouse=True)
def keepings(monkeypatch):
    """Begin without archivists, and end those that a test began."""
    begun = {}
    monkeypatch.setattr(resources, "_keepings", begun)
    yield begun
    for keeping in begun.values():
        keeping.sweeper.close()
        keeping.archivist.close()
