"""PostgreSQL loads what is made of Arrow: COPY in every format, after which each value has the text that we give it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings

from pgwire_py.copy import ArrowCopyEncoder, CopyOptions
from pgwire_py.errors import PostgresError
from pgwire_py.oids import JSONB, TYPES
from tests.support.arrow_tables import SCALARS, column, tables
from tests.support.copying import implementation_of
from tests.support.postgres import Programs, running_cluster
from tests.support.postgres18 import find_postgres18
from tests.support.typed import CORES

Connection = psycopg.Connection[Any]
WHOLE = 1 << 30
FORMATS = ["binary", "text", "csv"]
EXAMPLES = settings(max_examples=60)
COMPOSITE = pa.struct([("n", pa.int32()), ("t", pa.utf8()), ("d", pa.date32()), ("l", pa.list_(pa.int64()))])


@pytest.fixture(scope="module", params=["installed", "newest"])
def connection(request: pytest.FixtureRequest, programs: Programs) -> Iterator[Connection]:
    """A session of the installed PostgreSQL, and of version 18."""
    chosen = programs if request.param == "installed" else find_postgres18()
    with (
        running_cluster(chosen) as cluster,
        psycopg.connect(
            host=cluster.host, port=cluster.port, user="postgres", autocommit=True, options="-c TimeZone=UTC"
        ) as session,
    ):
        session.execute("create type composite as (n int4, t text, d date, l int8[])")
        yield session


def texts(core: Any, table: pa.Table, types: list[int] | None) -> list[tuple[bytes | None, ...]]:
    """The values as DataRow has them in text format."""
    data, _, _ = core.ArrowEncoder(table, [0], types=types).encode(0, WHOLE)
    decoder = core.RowDecoder([17] * table.num_columns, [1])
    rows: list[tuple[bytes | None, ...]] = decoder.decode(bytes(data))
    return rows


def check_loaded(
    connection: Connection,
    core: Any,
    table: pa.Table,
    format: Any,
    types: list[int] | None = None,
    names: list[str] | None = None,
) -> None:
    """Load COPY data into a table of the same types, and compare every value's text."""
    with implementation_of(core):
        encoder = ArrowCopyEncoder(table, CopyOptions(format), types=types)
        data = b"".join(map(bytes, encoder))
    kinds = names or [TYPES[oid].name for _, oid in encoder.columns]
    listed = ", ".join(f'c{number} "{kind}"' for number, kind in enumerate(kinds))
    connection.execute(f"drop table if exists loaded; create temp table loaded (row serial, {listed})")
    columns = ", ".join(f"c{number}" for number in range(len(kinds)))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy loaded ({columns}) from stdin (format {format})") as stream,
    ):
        stream.write(data)
    found = connection.execute(f"select {columns} from loaded order by row").pgresult
    assert found is not None
    shown = [tuple(found.get_value(row, column) for column in range(len(kinds))) for row in range(found.ntuples)]
    assert shown == texts(core, table, types)


@pytest.mark.parametrize("format", FORMATS)
@EXAMPLES
@given(table=tables())
def test_tables_of_any_types(connection: Connection, format: str, table: pa.Table) -> None:
    assume(table.num_columns)
    try:
        texts(CORES[0], table, None)
    except PostgresError as error:
        assert error.sqlstate == "2202E"  # noqa: PT017 - lists of lists that are no arrays
        return
    check_loaded(connection, CORES[0], table, format)


EDGES: dict[str, list[Any]] = {
    "bool": [True, False],
    "int": [0, 1, -128, 127, -(2**31), 2**31 - 1, -(2**63), 2**63 - 1],
    "uint": [0, 255, 2**16 - 1, 2**32 - 1, 2**64 - 1],
    "halffloat": [0.0, -0.0, float("nan"), float("inf"), 65504.0, 6e-8],
    "float": [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1.17549435e-38, 3.4028234e38],
    "double": [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1.7976931348623157e308, 1e15, 1e-5],
    "decimal": [Decimal(0), Decimal("-1000"), Decimal("9000")],
    "date": [date(1, 1, 1), date(9999, 12, 31), date(2000, 2, 29)],
    "time": [0, 86_399],
    "timestamp": [0, -1, 946_684_800],
    "duration": [0, -1, 90_000_000],
    "month": [(0, 0, 0), (-13, 40, -1_000), (1, -1, 86_400_000_000_000)],
    "string": ["", "\\N", "\\.", 'a"b,c\td\ne\\', "NULL", "é€😀", " ", "x" * 100],
    "binary": [b"", b"\0\xff", b"\\x", b"x" * 100],
    "fixed": [b"\0\1\2"],
    "null": [],
}


