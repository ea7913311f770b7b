"""The registry of codecs: look-up, layers, types a database defines itself, extensions by name, batches."""

from __future__ import annotations

import enum
import pickle
import struct
from decimal import Decimal
from typing import Any

import pytest

from pgwire_py import _impl, oids
from pgwire_py.errors import PostgresError
from pgwire_py.types import Multirange, Range, TypeRegistry, record_class

MOOD, MOODS, NAME, NAMES, PLACE, PLACES, SPAN, SPANS = range(90_000, 90_008)
HSTORE, HSTORES, LTREE, CITEXT, VECTOR = range(91_000, 91_005)


@pytest.fixture
def registry() -> TypeRegistry:
    made = TypeRegistry()
    made.register_enum("mood", MOOD, ["sad", "ok", "happy"], array_oid=MOODS)
    made.register_domain("short_name", NAME, "text", array_oid=NAMES)
    made.register_composite("place", PLACE, [("id", "int4"), ("name", NAME), ("class", "mood")], array_oid=PLACES)
    made.register_range("span", SPAN, "float8", array_oid=SPANS, multirange=("spans", SPANS + 1))
    made.add_type("hstore", HSTORE, array_oid=HSTORES)
    for name, oid in (("ltree", LTREE), ("citext", CITEXT), ("vector", VECTOR)):
        made.add_type(name, oid)
    return made


def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(PostgresError) as caught:
        call()
    return caught.value.sqlstate, caught.value.message


Place = record_class("place", ("id", "name", "class"))

# Heads of an array of one element, before the OID of its type and behind it.
ONE = "00000001 00000000", "00000001 00000001"
ROW = "00000003 00000017 {} 00015f92 {} 00015f90 {}"
VALUES: list[tuple[int, object, bytes, str]] = [
    (MOOD, "ok", b"ok", "6f6b"),
    (MOODS, ["ok", None], b"{ok,NULL}", "00000001 00000001 00015f90 00000002 00000001 00000002 6f6b ffffffff"),
    (NAME, "Ada", b"Ada", "416461"),
    (NAMES, [["a b"]], b'{{"a b"}}', "00000002 00000000 00015f92 00000001 00000001 00000001 00000001 00000003 612062"),
    (PLACE, Place(1, 'a"', "ok"), b'(1,"a""",ok)', ROW.format("00000004 00000001", "00000002 6122", "00000002 6f6b")),
    (PLACE, Place(None, "", None), b'(,"",)', ROW.format("ffffffff", "00000000", "ffffffff")),
    (
        PLACES,
        [Place(None, None, None)],
        b'{"(,,)"}',
        f"{ONE[0]} 00015f94 {ONE[1]} 0000001c {ROW.format(*['ffffffff'] * 3)}",
    ),
    (SPAN, Range(1.5, None), b"[1.5,)", "12 00000008 3ff8000000000000"),
    (
        SPANS + 1,
        Multirange([Range(1.0, 2.0)]),
        b"{[1,2)}",
        "00000001 00000019 02 00000008 3ff0000000000000 00000008 4000000000000000",
    ),
    (
        HSTORE,
        {"a": "1", "b": None},
        b'"a"=>"1", "b"=>NULL',
        "00000002 00000001 61 00000001 31 00000001 62 ffffffff",
    ),
    (HSTORE, {}, b"", "00000000"),
    (
        HSTORES,
        [{"a": '"'}],
        b'{"\\"a\\"=>\\"\\\\\\"\\""}',
        f"{ONE[0]} 00016378 {ONE[1]} 0000000e 00000001 00000001 61 00000001 22",
    ),
    (LTREE, "Top.Science", b"Top.Science", "01 546f702e536369656e6365"),
    (CITEXT, "Ada", b"Ada", "416461"),
    (VECTOR, [1.0, -0.5], b"[1,-0.5]", "0002 0000 3f800000 bf000000"),
    (oids.INT4, 5, b"5", "00000005"),
]


