"""Where things lie under steno's home, ``~/.steno`` unless it was moved."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct


class Home(Struct, frozen=True):
    """The folder that holds everything steno keeps.

    Attributes:
        path: The folder; it need not exist yet.
    """

    path: Path

    @property
    def sessions(self) -> Path:
        """Transcripts, in a folder for each UTC day."""
        return self.path / "sessions"

    @property
    def index(self) -> Path:
        """The SQLite index."""
        return self.path / "sessions.db"

    @property
    def search(self) -> Path:
        """The words of all transcripts, for full-text search."""
        return self.path / "search.db"

    @property
    def imports(self) -> Path:
        """What was imported already."""
        return self.path / "imports.db"

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.path / "steno.yaml"

    @property
    def artefacts(self) -> Path:
        """What sessions collected, in a folder for each session."""
        return self.path / "artefacts"

    @property
    def tapes(self) -> Path:
        """What has passed of exchanges that are still open, in a folder for each recorder."""
        return self.path / "tapes"

    @property
    def dead_letters(self) -> Path:
        """Events that a writer could not store, a file for each writer."""
        return self.path / "dead-letters"

    @property
    def holds(self) -> Path:
        """What must not be let go, a file for each hold."""
        return self.path / "holds"

    @property
    def retention(self) -> Path:
        """The lock of those who let go, and the list of what they removed."""
        return self.path / ".retention"


def find_home(path: str | os.PathLike[str] | None = None) -> Home:
    """Tell where the home is: the argument, else ``STENO_HOME``, else ``~/.steno``."""
    chosen = path or os.environ.get("STENO_HOME") or "~/.steno"
    return Home(Path(os.path.abspath(Path(chosen).expanduser())))
