"""The folder in which an import is prepared, and what becomes of those that nobody finished.

Strategy: one import at a time, by a lock on ``.importing`` in the home. Whatever lies there when
the lock is taken was left by somebody who died: with a journal it is completed, without one it
goes. Where transcripts, artefacts or archives lie on another file system, what goes there is
prepared in an ``.importing`` of its own, because only within one file system a file moves in a
single step.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from steno import notices
from steno.bundles.journal import JOURNAL, Journal, read_journal, settle, write_journal
from steno.errors import BundleError, StenoError
from steno.storage.files import make_folder, replace_file, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.bundles.places import Places

_NAME = ".importing"
_ELSEWHERE = "elsewhere.json"


def learn(index: Path | None, journal: Journal) -> str:
    """Let the index read what was placed.

    Returns:
        Why it could not; "" when all is well. The transcripts are in their place all the same.
    """
    if index is None or not (journal.placed or journal.gone):
        return ""
    from steno.writers.sqlite import SqliteWriter  # recovery seldom needs it

    try:
        writer = SqliteWriter(index)
        try:
            for path, session_id in journal.gone:
                writer.forget_transcript(path, session_id)
            for path in journal.placed:
                writer.index_transcript(path)
        finally:
            writer.close()
    except StenoError as error:
        return f"{error.message}; `steno reindex` makes the index anew"
    return ""


class Staging:
    """The folder of one import; everything in it goes in the end.

    Attributes:
        folder: The folder, in the home.
    """

    def __init__(self, places: Places, name: str) -> None:
        """Make the folder.

        Raises:
            OSError: It can't be made.
        """
        self._places = places
        self._name = name
        self.folder = places.importing / name
        make_folder(self.folder)
        self._elsewhere: dict[Path, Path] = {}
        self._asides = 0
        self._settled = False

    def folder_for(self, root: Path) -> Path:
        """Tell where to prepare what goes below a folder, on the same file system.

        Raises:
            OSError: It can't be made.
        """
        if root not in self._elsewhere:
            there = root
            while not there.exists():
                there = there.parent
            if there.stat().st_dev == self.folder.stat().st_dev:
                self._elsewhere[root] = self.folder
            else:
                # Written down before it is made, for whoever clears away what nobody finished.
                self._elsewhere[root] = root / _NAME / self._name
                replace_file(self.folder / _ELSEWHERE, msgspec.json.encode(self.folders))
                make_folder(self._elsewhere[root])
        return self._elsewhere[root]

    def aside(self, root: Path) -> Path:
        """Name a new place, on the file system of a folder, for what has to make room."""
        self._asides += 1
        folder = self.folder_for(root) / "aside"
        make_folder(folder)
        return folder / str(self._asides)

    @property
    def folders(self) -> tuple[str, ...]:
        """All folders of this import, but for the one with the journal."""
        others = dict.fromkeys(self._elsewhere.values())
        return tuple(os.fspath(folder) for folder in others if folder != self.folder)

    def carry_out(self, journal: Journal, index: Path | None) -> str:
        """Decide, and put everything into its place.

        Returns:
            What is left to be done, as for the index; "" when all is well.

        Raises:
            BundleError: Something stands in the way; everything is as it was.
            OSError: As above.
        """
        _sync_tree(self.folder)
        for other in self.folders:
            _sync_tree(Path(other))
        journal = write_journal(self.folder, journal)
        sync_folder(self._places.importing)
        settle(self.folder, journal)
        trouble = learn(index, journal)
        try:
            write_journal(self.folder, msgspec.structs.replace(journal, done=True))
        except OSError as error:
            # What was put aside has to stay, or somebody would take the new for the old.
            left = f"all is in its place, but {self.folder} stays until the next import: {error}"
            return f"{trouble}; {left}" if trouble else left
        self._settled = True
        return trouble

    def close(self) -> None:
        """Remove everything, the journal last; or nothing, while the journal is still to be done.

        Whoever was interrupted among the steps has put aside what others may want back.
        """
        if (self.folder / JOURNAL).exists() and not self._settled:
            return
        _remove(self.folder, self.folders)


@contextlib.contextmanager
def lock_imports(places: Places) -> Iterator[None]:
    """Hold the lock of a home's imports for the length of the block.

    Raises:
        BundleError: Somebody else imports a bundle at this moment.
        OSError: The folder can't be made.
    """
    made = [folder for folder in (places.importing, places.home) if not folder.exists()]
    while True:
        make_folder(places.importing)
        try:
            fd = os.open(
                places.importing, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
        except FileNotFoundError:
            continue  # the one before has just removed it
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(places.importing)):
                break
        except BlockingIOError:
            os.close(fd)
            raise BundleError(
                f"another process imports a bundle into {places.home}", hint="wait until it is done"
            ) from None
        except FileNotFoundError:
            pass  # as above
        os.close(fd)
    try:
        yield
    finally:
        for folder in dict.fromkeys([places.importing, *made]):
            with contextlib.suppress(OSError):  # something lies in it
                os.rmdir(folder)
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def recover(places: Places, index: Path | None) -> list[str]:
    """Complete or clear away what imports have left that somebody died over; under the lock.

    Returns:
        What was done, a sentence each.

    Raises:
        BundleError: A journal can't be read, or a step can't be taken.
        OSError: As above.
    """
    told = []
    for name in sorted(os.listdir(places.importing)):
        folder = places.importing / name
        journal = read_journal(folder) if folder.is_dir() else None
        if journal is not None:
            done = settle(folder, journal, resumed=True)
            if done and not journal.done:
                if trouble := learn(index, journal):
                    notices.say("import-index", f"WARN {trouble}")
                write_journal(folder, msgspec.structs.replace(journal, done=True))
            told.append(
                "completed an import that was interrupted"
                if done
                else "took back an import that was interrupted"
            )
        _remove(folder, _elsewhere(folder, name))
    return told


def _elsewhere(folder: Path, name: str) -> tuple[str, ...]:
    """Tell which folders on other file systems belong to an import."""
    try:
        found = msgspec.json.decode((folder / _ELSEWHERE).read_bytes(), type=tuple[str, ...])
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{folder / _ELSEWHERE} can't be read: {error}",
            hint=f"it is of an import that was interrupted; remove {folder}",
        ) from error
    return tuple(each for each in found if each.endswith(f"/{_NAME}/{name}"))


def recover_if_needed(places: Places, index: Path | None) -> list[str]:
    """As `recover`, where something was left; costs one look otherwise."""
    if not places.importing.is_dir():
        return []
    with lock_imports(places):
        return recover(places, index)


def _remove(folder: Path, others: tuple[str, ...]) -> None:
    for other in others:
        if os.path.isdir(other):
            shutil.rmtree(other)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(other))
    if not folder.is_dir():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(folder)
        return
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.name not in {JOURNAL, _ELSEWHERE}]
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    shutil.rmtree(folder)


def _sync_tree(folder: Path) -> None:
    """Make all folders durable; the files in them are."""
    for at, _, _ in os.walk(folder):
        sync_folder(at)
