"""Make the golden index of this version: ``python scripts/make_golden_index.py``.

Run it once for each version of the schema, when that version is released, and never again: the
file is what users of that version have.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import steno
from steno.writers.schema import SCHEMA_VERSION


def main() -> None:
    """Write two sessions through the writer, and fold the log into the file."""
    path = Path(__file__).parent.parent / "tests" / "data" / f"v{SCHEMA_VERSION}" / "sessions.db"
    path.unlink(missing_ok=True)
    writer = steno.SqliteWriter(path)
    events: list[steno.Event] = []
    for session, number, tokens in (
        ("golden-1", 1, steno.Tokens(input=100, output=60)),
        ("golden-1", 2, steno.Tokens(input=120, output=80, reasoning=20)),
        ("golden-2", 1, steno.Tokens(input=5, output=6)),
    ):
        ids = session, f"request-{number}", datetime(2026, 11, 20, 12, number, tzinfo=UTC)
        events += [
            steno.Started(*ids, model_requested="gpt-5", provider="openai", listener="sdk"),
            steno.ToolCallRecorded(*ids, tool_name="search", tool_call_id="c1", success=True),
            steno.ResponseRecorded(*ids, model_used="gpt-5-2026", tokens=tokens),
            steno.Completed(*ids, success=True, total_duration_ms=10),
            steno.ArtefactSaved(
                *ids, kind="logs", source="kubernetes", path=f"logs/{number}.json", size_bytes=9,
                count=1, sha256="0" * 64, metadata={"pod": "payments"},
            ),
        ]  # fmt: skip
    writer.write(steno.Batch(events, range(1, len(events) + 1), recorder="golden", number=1))
    writer.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


if __name__ == "__main__":
    main()
