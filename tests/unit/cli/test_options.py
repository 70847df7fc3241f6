"""Options that commands share."""

from steno.cli.options import places


def test_places_follow_the_configuration(home):
    """The commands look where the configuration says that things are."""
    home.mkdir()
    (home / "steno.yaml").write_text(
        "session_recording:\n  jsonl: {directory: here}\n  sqlite: {path: there.db}\n"
    )

    assert places(str(home), None) == (home / "here", home / "there.db")
