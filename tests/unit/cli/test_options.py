"""Options that commands share."""

from steno.cli.options import places


def test_places_follow_the_configuration(home):
    """The commands look where the configuration says that things are."""
    home.mkdir()
    (home / "steno.yaml").write_text(
        "session_recording:\n  jsonl: {directory: here}\n  sqlite: {path: there.db}\n"
    )

    assert places(str(home), None) == (home / "here", home / "there.db")


def test_an_index_that_is_not_kept(recorded, run):
    """When the index is switched off, what an old one says comes with a warning."""
    assert run("ls", "--home", recorded)[2] == ""
    (recorded / "steno.yaml").write_text("session_recording:\n  sqlite: {enabled: false}\n")

    for command in (["ls"], ["stats"], ["sql", "SELECT 1"]):
        code, _, err = run(*command, "--home", recorded)
        assert code == 0
        assert "steno reindex" in err
