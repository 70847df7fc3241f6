"""A bundle into a home: checked as a whole first, then placed as a whole.

Strategy: nothing of a bundle is believed and nothing is placed before the last byte was compared
with its digest. Up to then everything lies in a folder of its own in the home, which goes whatever
happens; from the moment on in which the journal lies there, the import is complete or will be.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.bundles.deciding import Decided, Decisions, OnClash
from steno.bundles.detecting import kind_of
from steno.bundles.manifest import Manifest
from steno.bundles.placing import Staging, lock_imports, recover
from steno.bundles.reading import BundleReader
from steno.bundles.sealing import unseal
from steno.bundles.staging import Staged, check_size, stage
from steno.errors import BundleError
from steno.storage.files import FILE_MODE
from steno.storage.holds import Holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steno.bundles.places import Places

_SPARE = 16 << 20


class Imported(Struct, frozen=True):
    """What became of a bundle.

    Attributes:
        path: The bundle.
        manifest: What it says of itself.
        size: Bytes that its members have.
        sealed: It was sealed.
        decided: What became of each session, or would.
        recovered: What was done about imports that were interrupted before, a sentence each.
        trouble: What is left to be done, as for the index; "" when all is well.
    """

    path: str
    manifest: Manifest
    size: int
    sealed: bool
    decided: tuple[Decided, ...]
    recovered: tuple[str, ...] = ()
    trouble: str = ""


def import_bundle(
    path: Path,
    places: Places,
    *,
    index: Path | None,
    on_clash: OnClash = "refuse",
    dry_run: bool = False,
    max_size: int | None = None,
    ask: Callable[[], str | None] = lambda: None,
    identities: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Import a bundle: all of it, or nothing.

    Args:
        path: The bundle.
        places: The home.
        index: The index, which learns what was placed; None keeps none.
        on_clash: What to do about sessions and archives of which others are there.
        dry_run: Check everything and place nothing.
        max_size: Bytes that it may become; by default 64 GiB, and 2,000 times its own size.
        ask: Gives the passphrase, where one is needed.
        identities: The text of a file of age identities.
        progress: Called with the members that were checked, and all of them.

    Raises:
        BundleError: It can't be opened, is not what it must be, or clashes; or a file can't be read
            or written.
        ArchiveError: The identities are none.
        RetentionError: A hold can't be read, so nobody knows what may be replaced.
        TranscriptError: A transcript that is there can't be read.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_naming(path))
        file = stack.enter_context(_open(path))
        kind = kind_of(file)
        if kind not in {"plain", "age"}:
            raise BundleError(_foreign(path, kind), hint="`steno export -o FILE.steno` makes one")
        stack.enter_context(lock_imports(places))
        recovered = recover(places, index)
        staging = Staging(places, f"{os.getpid()}-{os.urandom(6).hex()}")
        stack.callback(staging.close)
        packed = os.fstat(file).st_size
        if kind == "age":
            file = stack.enter_context(_unseal(file, staging, ask, identities))
            if kind_of(file) != "plain":
                raise BundleError(f"{path} is an age file, but what is sealed in it is no bundle")
        reader = BundleReader(file)
        for root in (places.home, places.sessions, places.artefacts, places.archives):
            check_size(reader, packed, staging.folder_for(root), max_size)
        staged = Staged(places, staging)
        stage(reader, staged, progress)
        holds = Holds(places.holds)
        locks = stack.enter_context(contextlib.ExitStack())
        if on_clash == "replace":
            stack.enter_context(holds.steady())
        decisions = Decisions(reader, staged, staging, places, holds.read(), on_clash, locks)
        trouble = ""
        journal = decisions.journal()
        if not dry_run and journal.steps:
            trouble = staging.carry_out(journal, index)
        return Imported(
            path=os.fspath(path),
            manifest=reader.manifest,
            size=sum(fact.size for fact in reader.manifest.members),
            sealed=kind == "age",
            decided=tuple(decisions.decided),
            recovered=tuple(recovered),
            trouble=trouble,
        )


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the bundle in what goes wrong with it: there may be several."""
    try:
        yield
    except BundleError as error:
        if os.fspath(path) in error.message:
            raise
        raise BundleError(f"{path}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise BundleError(
            f"{path} can't be imported: {error}",
            hint="the home is as it was, unless the next import says that it completes this one",
        ) from error


@contextlib.contextmanager
def _open(path: Path) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BundleError(f"cannot open {path}: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise BundleError(f"{path} is no regular file")
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _unseal(
    sealed: int, staging: Staging, ask: Callable[[], str | None], identities: str | None
) -> Iterator[int]:
    """Decrypt into a file that nobody else can read, and that has no name any more."""
    system = os.statvfs(staging.folder)
    size, free = os.fstat(sealed).st_size, system.f_bavail * system.f_frsize
    if size + _SPARE > free:
        raise BundleError(
            f"the bundle is {size:,} bytes long, and {free:,} are free in {staging.folder}",
            hint="it is decrypted there first; make room, or choose another home",
        )
    path = staging.folder / "opened"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    os.unlink(path)
    try:
        with open(os.dup(sealed), "rb") as file, open(fd, "wb", closefd=False) as target:
            file.seek(0)
            unseal(file, target, ask=ask, identities=identities)
        yield fd
    finally:
        os.close(fd)


def _foreign(path: Path, kind: str) -> str:
    if kind == "zip":
        return f"{path} is no bundle: a zip file of another program, or one that was cut off"
    return f"{path} is no bundle: it is neither a zip file of steno's nor an age file"
