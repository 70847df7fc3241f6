"""Rows of somebody else's database that belong to a row of another table.

Strategy: each row is fetched by its number when it is due, so that no read transaction lasts and
memory holds one row. Which numbers belong to an owner is asked of an index; where there is none, a
single pass over the table finds those of all owners: eight bytes for each row, instead of a look at
the whole table for each owner.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


class Linked:
    """The rows of a table, by the row that they belong to."""

    def __init__(self, connection: sqlite3.Connection, table: str, link: str, *order: str) -> None:
        """Describe the rows; a table or column that is missing has none.

        Args:
            connection: The database.
            table: The table, a constant.
            link: The column that names the owner.
            order: Columns by which the rows of one owner are ordered; those that are missing are
                left out.
        """
        self.columns = columns(connection, table)
        self._connection = connection
        self._table = table
        self._link = link
        names = [name for name in order if name in self.columns]
        self._order = "ORDER BY " + ", ".join([*(f'"{name}"' for name in names), "rowid"])
        self._exists = link in self.columns
        self._indexed = self._exists and _indexed(connection, table, link)
        self._numbers: dict[Any, array[int]] | None = None

    def rows_of(self, owner: Any) -> Iterator[sqlite3.Row]:
        """Yield the rows of one owner, in order; None for those that belong to nobody."""
        for number in self._numbers_of(owner):
            row = self._connection.execute(
                f"SELECT * FROM {self._table} WHERE rowid = ?",  # noqa: S608 - a constant
                (number,),
            ).fetchone()
            if row is not None:  # else it was deleted meanwhile
                yield row

    def few_of(self, owner: Any) -> list[sqlite3.Row]:
        """Read the rows of an owner that has few, in order and at once."""
        if not self._indexed:
            return list(self.rows_of(owner))
        return self._connection.execute(
            f"SELECT * FROM {self._table} WHERE {self._link} IS ? {self._order}",  # noqa: S608 - constants
            (owner,),
        ).fetchall()

    def owners(self) -> list[str]:
        """List whose rows there are."""
        if not self._exists:
            return []
        if self._indexed:
            found = self._connection.execute(
                f"SELECT DISTINCT {self._link} FROM {self._table} ORDER BY 1"  # noqa: S608 - constants
            )
            return [row[0] for row in found if isinstance(row[0], str)]
        return sorted(owner for owner in self._all() if isinstance(owner, str))

    def _numbers_of(self, owner: Any) -> list[int]:
        if not self._exists:
            return []
        if not self._indexed:
            return list(self._all().get(owner, ()))
        found = self._connection.execute(
            f"SELECT rowid FROM {self._table} WHERE {self._link} IS ? {self._order}",  # noqa: S608 - constants
            (owner,),
        )
        return [row[0] for row in found]

    def _all(self) -> dict[Any, array[int]]:
        if self._numbers is None:
            self._numbers = {}
            for number, owner in self._connection.execute(
                f"SELECT rowid, {self._link} FROM {self._table} {self._order}"  # noqa: S608 - constants
            ):
                self._numbers.setdefault(owner, array("q")).append(number)
        return self._numbers


def columns(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """List the columns of a table; none if there is no such table."""
    found = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return frozenset(row[0] for row in found)


def _indexed(connection: sqlite3.Connection, table: str, column: str) -> bool:
    """Tell whether rows are found by a column without a look at all of them."""
    found = connection.execute(
        "SELECT count(*) FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS info"
        " WHERE info.seqno = 0 AND info.name = ? AND list.partial = 0",
        (table, column),
    ).fetchone()
    return bool(found[0])
