"""An incident's files, read and noted in without recording anything.

What an incident is made of, for those who look at it, verify it or take it apart: no recorder is
opened, so nothing is added to the transcript by looking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno import notices
from steno.errors import StenoError
from steno.recording.incidents.folder import find_folder
from steno.recording.incidents.register import list_artefacts, relative_path
from steno.recording.incidents.scratchpad import Scratchpad
from steno.recording.incidents.state import State, known_end
from steno.recording.incidents.transcripts import find_transcripts
from steno.storage.artefacts import open_artefact
from steno.storage.compressed import open_text
from steno.storage.home import find_home
from steno.storage.sealed import FileEnvelope
from steno.storage.sealed_text import open_sealed_text

if TYPE_CHECKING:
    import os
    from pathlib import Path
    from typing import BinaryIO

    from steno.recording.incidents.folder import Facts, IncidentFolder
    from steno.recording.incidents.register import Artefact
    from steno.storage.home import Home
    from steno.storage.sealed_keys import SealKeys
    from steno.storage.sealed_log import LogEnd


class IncidentFiles:
    """The files of one incident.

    Attributes:
        facts: What ``session.json`` says.
        folder: What lies where.
        keys: The keys; None where it is plain.
        scratchpad: The notes.
        state: What may change.
    """

    def __init__(self, folder: IncidentFolder, facts: Facts, keys: SealKeys | None) -> None:
        """Put the files together; nothing is read yet."""
        self.folder = folder
        self.facts = facts
        self.keys = keys
        self.envelope = FileEnvelope(keys) if keys is not None else None
        self.scratchpad = Scratchpad(folder, keys)
        self.state = State(folder, keys)

    def artefacts(self) -> list[Artefact]:
        """List what was collected, under readable names.

        Raises:
            SealError: The scratchpad is damaged as a whole.
            OSError: The folder can't be read.
        """
        return list_artefacts(self.folder.path, self.scratchpad, self.envelope)

    def open_artefact(self, path: str | os.PathLike[str]) -> BinaryIO:
        """Open something that was collected; what was sealed is decrypted as it is read.

        Args:
            path: Its path, absolute or within the folder.

        Raises:
            StenoError: It is no artefact of this incident, or damaged.
            OSError: It can't be opened.
        """
        relative = relative_path(self.folder.path, path)
        return open_artefact(self.folder.path / relative, self.envelope)

    def find_transcripts(self, home: Home) -> list[Path]:
        """Find the transcript: the sealed one, or those in the home's folder of days."""
        if self.keys is None:
            return find_transcripts(home.sessions, self.facts.id)
        return [self.folder.transcript] if self.folder.transcript.exists() else []

    def open_transcript(self, path: Path) -> BinaryIO:
        """Open the text of a transcript; of a sealed one, it is decrypted as it is read.

        Raises:
            FileNotFoundError: It is not there.
        """
        if self.keys is None:
            return open_text(path)
        known = None
        try:
            known = self.known_end("transcript")
        except StenoError as error:
            # What is there can be read all the same; whether something was cut off is not known.
            notices.say("incident-state", f"ERROR {error}")
        return open_sealed_text(path, self.keys, known)

    def known_end(self, log: str) -> LogEnd:
        """Tell how far a sealed log had come when the incident was last closed or flushed.

        Args:
            log: ``transcript`` or ``scratchpad``.
        """
        return known_end(self.state.read(), log)


def open_files(
    session_id: str, password: str | None = None, *, home: str | os.PathLike[str] | None = None
) -> IncidentFiles:
    """Open an incident's files, by its id.

    Raises:
        IdentityError: There is none of this id.
        WrongPasswordError: The password is another one, or there is none.
        SealError: Something is damaged, or it is not sealed and a password was given.
    """
    folder, facts = find_folder(find_home(home), session_id)
    return IncidentFiles(folder, facts, folder.unlock(facts, password))
