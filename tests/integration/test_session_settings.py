"""Settings of texts on the wire: what is answered, told by ParameterStatus, printed and read, as with PostgreSQL, with every engine."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

import pgwire_py as pg
from pgwire_py import oids
from pgwire_py.types import TypeRegistry
from tests.support import raw
from tests.support.hosted import hosted
from tests.support.raw import Message, RawClient
from tests.support.targets import Target


def answers(client: RawClient, sql: bytes | str) -> list[Message]:
    client.send(raw.message("Q", (sql.encode() if isinstance(sql, str) else sql) + b"\0"))
    return client.until_ready()


def told(client: RawClient, sql: str) -> list[str]:
    """What a query is answered with, ParameterStatus with its content."""
    return [
        " = ".join(answer.body.decode().split("\0")[:2]) if answer.tag == "S" else str(answer)
        for answer in answers(client, sql)
        if answer.tag != "T"
    ]


def rows(client: RawClient, sql: bytes | str) -> list[tuple[bytes | None, ...]]:
    return [answer.row for answer in answers(client, sql) if answer.tag == "D"]


def echo(client: RawClient, oid: int, value: bytes, formats: tuple[int, int] = (0, 0)) -> bytes | str | None:
    """A parameter back as a result; the SQLSTATE where it is refused."""
    parts = [raw.parse("select $1", types=[oid]), raw.bind(value, formats=[formats[0]], result_formats=[formats[1]])]
    client.send(*parts, raw.execute(), raw.SYNC)
    for answer in (found := client.until_ready()):
        if answer.tag == "D":
            return answer.row[0]
        if answer.tag == "E":
            return answer.fields["C"]
    raise AssertionError(found)


SETTING = (
    ("set datestyle to german", ["C SET", "DateStyle = German, DMY", "Z I"]),
    ("set datestyle to german", ["C SET", "Z I"]),
    ("set datestyle to 'ymd'", ["C SET", "DateStyle = German, YMD", "Z I"]),
    ("set datestyle to iso, mdy", ["C SET", "DateStyle = ISO, MDY", "Z I"]),
    ("set datestyle to foo", ["E 22023", "Z I"]),
    ("set timezone to 'america/new_york'", ["C SET", "TimeZone = America/New_York", "Z I"]),
    ("set time zone -7", ["C SET", "TimeZone = <-07>+07", "Z I"]),
    ("set time zone interval '-08:30' hour to minute", ["C SET", "TimeZone = <-08:30>+08:30", "Z I"]),
    ("set time zone 'nowhere'", ["E 22023", "Z I"]),
    ("set time zone local", ["C SET", "TimeZone = UTC", "Z I"]),
    ("set intervalstyle to ISO_8601", ["C SET", "IntervalStyle = iso_8601", "Z I"]),
    ("set client_encoding to latin1", ["C SET", "client_encoding = LATIN1", "Z I"]),
    ("set names 'utf-8'", ["C SET", "client_encoding = UTF8", "Z I"]),
    ("set bytea_output to escape", ["C SET", "Z I"]),
    ("show bytea_output", ["D escape", "C SHOW", "Z I"]),
    ("set application_name to 'a\tb\u00e9'", ["C SET", "application_name = a?b??", "Z I"]),
    ("reset application_name", ["C RESET", "application_name = ", "Z I"]),
    ("set extra_float_digits to 4", ["E 22023", "Z I"]),
    ("begin", ["C BEGIN", "Z T"]),
    ("set local datestyle to sql", ["C SET", "DateStyle = SQL, MDY", "Z T"]),
    ("rollback", ["C ROLLBACK", "DateStyle = ISO, MDY", "Z I"]),
    ("begin", ["C BEGIN", "Z T"]),
    ("set intervalstyle to sql_standard", ["C SET", "IntervalStyle = sql_standard", "Z T"]),
    ("rollback", ["C ROLLBACK", "IntervalStyle = iso_8601", "Z I"]),
    ("reset all", ["C RESET", "IntervalStyle = postgres", "Z I"]),
)


def test_settings_are_answered_and_told(target: Target) -> None:
    with target.raw(TimeZone="UTC", DateStyle="ISO", client_encoding="UTF8") as client:
        for sql, expected in SETTING:
            assert told(client, sql) == expected, sql


def test_settings_in_the_start_up_packet(target: Target) -> None:
    with target.raw(
        TimeZone="asia/kolkata", DateStyle="sql,dmy", client_encoding="latin9", bytea_output="escape"
    ) as client:
        names = ("TimeZone", "DateStyle", "client_encoding")
        assert [client.parameters[name] for name in names] == ["Asia/Kolkata", "SQL, DMY", "LATIN9"]
        assert echo(client, oids.TIMESTAMPTZ, b"01/07/2024 18:00") == b"01/07/2024 18:00:00 IST"
        assert echo(client, oids.BYTEA, b"\\x00ff") == b"\\000\\377"
        assert echo(client, oids.TEXT, b"5 \xa4") == b"5 \xa4"


def test_a_wrong_setting_in_the_start_up_packet(our_target: Target) -> None:
    with our_target.connect() as client, pytest.raises(AssertionError, match="E 22023 FATAL"):
        client.login(our_target.user, our_target.dbname, TimeZone="nowhere")


@pytest.mark.smoke
def test_parameters_and_results_follow_the_settings(target: Target) -> None:
    with target.raw(TimeZone="UTC", DateStyle="ISO", client_encoding="UTF8") as client:
        answers(
            client,
            "set datestyle to 'postgres, dmy'; set timezone to 'America/New_York'; set intervalstyle to iso_8601",
        )
        assert echo(client, oids.TIMESTAMPTZ, b"1/7/2024 8:30") == b"Mon 01 Jul 08:30:00 2024 EDT"
        assert echo(client, oids.TIMESTAMPTZ, b"Mon 01 Jul 08:30:00 2024 EDT") == b"Mon 01 Jul 08:30:00 2024 EDT"
        assert echo(client, oids.DATE, b"13/7/2024") == b"13-07-2024"
        assert echo(client, oids.DATE, b"7/13/2024") == "22008"
        assert echo(client, oids.INTERVAL, b"1 day 2:00") == b"P1DT2H"
        answers(client, "set extra_float_digits to 0; set bytea_output to escape; set datestyle to sql")
        assert echo(client, oids.FLOAT8, b"0.30000000000000004") == b"0.3"
        assert echo(client, oids.BYTEA, b"\\xff5c") == b"\\377\\\\"
        assert echo(client, oids.TIMESTAMPTZ, b"2024-07-01 12:30Z") == b"01/07/2024 08:30:00 EDT"
        answers(client, "reset all")
        assert echo(client, oids.TIMESTAMPTZ, b"7/1/2024 8:30-04") == b"2024-07-01 12:30:00+00"
        assert echo(client, oids.FLOAT8, b"0.30000000000000004") == b"0.30000000000000004"


def test_a_prepared_statement_follows_settings_made_later(target: Target) -> None:
    with target.raw(TimeZone="UTC", DateStyle="ISO", client_encoding="UTF8") as client:
        client.send(raw.parse("select $1", "s", types=[oids.DATE]), raw.SYNC)
        client.until_ready()
        for style, shown in (("german", b"13.07.2024"), ("sql, mdy", b"07/13/2024"), ("iso", b"2024-07-13")):
            answers(client, f"set datestyle to {style}")
            client.send(raw.bind(b"2024-07-13", statement="s"), raw.execute(), raw.SYNC)
            assert [answer.row for answer in client.until_ready() if answer.tag == "D"] == [(shown,)]


@pytest.mark.engines("postgres", "duckdb")
def test_the_engine_knows_the_time_zone(target: Target) -> None:
    zones = (
        ("America/New_York", b"-04", b"08:00:00-04"),
        ("<-08>+08", b"-08", b"04:00:00-08"),
        ("UTC", b"+00", b"12:00:00+00"),
    )
    with target.raw(TimeZone="UTC", DateStyle="ISO", client_encoding="UTF8") as client:
        for zone, offset, shown in zones:
            answers(client, f"set time zone '{zone}'")
            sql = "select timestamptz '2024-07-01 12:00:00', cast(timestamptz '2024-07-01 12:00:00+00' as text)"
            assert rows(client, sql) == [(b"2024-07-01 12:00:00" + offset, b"2024-07-01 " + shown)]


@pytest.mark.smoke
def test_texts_in_the_clients_encoding(target: Target) -> None:
    with target.raw(TimeZone="UTC", DateStyle="ISO", client_encoding="UTF8") as client:
        answers(client, "set client_encoding to latin1")
        found = answers(client, b"select 'gr\xfc\xdfe' as \"\xe4\"")
        assert found[0].body[2:4] == b"\xe4\0"
        assert [answer.row for answer in found if answer.tag == "D"] == [(b"gr\xfc\xdfe",)]
        assert echo(client, oids.TEXT, b"\xe9") == b"\xe9"
        assert echo(client, oids.TEXT, b"\xe9", (1, 1)) == b"\xe9"
        assert echo(client, oids.TEXT_ARRAY, b"{a,\xe9}", (0, 1)) is not None
        assert b"\xe9" in (echo(client, oids.TEXT_ARRAY, b"{a,\xe9}", (0, 1)) or b"")  # type: ignore[operator]
        (error,) = [answer for answer in answers(client, b'select * from "gr\xfcn"') if answer.tag == "E"]
        assert b"gr\xfcn" in error.body
        answers(client, "set client_encoding to utf8")
        assert rows(client, "select 'größe'") == [("größe".encode(),)]


def test_a_character_that_the_clients_encoding_lacks(target: Target) -> None:
    with target.raw(TimeZone="UTC", DateStyle="ISO", client_encoding="UTF8") as client:
        client.send(raw.parse("select '€ as text' as euro", "euro"), raw.SYNC)
        client.until_ready()
        answers(client, "set client_encoding to latin1")
        client.send(raw.bind(statement="euro"), raw.execute(), raw.SYNC)
        (error,) = [answer for answer in client.until_ready() if answer.tag == "E"]
        message = (
            'character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no equivalent in encoding "LATIN1"'
        )
        assert (error.fields["C"], error.fields["M"]) == ("22P05", message)
        assert rows(client, "select 'still here'") == [(b"still here",)]
        answers(client, "set client_encoding to win1252")
        client.send(raw.bind(statement="euro"), raw.execute(), raw.SYNC)
        assert [answer.row for answer in client.until_ready() if answer.tag == "D"] == [(b"\x80 as text",)]


def test_bytes_that_are_no_text(target: Target) -> None:
    with target.raw(TimeZone="UTC", DateStyle="ISO", client_encoding="UTF8") as client:
        for encoding, code in (("utf8", "22021"), ("sql_ascii", "22021"), ("win1252", "22P05")):
            answers(client, f"set client_encoding to {encoding}")
            assert echo(client, oids.TEXT, b"\x81") == code
            (error,) = [answer for answer in answers(client, b"select '\x81'") if answer.tag == "E"]
            assert error.fields["C"] in ("22021", code)
            assert rows(client, "select 'still here'") == [(b"still here",)]


def test_chunks_of_any_size_in_another_encoding(our_target: Target) -> None:
    with our_target.raw(client_encoding="latin1") as client:
        data = b"".join(
            raw.message("Q", sql + b"\0") for sql in (b"select '\xe9'", b"select 'x'", b"select '\xfc\xfc'")
        )
        for at in range(len(data)):
            client.send(data[at : at + 1])
        found = [answer.row for answer in client.until_ready(3) if answer.tag == "D"]
        assert found == [(b"\xe9",), (b"x",), (b"\xfc\xfc",)]


def test_an_error_that_cannot_be_told() -> None:
    async def answer(query: pg.Query) -> pg.Result:
        raise ValueError("€ and \0" if "1" in query.sql else "é")

    with hosted(answer) as it, it.client(client_encoding="latin1") as client:
        assert [str(message) for message in answers(client, "select 1")] == ["E 22P05", "Z I"]
        (error, ready) = answers(client, "select 2")
        assert (b"ValueError: \xe9" in error.body, str(ready)) == (True, "Z I")


MOOD = 70_001
MOMENT = datetime(2024, 7, 1, 12, tzinfo=timezone.utc)


def test_codecs_of_the_servers_own() -> None:
    """A registry given to the server writes columns of its types, and reads parameters, in the session's style and encoding."""

    async def answer(query: pg.Query) -> pg.Result:
        if query.parameters:
            return pg.Result(columns=[pg.Column("seen", pg.TEXT)], rows=[(repr(query.parameters[0]),)])
        columns = [pg.Column("m", MOOD), pg.Column("d", 70_002), pg.Column("n", pg.INT4)]
        return pg.Result(columns=columns, rows=[({"mood": "süß"}, (None, MOMENT), number) for number in range(3)])

    types = TypeRegistry()
    types.add_type("mood", MOOD)
    types.set_codec(MOOD, encoder=lambda value: value["mood"], decoder=lambda text: {"mood": text})
    types.register_composite("pair", 70_002, [("a", "int4"), ("b", "timestamptz")])
    with hosted(answer, types=types) as it, it.client() as client:
        assert rows(client, "select 1") == [
            ("süß".encode(), b'(,"2024-07-01 12:00:00+00")', b"%d" % n) for n in range(3)
        ]
        answers(client, "set datestyle to german; set timezone to 'Europe/Berlin'; set client_encoding to latin1")
        assert rows(client, "select 1") == [
            (b"s\xfc\xdf", b'(,"01.07.2024 14:00:00 CEST")', b"%d" % n) for n in range(3)
        ]
        assert echo(client, MOOD, b"\xe4") == b"{'mood': '\xe4'}"
