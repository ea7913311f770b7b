"""Messages sent behind the start-up packet, before it was answered: PostgreSQL and our server read them in their turn."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest

import pgwire_py as pg
from pgwire_py.auth import HostBasedRules, ScramClient, ScramVerifier, UsersFunction, new_nonce
from tests.support.hosted import LOOPS, hosted
from tests.support.login import SASL, SASL_CONTINUE, Login
from tests.support.postgres import Programs, running_cluster
from tests.support.raw import TERMINATE, RawClient, message, query, startup

PASSWORD = "pencil"
RULES = [
    "host all clear 127.0.0.1/32 password",
    "host all postgres 127.0.0.1/32 trust",
    "host all all 127.0.0.1/32 scram-sha-256",
]
SELECT = "select 'é' as w"


def answer(said: pg.Query) -> pg.Result:
    return pg.Result([pg.Column("w", pg.TEXT)], [(said.sql.split("'")[1],)])


@pytest.fixture(scope="module")
def referee(programs: Programs) -> Iterator[int]:
    """The port of a PostgreSQL with the rules and users of ours."""
    with running_cluster(programs, hba="\n".join([*RULES, ""])) as cluster:
        with RawClient(cluster.host, cluster.port) as admin:
            admin.login("postgres", "postgres")
            for user in ("ada", "clear"):
                assert "Z I" in admin.exchange(query(f"create role {user} login password '{PASSWORD}'"))
        yield cluster.port


@pytest.fixture(scope="module", params=["postgres", *LOOPS, "later"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of each server: PostgreSQL, ours on both loops, and ours where users are looked up by something that waits."""
    if request.param == "postgres":
        yield request.getfixturevalue("referee")
        return
    verifier = ScramVerifier.generate(PASSWORD, 4096)

    def find(user: str, database: str) -> ScramVerifier | None:
        return verifier if user in ("ada", "clear") else None

    async def find_later(user: str, database: str) -> ScramVerifier | None:
        return find(user, database)

    users = UsersFunction(find_later if request.param == "later" else find)
    new_loop = LOOPS.get(request.param, LOOPS["asyncio"])
    with hosted(answer, new_loop, auth=HostBasedRules(RULES), users=users) as it:
        yield it.server.port


def password(text: str) -> bytes:
    return message("p", text.encode() + b"\0")


def chosen(data: bytes, mechanism: str = "SCRAM-SHA-256") -> bytes:
    return message("p", mechanism.encode() + b"\0" + struct.pack("!i", len(data)) + data)


def said(port: int, sent: bytes, *, whole: bool) -> list[str]:
    """What a server answers to the same bytes in one piece or each in its own."""
    with RawClient("127.0.0.1", port) as client:
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # who refuses at the first byte may be gone before the last
            for piece in [sent] if whole else [sent[at : at + 1] for at in range(len(sent))]:
                client.send(piece)
        return [str(answer) for answer in client if answer.tag not in "SK"]


CLEAR = {"user": "clear", "database": "postgres"}
SCRAM = {"user": "ada", "database": "postgres"}
TRUSTED = {"user": "postgres", "database": "postgres"}
ANSWER = ["T", "D é", "C SELECT 1", "Z I"]


@pytest.mark.parametrize("whole", [True, False], ids=["in one piece", "byte by byte"])
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param([startup(CLEAR), password(PASSWORD), query(SELECT), TERMINATE], ["R", "R", "Z I", *ANSWER], id="password"),
        pytest.param([startup(CLEAR), password("x"), query(SELECT)], ["R", "E 28P01 FATAL"], id="wrong password"),
        pytest.param([startup(CLEAR), query(SELECT)], ["R", "E 08P01 FATAL"], id="no password"),
        pytest.param(
            [startup(SCRAM), chosen(b"n,,n=,r=abc"), message("p", b"c=biws,r=abc,p=AAAA")],
            ["R", "R", "E 08P01 FATAL"],
            id="SCRAM without the server's nonce",
        ),
        pytest.param([startup(SCRAM), chosen(b"", "SCRAM-SHA-1")], ["R", "E 08P01 FATAL"], id="another mechanism"),
        pytest.param([startup(TRUSTED), password(PASSWORD)], ["R", "Z I", "E 08P01 FATAL"], id="nobody asked"),
        pytest.param([startup(TRUSTED), query(SELECT), TERMINATE], ["R", "Z I", *ANSWER], id="trust"),
    ],
)  # fmt: skip
def test_sent_ahead(port: int, sent: list[bytes], expected: list[str], whole: bool) -> None:
    assert said(port, b"".join(sent), whole=whole) == expected


def test_a_query_larger_than_messages_before_authentication_may_be(port: int) -> None:
    text = 70_000 * "x"
    sent = startup(TRUSTED) + query(f"select '{text}'") + TERMINATE
    assert said(port, sent, whole=True) == ["R", "Z I", "T", f"D {text}", "C SELECT 1", "Z I"]


def test_scram_with_its_first_message_sent_ahead(port: int) -> None:
    exchange = ScramClient(PASSWORD, new_nonce(), mechanism="SCRAM-SHA-256", channel_binding=None)
    client_first, answering = exchange.first()
    with RawClient("127.0.0.1", port) as client:
        client.send(startup(SCRAM), chosen(client_first))
        asked, server_first = client.receive(), client.receive()
        assert asked is not None
        assert server_first is not None
        Login.data(asked, SASL)
        client_final, _ = answering.challenge(Login.data(server_first, SASL_CONTINUE))
        client.send(message("p", client_final), query(SELECT), TERMINATE)
        assert [str(it) for it in client if it.tag not in "SK"] == ["R", "R", "Z I", *ANSWER]


@pytest.mark.parametrize("user", ["clear", "postgres"])
@pytest.mark.parametrize("cut", [0, 3, 20], ids=lambda cut: f"cut by {cut}")
def test_the_encoding_of_the_start_up_packet_is_that_of_what_follows(port: int, user: str, cut: int) -> None:
    latin = message("Q", SELECT.encode("latin-1") + b"\0")
    proof = password(PASSWORD) if user == "clear" else b""
    sent = startup({"user": user, "database": "postgres", "client_encoding": "LATIN1"}) + proof + latin + latin
    with RawClient("127.0.0.1", port) as client:
        client.send(sent[: len(sent) - cut])
        client.until_ready()
        client.send(sent[len(sent) - cut :])
        rows = [it.row for it in client.until_ready(2) if it.tag == "D"]
    assert rows == [(b"\xe9",), (b"\xe9",)]
