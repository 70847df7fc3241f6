"""What is about to be put into its place, written down before the first step.

Strategy: a step moves one file or folder, and it can be seen whether it was taken; so the steps can
be taken again from the beginning whenever somebody died among them. With the journal there, an
import is decided, and whoever comes next completes it. Where a step can't be taken, because
somebody has put something else there meanwhile, the journal is turned round, and from then on all
steps are taken back, by whoever is alive to do it. So it is where whoever died had not made all the
room yet: the locks went with them, and what was to be replaced may have gone on.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from steno.errors import BundleError
from steno.storage.files import FOLDER_MODE, replace_file, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

JOURNAL = "journal.json"
_VERSION = 1
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})


class Step(Struct, frozen=True):
    """One thing that is moved.

    Attributes:
        kind: ``aside`` makes room, ``file`` and ``folder`` place what is new and never overwrite.
        source: Where it lies.
        target: Where it goes.
    """

    kind: Literal["aside", "file", "folder"]
    source: str
    target: str


class Journal(Struct, frozen=True, kw_only=True):
    """All steps of one import.

    Attributes:
        version: Version of the journal's format.
        folder: Where the journal was written.
        back: The steps are taken back.
        done: All is in its place, and what was put aside may be gone already.
        folders: Folders that are made first, outermost first.
        steps: In order.
        placed: Transcripts that the index is to read, by their plain names.
        gone: Transcripts that it is to forget, each with its session.
    """

    version: int = _VERSION
    folder: str = ""
    back: bool = False
    done: bool = False
    folders: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    placed: tuple[str, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()


def write_journal(folder: Path, journal: Journal) -> Journal:
    """Write the journal, by which an import is decided.

    Returns:
        The journal, which knows now where it lies.

    Raises:
        OSError: It is as it was before.
    """
    journal = msgspec.structs.replace(journal, folder=os.fspath(folder))
    replace_file(folder / JOURNAL, msgspec.json.encode(journal))
    return journal


def read_journal(folder: Path) -> Journal | None:
    """Read the journal of an import that somebody died over; None where nothing was decided.

    Raises:
        BundleError: It is there, and can't be read.
    """
    path = folder / JOURNAL
    try:
        journal = msgspec.json.decode(path.read_bytes(), type=Journal)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(
            f"the journal of an unfinished import, {path}, can't be read: {error}",
            hint=f"what that import had put aside lies in {folder}; take out of it what you want "
            "to keep, and remove it",
        ) from error
    if journal.version != _VERSION:
        raise BundleError(
            f"{path} is the journal of an import by another version of steno",
            hint="import something with that version, which completes it",
        )
    return journal


def settle(folder: Path, journal: Journal, *, resumed: bool = False) -> bool:
    """Take all steps, or take all of them back, as the journal says.

    Args:
        folder: Where the journal lies.
        journal: What it says.
        resumed: Somebody else wrote it and died, and with them the locks on what was to be put
            aside; so what is still in its place stays there, and all steps are taken back.

    Returns:
        True when everything is in its place, False when everything is as it was.

    Raises:
        BundleError: Something stands in the way, and everything is as it was.
        OSError: As above.
    """
    if journal.done:
        return True  # to look at the steps again would mistake the new for the old
    if not (os.path.isdir(journal.folder) and os.path.samefile(journal.folder, folder)):
        # Its steps name other places, so each would look as if it were taken.
        raise BundleError(
            f"the home was moved in the middle of an import; it was {journal.folder}",
            hint="move it back and import again; or take what you want to keep out of "
            f"{folder}, and remove it",
        )
    if resumed and not journal.back and any(map(_is_in_place, journal.steps)):
        journal = _turn_round(folder, journal)
    if not journal.back:
        try:
            _go(journal)
        except (BundleError, OSError):
            journal = _turn_round(folder, journal)
            _go_back(folder, journal)
            raise
        return True
    _go_back(folder, journal)
    return False


def _turn_round(folder: Path, journal: Journal) -> Journal:
    journal = msgspec.structs.replace(journal, back=True)
    # On a full disk there may be no room for it: then the steps are taken back without, which needs
    # none; and whoever comes after a death among these takes up where the journal stood.
    with contextlib.suppress(OSError):
        write_journal(folder, journal)
    return journal


def _is_in_place(step: Step) -> bool:
    return (
        step.kind == "aside" and os.path.lexists(step.source) and not os.path.lexists(step.target)
    )


def _go(journal: Journal) -> None:
    for made in journal.folders:
        with contextlib.suppress(FileExistsError):
            os.mkdir(made, FOLDER_MODE)
    for step in journal.steps:
        _take(step)
    _sync(journal)


def _take(step: Step) -> None:
    if not os.path.lexists(step.source):
        return  # it was taken before
    if step.kind == "aside":
        if not os.path.lexists(step.target):
            os.rename(step.source, step.target)
        return
    if os.path.lexists(step.target):
        if step.kind == "file" and _is_same(step):
            os.unlink(step.source)  # somebody died between the two halves of this step
            return
        raise BundleError(
            f"{step.target} has appeared while the bundle was checked",
            hint="nothing was imported; try again",
        )
    if step.kind == "file":
        try:
            os.link(step.source, step.target, follow_symlinks=False)  # which never overwrites
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.rename(step.source, step.target)
        else:
            os.unlink(step.source)
        return
    os.rename(step.source, step.target)


def _go_back(folder: Path, journal: Journal) -> None:
    for step in reversed(journal.steps):
        _take_back(step)
    for made in reversed(journal.folders):
        with contextlib.suppress(OSError):  # something else lies in it by now
            os.rmdir(made)
    _sync(journal)
    # Now and not with the rest: without what was prepared, a step would look as if it were taken.
    os.unlink(folder / JOURNAL)
    sync_folder(folder)


def _take_back(step: Step) -> None:
    if step.kind == "aside":
        if not os.path.lexists(step.target):
            return
        if os.path.lexists(step.source):
            raise BundleError(
                f"{step.source} was begun anew while it was being replaced",
                hint=f"what it was before is kept as {step.target}; move it where you want it",
            )
        os.rename(step.target, step.source)
    elif not os.path.lexists(step.source):
        with contextlib.suppress(FileNotFoundError):  # somebody has deleted it since
            os.rename(step.target, step.source)
    elif step.kind == "file" and os.path.lexists(step.target) and _is_same(step):
        os.unlink(step.target)


def _is_same(step: Step) -> bool:
    return os.path.samestat(os.lstat(step.source), os.lstat(step.target))


def _sync(journal: Journal) -> None:
    """Make all that was moved durable."""
    touched = [
        os.path.dirname(path) for step in journal.steps for path in (step.source, step.target)
    ]
    touched += [os.path.dirname(made) for made in journal.folders]
    for folder in dict.fromkeys(touched):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            sync_folder(folder)
