"""The scripted mock server: what psycopg, asyncpg, psql, SQLAlchemy and our own client make of its answers, and what it tells the test."""

from __future__ import annotations

import asyncio
import datetime
import re
import socket
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy

import pgwire_py as pg
from pgwire_py import messages as m
from pgwire_py.errors import UniqueViolation
from pgwire_py.testing import Conversation, MockFailure, MockServer
from tests.support.postgres import Programs
from tests.support.psql import run_psql
from tests.support.raw import RawClient, query

pytest_plugins = ["pytester"]


@pytest.fixture
def mock() -> Iterator[MockServer]:
    with MockServer() as mock:
        yield mock


def connect(mock: MockServer, **options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(mock.dsn, autocommit=True, **options)


# Answers


def test_rows_by_every_client(mock: MockServer, programs: Programs) -> None:
    sql = "select id, name from users where id = $1"
    mock.expect(sql, [7], times=3).rows([{"id": 7, "name": "ada"}])
    mock.expect("select id, name from users where id = 7;").rows([(7, None)], ["id", "name"])

    async def others() -> None:
        theirs = await asyncpg.connect(mock.uri)
        assert [tuple(row) for row in await theirs.fetch(sql, 7)] == [(7, "ada")]
        await theirs.close()
        async with await pg.connect(mock.uri) as ours:
            assert await ours.fetch(sql, 7) == [(7, "ada")]

    with connect(mock) as connection:
        assert connection.execute(sql.replace("$1", "%s"), (7,)).fetchall() == [(7, "ada")]
    asyncio.run(others())
    assert run_psql(programs, mock.dsn, "select id,  name from users where id = 7").stdout == "7|\n"
    mock.verify()
    assert [(one.sql, one.parameters) for one in mock.queries[:3]] == [(sql, (7,))] * 3
    assert {one.user for one in mock.queries} == {"mock"}


def test_types_follow_the_values(mock: MockServer) -> None:
    day, moment = datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)
    row = (True, 1, 1 << 40, 1.5, "text", b"\0", day, moment, [1, 2], {"a": 1}, None)
    mock.expect("everything").rows([(None,) * len(row), row])
    with connect(mock) as connection:
        assert connection.execute("everything").fetchall() == [(None,) * len(row), row]


def test_columns_can_be_told(mock: MockServer) -> None:
    mock.expect("one").rows([(1, "x")], {"n": pg.INT2, "word": pg.VARCHAR})
    mock.expect("two").rows([], [("n", pg.INT8), pg.Column("word", pg.TEXT)])
    with connect(mock) as connection:
        cursor = connection.execute("one")
        assert [(c.name, c.type_code) for c in cursor.description or ()] == [("n", pg.INT2), ("word", pg.VARCHAR)]
        cursor = connection.execute("two")
        assert cursor.fetchall() == []
        assert [(c.name, c.type_code) for c in cursor.description or ()] == [("n", pg.INT8), ("word", pg.TEXT)]


def test_errors_notices_and_tags(mock: MockServer) -> None:
    mock.expect("insert into t values (1)").notice("mind this", hint="why not").affects(3)
    mock.expect("vacuum").affects(0, tag="VACUUMED")
    mock.expect("insert into t values (2)").error("23505", "twice", detail="(2)", constraint_name="t_pkey")
    mock.expect("insert into t values (3)").error(UniqueViolation("as an exception"))
    notices: list[str | None] = []
    with connect(mock) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_hint))
        assert connection.execute("insert into t values (1)").rowcount == 3
        assert connection.execute("vacuum").statusmessage == "VACUUMED"
        with pytest.raises(psycopg.errors.UniqueViolation, match="twice") as raised:
            connection.execute("insert into t values (2)")
        assert (raised.value.diag.message_detail, raised.value.diag.constraint_name) == ("(2)", "t_pkey")
        with pytest.raises(psycopg.errors.UniqueViolation, match="as an exception"):
            connection.execute("insert into t values (3)")
    assert notices == ["why not"]
    mock.verify()


