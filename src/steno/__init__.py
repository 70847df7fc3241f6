"""steno: the flight recorder for LLM applications and agents.

It records every session (requests, streamed replies, tool calls, tokens, log lines, collected
artefacts) without slowing the program that is recorded: transcripts in JSONL are the truth, and an
SQLite index that can be queried is derived from them.

The map, in the order in which an event passes:

- ``events``: what is recorded; ``storage``: where bytes lie; ``writers``: who stores a batch;
- ``recording``: how an event gets there; ``opening``: a recorder from a home or a configuration;
- ``transcripts``: reading back; ``query``: finding; ``cli``: the commands;
- ``testing``: doubles for tests of programs that record.

What is listed here is public; everything else may change without notice.
"""

from __future__ import annotations

from steno.errors import (
    ConfigError,
    IdentityError,
    QueryError,
    SchemaVersionError,
    StenoError,
    TranscriptError,
    WriteError,
)
from steno.events.header import Header
from steno.events.model import (
    ArtefactSaved,
    Completed,
    Event,
    Gap,
    LogRecorded,
    RequestRecorded,
    ResponseRecorded,
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
from steno.opening import from_config
from steno.opening import open_recorder as open  # noqa: A004 - `steno.open` reads as it should
from steno.recording.builder import RecorderBuilder
from steno.recording.context import Scope, current_scope
from steno.recording.recorder import Recorder
from steno.recording.session import Request, Session
from steno.recording.statistics import RecorderStats, WriterStats
from steno.version import VERSION
from steno.writers.base import Batch, Writer
from steno.writers.jsonl import JsonlWriter

TYPE_CHECKING = False
__version__ = VERSION
if TYPE_CHECKING:
    from steno.writers.sqlite import SqliteWriter

__all__ = [
    "Alteration",
    "ArtefactSaved",
    "Batch",
    "Completed",
    "ConfigError",
    "CostEstimate",
    "Event",
    "Gap",
    "Header",
    "IdentityError",
    "JsonlWriter",
    "LogRecorded",
    "Processor",
    "QueryError",
    "Recorder",
    "RecorderBuilder",
    "RecorderStats",
    "Request",
    "RequestRecorded",
    "ResponseRecorded",
    "SchemaVersionError",
    "Scope",
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
    "__version__",
    "current_scope",
    "from_config",
    "open",
]


def __getattr__(name: str) -> object:
    """Load the SQLite writer when it is first named, and with it the database driver."""
    if name == "SqliteWriter":
        from steno.writers.sqlite import SqliteWriter

        return SqliteWriter
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
