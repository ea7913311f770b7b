"""Raw sockets against every server: start-up, framing, delivery, cancellation, the end of a connection."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from tests.support.raw import (
    GSSENC_REQUEST,
    PROTOCOL_3_0,
    SSL_REQUEST,
    SYNC,
    TERMINATE,
    RawClient,
    bind,
    cancel_request,
    describe,
    execute,
    message,
    parse,
    query,
    startup,
    text,
)
from tests.support.targets import Target

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"


def packet(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack("!i", len(body) + 4) + body


def login(target: Target, version: int = PROTOCOL_3_0, **parameters: str) -> bytes:
    return startup({"user": target.user, "database": target.dbname, **parameters}, version)


# Start-up


@pytest.mark.smoke
def test_login_announces_the_session(target: Target) -> None:
    with target.connect() as client:
        answers = client.login(target.user, target.dbname, application_name="me", client_encoding="UTF8")
        assert [a.tag for a in answers if a.tag != "S"] == ["R", "K", "Z"]
        assert answers[0].body == struct.pack("!i", 0)
        expected = {
            "application_name": "me", "client_encoding": "UTF8", "server_encoding": "UTF8", "integer_datetimes": "on",
            "standard_conforming_strings": "on", "DateStyle": "ISO, MDY", "IntervalStyle": "postgres",
        }  # fmt: skip
        assert {name: client.parameters.get(name) for name in expected} == expected
        assert {"server_version", "TimeZone", "is_superuser", "session_authorization"} <= client.parameters.keys()
        assert len(client.key) == 4


def test_settings_in_start_up(target: Target) -> None:
    with target.raw(DateStyle="ISO", options="-c statement_timeout=1234 -c timezone=UTC") as client:
        assert client.parameters["TimeZone"] == "UTC"
        assert client.exchange(query("show statement_timeout"))[1] == "D 1234ms"


@pytest.mark.parametrize(
    ("first", "sqlstate"),
    [
        pytest.param(struct.pack("!ii", 8, 0x00040000), "0A000", id="protocol 4.0"),
        pytest.param(
            packet(struct.pack("!i", PROTOCOL_3_0), text("database"), text("x"), b"\0"), "28000", id="no user"
        ),
        pytest.param(packet(struct.pack("!i", PROTOCOL_3_0), text("user"), text("x")), "08P01", id="no terminator"),
    ],
)
def test_refused_start_up(target: Target, first: bytes, sqlstate: str) -> None:
    with target.connect() as client:
        client.send(first)
        assert client.to_end() == [f"E {sqlstate} FATAL"]


def test_protocol_2_is_refused(target: Target) -> None:
    """In words that a client of that time reads: PostgreSQL answers "E", the text, a line feed and a NUL, without a length."""
    with target.connect() as client:
        client.send(struct.pack("!ii", 8, 0x00020000))
        answer = b"".join(iter(lambda: client.socket.recv(4096), b""))
    assert answer.startswith(b"E")
    assert b"unsupported frontend protocol 2.0" in answer


@pytest.mark.parametrize("length", [-1, 0, 3, 4, 7, 10_001, 2**31 - 1])
def test_wrong_length_of_start_up(target: Target, length: int) -> None:
    """PostgreSQL closes without an answer, as whoever sends that hardly speaks its protocol; an error is no harm."""
    with target.connect() as client:
        client.send(struct.pack("!ii", length, PROTOCOL_3_0))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.to_end() in ([], ["E 08P01 FATAL"] if target.ours else [])


def test_start_up_cut_short(target: Target) -> None:
    with target.connect() as client:
        client.send(login(target)[:-3])
        client.socket.shutdown(socket.SHUT_WR)
        assert client.to_end() == []


@pytest.mark.parametrize("version", [0x00030002, 0x0003270F])
@pytest.mark.parametrize("extensions", [{}, {"_pq_.one": "1", "_pq_.two": ""}])
def test_negotiation(target: Target, version: int, extensions: dict[str, str]) -> None:
    """PostgreSQL before 18 knows 3.0 alone; we know 3.2. What is unknown is named in exactly one answer."""
    with target.connect() as client:
        newest = 2 if target.ours else 0
        answers = client.login(target.user, target.dbname, version, **extensions)
        offers = [a.body for a in answers if a.tag == "v"]
        if version & 0xFFFF <= newest and not extensions:
            assert offers == []
        else:
            spoken = min(version & 0xFFFF, newest)
            assert len(offers) == 1
            assert struct.unpack_from("!i", offers[0])[0] in (spoken, 0x00030000 | spoken)
            assert offers[0][4:] == struct.pack("!i", len(extensions)) + b"".join(map(text, extensions))
        assert len(client.key) == (32 if target.ours else 4)
        assert client.exchange(query("select 'x'"))[1] == "D x"


@pytest.mark.smoke
def test_refused_tls_then_start_up(target: Target) -> None:
    with target.connect() as client:
        client.send(SSL_REQUEST)
        assert client.byte() == b"N"
        client.login(target.user, target.dbname)
        assert client.exchange(query("select 'x'"))[1] == "D x"


@pytest.mark.parametrize("first", [GSSENC_REQUEST, SSL_REQUEST])
def test_refused_gss_and_tls_then_start_up(our_target: Target, first: bytes) -> None:
    """libpq with GSSAPI asks for both on one connection. PostgreSQL may have been built with GSSAPI, so ours alone."""
    with our_target.connect() as client:
        for request in (first, SSL_REQUEST if first is GSSENC_REQUEST else GSSENC_REQUEST):
            client.send(request)
            assert client.byte() == b"N"
        client.login(our_target.user, our_target.dbname)
        assert client.exchange(query("select 'x'"))[1] == "D x"


def test_tls_requested_twice(target: Target) -> None:
    with target.connect() as client:
        client.send(SSL_REQUEST)
        assert client.byte() == b"N"
        client.send(SSL_REQUEST)
        assert client.to_end() == ["E 0A000 FATAL"]


def test_connection_that_says_nothing(target: Target) -> None:
    with target.connect() as client:
        client.socket.shutdown(socket.SHUT_WR)
        assert client.to_end() == []


# Framing


@pytest.mark.smoke
@pytest.mark.parametrize("tag", ["y", "\0", "R", "Z", "1"])
def test_unknown_tag(raw: RawClient, target: Target, tag: str) -> None:
    assert raw.exchange(message(tag, b"abc")) == ["E 08P01 FATAL"]
    with target.raw() as other:
        assert other.exchange(query("select 'unharmed'"))[1] == "D unharmed"


@pytest.mark.parametrize("length", [-5, 0, 3])
def test_length_too_small(raw: RawClient, target: Target, length: int) -> None:
    """PostgreSQL writes it to its log and closes; ours says so to the client first."""
    raw.send(b"Q" + struct.pack("!i", length), text("select 1"))
    assert raw.to_end() == (["E 08P01 FATAL"] if target.ours else [])


@pytest.mark.parametrize("tag", ["S", "H", "D", "E", "P"])
def test_length_too_large_for_the_tag(raw: RawClient, target: Target, tag: str) -> None:
    """Every kind but Query, Bind, Parse, FunctionCall and CopyData has a small bound; those have 1 GB."""
    raw.send(tag.encode() + struct.pack("!i", 2**31 - 1))
    assert raw.to_end() == (["E 08P01 FATAL"] if target.ours else [])


@pytest.mark.parametrize("tag", ["S", "H"])
def test_body_where_none_belongs(raw: RawClient, tag: str) -> None:
    answers = raw.exchange(message(tag, b"x"), SYNC)
    assert answers[0] == "E 08P01"


def test_query_without_an_end(raw: RawClient) -> None:
    assert raw.exchange(message("Q", b"select 1")) == ["E 08P01", "Z I"]
    assert raw.exchange(message("Q", b"select 1\0\0")) == ["E 08P01", "Z I"]
    assert raw.exchange(message("Q")) == ["E 08P01", "Z I"]
    assert raw.exchange(query("select 'alive'"))[1] == "D alive"


def test_message_cut_short_by_the_end(raw: RawClient) -> None:
    raw.send(query("select 1")[:-4])
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.to_end() in ([], ["E 08P01 FATAL"])


def test_copy_messages_outside_copy_are_ignored(raw: RawClient) -> None:
    copy = message("d", b"1\n") + message("c") + message("f", text("no"))
    assert raw.exchange(copy, query("select 'x'"), copy) == ["T", "D x", "C SELECT 1", "Z I"]


def test_function_call_is_answered(raw: RawClient) -> None:
    """An unknown function's OID; FunctionCall, like Query, is followed by ReadyForQuery without Sync."""
    call = message("F", struct.pack("!ihhh", 2**31 - 1, 0, 0, 0))
    answers = raw.exchange(call)
    assert answers[0].startswith("E ")
    assert answers[1:] == ["Z I"]
    assert raw.exchange(message("F", b"\0\0")) == ["E 08P01", "Z I"]
    assert raw.exchange(query("select 'alive'"))[1] == "D alive"