@pytest.mark.parametrize(("oid", "value", "text", "binary"), VALUES)
def test_both_formats(registry: TypeRegistry, oid: int, value: object, text: bytes, binary: str) -> None:
    data = bytes.fromhex(binary)
    assert registry.encode(oid, 0, value) == text
    assert registry.encode(oid, 1, value) == data
    for format_code, raw in ((0, text), (1, data)):
        found = registry.decode(oid, format_code, raw)
        assert found == value
        assert type(found) is type(value)
    if oid not in (MOOD, VECTOR):
        # A text is passed on as the text format, unless the codec must look at it.
        assert registry.encode(oid, 0, text.decode()) == (text if oid != HSTORE or text else b"")


def test_records(registry: TypeRegistry) -> None:
    place = registry.decode(PLACE, 0, b"(7,x,happy)")
    assert (place.id, place.name, place[2], place._fields) == (7, "x", "happy", ("id", "name", "_2"))
    assert repr(place) == "place(id=7, name='x', _2='happy')"
    assert pickle.loads(pickle.dumps(place)) == place
    assert type(pickle.loads(pickle.dumps(place))) is type(place)
    assert registry.encode(PLACE, 0, {"name": "x", "id": 7}) == b"(7,x,)"
    assert registry.encode(PLACE, 0, [7, None, None]) == b"(7,,)"


class Mood(enum.Enum):
    SAD = "sad"


def test_a_member_of_a_python_enum(registry: TypeRegistry) -> None:
    assert registry.encode(MOOD, 1, Mood.SAD) == b"sad"


ERRORS = [
    (MOOD, "x", "22P02", 'invalid input value for enum mood: "x"'),
    (MOOD, 1, "42804", "cannot encode a value of Python type int as mood"),
    (PLACE, (1, 2), "42804", "wrong number of columns: 2, expected 3"),
    (PLACE, {"nope": 1}, "42703", 'column "nope" of type place does not exist'),
    (PLACE, 1, "42804", "cannot encode a value of Python type int as place"),
    (PLACE, ("x", "", None), "22P02", 'invalid input syntax for type integer: "x"'),
    (PLACES, [[(1, 2, None)], [[]]], "2202E", "multidimensional arrays must have array expressions with matching dimensions"),
    (SPAN, 1, "42804", "cannot encode a value of Python type int as span"),
    (HSTORE, {1: "x"}, "42804", "cannot encode a value of Python type int as text"),
    (HSTORE, [], "42804", "cannot encode a value of Python type list as hstore"),
    (LTREE, 1, "42804", "cannot encode a value of Python type int as ltree"),
    (VECTOR, [], "22000", "vector must have at least 1 dimension"),
    (VECTOR, "1,2", "22P02", 'invalid input syntax for type vector: "1,2"'),
    (VECTOR, [0.0] * 16_001, "54000", "vector cannot have more than 16000 dimensions"),
]  # fmt: skip


@pytest.mark.parametrize(("oid", "value", "sqlstate", "message"), ERRORS)
def test_values_that_do_not_fit(registry: TypeRegistry, oid: int, value: object, sqlstate: str, message: str) -> None:
    assert refused(lambda: registry.encode(oid, 1, value)) == (sqlstate, message)


