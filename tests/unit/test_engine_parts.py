"""What engines over frames share: calls that can be left behind, parameters as literals, reading of statements, chained Arrow streams."""

from __future__ import annotations

import threading
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import oids
from pgwire_py._impl import ArrowEncoder, split_statements
from pgwire_py.engines.arrow_stream import ArrowChain
from pgwire_py.engines.base import Relation, RelationColumn
from pgwire_py.engines.error_texts import Rule, error_of_text
from pgwire_py.engines.interruptible import MAX_LEFT_BEHIND, Interruptible, LeftBehind
from pgwire_py.engines.literals import LiteralStyle, literal, sample, with_literals
from pgwire_py.engines.reading import Reader, with_own_names, without_public
from pgwire_py.errors import PostgresError, QueryCanceled
from pgwire_py.sql import Statement

WAIT = 60.0
STYLE = LiteralStyle(
    {oids.INT8: "BIGINT", oids.FLOAT8: "DOUBLE", oids.NUMERIC: "DECIMAL", oids.DATE: "DATE", oids.TEXT: "TEXT"}
)
BARE = LiteralStyle({}, arrays=False, nulls=False)


def statement(text: str) -> Statement:
    return split_statements(text)[0]


class TestInterruptible:
    def test_calls_return_and_raise(self) -> None:
        calls = Interruptible(LeftBehind(), "test")
        assert calls.call(lambda: 5) == 5
        with pytest.raises(ZeroDivisionError):
            calls.call(lambda: 1 // 0)
        assert calls.call(threading.current_thread) is calls.call(threading.current_thread)
        calls.cancel()  # nothing runs
        assert calls.call(lambda: 6) == 6
        calls.close()

    def test_a_cancel_is_answered_before_the_call_ends(self) -> None:
        left = LeftBehind()
        calls = Interruptible(left, "test")
        begun, end = threading.Event(), threading.Event()
        threads: list[threading.Thread] = []

        def work() -> None:
            threads.append(threading.current_thread())
            begun.set()
            assert end.wait(WAIT)

        def cancel() -> None:
            assert begun.wait(WAIT)
            calls.cancel()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(QueryCanceled):
            calls.call(work)
        canceller.join()
        assert left.count == 1
        assert calls.call(lambda: 7) == 7
        end.set()
        threads[0].join(WAIT)
        assert left.count == 0
        calls.close()

    def test_too_many_left_behind(self) -> None:
        left = LeftBehind()
        left.add(MAX_LEFT_BEHIND)
        with pytest.raises(PostgresError) as caught:
            Interruptible(left, "test").call(lambda: 5)
        assert caught.value.sqlstate == "53000"


class TestLiterals:
    @pytest.mark.parametrize(
        ("value", "oid", "written", "bare"),
        [
            (None, oids.INT8, "CAST(NULL AS BIGINT)", "NULL"),
            (5, oids.INT8, "CAST(5 AS BIGINT)", "5"),
            (-5, 0, "(-5)", "(-5)"),
            (True, oids.BOOL, "TRUE", "TRUE"),
            (1.5, oids.FLOAT8, "CAST(1.5 AS DOUBLE)", "1.5"),
            (-0.0, 0, "(-0.0)", "(-0.0)"),
            (Decimal("1.50"), oids.NUMERIC, "CAST('1.50' AS DECIMAL(3, 2))", "1.50"),
            (Decimal("1E+3"), oids.NUMERIC, "CAST('1000' AS DECIMAL(4, 0))", "1000"),
            (Decimal("-0.001"), oids.NUMERIC, "CAST('-0.001' AS DECIMAL(3, 3))", "(-0.001)"),
            ("it's", oids.TEXT, "'it''s'", "'it''s'"),
            ("\\' --", 0, "'\\'' --'", "'\\'' --'"),
            (b"\x00'", oids.BYTEA, "X'0027'", "X'0027'"),
            (date(2020, 1, 31), oids.DATE, "CAST('2020-01-31' AS DATE)", "'2020-01-31'"),
            (datetime(2020, 1, 31, 5), 0, "'2020-01-31 05:00:00'", "'2020-01-31 05:00:00'"),
            (datetime(2020, 1, 31, 5, tzinfo=timezone(timedelta(hours=5))), 0, "'2020-01-31 00:00:00+00:00'", None),
            (time(1, 2), 0, "'01:02:00'", "'01:02:00'"),
            (timedelta(1, 2, 3), 0, "INTERVAL '1 days 2 seconds 3 microseconds'", None),
            (UUID(int=1), 0, "'00000000-0000-0000-0000-000000000001'", None),
            ([1, None], oids.INT8_ARRAY, "ARRAY[CAST(1 AS BIGINT), CAST(NULL AS BIGINT)]", "'[1, null]'"),
            (["a'b"], oids.TEXT_ARRAY, "ARRAY['a''b']", "'[\"a''b\"]'"),
        ],
    )
    def test_values(self, value: object, oid: int, written: str, bare: str | None) -> None:
        assert literal(value, oid, STYLE) == written
        assert bare is None or literal(value, oid, BARE) == bare

    @pytest.mark.parametrize(
        ("value", "oid", "sqlstate"),
        [
            ("a\0b", oids.TEXT, "22021"),
            (Decimal("NaN"), oids.NUMERIC, "22003"),
            (Decimal(10) ** 40, oids.NUMERIC, "22003"),
            (float("nan"), 0, "22003"),
            (object(), oids.POINT, "0A000"),
        ],
    )
    def test_values_without_literal(self, value: object, oid: int, sqlstate: str) -> None:
        with pytest.raises(PostgresError) as caught:
            literal(value, oid, STYLE)
        assert caught.value.sqlstate == sqlstate

    def test_statements(self) -> None:
        found = with_literals(
            statement("select '$1', $2 from t -- $1\nwhere a-$1 > $1 limit $1"),
            (-5, "x'y"),
            (oids.INT8, oids.TEXT),
            STYLE,
        )
        assert "".join(found.text.split(" ")) == (
            "select'$1','x''y'fromt--$1\nwherea-CAST((-5)ASBIGINT)>CAST((-5)ASBIGINT)limit(-5)"
        )
        assert found.parameters == ()
        with pytest.raises(PostgresError, match=r"there is no parameter \$2"):
            with_literals(statement("select $2"), (1,), (oids.INT8,), STYLE)

    @given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
    def test_any_text_comes_back(self, text: str) -> None:
        """DuckDB stands for any SQL engine with standard strings."""
        written = with_literals(statement("select $1"), (text,), (oids.TEXT,), STYLE).text
        assert duckdb.sql(written).fetchall() == [(text,)]

    def test_samples(self) -> None:
        assert sample(oids.INT8_ARRAY) == [1]
        assert isinstance(sample(oids.NUMERIC), Decimal)
        assert sample(oids.TEXT) == ""


class TestReading:
    RELATIONS = (Relation("public", "T", "r", (RelationColumn("Id", oids.INT4), RelationColumn("name", oids.TEXT))),)

    def test_types_and_names(self) -> None:
        reading = Reader().read(
            statement("select id, count(*), 1 from t where name = $1 and id > $2"), (), self.RELATIONS
        )
        assert reading.parameter_types == (oids.TEXT, oids.INT4)
        assert reading.names(["Id", "count(*)", "Int64(1)"]) == ["Id", "count", "?column?"]
        assert reading.names(["only one"]) == ["only one"]

    def test_what_cannot_be_read(self) -> None:
        reading = Reader().read(statement("selec $1 form"), (), self.RELATIONS)
        assert reading == ((oids.TEXT,), None)

    def test_relations_that_change(self) -> None:
        reader = Reader()
        text = statement("select $1 + id from t")
        assert reader.read(text, (), self.RELATIONS).parameter_types == (oids.INT4,)
        other = (Relation("public", "t", "r", (RelationColumn("id", oids.FLOAT8),)),)
        assert reader.read(text, (), other).parameter_types == (oids.FLOAT8,)

    def test_own_names(self) -> None:
        found = with_own_names(statement("select a, a, 1 as b, count(*), $1, t.* from t order by a"))
        assert found is not None
        assert found.text == (
            "SELECT a, a AS pgwire_2, 1 AS b, COUNT(*) AS pgwire_4, $1 AS pgwire_5, t.* FROM t ORDER BY a"
        )
        assert [number for number, _, _ in found.parameters] == [1]
        assert with_own_names(statement("insert into t values (1)")) is None

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ('select public.t.a, "public"."T".b from public.t', 'select t.a, "T".b from t'),
            ("select 'public.t', x.public.a from t", "select 'public.t', x.public.a from t"),
            ("select public from t", "select public from t"),
        ],
    )
    def test_public_is_left_out(self, text: str, found: str) -> None:
        assert without_public(statement(text)).text == found