def test_password_message_out_of_order(raw: RawClient) -> None:
    assert raw.exchange(message("p", text("secret"))) == ["E 08P01 FATAL"]


# Delivery: how bytes are cut makes no difference


def conversation(target: Target, table: str) -> list[bytes]:
    bad = parse("select * from no_such_table") + execute() + SYNC
    return [
        login(target),
        query(f"create table {table} (n int4 primary key, word text)"),
        parse(f"insert into {table} values ($1, $2)", "i")
        + b"".join(bind(str(i).encode(), b"w", statement="i") + execute() for i in range(3))
        + SYNC,
        bad,
        parse(f"select n + 0 as n, word || '' as word from {table} order by 1")
        + describe("S")
        + bind(result_formats=[1, 0])
        + execute("", 2)
        + SYNC,
        query(f"begin; drop table {table}; commit; select 'x'; ;"),
        message("d", b"ignored"),
        query("rollback"),
    ]


def answers_of(client: RawClient) -> list[bytes]:
    """Everything up to the end, without what differs from session to session."""
    return [a.tag.encode() + a.body for a in client if a.tag not in "SK"]


@pytest.mark.smoke
def test_delivery_makes_no_difference(target: Target, table: str) -> None:
    messages = conversation(target, table)
    with target.connect() as client:
        expected = []
        for part in messages:
            client.send(part)
            if part[:1] != b"d":
                expected += [a.tag.encode() + a.body for a in client.until_ready() if a.tag not in "SK"]
        client.send(TERMINATE)
        assert client.to_end() == []
    assert b"ZI" in expected
    everything = b"".join([*messages, TERMINATE])
    with target.connect() as client:
        client.send(everything)
        assert answers_of(client) == expected
    with target.connect() as client:
        for i in range(len(everything)):
            client.send(everything[i : i + 1])
        assert answers_of(client) == expected