BAD = [
    (MOOD, 0, b"x", "22P02"),
    (PLACE, 0, b"(1,2)", "42804"),
    (PLACE, 0, b"(1,2", "22P02"),
    (PLACE, 1, bytes.fromhex("0000000100000019ffffffff"), "42804"),
    (PLACE, 1, bytes.fromhex("0000000300000019ffffffff00015f92ffffffff00015f90ffffffff"), "42804"),
    (PLACE, 1, b"\x7f\xff\xff\xff", "22P03"),
    (MOODS, 1, bytes.fromhex("0000000100000000000000190000000100000001"), "42804"),
    (MOODS, 0, b"{x}", "22P02"),
    (SPAN, 0, b"[2,1]", "22000"),
    (SPAN, 1, b"", "22P03"),
    (SPANS + 1, 0, b"{", "22P02"),
    (SPANS + 1, 1, b"\x7f\xff\xff\xff", "22P03"),
    (HSTORE, 0, b"a", "42601"),
    (HSTORE, 0, b'a=>"b', "42601"),
    (HSTORE, 1, b"\x7f\xff\xff\xff", "22P03"),
    (HSTORE, 1, bytes.fromhex("00000001ffffffffffffffff"), "22004"),
    (HSTORE, 1, bytes.fromhex("0000000100000001610000ffff"), "22P03"),
    (LTREE, 1, b"", "22P03"),
    (LTREE, 1, b"\2a", "22P03"),
    (VECTOR, 1, b"\x7f\xff\0\0", "22P03"),
]


@pytest.mark.parametrize(("oid", "format_code", "data", "sqlstate"), BAD)
def test_bytes_that_are_no_value(
    registry: TypeRegistry, oid: int, format_code: int, data: bytes, sqlstate: str
) -> None:
    assert refused(lambda: registry.decode(oid, format_code, data))[0] == sqlstate


def test_users_codecs() -> None:
    registry = TypeRegistry()
    registry.set_codec("jsonb", encoder=lambda value: f'"{value}"', decoder=lambda text: ("text", text))
    assert registry.encode(oids.JSONB, 0, 5) == b'"5"'
    assert registry.decode(oids.JSONB, 0, b"[1]") == ("text", "[1]")
    assert registry.decode(oids.JSONB_ARRAY, 0, b'{"[1]",NULL}') == [("text", "[1]"), None]
    assert registry.format(oids.JSONB) == 0
    assert refused(lambda: registry.decode(oids.JSONB, 1, b"\1[1]")) == (
        "0A000",
        "the codec of type jsonb knows the text format only",
    )
    registry.set_codec("jsonb", encoder=lambda value: b"\1{}", decoder=len, format="binary")
    assert (registry.format(oids.JSONB), registry.decode(oids.JSONB, 1, b"\1[1]")) == (1, 4)
    assert registry.decode(oids.JSONB, 0, b"[1]") == ("text", "[1]")
    assert registry.encode(oids.JSONB, 1, None) is None
    registry.reset_codec("jsonb")
    assert registry.decode(oids.JSONB, 1, b"\1[1]") == "[1]"
    registry.set_codec(oids.INT4, encoder=lambda value: 5, decoder=int)
    message = "the encoder of type int4 must return str, not int"
    assert refused(lambda: registry.encode(oids.INT4, 0, 1)) == ("42804", message)
    with pytest.raises(ValueError, match="the format of a codec is 'text' or 'binary', not 'csv'"):
        registry.set_codec("x", encoder=str, decoder=str, format="csv")  # type: ignore[arg-type]


def test_what_a_users_codec_raises_passes_through() -> None:
    registry = TypeRegistry()
    registry.set_codec("int4", encoder=str, decoder=lambda text: {}[text])
    with pytest.raises(KeyError):
        registry.decode(oids.INT4, 0, b"1")


def test_layers() -> None:
    database = TypeRegistry()
    connection = database.scoped()
    connection.set_codec("hstore", encoder=str, decoder=lambda text: "mine")
    database.add_type("hstore", HSTORE)
    assert database.decode(HSTORE, 0, b"a=>b") == {"a": "b"}
    assert connection.decode(HSTORE, 0, b"a=>b") == "mine"
    assert (connection.oid("hstore"), connection.name(HSTORE), database.oid("nope")) == (HSTORE, "hstore", None)
    connection.reset_codec("hstore")
    assert connection.decode(HSTORE, 0, b"a=>b") == {"a": "b"}
    # Another database calls another type by this OID.
    other = database.scoped()
    other.register_enum("mood", HSTORE)
    assert other.decode(HSTORE, 1, b"sad") == "sad"