def test_functions_answer(mock: MockServer) -> None:
    async def later(received: Any) -> pg.Result:
        await asyncio.sleep(0)
        return pg.Result([pg.Column("n", pg.INT4)], [(received.parameters[0] * 2,)])

    mock.expect(re.compile("^select .* as double$"), times=2).returns(later, {"n": pg.INT4})
    mock.expect(lambda sql: sql.startswith("call"), lambda n: n > 5).returns(pg.Result(affected=9, tag="CALL 9"))
    with connect(mock) as connection:
        for number in (4, 5):
            (row,) = connection.execute("select %s::int4 as double", (number,)).fetchall()
            assert row == (2 * number,)
        assert connection.execute("call f(%s)", (6,)).statusmessage == "CALL 9"
    mock.verify()


def test_copy(mock: MockServer) -> None:
    taken = mock.expect("copy t from stdin").copy_in()
    mock.expect("copy t to stdout").copy_out(b"1\tone\n", b"2\ttwo\n", columns=2)
    with connect(mock) as connection:
        with connection.cursor().copy("copy t from stdin") as copy:
            copy.write_row((1, "one"))
        with connection.cursor().copy("copy t to stdout") as copy:
            assert list(copy.rows()) == [("1", "one"), ("2", "two")]
    assert [one.copied for one in taken.received] == [b"1\tone\n"]
    mock.verify()


def test_notifications(mock: MockServer) -> None:
    mock.expect("select 1").notification("news", "in an answer", process_id=12).rows([(1,)])
    with connect(mock) as connection:
        connection.execute("listen news")
        connection.execute("select 1")
        mock.notify("news", "on its own")
        notified = list(connection.notifies(timeout=30, stop_after=2))
    assert [(one.payload, one.pid) for one in notified] == [("in an answer", 12), ("on its own", 0)]


def test_hanging_and_delayed_answers_can_be_cancelled(mock: MockServer) -> None:
    mock.expect("slow").delay(3600).rows([(1,)])
    mock.expect("never").hang()
    mock.expect("late").delay(0.01).rows([(1,)])

    async def main() -> None:
        async with await pg.connect(mock.uri) as connection:
            for sql in ("slow", "never"):
                with pytest.raises(asyncio.TimeoutError):
                    await connection.fetch(sql, timeout=0.1)
            assert await connection.fetch("late") == [(1,)]

    asyncio.run(main())
    assert sum(isinstance(one.message, m.CancelRequest) for one in mock.messages) == 2
    mock.verify()


@pytest.mark.parametrize("reset", [False, True])
def test_dropped_connections(reset: bool, mock: MockServer) -> None:
    mock.expect("drop me").drop(reset=reset)
    with pytest.raises(psycopg.OperationalError), connect(mock) as connection:
        connection.execute("drop me")
    with connect(mock) as connection:
        mock.drop_connections(reset=reset)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    mock.verify()


def test_lies_in_an_answer(mock: MockServer) -> None:
    """A row in front of its description, and half of a message."""
    mock.expect("lie").sends(m.DataRow((b"1",))).rows([(1,)])
    mock.expect("half").sends(b"T\0\0\1").drop()
    with RawClient("127.0.0.1", mock.port) as client:
        client.login("me", "db")
        assert client.exchange(query("lie")) == ["D 1", "T", "D 1", "C SELECT 1", "Z I"]
        client.send(query("half"))
        assert client.socket.recv(100) == b"T\0\0\1"
        assert client.socket.recv(100) == b""


# What the session layer answers by itself


def test_transactions_settings_and_catalogue_need_no_script(mock: MockServer) -> None:
    mock.expect("insert into t values (1)").affects(1)
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://{mock.uri.partition('://')[2]}")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("insert into t values (1)"))
    engine.dispose()
    mock.verify()
    texts = [one.sql for one in mock.queries]
    assert texts[-3:] == ["BEGIN", "insert into t values (1)", "COMMIT"]
    assert "select pg_catalog.version()" in texts


def test_what_it_knows_can_be_answered_otherwise(mock: MockServer) -> None:
    mock.expect("show server_version_num").rows([("90600",)])
    mock.expect("select pg_is_in_recovery()").rows([(True,)])
    mock.expect("commit").error("40001", "try again")
    with psycopg.connect(mock.dsn) as connection:
        assert connection.execute("show server_version_num").fetchone() == ("90600",)
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (True,)
        with pytest.raises(psycopg.errors.SerializationFailure, match="try again"):
            connection.commit()
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert connection.execute("show server_version_num").fetchone() == ("150000",)
    mock.verify()


# Logins and addresses


