"""Open a recorder on a home, or as a configuration says."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

from steno import notices
from steno.recording.engine import Settings
from steno.recording.recorder import Recorder
from steno.storage.home import find_home
from steno.writers.jsonl import JsonlWriter
from steno.writers.registry import load_writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steno.archives.archivist import Archivist
    from steno.config import Config
    from steno.events.processors import Processor
    from steno.retention.sweeper import Sweeper
    from steno.writers.base import Writer


def open_recorder(
    home: str | os.PathLike[str] | None = None, *, processors: Sequence[Processor] = ()
) -> Recorder:
    """Open a recorder that writes transcripts and the index under a home.

    Args:
        home: The folder; ``STENO_HOME`` or ``~/.steno`` when it is not given.
        processors: Steps that may change or drop events before they are written.

    Returns:
        A recorder; use it with ``with``, or call its ``close``.
    """
    place = find_home(home)
    writers = (JsonlWriter(place.sessions), load_writer("sqlite")(place.index))
    settings = Settings(
        processors=processors, dead_letters=place.dead_letters, artefacts=place.artefacts
    )
    return Recorder(writers, settings)


def from_config(
    config: str | os.PathLike[str] | Config | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    processors: Sequence[Processor] = (),
    left_open: frozenset[str] = frozenset(),
) -> Recorder:
    """Open a recorder as a configuration says.

    Args:
        config: A configuration, or the path of a ``steno.yaml``; the one in the home when it is
            not given.
        home: The folder from which defaults are derived.
        processors: Steps that may change or drop events before they are written.
        left_open: Ids of interrupted requests that the caller closes itself.

    Returns:
        A recorder. With ``enabled: false`` or no writer it is off, and costs nothing.

    Raises:
        ConfigError: The configuration can't be used.
    """
    # Only those who have a configuration pay for reading it.
    from steno.config import Config, load_config

    chosen = config if isinstance(config, Config) else load_config(_path(config), home=_path(home))
    worker = chosen.worker
    settings = Settings(
        batch_size=worker.batch_size,
        batch_timeout_ms=worker.batch_timeout_ms,
        channel_buffer_size=worker.channel_buffer_size,
        overflow=worker.overflow,
        block_timeout_ms=worker.block_timeout_ms,
        processors=processors,
        dead_letters=find_home(chosen.home).dead_letters,
        left_open=left_open,
        artefacts=find_home(chosen.home).artefacts,
    )
    recorder = Recorder(_writers(chosen), settings)
    _let_go(recorder, chosen)
    return recorder


def open_archivist(
    path: str | os.PathLike[str] | None = None, *, home: str | os.PathLike[str] | None = None
) -> Archivist:
    """Make who seals log lines, as the configuration's section ``archive`` says.

    It begins at once: what killed processes left is sealed, and old archives are deleted. With
    ``archive.enabled: false`` it archives nothing.

    Args:
        path: The file; ``steno.yaml`` in the home, if there is one, when it is not given.
        home: The home; ``STENO_HOME`` or ``~/.steno`` when it is not given.

    Raises:
        ConfigError: Something can't be used.
    """
    from steno.archives.archivist import Archivist
    from steno.archives.settings import ArchiveSettings
    from steno.config import load_config

    config = load_config(path, home=home)
    archivist = Archivist(ArchiveSettings.from_config(config.archive))
    if config.archive.enabled:
        archivist.begin()
        _sweep(archivist, config, archives_alone=True)
    return archivist


def _let_go(recorder: Recorder, config: Config) -> None:
    """Begin to let go in the background what the configuration names, if it names anything."""
    retention = config.jsonl.retention
    wanted = (retention.max_age_days, retention.max_total_size_gb, retention.compress_after_days)
    transcripts = config.enabled and wanted != (None,) * len(wanted)
    if transcripts or config.archive.enabled:
        recorder.attach(_sweep(recorder, config, archives_alone=not transcripts))


def _sweep(owner: object, config: Config, *, archives_alone: bool) -> Sweeper:
    # Only those who let go pay for the import.
    from steno.retention.configured import intervals_of, places_of, rules_of
    from steno.retention.sweeper import Sweeper

    rules = rules_of(config).of_archives if archives_alone else rules_of(config)
    sweeper = Sweeper(places_of(config), rules, intervals_of(config))
    # An owner that is dropped without `close` takes it along.
    weakref.finalize(owner, sweeper.stop)
    sweeper.start()
    return sweeper


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def _writers(config: Config) -> tuple[Writer, ...]:
    if not config.enabled:
        return ()
    writers: list[Writer] = []
    durability = config.jsonl.durability
    if config.jsonl.enabled:
        writers.append(
            JsonlWriter(
                config.jsonl.directory,
                durability=durability,
                max_event_bytes=config.worker.max_event_bytes,
            )
        )
    if config.sqlite.enabled:
        writers.append(load_writer("sqlite")(config.sqlite.path, durability=durability))
        if not config.jsonl.enabled:
            notices.say(
                "index-only",
                "WARN session_recording.jsonl is off: the index keeps figures and cut texts only; "
                "whole requests and replies, headers and unknown facts are not recorded, and the "
                "index can't be rebuilt",
            )
    return tuple(writers)
