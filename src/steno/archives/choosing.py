"""Which archives a person means, and what is in the files that they name to open them.

Strategy: a name is the path of a file that is there, or else the id of a message. What is neither
is taken for what it looks like, so that the error says what was mistyped. An error of the system
becomes a sentence here, because what the system says names no way out.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from steno.archives.layout import AGE, ZIP, find_archives
from steno.errors import ArchiveError
from steno.identity import safe_name

_MAX_BYTES = 1 << 20


def find_named(directory: Path, name: str) -> list[Path]:
    """Find archives by a path, or by the id of their message.

    Args:
        directory: The folder of all archives.
        name: What a person typed.

    Raises:
        ArchiveError: There is none.
    """
    if os.path.lexists(name) and not os.path.isdir(name):
        return [Path(name)]
    found = [path for path, _ in find_archives(directory) if is_of(path, safe_name(name))]
    if found:
        return found
    looks_like_a_path = "/" in name or name.endswith((ZIP, ".age"))
    if looks_like_a_path and os.path.isdir(name):
        raise ArchiveError(
            f"{name} is a folder, no archive",
            hint="name the files in it, or the folder of all archives by --dir",
            reason="foreign",
        )
    if looks_like_a_path:
        raise ArchiveError(
            f"there is no file {name}", hint="`steno archive ls` lists what is there",
            reason="missing",
        )  # fmt: skip
    raise ArchiveError(
        f"there is no archive of {name!r} in {directory}",
        hint="`steno archive ls` lists what is there",
        reason="missing",
    )


def is_of(path: Path, stem: str) -> bool:
    """Tell whether an archive is of the message whose files begin so."""
    return path.name.startswith(f"{stem}.")


def kind_of(path: Path) -> str:
    """Tell by its name how an archive ends: sealed with age, or with a password."""
    return AGE if path.name.endswith(AGE) else ZIP


def row_of(path: Path, status: os.stat_result) -> dict[str, Any]:
    """Describe an archive by what its path and its file say."""
    changed = datetime.fromtimestamp(status.st_mtime, UTC)
    return {
        "path": str(path),
        "user": path.parent.parent.name,
        "chat": path.parent.name,
        "archive": path.name,
        "sealed_with": "age" if kind_of(path) == AGE else "password",
        "bytes": status.st_size,
        "changed_at": changed.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def path_below(directory: Path, path: Path) -> Path:
    """Name an archive by the folder of all, under which it is looked for without links.

    Raises:
        ArchiveError: It is somewhere else.
    """
    try:
        # The last part may be a link itself, which is refused later.
        real = path.parent.resolve() / path.name
        return directory / real.relative_to(directory.resolve())
    except ValueError as error:
        raise ArchiveError(f"{path} is not in {directory}", hint="--dir names the folder") from (
            error
        )


def read_password(path: str, option: str = "--password-file") -> str:
    """Read a password: the first line of a file.

    Args:
        path: The file.
        option: What named it, for the hint.

    Raises:
        ArchiveError: The file can't be read, or holds none.
    """
    hint = f"{option} names a text file whose first line is the password"
    text = _decode(path, _read(path, hint).split(b"\n", 1)[0], hint)
    if not text.strip():
        raise ArchiveError(f"{path} holds no password", hint=hint, reason="password")
    return text


def read_identities(path: str) -> str:
    """Read the text of a file of age identities.

    Raises:
        ArchiveError: It can't be read.
    """
    hint = "--identity names the text file that `age-keygen -o FILE` writes"
    return _decode(path, _read(path, hint), hint)


def _read(path: str, hint: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_BYTES)
    except FileNotFoundError as error:
        raise ArchiveError(f"there is no file {path}", hint=hint) from error
    except OSError as error:
        raise ArchiveError(f"{path} can't be read: {error.strerror}", hint=hint) from error


def _decode(path: str, data: bytes, hint: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path} is no text in UTF-8", hint=hint) from error