def test_scram() -> None:
    with MockServer(user="ada", password="it's \\ secret") as mock:
        mock.expect("select 1", times=2).rows([(1,)])
        with connect(mock) as connection:
            assert connection.execute("select 1").fetchone() == (1,)

        async def main() -> None:
            theirs = await asyncpg.connect(mock.uri)
            assert await theirs.fetchval("select 1") == 1
            await theirs.close()

        asyncio.run(main())
        for wrong in ({"password": "another"}, {"user": "bob"}):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                connect(mock, **wrong)
        mock.verify()


@pytest.mark.parametrize("auth", ["password", "md5"])
def test_other_methods(auth: str) -> None:
    with MockServer(user="ada", password="secret", auth=auth) as mock:
        with connect(mock) as connection:
            assert connection.pgconn.used_password
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(mock, password="another")
        sent = [one.message for one in mock.messages if isinstance(one.message, m.PasswordMessage)]
        assert (sent[0].password == b"secret") is (auth == "password")


def test_unix_socket(mock: MockServer) -> None:
    with pytest.raises(ValueError, match="unix_socket=True"):
        print(mock.socket_dsn)
    with MockServer(unix_socket=True) as both:
        with psycopg.connect(both.socket_dsn) as connection:
            assert connection.info.host == both.socket_directory
        connect(both).close()


def test_in_the_running_loop() -> None:
    async def main() -> None:
        async with MockServer() as mock:
            mock.expect("select 1").rows([(1,)])
            async with await pg.connect(mock.uri) as connection:
                assert await connection.fetchval("select 1") == 1
                mock.drop_connections()
            mock.verify()

    asyncio.run(main())


def test_refused_connections(mock: MockServer) -> None:
    mock.refuse("57P03", "the database system is starting up", times=2)
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError, match="is starting up"):
            connect(mock)
    connect(mock).close()
    mock.verify()


# Dialogues


def test_a_dialogue(mock: MockServer) -> None:
    @mock.converse
    async def dialogue(client: Conversation) -> None:
        startup = await client.login(server_version="9.6", application_name="mine")
        assert startup.parameters["user"] == "mock"
        asked = await client.receive(m.Query)
        assert asked.query == "select 1"
        client.send(m.EmptyQueryResponse(), m.ReadyForQuery("I"))
        await client.receive(m.Query)
        client.lie(m.ReadyForQuery("T"), b"!\0\0\0\4")
        await client.gone()

    with RawClient("127.0.0.1", mock.port) as client:
        client.login("mock", "mock")
        assert client.parameters["server_version"] == "9.6"
        assert client.exchange(query("select 1")) == ["I", "Z I"]
        assert client.exchange(query("select 2")) == ["Z T"]
        assert str(client.receive()) == "!"
    mock.verify()
    with connect(mock) as connection:
        assert connection.info.server_version == 150000


def test_dialogues_that_go_wrong_are_told(mock: MockServer) -> None:
    async def wants_a_query(client: Conversation) -> None:
        await client.login()
        await client.receive(m.Query)

    async def fails(client: Conversation) -> None:
        raise ValueError("a mistake in the test")

    mock.converse(wants_a_query)
    mock.converse(fails)
    mock.converse(wants_a_query)
    connect(mock).close()
    socket.create_connection(("127.0.0.1", mock.port)).close()
    mock.wait_for(lambda: mock.connections == 2)
    with pytest.raises(MockFailure) as raised:
        mock.verify()
    assert str(raised.value).splitlines()[:4] == [
        "the mock server was not used as expected",
        "  dialogue of connection 1: expected Query, got Terminate()",
        "  dialogue of connection 2: ValueError: a mistake in the test",
        "  a dialogue was not used: nobody connected",
    ]


# Reports


