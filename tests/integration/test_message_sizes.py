"""How long messages may be: the start-up packet, what comes before login, and after it. Only the length is sent, never that much."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

import pgwire_py as pg
from pgwire_py.auth import UsersFunction
from pgwire_py.connection import MAX_AUTH_MESSAGE_LENGTH, MAX_STARTUP_LENGTH
from tests.support.hosted import LOOPS, Hosted, hosted
from tests.support.raw import PROTOCOL_3_0, SYNC, bind, execute, parse, query, startup

LONGEST = 20_000
USERS = {"ada": "lovelace"}


async def length(query: pg.Query) -> pg.Result:
    return pg.Result(columns=[pg.Column("n", pg.INT4)], rows=[(len(query.sql),)])


def password(user: str, _: str) -> str | None:
    return USERS.get(user)


@pytest.fixture(params=LOOPS)
def server(request: pytest.FixtureRequest) -> Iterator[Hosted]:
    new_loop: Callable[[], asyncio.AbstractEventLoop] = LOOPS[request.param]
    with hosted(length, new_loop, max_message_length=LONGEST) as it:
        yield it


def announced(tag: str, size: int) -> bytes:
    """The head of a message whose length field says so."""
    return tag.encode() + size.to_bytes(4, "big")


def test_after_login(server: Hosted) -> None:
    with server.client() as neighbour:
        for head in (announced("Q", LONGEST + 1), announced("B", 2**31 - 1), announced("S", 10_001), announced("Q", 3)):
            with server.client() as client:
                client.send(head)
                refused = client.receive()
                assert refused is not None
                assert (str(refused), refused.fields["M"]) == ("E 08P01 FATAL", "invalid message length")
                assert client.to_end() == []
        with server.client() as client:
            assert client.exchange(query("x" * (LONGEST - 5)))[1] == f"D {LONGEST - 5}"
            longest = parse("x" * (LONGEST - 8))
            assert client.exchange(longest, bind(), execute(), SYNC)[2] == f"D {LONGEST - 8}"
        assert neighbour.exchange(query("alive"))[-1] == "Z I"


def test_the_startup_packet(server: Hosted) -> None:
    for size in (MAX_STARTUP_LENGTH + 1, 2**31 - 1, 7):
        with server.connect() as client:
            client.send(announced("", size) + PROTOCOL_3_0.to_bytes(4, "big"))
            assert client.to_end() == ["E 08P01 FATAL"]
    with server.connect() as client:
        packet = startup({"user": "tester", "application_name": "a" * 9_000})
        assert len(packet) < MAX_STARTUP_LENGTH
        client.send(packet)
        assert str(client.until_ready()[-1]) == "Z I"


@pytest.mark.parametrize("method", ["password", "scram-sha-256"])
def test_before_login(method: str) -> None:
    with hosted(length, auth=method, users=UsersFunction(password)) as it:
        for size in (MAX_AUTH_MESSAGE_LENGTH + 1, 2**30):
            with it.connect() as client:
                client.send(startup({"user": "ada", "database": "x"}))
                asked = client.receive()
                assert asked is not None
                assert asked.tag == "R"
                client.send(announced("p", size))
                assert client.to_end() == ["E 08P01 FATAL"]
