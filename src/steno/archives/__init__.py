"""Sealed archives: the log lines of one message, encrypted, found by the ids that the host gave."""

from steno.archives.archivist import ArchiveSpool, ArchiveStats, Archivist
from steno.archives.identifiers import ArchiveIds
from steno.archives.settings import ArchiveSettings

__all__ = ["ArchiveIds", "ArchiveSettings", "ArchiveSpool", "ArchiveStats", "Archivist"]