def test_what_was_not_expected(mock: MockServer) -> None:
    mock.expect("select 1").rows([(1,)])
    mock.expect("select $1", [8])
    mock.expect("select 3", times=2)
    mock.expect("whenever", times=None)
    with connect(mock) as connection:
        with pytest.raises(psycopg.errors.InternalError_, match="did not expect: select 2") as raised:
            connection.execute("select 2")
        assert raised.value.diag.message_detail == "Expected: select 1; select $1  (8,); select 3; whenever."
        with pytest.raises(psycopg.errors.InternalError_, match=r"did not expect: select \$1  \(7,\)"):
            connection.execute("select %s", (7,))
        connection.execute("select 3")
    with pytest.raises(MockFailure) as failure:
        mock.verify()
    assert str(failure.value).splitlines() == [
        "the mock server was not used as expected",
        "  unexpected on connection 1: select 2",
        *("    expected: " + text for text in ("select 1", "select $1  (8,)", "select 3", "whenever")),
        "  unexpected on connection 1: select $1  (7,)",
        *("    expected: " + text for text in ("select 1", "select $1  (8,)", "select 3", "whenever")),
        "  expected once, came never: select 1",
        "  expected once, came never: select $1  (8,)",
        "  expected twice, came once: select 3",
        "what came:",
        *("  1  " + text for text in ("select 2", "select $1  (7,)", "select 3")),
    ]


def test_order() -> None:
    with MockServer(ordered=True) as mock, connect(mock) as connection:
        mock.expect("first")
        mock.expect("second")
        with pytest.raises(psycopg.errors.InternalError_):
            connection.execute("second")
        connection.execute("first")
        connection.execute("second")


def test_several_connections_and_waiting(mock: MockServer) -> None:
    mock.expect("select 1", times=None).rows([(1,)])
    connections = [connect(mock) for _ in range(5)]
    for connection in connections:
        connection.execute("select 1")
        connection.close()
    mock.wait_for(lambda: sum(isinstance(one.message, m.Terminate) for one in mock.messages) == 5)
    assert sorted({one.connection for one in mock.queries}) == [1, 2, 3, 4, 5]
    with pytest.raises(MockFailure, match=r"waited 0\.1 s in vain"):
        mock.wait_for(lambda: mock.connections > 5, timeout=0.1)


# The pytest plugin

SUITE = """
import psycopg
import pytest

def run(mock, *statements):
    with psycopg.connect(mock.dsn, autocommit=True) as connection:
        for sql in statements:
            connection.execute(sql)

def test_passes(mock_postgres):
    mock_postgres.expect("select 1").rows([(1,)])
    run(mock_postgres, "select 1")

def test_misses(mock_postgres):
    mock_postgres.expect("select 1").rows([(1,)])

def test_swallows(mock_postgres):
    with pytest.raises(psycopg.errors.InternalError_):
        run(mock_postgres, "select 2")

def test_two(make_mock_postgres):
    one, two = make_mock_postgres(), make_mock_postgres(user="ada", password="secret", ordered=True)
    assert one.port != two.port
    two.expect("select 1").rows([(1,)])
    run(two, "select 1")

def test_raises(mock_postgres):
    run(mock_postgres, "select 3")
"""


def test_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["pgwire_py.testing.plugin"]')
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        [
            "the mock server was not used as expected",
            "*expected once, came never: select 1",
            "*nothing came",
            "*unexpected on connection 1: select 2",
            "*did not expect: select 3*",
            "*- Captured mock_postgres call -*",
            "*unexpected on connection 1: select 3",
        ]
    )


def test_the_plugin_imports_nothing_until_it_is_used(pytester: pytest.Pytester) -> None:
    heavy = ["asyncio", "ssl", "pgwire_py.server", "pgwire_py.catalog", "sqlglot"]
    pytester.makepyfile(
        f"import sys\ndef test_it():\n    assert [name for name in {heavy} if name in sys.modules] == []\n"
    )
    options = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:hypothesispytest", "-p", "no:xdist")
    result = pytester.runpytest_subprocess("-p", "pgwire_py.testing.plugin", *options)
    result.assert_outcomes(passed=1)


APPLICATION = """
import types
import psycopg

def name_of(connection, number):
    (row,) = connection.execute("select name from users where id = %s", (number + {off},)).fetchall()
    return row[0]

application = types.SimpleNamespace(name_of=name_of)
"""


@pytest.mark.parametrize("off", [0, 1])
def test_the_example_of_the_documentation(off: int, pytester: pytest.Pytester) -> None:
    """It passes, and where the application asks for another user it fails with the report that is shown."""
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "test-with-a-mock-server.md").read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    conftest, test, report = (match[0] for match in re.finditer(r"(?:^    .*\n)+", text, re.MULTILINE))
    pytester.makeconftest(textwrap.dedent(conftest))
    pytester.makepyfile(APPLICATION.format(off=off) + textwrap.dedent(test))
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1 - off, failed=off)
    if off:
        assert textwrap.dedent(report) in str(result.stdout)
