"""pgwire_py's own server under test.

``python -m benchmarks.servers.pgwire_py_server [--loop asyncio|uvloop] [--engine python|duckdb|sqlite] [--database FILE]
[--tls-cert FILE --tls-key FILE]`` prints its port. ``PGWIRE_PY_IMPL`` chooses native or pure.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import pgwire_py as pg
from pgwire_py.auth import HostBasedRules, ScramVerifier, UsersFunction
from pgwire_py.server.tls import ServerTls

from ..data import COLUMNS, SELECT_ARROW, SELECT_ROWS, SELECT_STREAM, make_rows, stream_rows
from ..scram_clients import PASSWORD, USER
from .arrow import arrow_table

TYPES = {"int4": pg.INT4, "timestamp": pg.TIMESTAMP, "float8": pg.FLOAT8, "text": pg.TEXT}
ONE_COLUMNS = [pg.Column("?column?", pg.INT4)]
ROW_COLUMNS = [pg.Column(name, TYPES[kind]) for name, kind in COLUMNS]


def security(certificate: str | None, key: str | None) -> dict[str, Any]:
    """Options of a server with TLS, and SCRAM-SHA-256 for one user; none without a certificate."""
    if certificate is None:
        return {}
    verifier = ScramVerifier.generate(PASSWORD)
    return {
        "auth": HostBasedRules([f"host all {USER} all scram-sha-256", "host all all all trust"]),
        "users": UsersFunction(lambda user, database: verifier if user == USER else None),
        "tls": ServerTls(certificate, key),
    }


def python_server(host: str, port: int, connections: int, stream: int, **options: Any) -> pg.Server:
    """A coroutine that answers from Python tuples made once, an Arrow table made once, and a generator."""
    rows = make_rows()
    table = arrow_table()

    async def answer(query: pg.Query) -> pg.Result:
        sql = query.sql
        if sql == SELECT_ROWS:
            return pg.Result(ROW_COLUMNS, rows)
        if sql == SELECT_ARROW:
            return pg.Result(rows=table)
        if sql == SELECT_STREAM:
            return pg.Result(columns=ROW_COLUMNS[:3], rows=stream_rows(stream))
        return pg.Result(ONE_COLUMNS, [(1,)])

    return pg.Server(answer, host=host, port=port, max_connections=connections, **options)


def duckdb_server(host: str, port: int, connections: int, database: str) -> pg.Server:
    """The DuckDB engine on a file that has bench_rows and bench_stream."""
    from pgwire_py.engines.duckdb import DuckDBEngine

    return pg.Server(DuckDBEngine(database), host=host, port=port, max_connections=connections)


def sqlite_server(host: str, port: int, connections: int, database: str) -> pg.Server:
    """The SQLite engine on a file, which is made."""
    from pgwire_py.engines.sqlite import SqliteEngine

    return pg.Server(SqliteEngine(database), host=host, port=port, max_connections=connections)


async def serve(options: argparse.Namespace) -> None:
    if options.engine == "duckdb":
        server = duckdb_server(options.host, options.port, options.max_connections, options.database)
    elif options.engine == "sqlite":
        server = sqlite_server(options.host, options.port, options.max_connections, options.database)
    else:
        secure = security(options.tls_cert, options.tls_key)
        server = python_server(options.host, options.port, options.max_connections, options.stream_rows, **secure)
    await server.start()
    print(server.port, flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--engine", choices=["python", "duckdb", "sqlite"], default="python")
    parser.add_argument("--max-connections", type=int, default=4_000)
    parser.add_argument("--stream-rows", type=int, default=5_000_000)
    parser.add_argument("--database", default=":memory:")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    options = parser.parse_args()
    if options.loop == "uvloop":
        import uvloop

        uvloop.run(serve(options))
    else:
        asyncio.run(serve(options))


if __name__ == "__main__":
    main()
