"""What psql, drivers and tools look up in the catalogue, over every SQL engine: the queries of ``tests/unit/catalog_queries.json``.

``tests/unit/test_catalog.py`` compares the catalogue's rows with PostgreSQL's. Here each engine has tables of its own making, and what is
asked is whether a look-up reaches the catalogue, has PostgreSQL's columns on the wire, and finds these tables.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from pgwire_py import oids
from pgwire_py.engines.datafusion import DataFusionEngine
from pgwire_py.engines.duckdb import DuckDBEngine
from pgwire_py.engines.gluesql import GlueSQLEngine
from pgwire_py.engines.polars import PolarsEngine
from pgwire_py.engines.sqlite import SqliteEngine
from tests.support import DUCKDB
from tests.support.frames import dsn_of
from tests.support.hosted import hosted

CASES = json.loads((Path(__file__).parents[1] / "unit" / "catalog_queries.json").read_text(encoding="utf-8"))
TABLES = """
create table customer (id integer primary key, name text not null, born date, tags text, balance numeric(10, 2));
create table orders (id bigint primary key, customer_id integer not null, note varchar, placed timestamp);
create table plain (a integer, b text);
create view big_orders as select id, note from orders;
"""
FRAMES = {
    "customer": pa.schema([("id", pa.int32()), ("name", pa.string()), ("born", pa.date32()), ("tags", pa.list_(pa.string())),
                           ("balance", pa.decimal128(10, 2))]),
    "orders": pa.schema([("id", pa.int64()), ("customer_id", pa.int32()), ("note", pa.string()), ("placed", pa.timestamp("us", "UTC"))]),
    "plain": pa.schema([("a", pa.int32()), ("b", pa.string())]),
    "big_orders": pa.schema([("id", pa.int64()), ("note", pa.string())]),
}  # fmt: skip
ENGINES = ["sqlite", *(["duckdb"] if DUCKDB else []), "datafusion", "polars"]
ENGINES += ["gluesql"] if sys.version_info[:2] in ((3, 11), (3, 12)) else []
CUSTOMER = {kind: [oids.INT4, oids.TEXT, oids.DATE, oids.TEXT_ARRAY, oids.NUMERIC] for kind in ENGINES}
"""Types of its columns, as each engine has them."""
CUSTOMER["sqlite"] = [oids.INT8, oids.TEXT, oids.DATE, oids.TEXT, oids.NUMERIC]
CUSTOMER["duckdb"] = [oids.INT4, oids.TEXT, oids.DATE, oids.TEXT, oids.NUMERIC]
CUSTOMER["gluesql"] = [oids.INT4, oids.TEXT, oids.DATE, oids.JSON, oids.NUMERIC]
SEEN_AS = {
    22: oids.INT2_ARRAY,
    30: oids.OID_ARRAY,
    **dict.fromkeys((oids.REGPROC, oids.REGCLASS, oids.REGTYPE, 4089), oids.TEXT),
}
"""Types whose values the catalogue gives and takes as another."""


def make(kind: str, folder: Path) -> Any:
    """An engine with the four relations, as near as it has them."""
    if kind == "sqlite":
        with sqlite3.connect(folder / "app.sqlite") as database:
            database.executescript(TABLES)
        database.close()
        return SqliteEngine(folder / "app.sqlite")
    if kind == "duckdb":
        import duckdb

        database = duckdb.connect()
        database.execute(TABLES)
        return DuckDBEngine(database)
    if kind == "gluesql":
        engine = GlueSQLEngine()
        for name, schema in FRAMES.items():
            engine.query(
                f"create table {name} ({', '.join(f'{column} {gluesql_type(schema, column)}' for column in schema.names)})"
            )
        return engine
    tables = {name: schema.empty_table() for name, schema in FRAMES.items()}
    return DataFusionEngine(tables) if kind == "datafusion" else PolarsEngine(tables)


def gluesql_type(schema: pa.Schema, column: str) -> str:
    names = {
        "int32": "int32",
        "int64": "integer",
        "string": "text",
        "date32[day]": "date",
        "timestamp[us, tz=UTC]": "timestamp",
    }
    return names.get(str(schema.field(column).type), "decimal" if column == "balance" else "list") + " null"


@pytest.fixture(scope="module", params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def connection(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection[Any]]:
    with (
        hosted(make(kind, tmp_path_factory.mktemp("catalog"))) as it,
        psycopg.connect(dsn_of(it).replace("/data", "/app"), autocommit=True) as made,
    ):
        yield made


def names_of_oids(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """``@customer`` and its like → OID; an object that this engine has not is one that nobody has."""
    found = {
        f"@{name}": "999999"
        for case in CASES
        for name in case["sql"].replace("'", " ").replace(",", " ").split("@")[1:]
    }
    found = {name.split()[0].rstrip(")];"): oid for name, oid in found.items()}
    for query in (
        "select '@' || relname, oid from pg_class where oid >= 16384",
        "select '@type:' || typname, oid from pg_type where oid >= 16384",
        "select '@constraint:' || conname, oid from pg_constraint where oid >= 16384",
    ):
        found |= {name: str(oid) for name, oid in connection.execute(query)}
    return found


def replaced(text: str | None, objects: dict[str, str]) -> str | None:
    for name in sorted(objects, key=len, reverse=True):
        text = text.replace(name, objects[name]) if text is not None else None
    return text


def test_every_recorded_look_up(connection: psycopg.Connection[Any]) -> None:
    """In turns by the extended and, where it has no parameters, by the simple protocol."""
    objects = names_of_oids(connection)
    cursor = psycopg.RawCursor(connection)
    failures = []
    for number, case in enumerate(CASES):
        text = replaced(case["sql"], objects) or ""
        parameters = [replaced(value, objects) for value in case["parameters"]]
        try:
            cursor.execute(text, parameters or None, prepare=bool(number % 2))
            cursor.fetchall()
        except psycopg.Error as error:
            failures.append(f"{case['client']}: {error}: {text[:200]}")
        else:
            columns = [(column.name, column.type_code) for column in cursor.description or ()]
            assert columns == [(name, SEEN_AS.get(kind, kind)) for name, kind in case["columns"]], text
    assert failures == []


@pytest.mark.parametrize("prepare", [False, True])
def test_the_engines_own_tables_are_found(connection: psycopg.Connection[Any], kind: str, prepare: bool) -> None:
    """By the look-ups of pgjdbc, with which DBeaver and Metabase ask as well."""

    def ask(columns: str, *parameters: str) -> list[tuple[Any, ...]]:
        wanted = columns.split()
        (sql,) = (
            case["sql"]
            for case in CASES
            if case["client"] == "pgjdbc"
            and [name for name, _ in case["columns"][: len(wanted)]] == wanted
            and len(case["parameters"]) == len(parameters)
        )
        return psycopg.RawCursor(connection).execute(sql, parameters, prepare=prepare).fetchall()

    tables = {row[2]: row[3] for row in ask("TABLE_CAT TABLE_SCHEM TABLE_NAME TABLE_TYPE", "public", "%")}
    view = "VIEW" if kind in ("sqlite", "duckdb") else "TABLE"
    assert tables == {"customer": "TABLE", "orders": "TABLE", "plain": "TABLE", "big_orders": view}
    columns = ask("current_database nspname relname attname atttypid", "public", "customer")
    assert [row[3] for row in columns] == FRAMES["customer"].names
    assert [row[4] for row in columns] == CUSTOMER[kind]
    keys = ask("TABLE_CAT TABLE_SCHEM TABLE_NAME COLUMN_NAME KEY_SEQ PK_NAME", "public", "customer")
    assert [row[3:6] for row in keys] == ([("id", 1, "customer_pkey")] if kind in ("sqlite", "duckdb") else [])
