"""ArrowCopyEncoder: the data of COPY made of Arrow, step by step and in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from pgwire_py import oids
from pgwire_py.copy import ArrowCopyEncoder, CopyEncoder, CopyOptions
from pgwire_py.errors import LocalProtocolError, PostgresError
from tests.support.copying import implementation_of

ROWS = [(1, "a\tb"), (None, None), (3, 'q"q'), (4, "\\.")]
TABLE = pa.table({"n": [row[0] for row in ROWS], "t": [row[1] for row in ROWS]})
OPTIONS = [
    CopyOptions(),
    CopyOptions("binary"),
    CopyOptions("csv", header=True, force_quote=["t"]),
    CopyOptions("text", delimiter="|", null="NULL", header=True),
]


@pytest.fixture(autouse=True)
def implementation(core: Any) -> Iterator[None]:
    with implementation_of(core):
        yield


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.format)
def test_the_same_as_of_python_values(options: CopyOptions) -> None:
    plain = CopyEncoder(["n", "t"], options, types=[oids.INT8, oids.TEXT])
    expected = bytes(plain.encode(ROWS)) + plain.finish()
    assert b"".join(map(bytes, ArrowCopyEncoder(TABLE, options))) == expected
    for rows, size in ((1, 1 << 20), (0, 1), (3, 1 << 20)):
        encoder = ArrowCopyEncoder(TABLE, options)
        assert encoder.columns == [("n", oids.INT8), ("t", oids.TEXT)]
        collected, count, ended = b"", 0, False
        while not ended:
            data, step, ended = encoder.encode_part(rows, size)
            collected, count = collected + bytes(data), count + step
        assert (collected + encoder.finish(), count) == (expected, len(ROWS))


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.format)
def test_no_rows(options: CopyOptions) -> None:
    empty = CopyEncoder(["n", "t"], options).finish()
    assert b"".join(map(bytes, ArrowCopyEncoder(TABLE.slice(0, 0), options))) == empty
    assert ArrowCopyEncoder(TABLE, options).finish() == empty


def test_nothing_comes_after_the_end() -> None:
    encoder = ArrowCopyEncoder(TABLE)
    encoder.finish()
    for call in (encoder.encode_part, encoder.finish):
        with pytest.raises(LocalProtocolError):
            call()


def test_types_asked_for_are_written() -> None:
    encoder = ArrowCopyEncoder(TABLE, types=[oids.NUMERIC, oids.JSON])
    assert encoder.columns == [("n", oids.NUMERIC), ("t", oids.JSON)]
    assert bytes(encoder.encode_part()[0]) == b'1\ta\\tb\n\\N\t\\N\n3\tq"q\n4\t\\\\.\n'


@pytest.mark.parametrize(
    ("column", "options", "sqlstate", "where"),
    [
        (["x", "é€"], CopyOptions(encoding="LATIN1"), "22P05", "row 1, column 1"),
        (["x", "a\0"], CopyOptions(), "22021", "row 1, column 1, type text"),
        (["x", "a\0"], CopyOptions("binary"), "22021", "row 1, column 1, type text"),
        (["x", "y" * 50], CopyOptions("csv"), "54000", "row 1"),
        (["x", "y" * 50], CopyOptions("binary"), "54000", "row 1"),
    ],
)
def test_what_cannot_be_written(column: list[str], options: CopyOptions, sqlstate: str, where: str) -> None:
    with pytest.raises(PostgresError) as caught:
        list(ArrowCopyEncoder(pa.table({"c": column}), options, max_row=40))
    assert (caught.value.sqlstate, caught.value.where) == (sqlstate, where)


def test_the_number_of_columns_must_agree(core: Any) -> None:
    plain = core.CopyEncoder(CopyOptions().plan(["a"], "TO"))
    with pytest.raises(PostgresError, match="the Arrow source has 2 columns, but there are 1 columns") as caught:
        plain.encode_arrow(core.ArrowEncoder(TABLE), 0, 100)
    assert caught.value.sqlstate == "42804"


def test_options_are_checked() -> None:
    with pytest.raises(PostgresError, match="HEADER in BINARY"):
        ArrowCopyEncoder(TABLE, CopyOptions("binary", header=True))
    with pytest.raises(PostgresError, match="no_such"):
        ArrowCopyEncoder(TABLE, CopyOptions("csv", force_quote=["no_such"]))
