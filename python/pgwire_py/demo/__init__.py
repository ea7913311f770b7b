"""The demo data set: agencies, celestial bodies, missions, landings; what ``pgwire-py serve`` serves without a SOURCE.

The rows are facts of public record, kept as SQL that can be read, one file per table. Times are UTC.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Protocol

__all__ = ["DATABASE", "TABLES", "VIEWS", "connect", "load"]

DATABASE = "demo"
"""The name that the data set goes by in a connection string."""

TABLES = ("agency", "body", "mission", "landing")
"""In the order in which foreign keys allow them to be filled."""

VIEWS = ("arrival", "flight")


class Connection(Protocol):
    """The one method of a DuckDB connection (or cursor) that is needed."""

    def execute(self, query: str, /) -> Any: ...


def connect() -> Any:
    """A DuckDB connection to a new database in memory that holds the data set and cannot reach files of this machine."""
    import duckdb

    connection = duckdb.connect()
    load(connection)
    connection.execute("SET enable_external_access = false")
    return connection


def load(connection: Connection) -> None:
    """Create and fill the tables and views in an empty DuckDB database."""
    here = files(__name__)
    for name in ("schema", *TABLES):
        connection.execute((here / f"{name}.sql").read_text(encoding="utf-8"))