def test_pipeline_after_an_error_goes_on_behind_sync(raw: RawClient, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4 primary key)"))
    insert = parse(f"insert into {table} values (1)") + bind() + execute()
    good = parse("select 'x'") + bind() + execute()
    answers = raw.exchange(insert, insert, good, SYNC, good, SYNC, query("select 'y'"), ready=3)
    assert answers == [
        "1", "2", "C INSERT 0 1", "1", "2", "E 23505", "Z I", "1", "2", "D x", "C SELECT 1", "Z I",
        "T", "D y", "C SELECT 1", "Z I",
    ]  # fmt: skip
    assert raw.exchange(query(f"select count(*) from {table}"))[1] == "D 0"


def test_pipeline_is_one_transaction(raw: RawClient, target: Target, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4 primary key)"))
    insert = parse(f"insert into {table} values ($1)", types=[23])
    steps = [bind(str(i).encode()) + execute() for i in range(500)]
    assert raw.exchange(insert, *steps, SYNC) == ["1", *(["2", "C INSERT 0 1"] * 500), "Z I"]
    with target.raw() as other:
        assert other.exchange(query(f"select count(*) from {table}"))[1] == "D 500"


def test_query_is_skipped_until_sync_too(raw: RawClient) -> None:
    answers = raw.exchange(bind(statement="none"), query("select 'skipped'"), SYNC, query("select 'x'"), ready=2)
    assert answers == ["E 26000", "Z I", "T", "D x", "C SELECT 1", "Z I"]


def test_many_parameters(raw: RawClient) -> None:
    """The count of parameters is an unsigned 16-bit number."""
    count = 65_535
    answers = raw.exchange(parse("select 'x'"), bind(*([b"1"] * count)), SYNC)
    assert answers == ["1", "E 08P01", "Z I"]