class TestArrowChain:
    def test_parts_follow_each_other(self) -> None:
        table = pa.table({"n": [1, 2, 3]})
        parts: list[Any] = [table[:1], table[:0], table[1:]]
        chain = ArrowChain(table[:0], lambda: parts.pop(0) if parts else None)
        assert pa.RecordBatchReader.from_stream(chain).read_all() == table

    def test_no_parts(self) -> None:
        empty = pa.table({"n": [1]})[:0]
        assert pa.RecordBatchReader.from_stream(ArrowChain(empty, lambda: None)).read_all() == empty

    def test_a_part_that_fails(self) -> None:
        table = pa.table({"n": [1]})

        def following() -> Any:
            raise ValueError("it broke")

        chain = ArrowChain(table[:0], following)
        with pytest.raises(PostgresError, match="it broke"):
            ArrowEncoder(chain).encode(0, 1000)
        assert isinstance(chain.failure, ValueError)

    def test_closed_while_it_is_read(self) -> None:
        table = pa.table({"n": [1]})
        chain = ArrowChain(table[:0], lambda: table)
        encoder = ArrowEncoder(chain)
        assert encoder.encode(1, 1000)[1:] == (1, False)
        chain.close()
        with pytest.raises(PostgresError, match="the result is closed"):
            encoder.encode(1, 1000)


def test_errors_from_texts() -> None:
    rules = (Rule(r"no table (\w+)", "42P01", 'relation "{0}" does not exist'), Rule("broken", "22000"))
    error = error_of_text("There is no table nope", rules, "select * from nope")
    assert (error.sqlstate, error.message, error.fields["position"]) == (
        "42P01",
        'relation "nope" does not exist',
        "15",
    )
    assert error.fields["detail"] == "There is no table nope"
    error = error_of_text("Broken: it is broken\nmore of it", rules)
    assert (error.sqlstate, error.message, error.fields["detail"]) == ("22000", "broken: it is broken", "more of it")
    assert error_of_text("Else", rules).sqlstate == "XX000"
