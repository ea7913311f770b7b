"""COPY in sessions of other settings: client_encoding, DateStyle, TimeZone; transactions, cursors and prepared statements around it."""

from __future__ import annotations

import pytest

from tests.support.raw import RawClient, message, query
from tests.support.targets import Target

DONE = message("c")
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)


def data(payload: bytes) -> bytes:
    return message("d", payload)


def copied(client: RawClient, sql: str) -> bytes:
    """What a COPY TO sends."""
    client.send(query(sql))
    return b"".join(answer.body for answer in client.until_ready() if answer.tag == "d")


def words(client: RawClient, table: str) -> list[str]:
    """The words in UTF-8, by number."""
    client.exchange(query("set client_encoding to utf8"))
    client.send(query(f"select word from {table} order by n"))
    return [(answer.row[0] or b"").decode() for answer in client.until_ready() if answer.tag == "D"]


@pytest.mark.parametrize(("name", "codec"), [("LATIN1", "latin-1"), ("LATIN2", "iso8859-2"), ("WIN1252", "cp1252")])
@pytest.mark.parametrize("form", ["text", "csv"])
def test_text_is_in_the_clients_encoding(target: Target, table: str, name: str, codec: str, form: str) -> None:
    with target.raw(client_encoding=name) as client:
        client.exchange(query(f"create table {table} (n int4, word text)"))
        separator = "\t" if form == "text" else ","
        lines = "".join(f"{n}{separator}{word}\n" for n, word in enumerate(["é", "ascii", "Käse ö"], 1)).encode(codec)
        client.send(query(f"copy {table} from stdin (format {form})"))
        for byte in lines:
            client.send(data(bytes([byte])))
        assert client.exchange(DONE)[-2:] == ["C COPY 3", "Z I"]
        assert copied(client, f"copy (select * from {table} order by n) to stdout (format {form})") == lines
        named = f"copy (select * from {table} order by n) to stdout (format {form}, encoding 'utf8')"
        assert copied(client, named) == lines.decode(codec).encode()
        assert words(client, table) == ["é", "ascii", "Käse ö"]


@pytest.mark.parametrize("name", ["LATIN1", "WIN1250"])
def test_a_character_that_the_encoding_has_not(target: Target, table: str, name: str) -> None:
    with target.raw() as client:
        client.exchange(query(f"create table {table} (n int4, word text)"))
        client.exchange(query(f"insert into {table} values (1, 'a\u2603')"))
        client.exchange(query(f"set client_encoding to {name}"))
        answers = client.exchange(query(f"copy {table} to stdout"))
        assert answers[-2:] == ["E 22P05", "Z I"]


def test_texts_in_binary_are_in_the_clients_encoding(target: Target, table: str) -> None:
    row = b"\0\2" + b"\0\0\0\4\0\0\0\1" + b"\0\0\0\2\xe9\xfc"
    whole = SIGNATURE + row + b"\xff\xff"
    with target.raw(client_encoding="LATIN1") as client:
        client.exchange(query(f"create table {table} (n int4, word text)"))
        client.send(query(f"copy {table} from stdin (format binary)"), data(whole[:30]), data(whole[30:]))
        assert client.exchange(DONE)[-2:] == ["C COPY 1", "Z I"]
        assert copied(client, f"copy {table} to stdout (format binary)") == whole
        assert words(client, table) == ["éü"]


def test_dates_and_moments_follow_the_settings(target: Target, table: str) -> None:
    with target.raw(DateStyle="SQL, DMY", TimeZone="Asia/Kolkata") as client:
        client.exchange(query(f"create table {table} (n int4, day date, at timestamptz)"))
        lines = b"1\t03/02/2001\t03/02/2001 04:05:06 IST\n2\t\\N\t\\N\n"
        bare = lines.replace(b" IST", b"")
        client.send(query(f"copy {table} from stdin"), data(bare[:9]), data(bare[9:]))
        assert client.exchange(DONE)[-2:] == ["C COPY 2", "Z I"]
        assert copied(client, f"copy (select * from {table} order by n) to stdout") == lines
        client.send(query(f"copy {table} from stdin"), data(b"3\t\\N\t\\N\n4\t02/13/2001\t\\N\n"), DONE)
        (error,) = [answer.fields for answer in client.until_ready() if answer.tag == "E"]
        assert (error["C"], error["W"]) == ("22008", f'COPY {table}, line 2, column day: "02/13/2001"')
        client.exchange(query("set datestyle to iso"), query("set timezone to utc"), ready=2)
        assert copied(client, f"copy (select day, at from {table} where n = 1) to stdout") == (
            b"2001-02-03\t2001-02-02 22:35:06+00\n"
        )


@pytest.mark.engines("postgres", "sqlite")
def test_savepoints_around_copy(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4, word text)"))
    raw.exchange(query("begin"))
    raw.send(query(f"copy {table} from stdin"), data(b"1\ta\n"), DONE)
    raw.until_ready()
    raw.exchange(query("savepoint s"))
    raw.send(query(f"copy {table} from stdin"), data(b"2\tb\nwrong\tc\n"), DONE)
    assert [str(answer) for answer in raw.until_ready()][-2:] == ["E 22P02", "Z E"]
    assert raw.exchange(query(f"copy {table} to stdout")) == ["E 25P02", "Z E"]
    assert raw.exchange(query("rollback to s")) == ["C ROLLBACK", "Z T"]
    raw.send(query(f"copy {table} from stdin"), data(b"3\tc\n"), DONE)
    raw.until_ready()
    assert raw.exchange(query("commit")) == ["C COMMIT", "Z I"]
    assert copied(raw, f"copy (select * from {table} order by n) to stdout") == b"1\ta\n3\tc\n"


def test_prepare_and_declare_cannot_hold_copy(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4)"))
    assert raw.exchange(query(f"prepare p as copy {table} to stdout")) == ["E 42601", "Z I"]
    assert raw.exchange(query(f"declare c cursor with hold for copy {table} to stdout")) == ["E 42601", "Z I"]


def test_cursors_and_notifications_beside_copy(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4)"), query(f"insert into {table} values (1), (2)"), ready=2)
    raw.exchange(query("listen beside"))
    raw.exchange(query("begin"), query(f"declare c cursor for select n from {table} order by n"), ready=2)
    assert raw.exchange(query("fetch 1 from c"))[1:] == ["D 1", "C FETCH 1", "Z T"]
    raw.exchange(query("notify beside, 'x'"))
    raw.send(query(f"copy {table} from stdin"), data(b"3\n"), DONE)
    assert [str(answer) for answer in raw.until_ready()][-2:] == ["C COPY 1", "Z T"]
    assert raw.exchange(query("fetch all from c"))[1:] == ["D 2", "C FETCH 1", "Z T"]
    raw.send(query("commit"))
    assert sorted(answer.tag for answer in raw.until_ready()) == ["A", "C", "Z"]
