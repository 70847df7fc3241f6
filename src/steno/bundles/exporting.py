"""Sessions into a bundle, which appears whole or not at all.

Strategy: everything is gathered first; then one pass writes the members beside the file that is to
be, and through the cipher where there is one. What is on disk has been read once and hashed on the
way, so the manifest comes last and tells what was really written.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from steno.bundles.gathering import gather
from steno.bundles.manifest import Manifest, encode_manifest
from steno.bundles.sealing import sealed_sink
from steno.bundles.writing import LEVEL, BundleWriter
from steno.errors import BundleError
from steno.events.codec import format_timestamp
from steno.storage.files import make_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from steno.bundles.gathering import Source
    from steno.bundles.places import Places


class Exported(Struct, frozen=True):
    """A bundle that was made.

    Attributes:
        path: The file.
        size: Its bytes.
        contents: Bytes that its members have.
        manifest: What it says of itself.
        sealed: To what it is sealed: ``passphrase``, ``recipients``, or None.
        left_out: Files that were left out, and why.
    """

    path: str
    size: int
    contents: int
    manifest: Manifest
    sealed: str | None
    left_out: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Write it as ``--json`` prints it."""
        facts: dict[str, Any] = {
            "bundle": self.path, "bytes": self.size, "contents_bytes": self.contents,
            "sealed": self.sealed, "left_out": list(self.left_out),
        }  # fmt: skip
        facts |= msgspec.to_builtins(self.manifest)
        return facts


def export_bundle(
    wanted: Sequence[str],
    output: Path,
    places: Places,
    *,
    artefacts: bool = True,
    archives: bool = True,
    passphrase: str | None = None,
    recipients: Iterable[str] = (),
    progress: Callable[[int, int], None] | None = None,
    level: int = LEVEL,
) -> Exported:
    """Write sessions into a bundle.

    Args:
        wanted: The sessions, each as `resolve_session` takes it, or the id of a sealed one.
        output: The file; one that is there is replaced, and a link followed.
        places: The home.
        artefacts: Take along what they collected. A sealed session is nothing else.
        archives: Take along the archives of their messages.
        passphrase: Seal the bundle with it.
        recipients: age public keys to seal the bundle to, instead.
        progress: Called with the members that were written, and all of them.
        level: How hard zstd tries.

    Raises:
        IdentityError: A session is not there, or several are meant.
        BundleError: A session can't be carried as a whole, or the bundle can't be written.
        ArchiveError: A recipient is none.
        TranscriptError: A transcript can't be read.
        OSError: The folder of the file can't be made or written to.
    """
    recipients = tuple(recipients)
    taken: set[str] = {"manifest.json"}
    gathered = [
        gather(each, places, taken, artefacts=artefacts, archives=archives)
        for each in dict.fromkeys(wanted)
    ]
    sources = [source for each in gathered for source in each.sources]
    output = output.resolve()  # a link stays, and what it leads to is replaced
    if output.exists() and not output.is_file():
        raise BundleError(
            f"{output} is no regular file, so no bundle can take its place",
            hint="-o names the file that is to be made",
        )
    make_folder(output.parent)
    fd, temporary = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name[:100]}.")
    try:
        with os.fdopen(fd, "wb", buffering=1 << 18) as file:
            with sealed_sink(file, passphrase=passphrase, recipients=recipients) as sink:
                writer = BundleWriter(sink, level=level)
                _write(writer, sources, progress)
                manifest = Manifest(
                    sessions=tuple(each.session for each in gathered),
                    members=tuple(writer.members),
                    created=format_timestamp(datetime.now(UTC)),
                )
                writer.finish(encode_manifest(manifest))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(temporary, output)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise BundleError(
                f"cannot write {output}: {error.strerror}", hint="what was there before still is"
            ) from error
        raise
    sync_folder(output.parent)
    return Exported(
        path=os.fspath(output),
        size=size,
        contents=sum(member.size for member in manifest.members),
        manifest=manifest,
        sealed="recipients" if recipients else "passphrase" if passphrase is not None else None,
        left_out=tuple(line for each in gathered for line in each.left_out),
    )


def _write(
    writer: BundleWriter, sources: list[Source], progress: Callable[[int, int], None] | None
) -> None:
    for at, source in enumerate(sources, 1):
        writer.add(source.name, _told(source), packed=source.packed)
        if progress is not None:
            progress(at, len(sources))


def _told(source: Source) -> Iterator[bytes]:
    """Read a file, and name it where it can't be read; errors of the output are none of these."""
    blocks = source.blocks()
    while True:
        try:
            block = next(blocks, None)
        except OSError as error:
            raise BundleError(
                f"cannot read {source.path}: {error.strerror}",
                hint="no bundle was made; check the permissions, or whether it was deleted",
            ) from error
        if block is None:
            return
        yield block
