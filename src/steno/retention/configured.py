"""What a configuration says about letting go: the places, the rules and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.retention.plan import GIB, Rules
from steno.retention.rounds import Places
from steno.storage.home import find_home

if TYPE_CHECKING:
    from steno.config import Config

_ARCHIVE_DAYS = "archive.retention_days"


def places_of(config: Config) -> Places:
    """Tell where everything is."""
    return Places(
        home=find_home(config.home),
        sessions=config.jsonl.directory,
        index=config.sqlite.path,
        archives=config.archive.directory,
    )


def rules_of(config: Config) -> Rules:
    """Tell when something goes.

    Archives are let go where they are made, or where somebody has said for how long they stay: the
    default alone deletes nothing.
    """
    retention = config.jsonl.retention
    limit = retention.max_total_size_gb
    said = config.sources.get(_ARCHIVE_DAYS, "default") != "default"
    return Rules(
        max_age_days=retention.max_age_days,
        max_total_bytes=None if limit is None else limit * GIB,
        compress_after_days=retention.compress_after_days,
        archive_days=config.archive.retention_days if config.archive.enabled or said else None,
    )


def intervals_of(config: Config) -> tuple[float, float]:
    """Tell the seconds between two rounds: for transcripts, and for archives."""
    minutes = config.jsonl.retention.cleanup_interval_minutes
    return minutes * 60.0, float(config.archive.cleanup_interval_seconds)
