"""Where a home keeps what a bundle carries."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Places(Struct, frozen=True):
    """The folders of a home, each of which may lie somewhere else.

    Attributes:
        home: The home itself.
        sessions: Transcripts, in a folder for each day.
        artefacts: What sessions collected, in a folder for each.
        archives: Sealed archives, by user and chat.
        holds: What must not be let go.
    """

    home: Path
    sessions: Path
    artefacts: Path
    archives: Path
    holds: Path

    @property
    def importing(self) -> Path:
        """What is being imported, until it is in its place."""
        return self.home / ".importing"
