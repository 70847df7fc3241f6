"""The table of settings is sound in itself."""

import pytest

from steno.config_keys import KEYS, Key


def test_names_are_unique():
    """No name and no variable stands twice in the table."""
    names = [key.name for key in KEYS]
    variables = [key.variable for key in KEYS if key.variable]

    assert len(set(names)) == len(names)
    assert len(set(variables)) == len(variables)


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        (Key("a", "bool", True, "", ""), "true or false"),
        (Key("a", "int", 1, "", "", low=1, high=9), "a whole number from 1 to 9"),
        (Key("a", "int", 1, "", "", high=9, optional=True), "a whole number from 0 to 9 or null"),
        (Key("a", "choice", "x", "", "", choices=("x", "y")), "x, y"),
        (Key("a", "text", None, "", "", example="openai"), "openai"),
        (Key("a", "path", "", "", ""), "a path"),
        (Key("a", "texts", (), "", ""), "a list of texts"),
    ],
)
def test_allowed(key, allowed):
    """Each kind of setting says what it takes."""
    assert key.allowed == allowed


@pytest.mark.parametrize(
    "valve",
    [
        "STORE_ENABLED", "DIR", "ZIP_PASSWORD", "RETENTION_DAYS", "CLEANUP_INTERVAL_SECONDS",
        "ZIP_COMPRESSION", "ZIP_COMPRESSLEVEL", "MAX_LINES",
    ],
)  # fmt: skip
def test_valves(valve):
    """Each of the eight valves is a setting with a variable of the valve's name."""
    assert f"SESSION_LOG_{valve}" in {key.variable for key in KEYS}
