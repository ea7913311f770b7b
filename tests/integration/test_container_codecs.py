"""Types with parts, next to PostgreSQL: `select $1::T` in every combination of formats, whose bytes are ours byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pgwire_py._impl import core as native
from pgwire_py._impl import pure
from pgwire_py.errors import PostgresError
from tests.support import raw
from tests.support.containers import TYPES, VALUES, arrays
from tests.support.typed import Server

CORES = (native, pure)
BATCH = 25
"""Most values of a query."""
CHECKS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


@pytest.fixture
def client(server: Server) -> raw.RawClient:
    return server.client


def ask(
    client: raw.RawClient, oid: int, values: Sequence[bytes | None], given: int, wanted: int, target: str = ""
) -> tuple[bytes | None, ...]:
    """What PostgreSQL makes of values of a type: one row, in the format wanted."""
    columns = ", ".join(f"${number + 1}{target}" for number in range(len(values)))
    client.send(
        raw.parse(f"select {columns}", types=[oid] * len(values)),
        raw.bind(*values, formats=[given], result_formats=[wanted]),
        raw.execute(),
        raw.SYNC,
    )
    answers = client.until_ready()
    rows = [answer for answer in answers if answer.tag == "D"]
    assert len(rows) == 1, [answer.fields for answer in answers if answer.tag == "E"]
    return rows[0].row


def refusal(client: raw.RawClient, oid: int, value: bytes, format_code: int) -> tuple[str, str] | None:
    """SQLSTATE and message of PostgreSQL's error about a value; None if it takes it."""
    client.send(raw.parse("select $1", types=[oid]), raw.bind(value, formats=[format_code]), raw.execute(), raw.SYNC)
    errors = [answer.fields for answer in client.until_ready() if answer.tag == "E"]
    return (errors[0]["C"], errors[0]["M"]) if errors else None


def ours(core: Any, oid: int, data: bytes, format_code: int) -> Any:
    """The value, or SQLSTATE and message."""
    try:
        return core.decode_values([oid], [format_code], [data])[0]
    except PostgresError as error:
        return error.sqlstate, error.message


def check(client: raw.RawClient, oid: int, values: list[Any]) -> None:
    texts = [native.encode_value(oid, 0, value) for value in values]
    binaries = [native.encode_value(oid, 1, value) for value in values]
    for value, text, binary in zip(values, texts, binaries, strict=True):
        assert pure.encode_value(oid, 0, value) == text
        assert pure.encode_value(oid, 1, value) == binary
    for given_format, sent in ((0, texts), (1, binaries)):
        assert list(ask(client, oid, sent, given_format, 0)) == texts
        assert list(ask(client, oid, sent, given_format, 1)) == binaries
    formats = [0] * len(values)
    decoded = native.decode_values([oid] * len(values), formats, texts)
    for core in CORES:
        for format_code, data in ((0, texts), (1, binaries)):
            again = core.decode_values([oid] * len(values), [format_code], data)
            assert repr(again) == repr(decoded)
    # What was decoded is encoded to the same bytes again.
    assert [native.encode_value(oid, 1, value) for value in decoded] == binaries


@pytest.mark.parametrize("name", TYPES)
@CHECKS
@given(data=st.data())
def test_values(client: raw.RawClient, name: str, data: st.DataObject) -> None:
    check(client, TYPES[name][0], data.draw(st.lists(VALUES[name], min_size=1, max_size=BATCH)))


