"""Write everything of an incident to a folder, in plain text.

Strategy: names come from files that may be anybody's, so each is made safe and none takes the place
of another. Everything is written to a hidden folder first, which gets its name when all is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from steno.errors import IdentityError, StenoError
from steno.recording.incidents.register import MISSING, find_artefacts
from steno.storage.artefacts import FILES
from steno.storage.compressed import PACKED, damage_of
from steno.storage.filenames import numbered, safe_filename
from steno.storage.files import FILE_MODE, make_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from steno.recording.incidents.files import IncidentFiles
    from steno.storage.home import Home

_PIECE = 1024 * 1024


def extract_incident(
    files: IncidentFiles, home: Home, target: str | os.PathLike[str]
) -> tuple[list[Path], list[str]]:
    """Write transcript, scratchpad, state and artefacts in plain text.

    Args:
        files: The incident's files.
        home: The home that it lies in.
        target: The folder to make; it must not exist, or be empty.

    Returns:
        The files that were written, and what could not be read, for a person.

    Raises:
        IdentityError: The folder is not empty.
        OSError: Something can't be written; nothing is left.
    """
    place = Path(os.path.abspath(target))
    with contextlib.suppress(FileNotFoundError):
        # It is replaced: whoever stands in it would stand nowhere.
        if os.listdir(place) or place.samefile(os.curdir):
            what = "is not empty" if os.listdir(place) else "is the folder that you are in"
            raise IdentityError(
                f"{place} {what}", hint="name a folder that does not exist, or is empty"
            )
    make_folder(place.parent)
    hidden = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    try:
        written, failed = _write_all(files, home, hidden)
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(place)
        os.rename(hidden, place)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    sync_folder(place.parent)
    return [place / each for each in written], failed


def _write_all(files: IncidentFiles, home: Home, target: Path) -> tuple[list[str], list[str]]:
    written: list[str] = []
    failed: list[str] = []

    def keep(relative: str, file: BinaryIO) -> None:
        relative = _free_name(target, relative)
        written.append(relative)
        with file:
            _copy(file, target / relative)
            if damage := damage_of(file):
                failed.append(f"{relative}: {damage}")

    for number, path in enumerate(files.find_transcripts(home), 1):
        with _telling(f"{path}", failed):
            name = numbered(f"{files.facts.id}.jsonl", number)
            keep(safe_filename(name), files.open_transcript(path))
    with _telling(os.fspath(files.scratchpad.path), failed):
        if files.scratchpad.sections:
            _write(target / "scratchpad.md", files.scratchpad.to_markdown().encode())
            values = {
                each: files.scratchpad.read_section(each) for each in files.scratchpad.sections
            }
            _write(target / "scratchpad.json", _json(values))
            written += ["scratchpad.md", "scratchpad.json"]
    with _telling(os.fspath(files.state), failed):
        _write(target / "state.json", _json(files.state.read()))
        written.append("state.json")
    try:
        artefacts = files.artefacts()
    except StenoError:  # told above, of the scratchpad
        artefacts = find_artefacts(files.folder.path, files.envelope)
    for artefact in artefacts:
        with _telling(artefact.path, failed):
            if artefact.status == MISSING:
                raise StenoError("it was saved, and is not there any more")
            name = safe_filename(artefact.name or os.path.basename(artefact.relative))
            if artefact.kind != FILES:
                name = name.removesuffix(PACKED)  # it is written decompressed
            keep(f"{artefact.kind}/{name}", files.open_artefact(artefact.relative))
    return written, failed


@contextlib.contextmanager
def _telling(path: str, failed: list[str]) -> Iterator[None]:
    try:
        yield
    except StenoError as error:
        failed.append(f"{path}: {error.message}")


def _free_name(target: Path, relative: str) -> str:
    number = 1
    folder, _, name = relative.rpartition("/")
    while True:
        found = os.path.join(folder, numbered(name, number))
        if not os.path.lexists(target / found):
            return found
        number += 1


def _copy(file: BinaryIO, path: Path) -> None:
    make_folder(path.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, FILE_MODE), "wb") as copy:
        while piece := file.read(_PIECE):
            copy.write(piece)


def _write(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
        file.write(data)


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