def edges(kind: pa.DataType) -> list[Any]:
    """Values at the edges of a type, and NULL."""
    name = str(kind).removeprefix("large_")
    chosen = next(values for prefix, values in EDGES.items() if name.startswith(prefix))
    if pa.types.is_integer(kind):
        low, high = (
            (-(1 << (kind.bit_width - 1)), 1 << (kind.bit_width - 1))
            if pa.types.is_signed_integer(kind)
            else (0, 1 << kind.bit_width)
        )
        chosen = [value for value in chosen if low <= value < high]
    return [*chosen, None]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", [kind for kind, _ in SCALARS], ids=str)
def test_every_scalar_type_at_its_edges(connection: Connection, core: Any, kind: pa.DataType, format: str) -> None:
    check_loaded(connection, core, pa.table([column(edges(kind), kind)], ["c"]), format)


@pytest.mark.parametrize("format", FORMATS)
def test_types_asked_for(connection: Connection, core: Any, format: str) -> None:
    struct = pa.array([{"n": 1, "t": 'a "b", (c)', "d": date(2024, 1, 2), "l": [1, None]}, None, {}], COMPOSITE)
    table = pa.table(
        {
            "timestamptz": pa.array([datetime(2024, 1, 2, 3, 4, 5, 6), None, datetime(1, 1, 1)], pa.timestamp("us")),
            "timestamp": pa.array([date(2024, 1, 2), None, date(1, 1, 1)]),
            "numeric": pa.array([1, None, -(2**63)]),
            "float8": pa.array([1.5, None, 0.1], pa.float32()),
            "int2": pa.array([1, None, -32768]),
            "uuid": pa.array(["01020304-0506-0708-090a-0b0c0d0e0f10", None, "{01020304-05060708090a0b0c0d0e0f11}"]),
            "inet": pa.array(["10.0.0.1/24", None, "::1"]),
            "_int4": pa.array([[[1, 2], [3, None]], None, []], pa.list_(pa.list_(pa.int8()))),
            "_timestamptz": pa.array([[datetime(2024, 1, 1)], None, []], pa.list_(pa.timestamp("ns"))),
            "text": pa.array([[1.5, None], None, []], pa.list_(pa.float64())),
            "varchar": pa.array([True, None, False]),
            "composite": struct,
        }
    )
    named = {info.name: info.oid for info in TYPES.values()}
    (composite,) = connection.execute("select 'composite'::regtype::oid").fetchone() or (0,)
    types = [named.get(name, composite) for name in table.column_names]
    check_loaded(connection, core, table, format, types, table.column_names)


@pytest.mark.parametrize("format", FORMATS)
def test_a_struct_as_jsonb(connection: Connection, core: Any, format: str) -> None:
    struct = pa.array([{"n": 1, "t": 'a "b"', "d": date(2024, 1, 2), "l": [1, None]}], COMPOSITE)
    with implementation_of(core):
        data = b"".join(map(bytes, ArrowCopyEncoder(pa.table([struct], ["j"]), CopyOptions(format), types=[JSONB])))
    connection.execute("drop table if exists jsons; create temp table jsons (j jsonb)")
    with connection.cursor() as cursor, cursor.copy(f"copy jsons from stdin (format {format})") as stream:
        stream.write(data)
    expected = {"n": 1, "t": 'a "b"', "d": "2024-01-02", "l": [1, None]}
    assert connection.execute("select j from jsons").fetchone() == (expected,)
