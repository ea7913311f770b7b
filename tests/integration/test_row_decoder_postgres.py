"""What PostgreSQL 15 and 18 send of rows of every type, read by the row decoder: DataRow in text and in binary, and binary COPY."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pgwire_py import oids
from pgwire_py._impl import pure
from tests.support import raw
from tests.support.containers import TYPES, VALUES, arrays
from tests.support.typed import BINARY, CORES, TEXT, Server, encode, run, same

from .test_type_codecs import VALUES as SCALARS

# A column cannot be of type unknown, and one of bit has one bit.
NAMES = [name for name in SCALARS if name != "unknown"]
CONTAINERS = [name for name in TYPES if name != "bit"]
ARRAYS = ["int4", "text", "timestamptz", "numeric", "uuid", "bytea"]
COLUMNS = [*NAMES, *CONTAINERS, *(f"{name}[]" for name in ARRAYS)]
OIDS = [
    *(next(oid for oid, info in oids.TYPES.items() if info.name == name.strip('"')) for name in NAMES),
    *(TYPES[name][0] for name in CONTAINERS),
    *(oids.ARRAY_OF[next(oid for oid, info in oids.TYPES.items() if info.name == name)] for name in ARRAYS),
]
ROWS = st.tuples(
    *(SCALARS[name][0] | st.none() for name in NAMES),
    *(VALUES[name] | st.none() for name in CONTAINERS),
    *(arrays(SCALARS[name][0]) | st.none() for name in ARRAYS),
)


def bodies(server: Server, *messages: bytes, tag: str) -> list[bytes]:
    server.client.send(*messages)
    answers = server.client.until_ready()
    assert not [answer.fields for answer in answers if answer.tag == "E"]
    return [answer.body for answer in answers if answer.tag == tag]


@pytest.fixture
def table(server: Server) -> str:
    columns = ", ".join(f"c{number} {name}" for number, name in enumerate(COLUMNS))
    run(server.client, ["drop table if exists every_type", f"create temporary table every_type ({columns})"])
    return "every_type"


def test_rows_of_every_type(server: Server, table: str) -> None:
    marks = ", ".join(f"${number + 1}" for number in range(len(COLUMNS)))

    @settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.lists(ROWS, min_size=1, max_size=3))
    def made(rows: list[tuple[Any, ...]]) -> None:
        run(server.client, [f"truncate {table}"])
        for row in rows:
            values = [
                None if value is None else encode(oid, BINARY, value) for oid, value in zip(OIDS, row, strict=True)
            ]
            insert = raw.parse(f"insert into {table} values ({marks})", types=OIDS)
            bodies(server, insert, raw.bind(*values, formats=[BINARY]), raw.execute(), raw.SYNC, tag="C")
        read: list[list[Any]] = []
        for code in (TEXT, BINARY):
            sent = bodies(
                server,
                raw.parse(f"select * from {table}"),
                raw.bind(result_formats=[code]),
                raw.execute(),
                raw.SYNC,
                tag="D",
            )
            read += [core.RowDecoder(OIDS, [code]).decode(sent) for core in CORES]
            records = pure.RowDecoder(OIDS, [code], COLUMNS).decode(sent)
            assert [repr(record.values()) for record in records] == [repr(row) for row in read[-1]]
        copied = b"".join(bodies(server, raw.query(f"copy {table} to stdout (format binary)"), tag="d"))
        read += [core.RowDecoder(OIDS, layout="copy").decode(copied[19:]) for core in CORES]
        assert {repr(found) for found in read} == {repr(read[0])}
        # What a container holds may come in another form than it was given in; a scalar comes as it was.
        for row, found in zip(rows, read[0], strict=True):
            for number in range(len(NAMES)):
                assert same(found[number], row[number]), COLUMNS[number]

    made()