@pytest.mark.parametrize("name", TYPES)
@CHECKS
@given(data=st.data())
def test_arrays(client: raw.RawClient, name: str, data: st.DataObject) -> None:
    check(client, TYPES[name][1], data.draw(st.lists(arrays(VALUES[name]), min_size=1, max_size=BATCH // 5)))


MALFORMED = {
    "bit": ["2", "b12", "xfg", "é", " 1"],
    "point": ["", "(1,2", "1", "(1,2) x", "(1 2)", "(a,b)", "(1,2))", "(1e400,0)"],
    "lseg": ["((1,2),(3,4)", "(1,2)", "[(1,2),(3,4)", "(1,2),(3,4)]"],
    "box": ["[(1,2),(3,4)]", "1,2,3", "((1,2),(3,4)))"],
    "path": ["()", "(1,2,3)", "[(1,2)", "((1,2)", "(1,2),(3", "[(1,2))x"],
    "polygon": ["[(1,2)]", "((1,2,3))", ""],
    "line": ["{0,0,1}", "{1,2}", "{1,2,3", "[(1,2),(1,2)]", "(1,2)", "{1,2,3}x"],
    "circle": ["<(1,2),-1>", "<(1,2),3", "(1,2)", "<(1,2)>", "<(1,2),3)x"],
    "int4range": [
        "",
        "[1,2",
        "1,2",
        "[5,1]",
        "[1,2147483647]",
        "[a,b]",
        "[1,2,3]",
        "(,) x",
        "empty x",
        "[1;2]",
        '["1,2]',
    ],
    "int8range": ["(9223372036854775807,)", "[1,9223372036854775807]"],
    "numrange": ["[NaN,1]", "[Infinity,-Infinity)"],
    "daterange": ["[2020-01-01,5874897-12-31]", "[x,)"],
    "int4multirange": [
        "",
        "{",
        "{[1,2)",
        "{[1,2),}",
        "{[1,2)]}",
        "{(}",
        "{[1,2)} x",
        "{[5,1]}",
        "{x}",
        "{[1,2) [3,4)}",
    ],
    "tsvector": ["''", "'a", "a:", "a:0", "a:x", "a:1ab", "a:1,", "\\", "a\\", f"{'x' * 2047}"],
    "tsquery": [
        "&",
        "a &",
        "a b",
        "(a",
        "a)",
        "()",
        "a <x> b",
        "a <16385> b",
        ":",
        "!",
        "a <- b",
        "'",
        f"{'x' * 2047}",
    ],
    "int2vector": ["1 x", "32768", "1,2"],
    "oidvector": ["x", "4294967296"],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_text(client: raw.RawClient, name: str) -> None:
    """PostgreSQL's SQLSTATE and message."""
    for text in MALFORMED[name]:
        expected = refusal(client, TYPES[name][0], text.encode(), 0)
        assert expected is not None, text
        for core in CORES:
            sqlstate, message = ours(core, TYPES[name][0], text.encode(), 0)
            assert (sqlstate, message.rstrip('…"')[:90]) == (
                expected[0],
                expected[1].rstrip('"')[: len(message.rstrip('…"'))][:90],
            )


FORMS = {
    "point": ["1,2", " ( 1 , 2 ) ", "(1,2)", "(inf,-Infinity)", "(.5,1.e1)", "(NaN,+1E-2)"],
    "lseg": ["1,2,3,4", "(1,2),(3,4)", "((1,2),(3,4))", "[1,2,3,4]", "( 1,2,3,4 )", "[ ( 1 , 2 ) , ( 3 , 4 ) ]"],
    "box": ["1,2,3,4", "((3,1),(2,4))", "(1,2,3,4)", "(1,2),(3,4)", "( ( 1,NaN ),(2,3))"],
    "path": ["1,2,3,4", "(1,2)", "((1,2))", "((1,2),(3,4))", "[1,2,3,4]", "(1,2),(3,4)", "(1,2,3,4)", "( [1,2] )"],
    "polygon": ["1,2,3,4", "(1,2)", "((1,2),(3,4))", "(1,2,3,4)", "((1,2))"],
    "line": ["{1,2,3}", " { 1 , 2 , 3 } ", "[(1,2),(3,5)]", "(1,2),(1,5)", "(3,2),(1,2)", "0,0,3,7", "1,1,3,3"],
    "circle": ["<(1,2),3>", "((1,2),3)", "(1,2),3", "1,2,3", " < ( 1 , 2 ) , 3 > ", "<1,2,3>"],
    "int4range": ["[1,3]", "(1,3)", " [ 1 , 3 ) ", "(,3]", "[1,)", "(,)", " EMPTY ", "(1,2)", "[1,1]", '["1","2")', "[,]", "[\\1,2]"],
    "daterange": ["[2020-01-01,infinity]", "(-infinity,2020-01-01]", "[2020-02-28,2020-02-29]", "(,)"],
    "numrange": ["[1.0,1.00]", "[1.0,1.00)", "[-Infinity,NaN]", "(0.10,0.2)", "[100000000,1e8]"],
    "int4multirange": [
        "{}", " { } ", "{empty}", "{[1,2),[2,3)}", "{[5,6),[1,2]}", "{(,3),[1,)}", "{ [1,2) , empty , (7,9] }",
        '{["1",2)}', "{[1,5),[2,3)}", '{[\\1,"3")}',
    ],
    "nummultirange": ["{[1,2),(2,3)}", "{[1,2],(2,3)}", "{[1,2),[2,2],(2,3]}", "{(1,1.0]}"],
    "tsvector": ["", "  ", "b a", "a a:1 a:2B a:1A", "'a b''c'", "a\\ b", "a:99999", "a:3,1,2", "'\\''", "é:1", ":1", "a:1a2", "a:1d*"],
    "tsquery": [
        "", "a", "a&b", "a|b&c", "(a|b)&c", "!a", "!!a", "!(a&b)", "a<->b", "a <2> b", "a <-> (b <-> c)", "(a <-> b) <-> c",
        "a:*", "a:ABCD*", "'x y'&z", "a & (b & c)", "(((a)))", "! a | b", "a <0> b", "!(a <-> !b)", "a & b & c & d",
    ],
    "int2vector": ["1", " 1  2 ", "-5 5"],
    "oidvector": ["1 2", "4294967295"],
    "bit": ["", "1", "b10", "B10", "xF", "X0a"],
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_text(client: raw.RawClient, name: str) -> None:
    """Whatever form PostgreSQL reads, we read as the same value."""
    oid = TYPES[name][0]
    texts: list[bytes | None] = [text.encode() for text in FORMS[name]]
    shown, binary = ask(client, oid, texts, 0, 0), ask(client, oid, texts, 0, 1)
    for core in CORES:
        assert [core.encode_value(oid, 0, text) for text in FORMS[name]] == list(shown)
        assert [core.encode_value(oid, 1, text) for text in FORMS[name]] == list(binary)


ARRAY_TEXTS = ("[0:1]={1,2}", "[-1:0][2:2]={{1},{2}}", " [2] = {1,2}", "[+1:2]={1,2}", "{}", '{NULL,"5"}', "[1:1]={7}")
ARRAY_ERRORS = (
    "[1:2]={1}", "[2:1]={1}", "[ 1:2 ]={1,2}", "[1:2{1,2}", "[1:2]{1,2}", "[2147483647:2147483647]={1}", "[]={1}",
    "[1:]={1}", "{{1},2}", "{1,{2}}", "{{1,2},{3}}", "{1", "1", "{1}}", "{{{{{{{1}}}}}}}",
)  # fmt: skip


def test_lower_bounds(client: raw.RawClient) -> None:
    texts: list[bytes | None] = [text.encode() for text in ARRAY_TEXTS]
    for core in CORES:
        assert [core.encode_value(1007, 0, text) for text in ARRAY_TEXTS] == list(ask(client, 1007, texts, 0, 0))
        assert [core.encode_value(1007, 1, text) for text in ARRAY_TEXTS] == list(ask(client, 1007, texts, 0, 1))
    for text in ARRAY_ERRORS:
        expected = refusal(client, 1007, text.encode(), 0)
        for core in CORES:
            assert ours(core, 1007, text.encode(), 0)[0] == (expected and expected[0]), text


RECORDS = (
    "row()", "row(1)", "row(1, 'a')", "row(null, 'a \"b\\', '', ' ')", "row(row(1, row('x,y')), 2.50)",
    "row(array[1,2], array[row(1,'a')])", "row(int4range(1,5), '{[1,2)}'::int4multirange, point(1,2), b'101')",
    "row(true, 1.5::float8, date '2020-02-29', timestamptz '2020-01-01 00:00+00')", "row('(\"a\",b)'::text)",
)  # fmt: skip


def test_records(client: raw.RawClient) -> None:
    """What PostgreSQL sends is read; written again from the same values it is the same text."""
    for expression in RECORDS:
        client.send(raw.query(f"select {expression}"))
        (text,) = next(answer.row for answer in client.until_ready() if answer.tag == "D")
        (binary,) = _binary(client, expression)
        assert text is not None
        assert binary is not None
        assert repr(ours(native, 2249, text, 0)) == repr(ours(pure, 2249, text, 0))
        values = ours(native, 2249, binary, 1)
        assert repr(values) == repr(ours(pure, 2249, binary, 1))
        for core in CORES:
            assert core.encode_value(2249, 0, values) == text, expression


def _binary(client: raw.RawClient, expression: str) -> tuple[bytes | None, ...]:
    client.send(raw.parse(f"select {expression}"), raw.bind(result_formats=[1]), raw.execute(), raw.SYNC)
    return next(answer.row for answer in client.until_ready() if answer.tag == "D")
