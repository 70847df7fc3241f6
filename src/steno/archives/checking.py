"""Check an archive and say in one word how it is: what a person or a program reads of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.archives.reading import Keys, open_archive
from steno.errors import ArchiveError

if TYPE_CHECKING:
    from pathlib import Path


def check(path: Path, keys: Keys) -> dict[str, Any]:
    """Read an archive whole; returns the ``result``, a ``message``, and what it says of itself."""
    try:
        with open_archive(path, keys) as archive:
            archive.verify()
            meta = archive.meta
            return {
                "result": "ok", "message": "", "status": meta.status, "complete": meta.complete,
                "records": meta.records, "dropped": meta.dropped,
            }  # fmt: skip
    except ArchiveError as error:
        return failure(error)
    except OSError as error:  # the disk's; the other archives may be well
        return {"result": "other", "message": error.strerror or str(error)}


def failure(error: ArchiveError) -> dict[str, Any]:
    """Say of an archive that it could not be opened, and why."""
    return {"result": error.reason, "message": error.message}
