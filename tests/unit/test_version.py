"""The version."""

import re
from importlib.metadata import version

import steno


def test_installed_version():
    """The package says the version that is installed."""
    assert steno.__version__ == version("steno")
    assert re.fullmatch(r"\d+\.\d+\.\d+", steno.__version__)


def test_exported_names():
    """Everything that is exported exists, in order, and nothing else is public."""
    assert list(steno.__all__) == sorted(steno.__all__)
    assert all(hasattr(steno, name) for name in steno.__all__)
