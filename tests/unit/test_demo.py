"""The demo data set: it loads into DuckDB, its keys hold, and it shows the types it is there to show."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from pgwire_py import demo


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with demo.connect() as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def test_tables_and_views(connection: duckdb.DuckDBPyConnection) -> None:
    found = rows(connection, "select table_name, table_type from information_schema.tables")
    assert sorted(found) == sorted([(t, "BASE TABLE") for t in demo.TABLES] + [(v, "VIEW") for v in demo.VIEWS])
    for table in demo.TABLES:
        ((count,),) = rows(connection, f"select count(*) from {table}")
        assert 10 <= count <= 70


def test_views_lose_no_row(connection: duckdb.DuckDBPyConnection) -> None:
    for view, table in (("flight", "mission"), ("arrival", "landing")):
        ((in_view, in_table),) = rows(
            connection, f"select (select count(*) from {view}), (select count(*) from {table})"
        )
        assert in_view == in_table


def test_foreign_keys_are_enforced(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.ConstraintException):
        connection.execute(
            "insert into landing values (999, 999, 31, timestamp '2000-01-01', true, null, null, null, null)"
        )
    with pytest.raises(duckdb.ConstraintException):
        connection.execute("delete from body where name = 'Moon'")


def test_types(connection: duckdb.DuckDBPyConnection) -> None:
    described = dict(
        rows(connection, "select table_name || '.' || column_name, data_type from information_schema.columns")
    )
    assert {
        described[column]
        for column in (
            "agency.countries",
            "agency.founded",
            "body.has_rings",
            "body.id",
            "mission.cost_musd",
            "mission.details",
            "mission.launched",
            "mission.uuid",
            "landing.touched_down",
        )
    } == {
        "VARCHAR[]",
        "DATE",
        "BOOLEAN",
        "INTEGER",
        "DECIMAL(8,2)",
        "JSON",
        "TIMESTAMP WITH TIME ZONE",
        "UUID",
        "TIMESTAMP",
    }


def test_no_way_to_files(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.PermissionException):
        connection.execute("select * from read_text('/etc/hostname')")


def test_a_row(connection: duckdb.DuckDBPyConnection) -> None:
    ((crew, launched, command, native, cost),) = rows(
        connection,
        "select crew, launched at time zone 'UTC', details -> 'modules' ->> 'command', native_name, cost_musd"
        " from mission where name = 'Apollo 11'",
    )
    assert crew == ["Neil Armstrong", "Michael Collins", "Buzz Aldrin"]
    assert launched == datetime.datetime(1969, 7, 16, 13, 32)
    assert (command, native, cost) == ("Columbia", None, None)
    assert rows(connection, "select native_name from agency where code = 'JAXA'") == [("宇宙航空研究開発機構",)]
    assert rows(connection, "select cost_musd from mission where name = 'DART'") == [(Decimal("324.50"),)]


def test_designations(connection: duckdb.DuckDBPyConnection) -> None:
    for cospar, given, launched, details in rows(
        connection, "select cospar, uuid, launched at time zone 'UTC', details from mission"
    ):
        assert given == uuid.uuid5(uuid.NAMESPACE_URL, f"cospar:{cospar}")
        assert int(cospar[:4]) == launched.year
        assert json.loads(details)["vehicle"]


def test_time_runs_forward(connection: duckdb.DuckDBPyConnection) -> None:
    assert rows(connection, "select mission from arrival where days_under_way < 0") == []
    assert rows(connection, "select name from mission where ended < (launched at time zone 'UTC')::date") == []
    launches = "select m.name from mission m join agency a on a.code = m.agency_code"
    assert rows(connection, f"{launches} where (m.launched at time zone 'UTC')::date < a.founded") == []
    assert rows(connection, f"{launches} where (m.launched at time zone 'UTC')::date > a.dissolved") == []
