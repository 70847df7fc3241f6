"""The folder of an incident: what lies where, and the file that says what it is.

``session.json`` never changes and names nothing but the id, the time and, where the folder is
sealed, how the key is made from the password. All else lies in other files, sealed or plain:

- ``state.json`` or ``state.sealed``: name, status, usage; replaced as a whole;
- ``scratchpad.jsonl`` or ``scratchpad.sealed``: a log of all that was ever noted;
- ``transcript.sealed``: where sealed; a plain incident's transcript is an ordinary one;
- ``logs/``, ``metrics/``, ``traces/``, ``files/``: what was collected.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from steno.errors import IdentityError, SealError, WrongPasswordError
from steno.events.codec import format_timestamp
from steno.identity import safe_name
from steno.storage.files import FILE_MODE, make_folder, replace_file
from steno.storage.sealed_keys import CHECK_BYTES, KdfRecord, SealKeys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.storage.home import Home

FORMAT = "steno-session"
VERSION = 1
NOTE = "this folder is plain: whoever can read the disk can read it"

_FACTS = "session.json"
_LOCK = ".lock"
_MAX_FACTS = 1024 * 1024


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``session.json`` says.

    Attributes:
        format: What the file is.
        version: Version of the folder's layout.
        id: The session's id.
        created: When it was created; in UTC.
        sealed: Everything else in the folder is encrypted.
        note: What that means, for whoever looks into the folder.
        kdf: Where sealed: how the key is made from the password.
        check: Where sealed: by which a wrong password is told.
    """

    format: str
    version: int
    id: str
    created: str
    sealed: bool
    note: str = ""
    kdf: KdfRecord | None = None
    check: bytes = b""


class IncidentFolder:
    """The folder of one incident.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        """Name the folder."""
        self.path = path

    @property
    def transcript(self) -> Path:
        """The sealed transcript."""
        return self.path / "transcript.sealed"

    def scratchpad(self, *, sealed: bool) -> Path:
        """The log of the scratchpad."""
        return self.path / ("scratchpad.sealed" if sealed else "scratchpad.jsonl")

    def state(self, *, sealed: bool) -> Path:
        """The facts that may change."""
        return self.path / ("state.sealed" if sealed else "state.json")

    def begin(self, session_id: str, keys: SealKeys | None) -> Facts:
        """Say what the folder is; done once, when everything else about it is ready.

        Raises:
            OSError: It can't be written.
        """
        facts = Facts(
            format=FORMAT,
            version=VERSION,
            id=session_id,
            created=format_timestamp(datetime.now(UTC)),
            sealed=keys is not None,
            note="" if keys is not None else NOTE,
            kdf=keys.kdf if keys is not None else None,
            check=keys.check if keys is not None else b"",
        )
        data = msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"
        replace_file(self.path / _FACTS, data)
        return facts

    def read(self) -> Facts:
        """Read what the folder is.

        Raises:
            FileNotFoundError: It is no incident's.
            SealError: It can't be read, or a newer steno made it.
            OSError: As `open`.
        """
        path = self.path / _FACTS
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(path, flags), "rb") as file:
            data = file.read(_MAX_FACTS)
        try:
            facts = msgspec.json.decode(data, type=Facts)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SealError(
                f"{path} can't be read: {error}",
                hint="restore it from a copy; each sealed file knows what its own key needs",
            ) from error
        if facts.format != FORMAT or facts.version != VERSION:
            raise SealError(
                f"{path} is {facts.format!r} of version {facts.version}",
                hint="a newer steno may have made it",
            )
        if safe_name(facts.id) != self.path.name:
            raise SealError(
                f"{self.path} says that it is {facts.id}",
                hint="a folder's name is its session's id; give it back its name",
            )
        if not facts.sealed:
            self._refuse_sealed_files()
        else:
            if facts.kdf is None or len(facts.check) != CHECK_BYTES:
                raise SealError(f"{path} does not say how its key is made")
            facts.kdf.check()
        return facts

    def _refuse_sealed_files(self) -> None:
        """Refuse a sealed folder that says it is plain: what is written to it would lie open.

        Raises:
            SealError: There are sealed files.
        """
        for path in (self.transcript, self.scratchpad(sealed=True), self.state(sealed=True)):
            if os.path.lexists(path):
                raise SealError(
                    f"{self.path / _FACTS} says that the incident is plain, but {path.name} is not",
                    hint="somebody changed it; restore it from a copy before anything is recorded",
                )

    def unlock(self, facts: Facts, password: str | None) -> SealKeys | None:
        """Make the keys; None of a plain folder.

        Raises:
            WrongPasswordError: It is another one, or none was given.
            SealError: A password was given for a folder that is not sealed.
        """
        if not facts.sealed:
            if password is not None:
                raise SealError(
                    f"{facts.id} is not sealed, and has no password",
                    hint="resume it without one; what is recorded in it lies in plain text",
                )
            return None
        assert facts.kdf is not None
        if password is None:
            raise WrongPasswordError(
                f"{facts.id} is sealed", hint="give the password that it was created with"
            )
        try:
            return SealKeys.open(facts.kdf, password, facts.check)
        except WrongPasswordError as error:
            raise WrongPasswordError(
                f"the password is wrong: {facts.id} was sealed with another one", hint=error.hint
            ) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from changing the state for the length of the block.

        Raises:
            OSError: The lock can't be had.
        """
        make_folder(self.path)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.path / _LOCK, flags, FILE_MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            # By hand: a child that was forked meanwhile has a copy, which would keep the lock.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)


def find_folder(home: Home, session_id: str) -> tuple[IncidentFolder, Facts]:
    """Find an incident by its id.

    Raises:
        IdentityError: There is none.
        SealError: Its ``session.json`` can't be read, or is another one's.
    """
    folder = IncidentFolder(home.artefacts / safe_name(session_id))
    try:
        return folder, folder.read()
    except (FileNotFoundError, NotADirectoryError):
        raise IdentityError(
            f"no incident {session_id!r} in {home.artefacts}",
            hint="`steno incident list` lists them; --home chooses another home",
        ) from None