def test_batches(registry: TypeRegistry) -> None:
    types = [oids.INT4, HSTORE, MOOD]
    data = [b"\0\0\0\1", b"\0\0\0\0", None]
    assert registry.decode_values(types, [1], data) == (1, {}, None)
    assert registry.decode_values(types, [], [b"1", b"", b"ok"]) == (1, {}, "ok")
    with pytest.raises(PostgresError, match="bind message supplies 2 parameters") as caught:
        registry.decode_values(types, [], [b"1", b""])
    assert caught.value.sqlstate == "08P01"
    with pytest.raises(PostgresError) as caught:
        registry.decode_values(types, [], [b"1", b"=", b"ok"])
    assert caught.value.where == "parameter $2, type hstore, value b'='"


def test_rows(registry: TypeRegistry) -> None:
    assert type(registry.row_encoder([oids.INT4, CITEXT, NAME], [1])) is _impl.RowEncoder
    encoder = registry.row_encoder([oids.INT4, HSTORE, PLACE], [0, 1, 0])
    rows = [(1, {"a": None}, (1, "x", "ok")), [2, None, None]] * 300
    first, after = encoder.encode(rows, 0, 100)
    assert 0 < after < len(rows)
    rest, end = encoder.encode(rows, after, 1 << 20)
    assert end == len(rows)
    plain = _impl.RowEncoder([oids.INT4, 0, 0], [0, 1, 0])
    one = bytes.fromhex("00000001 00000001 61 ffffffff")
    assert first + rest == plain.encode([(1, one, b"(1,x,ok)"), [2, None, None]] * 300, 0, 1 << 20)[0]
    with pytest.raises(PostgresError) as caught:
        encoder.encode([(1, {}, None), (1, {}, (1, "x"))], 0, 1000)
    assert caught.value.where == "row 1, column 3, type place, value of Python type tuple"
    assert refused(lambda: encoder.encode([(1, {})], 0, 1000))[0] == "08P01"
    assert refused(lambda: encoder.encode([1], 0, 1000))[0] == "42804"
    assert refused(lambda: encoder.encode({}, 0, 1000))[0] == "42804"


def test_nesting_is_bounded() -> None:
    registry = TypeRegistry()
    registry.register_composite("turtle", PLACE, [("below", PLACE)])
    value: object = None
    for _ in range(100):
        value = (value,)
    assert refused(lambda: registry.encode(PLACE, 1, value))[0] == "54001"
    data = b"\0\0\0\1" + struct.pack("!Ii", PLACE, -1)
    for _ in range(100):
        data = b"\0\0\0\1" + struct.pack("!Ii", PLACE, len(data)) + data
    assert refused(lambda: registry.decode(PLACE, 1, data))[0] == "54001"
    registry.register_domain("a", NAME, oids.TEXT)
    registry.register_domain("a", NAME, NAME)
    assert refused(lambda: registry.encode(NAME, 1, "x"))[0] == "54001"


def test_types_that_are_none() -> None:
    registry = TypeRegistry()
    with pytest.raises(ValueError, match="the OID of type 'nope' is not known"):
        registry.register_domain("d", NAME, "nope")
    for name, oid in (("", 1), ("x", 0), ("x", 1 << 32)):
        with pytest.raises(ValueError, match="no type"):
            registry.add_type(name, oid)


def test_decimals_in_a_domain() -> None:
    registry = TypeRegistry()
    registry.register_domain("price", NAME, "numeric")
    registry.register_domain("low_price", NAMES, "price")
    assert registry.decode(NAMES, 0, b"1.50") == Decimal("1.50")
    assert registry.encode(NAMES, 1, Decimal("1.50")) == _impl.encode_value(oids.NUMERIC, 1, Decimal("1.50"))
