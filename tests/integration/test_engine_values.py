"""Values that an engine has no type of its own for, as parameters and in tables: what comes back is what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest

from tests.support.targets import Target

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def connection(target: Target) -> Iterator[Connection]:
    with psycopg.connect(target.dsn, autocommit=True) as made:
        yield made


@pytest.mark.smoke
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    ("sql", "offset"), [("select %s", 0), ("select %s + 1", 1), ("select case when 1 = 1 then %s end", 0)]
)
def test_numeric_parameters_in_a_select_list_keep_their_digits(
    connection: Connection, binary: bool, sql: str, offset: int
) -> None:
    for text in ("0.5", "1.234", "-7.25", "1e15"):
        cursor = connection.execute(sql, (Decimal(text),), prepare=True, binary=binary)
        assert cursor.description is not None
        assert (cursor.description[0].type_display, cursor.fetchall()) == ("numeric", [(Decimal(text) + offset,)])


def test_numeric_parameters_without_digits(connection: Connection) -> None:
    connection.execute("prepare one(numeric) as select $1")
    connection.execute("prepare many(numeric[]) as select $1")
    shown = [connection.execute(f"execute one({value})").fetchone() for value in ("'NaN'", "null", "2.50")]
    assert str(shown[0]) == "(Decimal('NaN'),)"
    assert shown[1:] == [(None,), (Decimal("2.5"),)]
    lists = [connection.execute(f"execute many({value})").fetchone() for value in ("'{}'", "'{1.5,NULL}'", "null")]
    assert lists == [([],), ([Decimal("1.5"), None],), (None,)]


MOMENTS = [
    ("infinity", "-infinity", "infinity"),
    ("-infinity", "infinity", "-infinity"),
    ("9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999+00", "9999-12-31"),
    ("0001-01-01 00:00:00", "0001-01-01 00:00:00+00", "0001-01-01"),
    ("0044-03-15 12:00:00 BC", "0044-03-15 00:00:00+00 BC", "0044-03-15 BC"),
    ("12024-01-01 00:00:00", "12024-01-01 00:00:00+00", "12024-01-01"),
]
INTERVALS = [
    "1 mon",
    "1 year 2 mons 3 days 04:05:06.789",
    "-1 years -2 mons +3 days -04:05:06",
    "3 days",
    "-1 days +02:03:00",
    "25:00:00",
    "00:00:00.5",
    "-00:00:00.5",
    "1 day -00:00:01",
]


def shown(connection: Connection, sql: str) -> list[tuple[str, ...]]:
    """The rows as text."""
    result = connection.pgconn.exec_(sql.encode())
    assert not result.error_message
    values = [[result.get_value(row, column) for column in range(result.nfields)] for row in range(result.ntuples)]
    return [tuple("NULL" if value is None else value.decode() for value in row) for row in values]


@pytest.mark.smoke
def test_moments_that_python_has_not(connection: Connection, table: str) -> None:
    connection.execute(f"create table {table} (n int, a timestamp, b timestamptz, c date)")
    for number, values in enumerate(MOMENTS):
        connection.execute(
            f"insert into {table} values (%s, %s::timestamp, %s::timestamptz, %s::date)"
            if number in (1, 3)
            else f"insert into {table} values (%s, %s, %s, %s)",
            (number, *values),
        )
    with connection.cursor().copy(f"copy {table} from stdin") as copy:
        for number, values in enumerate(MOMENTS):
            copy.write_row((number + 10, *values))
    rows = shown(connection, f"select a, b, c from {table} order by n")
    assert rows == [*MOMENTS, *MOMENTS]
    assert shown(connection, f"select count(*) from {table} where c = 'infinity'") == [("2",)]


@pytest.mark.smoke
@pytest.mark.parametrize("binary", [False, True])
def test_intervals_keep_their_months(connection: Connection, table: str, binary: bool) -> None:
    connection.execute(f"create table {table} (n int, i interval, t text)")
    data = b""
    with connection.cursor().copy(f"copy {table} (n, i) from stdin") as copy:
        for number, value in enumerate(INTERVALS):
            copy.write_row((number, value))
    connection.execute(f"prepare put(int, interval) as insert into {table} (n, i) values ($1, $2)")
    for number, value in enumerate(INTERVALS):
        connection.execute(f"execute put({number + 10}, '{value}')")
        connection.execute(f"execute put({number + 20}, '{value}'::interval)")
    if binary:  # the same through binary COPY
        with connection.cursor().copy(f"copy {table} (n, i) to stdout (format binary)") as copy:
            data = b"".join(bytes(block) for block in copy)
        connection.execute(f"delete from {table}")
        with connection.cursor().copy(f"copy {table} (n, i) from stdin (format binary)") as copy:
            copy.write(data)
    assert shown(connection, f"select i from {table} order by n") == [(value,) for value in INTERVALS] * 3


LISTS = [
    ("interval", [*INTERVALS, "NULL"]),
    ("date", ["infinity", "-infinity", "9999-12-31", "0044-03-15 BC", "NULL"]),
    ("timestamp", ["infinity", "-infinity", "9999-12-31 23:59:59.999999", "0044-03-15 12:00:00 BC", "NULL"]),
    ("timestamptz", ["infinity", "-infinity", "9999-12-31 23:59:59.999999+00", "0044-03-15 12:00:00+00 BC", "NULL"]),
]


@pytest.mark.parametrize(("kind", "items"), LISTS)
def test_moments_and_intervals_in_arrays(connection: Connection, table: str, kind: str, items: list[str]) -> None:
    value = "{" + ",".join(item if item == "NULL" or " " not in item else f'"{item}"' for item in items) + "}"
    connection.execute(f"create table {table} (n int, l {kind}[])")
    with connection.cursor().copy(f"copy {table} from stdin") as copy:
        copy.write_row((1, value))
    connection.execute(f"prepare put(int, {kind}[]) as insert into {table} values ($1, $2)")
    connection.execute(f"execute put(2, '{value}')")
    connection.execute(f"execute put(3, '{value}'::{kind}[])")
    connection.execute(f"insert into {table} values (4, %s)", (value,))
    with connection.cursor().copy(f"copy {table} to stdout (format binary)") as copy:
        data = b"".join(bytes(block) for block in copy)
    with connection.cursor().copy(f"copy {table} from stdin (format binary)") as copy:
        copy.write(data)
    assert shown(connection, f"select l from {table} order by n") == [(value,)] * 8


def test_constants_that_are_as_far_as_python_goes(connection: Connection, table: str) -> None:
    connection.execute(f"create table {table} (a timestamp, b timestamptz, c date)")
    connection.execute(f"prepare put(timestamp, timestamptz, date) as insert into {table} values ($1, $2, $3)")
    for a, b, c in MOMENTS:
        connection.execute(f"execute put('{a}'::timestamp, '{b}'::timestamptz, '{c}'::date)")
    assert sorted(shown(connection, f"select a, b, c from {table}")) == sorted(MOMENTS)


@pytest.mark.engines("postgres", "sqlite")
def test_intervals_in_statements(connection: Connection) -> None:
    sql = "select interval '3 days 04:05:06', interval '-1 days +02:03:00', interval '1-2' year to month, interval '2' hour"
    assert shown(connection, sql) == [("3 days 04:05:06", "-1 days +02:03:00", "1 year 2 mons", "02:00:00")]
    assert shown(connection, "select timestamp '2024-01-31 00:00' + interval '1 mon 1 day 01:30'") == [
        ("2024-03-01 01:30:00",)
    ]


def test_floats_that_are_no_numbers(connection: Connection, table: str) -> None:
    connection.execute(f"create table {table} (n int, f float8)")
    for binary in ("%t", "%b"):
        connection.execute(f"insert into {table} values (0, {binary}::float8)", (float("nan"),))
        connection.execute(f"insert into {table} values (1, {binary}::float8)", (float("-inf"),))
    with connection.cursor().copy(f"copy {table} from stdin") as copy:
        copy.write("0\tNaN\n1\t-Infinity\n2\t\\N\n")
    rows = shown(connection, f"select f from {table} order by n")
    assert rows == [("NaN",)] * 3 + [("-Infinity",)] * 3 + [("NULL",)]
    assert shown(connection, "select 'NaN'::float8") == [("NaN",)]


def test_table_as_a_query(connection: Connection, table: str) -> None:
    connection.execute(f"create table {table} (n int)")
    connection.execute(f"insert into {table} values (1), (2)")
    assert connection.execute(f"table {table}").fetchall() == [(1,), (2,)]
    with connection.transaction():
        connection.execute(f"declare c cursor for table {table}")
        assert connection.execute("fetch all c").fetchall() == [(1,), (2,)]


@pytest.mark.engines("postgres", "sqlite")
def test_arrays_of_bytes(connection: Connection, table: str) -> None:
    connection.execute(f"create table {table} (n int, b bytea[])")
    for number, value in enumerate(([b"\x00x", None, b""], [])):
        connection.execute(f"insert into {table} values (%s, %b)", (number, value))
    for binary in (False, True):
        rows = connection.execute(f"select b from {table} order by n", binary=binary).fetchall()
        assert [[None if item is None else bytes(item) for item in value] for (value,) in rows] == [  # type: ignore[attr-defined]
            [b"\x00x", None, b""],
            [],
        ]


def test_there_is_no_parameter_zero(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedParameter) as caught:
        connection.execute(b"select $0")
    assert caught.value.diag.statement_position == "8"


@pytest.mark.engines("postgres", "sqlite")
def test_differences_of_moments(connection: Connection, table: str) -> None:
    connection.execute(f"create table {table} (a date, b date, s timestamp, e timestamp, i interval, n int)")
    connection.execute(
        f"insert into {table} values ('2024-03-31', '2023-12-31', '2024-03-31 12:00', '2024-03-31 13:30:00.5', '1 mon', 2)"
    )
    assert shown(connection, f"select a - b, b - a, a + n, n + a, a - 1, a - n, (a - b) / 7 from {table}") == [
        ("91", "-91", "2024-04-02", "2024-04-02", "2024-03-30", "2024-03-29", "13")
    ]
    assert shown(connection, f"select e - s, s - e, e - a, b + i, s - i, i + s from {table}") == [
        ("01:30:00.5", "-01:30:00.5", "13:30:00.5", "2024-01-31 00:00:00", "2024-02-29 12:00:00", "2024-04-30 12:00:00")
    ]
    assert shown(connection, f"select n from {table} where a - b > 90") == [("2",)]
    assert shown(connection, "select date '2024-03-31' - date '2024-03-01'") == [("30",)]


@pytest.mark.engines("postgres", "sqlite")
def test_patterns_with_a_backslash(connection: Connection) -> None:
    sql = r"select 'a%c' like 'a\%c', 'abc' like 'a\%c', 'A_c' ilike 'a\_C', 'a_c' like 'a!_c' escape '!', 'a%' not like 'a\%'"
    assert shown(connection, sql) == [("t", "f", "t", "t", "f")]
    cursor = connection.execute("select 'a%c' like %s, 'abc' like %s".replace("a%c", "a%%c"), (r"a\%c", r"a\%c"))
    assert cursor.fetchall() == [(True, False)]


@pytest.mark.engines("sqlite")
def test_a_series_of_dates_is_refused(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        connection.execute("select * from generate_series(date '2024-01-01', date '2024-01-03', interval '1 day') g")
    assert connection.execute("select * from generate_series(%s::int, %s::int) g", (3, 4)).fetchall() == [(3,), (4,)]
