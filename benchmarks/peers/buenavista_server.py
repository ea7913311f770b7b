"""buenavista 0.5 as a user of it would serve the benchmark's queries; runs in an environment of its own.

``python -m benchmarks.peers.buenavista_server python|duckdb`` prints its port. ``python``: a session that answers from
Python objects, without SQL; ``duckdb``: the DuckDB session and the rewriter that come with buenavista.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from buenavista.core import BVType, Connection, QueryResult, Session
from buenavista.postgres import BuenaVistaServer

from ..data import SELECT_ROWS, SELECT_STREAM, duckdb_setup, make_rows, stream_rows

INTEGERS = [("a", BVType.INTEGER), ("b", BVType.INTEGER), ("c", BVType.INTEGER)]
ROW_COLUMNS = [*INTEGERS, ("made", BVType.TIMESTAMP), ("weight", BVType.FLOAT), ("note", BVType.TEXT)]
ONE_COLUMNS = [("?column?", BVType.INTEGER)]
ROWS = make_rows()


class Rows(QueryResult):  # type: ignore[misc]
    """A result of Python tuples."""

    def __init__(self, columns: list[tuple[str, BVType]], rows: Iterable[tuple[Any, ...]]) -> None:
        super().__init__()
        self._columns = columns
        self._rows = rows

    def has_results(self) -> bool:
        return True

    def column_count(self) -> int:
        return len(self._columns)

    def column(self, index: int) -> tuple[str, BVType]:
        return self._columns[index]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._rows)

    def status(self) -> str:
        return ""


class PythonSession(Session):  # type: ignore[misc]
    """Answers from Python objects."""

    def __init__(self, stream: int) -> None:
        super().__init__()
        self._stream = stream

    def close(self) -> None:
        pass

    def in_transaction(self) -> bool:
        return False

    def execute_sql(self, sql: str, params: object = None) -> QueryResult:
        if sql.startswith(SELECT_ROWS):
            return Rows(ROW_COLUMNS, ROWS)
        if sql.startswith(SELECT_STREAM):
            return Rows(INTEGERS, stream_rows(self._stream))
        return Rows(ONE_COLUMNS, [(1,)])


class PythonConnection(Connection):  # type: ignore[misc]
    """Makes the sessions."""

    def __init__(self, stream: int) -> None:
        super().__init__()
        self._stream = stream

    def new_session(self) -> PythonSession:
        return PythonSession(self._stream)

    def parameters(self) -> dict[str, str]:
        return {"server_version": "15.0", "client_encoding": "UTF8"}


class Server(BuenaVistaServer):  # type: ignore[misc]
    """With a backlog that takes several clients at once (socketserver's default is 5)."""

    request_queue_size = 128
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["python", "duckdb"])
    parser.add_argument("--stream-rows", type=int, default=5_000_000)
    options = parser.parse_args()
    # It logs every dropped connection as an error with its traceback.
    logging.disable(logging.CRITICAL)
    if options.engine == "python":
        server = Server(("127.0.0.1", 0), PythonConnection(options.stream_rows))
    else:
        import duckdb
        from buenavista.backends.duckdb import DuckDBConnection
        from buenavista.examples.duckdb_postgres import rewriter

        database = duckdb.connect()
        database.execute(duckdb_setup(options.stream_rows))
        server = Server(("127.0.0.1", 0), DuckDBConnection(database), rewriter=rewriter)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
