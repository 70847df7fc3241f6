"""Build a recorder from writers of one's own choice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from steno.errors import ConfigError
from steno.recording.buffer import BLOCK, DROP
from steno.recording.engine import Settings
from steno.recording.recorder import Recorder
from steno.writers.jsonl import JsonlWriter

if TYPE_CHECKING:
    from steno.events.processors import Processor
    from steno.writers.base import Writer


class RecorderBuilder:
    """Collects writers and settings; each method returns the builder."""

    def __init__(self) -> None:
        """Begin with no writers and the default settings."""
        self._writers: list[Writer] = []
        self._settings = Settings()
        self._processors: list[Processor] = []

    def add_writer(self, writer: Writer) -> Self:
        """Add a writer; it must have a name that no other one has.

        Raises:
            ConfigError: Another writer has its name.
        """
        if any(writer.name == other.name for other in self._writers):
            message = f"two writers are named {writer.name!r}"
            raise ConfigError(message, hint="give one of them another name")
        self._writers.append(writer)
        return self

    def add_processor(self, processor: Processor) -> Self:
        """Add a step that may change or drop events before they are written."""
        self._processors.append(processor)
        return self

    def batch_size(self, events: int) -> Self:
        """Set after how many events a batch is written; 100 by default."""
        self._settings.batch_size = _positive("batch_size", events)
        return self

    def batch_timeout_ms(self, milliseconds: int) -> Self:
        """Set how long an accepted event may wait until it is on disk; 100 by default."""
        self._settings.batch_timeout_ms = _positive("batch_timeout_ms", milliseconds)
        return self

    def channel_buffer_size(self, events: int) -> Self:
        """Set how many events may be in memory; 10,000 by default."""
        self._settings.channel_buffer_size = _positive("channel_buffer_size", events)
        return self

    def overflow(self, policy: str, *, timeout_ms: int = 1000) -> Self:
        """Set what happens to an event when the buffer is full.

        Args:
            policy: ``drop`` (the default), or ``block`` the caller until there is room.
            timeout_ms: How long ``block`` waits before it drops after all.

        Raises:
            ConfigError: There is no such policy.
        """
        if policy not in {DROP, BLOCK}:
            message = f"overflow is {policy!r}"
            raise ConfigError(message, hint="allowed: drop, block")
        self._settings.overflow = policy
        self._settings.block_timeout_ms = _positive("timeout_ms", timeout_ms)
        return self

    def dead_letters(self, folder: str | os.PathLike[str]) -> Self:
        """Set the folder for events that a writer can't store."""
        self._settings.dead_letters = Path(folder).expanduser()
        return self

    def artefacts(self, folder: str | os.PathLike[str]) -> Self:
        """Set the folder for what sessions collect; without one, `Session.save_logs` can't save."""
        self._settings.artefacts = Path(os.path.abspath(Path(folder).expanduser()))
        return self

    def build(self) -> Recorder:
        """Begin to record."""
        settings = self._settings
        settings.processors = tuple(self._processors)
        if settings.dead_letters is None:
            for writer in self._writers:
                if isinstance(writer, JsonlWriter):
                    settings.dead_letters = writer.directory / ".dead-letters"
        return Recorder(tuple(self._writers), settings)


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"{name} is {value!r}"
        raise ConfigError(message, hint="allowed: a whole number from 1")
    return value
