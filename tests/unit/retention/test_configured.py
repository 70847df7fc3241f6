"""What a configuration says about letting go."""

from steno.config import load_config
from steno.retention.configured import intervals_of, places_of, rules_of
from steno.retention.plan import GIB, Rules


def load(home, text=""):
    """Read a configuration."""
    home.mkdir(exist_ok=True)
    (home / "steno.yaml").write_text(text)
    return load_config(home=home, environ={})


def test_nothing(home):
    """By default nothing is let go, although there is a default for archives."""
    config = load(home)

    assert config.archive.retention_days == 90
    assert rules_of(config) == Rules()


def test_transcripts(home):
    """The rules for transcripts are those of the settings."""
    config = load(
        home,
        "session_recording: {jsonl: {retention: {max_age_days: 30, max_total_size_gb: 2, "
        "compress_after_days: 7, cleanup_interval_minutes: 5}}}",
    )

    assert rules_of(config) == Rules(
        max_age_days=30, max_total_bytes=2 * GIB, compress_after_days=7
    )
    assert intervals_of(config) == (300.0, 3600.0)


def test_archives(home):
    """Archives are let go where they are made, or where somebody said for how long they stay."""
    assert rules_of(load(home, "archive: {enabled: true}")) == Rules(archive_days=90)
    assert rules_of(load(home, "archive: {retention_days: 5}")) == Rules(archive_days=5)


def test_places(home):
    """The places are those of the settings."""
    config = load(
        home,
        "session_recording: {jsonl: {directory: t}, sqlite: {path: i.db}}\narchive: {directory: z}",
    )
    places = places_of(config)

    assert (places.sessions, places.index) == (home / "t", home / "i.db")
    assert (places.archives, places.home.path) == (home / "z", home)
