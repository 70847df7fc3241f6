"""steno: the flight recorder for LLM applications and agents.

It records every session (requests, streamed replies, tool calls, tokens, log lines, collected
artefacts) without slowing the program that is recorded: transcripts in JSONL are the truth, and an
SQLite index that can be queried is derived from them.

The map, in the order in which an event passes:

- ``events``: what is recorded; ``storage``: where bytes lie; ``writers``: who stores a batch;
- ``recording``: how an event gets there; ``opening``: a recorder from a home or a configuration;
- ``logs``: the standard library's logging, into the session; ``archives``: sealing it;
- ``transcripts``: reading back, with ``importers`` (other programs' transcripts as sessions) and
  ``recovery`` (whose transcripts lie in a folder); ``query``: finding;
- ``collectors``: logs, metrics and traces, fetched into a session; ``cli``: the commands;
- ``testing``: doubles for tests of programs that record.

What is listed here is public; everything else may change without notice.
"""

from __future__ import annotations

from steno.errors import (
    ArchiveError,
    CollectError,
    ConfigError,
    IdentityError,
    QueryError,
    SchemaVersionError,
    SealError,
    StenoError,
    TranscriptError,
    WriteError,
    WrongPasswordError,
)
from steno.version import VERSION

TYPE_CHECKING = False
__version__ = VERSION
if TYPE_CHECKING:
    from steno.archives.archivist import Archivist
    from steno.archives.scoping import archived_scope
    from steno.events.header import Header
    from steno.events.model import (
        ArtefactSaved,
        Compacted,
        Completed,
        EntryImported,
        Event,
        Gap,
        LogRecorded,
        RequestRecorded,
        ResponseRecorded,
        Rotated,
        Started,
        StatsSnapshot,
        StatsUpdated,
        StreamStarted,
        ToolCallRecorded,
        UnknownEvent,
    )
    from steno.events.parts import (
        Alteration,
        CostEstimate,
        SessionMetadata,
        StreamingStats,
        Tokens,
        TokenTotals,
        ToolCallStats,
        ToolStats,
        ToolUsageSummary,
    )
    from steno.events.processors import Processor
    from steno.logs.capture import configure_logging, restore_logging
    from steno.logs.carrying import ScopedThreadPoolExecutor, carry_scope
    from steno.logs.levels import resolve_level
    from steno.logs.lines import LogLine
    from steno.logs.scope import LogScope, log_scope
    from steno.opening import from_config, open_archivist
    from steno.opening import open_recorder as open  # noqa: A004 - `steno.open` reads as it should
    from steno.recording.builder import RecorderBuilder
    from steno.recording.context import Scope, current_scope
    from steno.recording.incidents.incident import Incident
    from steno.recording.incidents.listing import IncidentInfo
    from steno.recording.incidents.register import Artefact
    from steno.recording.incidents.scratchpad import Scratchpad, ScratchpadSection
    from steno.recording.recorder import Recorder
    from steno.recording.request import Request
    from steno.recording.saving import Saved
    from steno.recording.session import Session
    from steno.recording.statistics import RecorderStats, WriterStats
    from steno.recording.without_session import (
        save_file,
        save_logs,
        save_logs_to_session,
        save_metrics,
        save_metrics_to_session,
        save_traces,
        save_traces_to_session,
    )
    from steno.storage.artefacts import open_artefact
    from steno.storage.filenames import generate_timestamp, sanitize_filename
    from steno.writers.base import Batch, Writer
    from steno.writers.jsonl import JsonlWriter
    from steno.writers.sqlite import SqliteWriter

