"""What OpenClaw's database keeps compressed: single entries, and whole sessions in archives.

An archive is the JSON lines of a session, plain or zstd, in the database itself or, in cold
storage, in a file that the database names.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from steno.storage.compressed import load_zstd, open_text
from steno.transcripts.values import Flaw, read_values
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from steno.transcripts.importers.source import Source
    from steno.transcripts.values import Value

_MAX_EVENT = 256 * 1024 * 1024
"""OpenClaw compresses entries of at most 4 MiB; what grows beyond this is no entry."""

_ZSTD = b"\x28\xb5\x2f\xfd"


def unpack_event(data: bytes) -> bytes | None:
    """Undo the compression of one entry.

    Returns:
        None when it is damaged.

    Raises:
        TranscriptError: zstd is not installed.
    """
    zstd = load_zstd()
    decoder = zstd.ZstdDecompressor()
    try:
        text: bytes = decoder.decompress(data, max_length=_MAX_EVENT)
    except zstd.ZstdError:
        return None
    return text if decoder.eof else None


def read_archive(row: Mapping[str, Any], flaws: list[Flaw]) -> Iterator[Value]:
    """Yield the entries of an archive that lies in the database.

    Args:
        row: A row with ``archive_blob``.
        flaws: Takes what of it can't be read.

    Raises:
        TranscriptError: zstd is not installed, and the archive needs it.
    """
    blob = row.get("archive_blob")
    if not isinstance(blob, bytes):
        blob = reading.text(blob).encode("utf-8", "replace")
    if not blob.startswith(_ZSTD):
        yield from read_values(io.BytesIO(blob), flaws)
        return
    zstd = load_zstd()
    name = reading.text(row.get("archive_name")) or "an archive in the database"
    try:
        with zstd.ZstdFile(io.BytesIO(blob)) as file:
            yield from read_values(file, flaws)
    except (zstd.ZstdError, EOFError) as error:
        flaws.append(Flaw(0, len(blob), "compressed", len(blob), f"{name}: {error}"))


def read_cold(row: Mapping[str, Any], source: Source) -> Iterator[Value]:
    """Yield the entries of an archive in cold storage, wherever that is.

    Args:
        row: A row with ``archive_blob``, or ``archive_name`` of a file.
        source: The database; takes what can't be read, and that a file is not there.

    Raises:
        OSError: The file can't be read.
        TranscriptError: zstd is not installed.
    """
    if row.get("archive_blob") is not None:
        yield from read_archive(row, source.flaws)
        return
    path = _find_cold(source.path, reading.text(row.get("archive_name")))
    if path is None:
        source.skip("a session in cold storage, whose file is not there")
        return
    with open_text(path) as file:
        yield from read_values(file, source.flaws)


def _find_cold(database: Path, name: str) -> Path | None:
    """Find a file of cold storage: beside the sessions of the agent, or beside the database."""
    # A name from outside chooses no folder.
    if not name or name in {".", ".."} or any(each in name for each in "/\\\0"):
        return None
    for folder in (database.parent.parent / "sessions" / "cold", database.parent / "cold"):
        path = folder / name
        if path.is_file():
            return path
    return None