def test_large_value(raw: RawClient) -> None:
    value = b"x" * 5_000_000
    raw.send(parse("select $1", types=[25]), bind(value), execute(), SYNC)
    assert raw.until_ready()[2].row == (value,)


# The end of a connection


@pytest.mark.smoke
def test_terminate(raw: RawClient) -> None:
    raw.send(query("select 'x'"), TERMINATE, query("select 'never'"))
    assert raw.to_end() == ["T", "D x", "C SELECT 1", "Z I"]


def test_terminate_in_the_middle_of_a_pipeline_rolls_back(raw: RawClient, target: Target, table: str) -> None:
    raw.exchange(query(f"create table {table} (n int4)"))
    raw.send(parse(f"insert into {table} values (1)"), bind(), execute(), TERMINATE)
    assert raw.to_end() in ([], ["1", "2", "C INSERT 0 1"])
    with target.raw() as other:
        assert other.exchange(query(f"select count(*) from {table}"))[1] == "D 0"


def test_client_that_stops_sending_is_still_answered(raw: RawClient) -> None:
    raw.send(query("select 'x'"))
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.to_end() == ["T", "D x", "C SELECT 1", "Z I"]


@pytest.mark.smoke
def test_client_that_vanishes_in_a_transaction(target: Target, table: str) -> None:
    with target.raw() as client:
        client.exchange(query(f"create table {table} (n int4)"))
        assert client.exchange(query(f"begin; insert into {table} values (1)"))[-1] == "Z T"
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by RST
    with target.raw() as other:
        assert other.exchange(query(f"select count(*) from {table}"))[1] == "D 0"
        # The lock of the vanished session goes with it, as soon as the server has noticed.
        answers: list[str] = []
        for _ in range(100):
            answers = other.exchange(query(f"insert into {table} values (2)"))
            if answers == ["C INSERT 0 1", "Z I"]:
                break
            time.sleep(0.05)
        assert answers == ["C INSERT 0 1", "Z I"]


# Cancel


@pytest.mark.smoke
def test_cancel(raw: RawClient, target: Target) -> None:
    raw.send(query(ENDLESS))
    _cancel_until_answered(target, raw, raw.process_id, raw.key)
    answers = [str(a) for a in raw.until_ready()]
    assert answers[-2:] == ["E 57014", "Z I"]
    assert raw.exchange(query("select 'alive'"))[1] == "D alive"


def test_cancel_with_a_wrong_key_does_nothing(raw: RawClient, target: Target) -> None:
    wrong = bytes(b ^ 0xFF for b in raw.key)
    raw.send(query(ENDLESS))
    for process_id, key in ((raw.process_id, wrong), (raw.process_id ^ 0x7FFF, raw.key)):
        with target.connect() as canceller:
            canceller.send(cancel_request(process_id, key))
            assert canceller.to_end() == []
    raw.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        raw.receive()
    raw.socket.settimeout(20)
    _cancel_until_answered(target, raw, raw.process_id, raw.key)
    assert [str(a) for a in raw.until_ready()][-2:] == ["E 57014", "Z I"]


def test_cancel_without_a_key(target: Target) -> None:
    """A start-up packet of a wrong length, as above."""
    with target.connect() as canceller:
        canceller.send(cancel_request(1, b""))
        assert canceller.to_end() in ([], ["E 08P01 FATAL"] if target.ours else [])


def test_cancel_when_nothing_runs(raw: RawClient, target: Target) -> None:
    with target.connect() as canceller:
        canceller.send(cancel_request(raw.process_id, raw.key))
        assert canceller.to_end() == []
    assert raw.exchange(query("select 'alive'"))[1] == "D alive"


def _cancel_until_answered(target: Target, victim: RawClient, process_id: int, key: bytes) -> None:
    """Cancel again and again: a request that comes before the query has begun is rightly lost."""
    for _ in range(100):
        with target.connect() as canceller:
            canceller.send(cancel_request(process_id, key))
            assert canceller.to_end() == []
        victim.socket.settimeout(0.2)
        try:
            if victim.socket.recv(1, socket.MSG_PEEK):
                victim.socket.settimeout(20)
                return
        except TimeoutError:
            continue
    raise AssertionError("100 cancel requests were not answered")