__all__ = [
    "Alteration",
    "ArchiveError",
    "Archivist",
    "Artefact",
    "ArtefactSaved",
    "Batch",
    "CollectError",
    "Compacted",
    "Completed",
    "ConfigError",
    "CostEstimate",
    "EntryImported",
    "Event",
    "Gap",
    "Header",
    "IdentityError",
    "Incident",
    "IncidentInfo",
    "JsonlWriter",
    "LogLine",
    "LogRecorded",
    "LogScope",
    "Processor",
    "QueryError",
    "Recorder",
    "RecorderBuilder",
    "RecorderStats",
    "Request",
    "RequestRecorded",
    "ResponseRecorded",
    "Rotated",
    "Saved",
    "SchemaVersionError",
    "Scope",
    "ScopedThreadPoolExecutor",
    "Scratchpad",
    "ScratchpadSection",
    "SealError",
    "Session",
    "SessionMetadata",
    "SqliteWriter",
    "Started",
    "StatsSnapshot",
    "StatsUpdated",
    "StenoError",
    "StreamStarted",
    "StreamingStats",
    "TokenTotals",
    "Tokens",
    "ToolCallRecorded",
    "ToolCallStats",
    "ToolStats",
    "ToolUsageSummary",
    "TranscriptError",
    "UnknownEvent",
    "WriteError",
    "Writer",
    "WriterStats",
    "WrongPasswordError",
    "__version__",
    "archived_scope",
    "carry_scope",
    "configure_logging",
    "current_scope",
    "from_config",
    "generate_timestamp",
    "log_scope",
    "open",
    "open_archivist",
    "open_artefact",
    "resolve_level",
    "restore_logging",
    "sanitize_filename",
    "save_file",
    "save_logs",
    "save_logs_to_session",
    "save_metrics",
    "save_metrics_to_session",
    "save_traces",
    "save_traces_to_session",
]


_MODULES = {
    "steno.archives.archivist": ("Archivist",),
    "steno.archives.scoping": ("archived_scope",),
    "steno.events.header": ("Header",),
    "steno.events.model": (
        "ArtefactSaved",
        "Compacted",
        "Completed",
        "EntryImported",
        "Event",
        "Gap",
        "LogRecorded",
        "RequestRecorded",
        "ResponseRecorded",
        "Rotated",
        "Started",
        "StatsSnapshot",
        "StatsUpdated",
        "StreamStarted",
        "ToolCallRecorded",
        "UnknownEvent",
    ),
    "steno.events.parts": (
        "Alteration",
        "CostEstimate",
        "SessionMetadata",
        "StreamingStats",
        "TokenTotals",
        "Tokens",
        "ToolCallStats",
        "ToolStats",
        "ToolUsageSummary",
    ),
    "steno.events.processors": ("Processor",),
    "steno.logs.capture": ("configure_logging", "restore_logging"),
    "steno.logs.carrying": ("ScopedThreadPoolExecutor", "carry_scope"),
    "steno.logs.levels": ("resolve_level",),
    "steno.logs.lines": ("LogLine",),
    "steno.logs.scope": ("LogScope", "log_scope"),
    "steno.opening": ("from_config", "open", "open_archivist"),
    "steno.recording.builder": ("RecorderBuilder",),
    "steno.recording.context": ("Scope", "current_scope"),
    "steno.recording.incidents.incident": ("Incident",),
    "steno.recording.incidents.listing": ("IncidentInfo",),
    "steno.recording.incidents.register": ("Artefact",),
    "steno.recording.incidents.scratchpad": ("Scratchpad", "ScratchpadSection"),
    "steno.recording.recorder": ("Recorder",),
    "steno.recording.request": ("Request",),
    "steno.recording.saving": ("Saved",),
    "steno.recording.session": ("Session",),
    "steno.recording.statistics": ("RecorderStats", "WriterStats"),
    "steno.recording.without_session": (
        "save_file",
        "save_logs",
        "save_logs_to_session",
        "save_metrics",
        "save_metrics_to_session",
        "save_traces",
        "save_traces_to_session",
    ),
    "steno.storage.artefacts": ("open_artefact",),
    "steno.storage.filenames": ("generate_timestamp", "sanitize_filename"),
    "steno.writers.base": ("Batch", "Writer"),
    "steno.writers.jsonl": ("JsonlWriter",),
    "steno.writers.sqlite": ("SqliteWriter",),
}
"""Where the public names live. All but the errors are loaded when they are first named: a command
that only reads needs no recorder, and a program that says `import steno` waits for nothing."""

_LATER = {name: module for module, names in _MODULES.items() for name in names}
_OTHER_NAMES = {"open": "open_recorder"}


def __getattr__(name: str) -> object:
    """Load a public name when it is first named."""
    if name in _LATER:
        from importlib import import_module

        value: object = getattr(import_module(_LATER[name]), _OTHER_NAMES.get(name, name))
        globals()[name] = value
        return value
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
