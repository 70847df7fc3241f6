"""The statements of the index."""

import contextlib
import sqlite3

import pytest

from steno.writers import schema, statements


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (statements.SESSION_KEYS_UPDATE, 14),
        (statements.SESSION_UPSERT, len(statements.SESSION)),
        (statements.REQUEST_UPSERT, len(statements.REQUEST)),
        (statements.TOOL_UPSERT, 9),
        (statements.GAP_UPSERT, 10),
        (statements.POSITION_UPSERT, 5),
    ],
)
def test_statements_fit_the_schema(statement, values):
    """Every statement can be prepared against the tables, with the values that it is given."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.prepare(connection)
        connection.execute(f"EXPLAIN {statement}", [None] * values)
