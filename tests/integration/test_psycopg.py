"""psycopg 3: queries, prepared statements, transactions, pipelines, errors, cancellation, in text and in binary."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import errors
from psycopg.pq import TransactionStatus

from tests.support.targets import Target

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def connection(target: Target) -> Iterator[Connection]:
    with psycopg.connect(target.dsn, autocommit=True) as made:
        yield made


@pytest.fixture
def numbers(connection: Connection, table: str) -> str:
    """A table of 1 to 5 with a word each."""
    connection.execute(f"create table {table} (n int4 primary key, word text not null)")
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into {table} values (%s, %s)", [(i, f"word {i}") for i in range(1, 6)])
    return table


@pytest.mark.smoke
@pytest.mark.parametrize("binary", [False, True])
def test_select_with_parameters(connection: Connection, numbers: str, binary: bool) -> None:
    cursor = connection.cursor(binary=binary)
    cursor.execute(f"select n, word from {numbers} where n > %s and word <> %s order by n", (2, "word 4"))
    assert cursor.fetchall() == [(3, "word 3"), (5, "word 5")]
    assert cursor.rowcount == 2
    assert cursor.statusmessage == "SELECT 2"
    assert cursor.description is not None
    assert [(c.name, c.type_display) for c in cursor.description] == [("n", "int4"), ("word", "text")]


def test_fetching(connection: Connection, numbers: str) -> None:
    cursor = connection.execute(f"select n from {numbers} order by n")
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(2) == [(2,), (3,)]
    assert list(cursor) == [(4,), (5,)]
    assert cursor.fetchone() is None


def test_several_results(connection: Connection) -> None:
    cursor = connection.execute("select 'a'; select 'b'")
    assert cursor.fetchall() == [("a",)]
    assert cursor.nextset()
    assert cursor.fetchall() == [("b",)]
    assert not cursor.nextset()


@pytest.mark.smoke
def test_rowcount_and_status(connection: Connection, numbers: str) -> None:
    assert connection.execute(f"insert into {numbers} values (6, 'six'), (7, 'seven')").rowcount == 2
    assert connection.execute(f"update {numbers} set word = %s where n > %s", ("x", 4)).rowcount == 3
    cursor = connection.execute(f"delete from {numbers} where n = %s", (1,))
    assert (cursor.rowcount, cursor.statusmessage) == (1, "DELETE 1")
    assert connection.execute(f"delete from {numbers} where n = -1").rowcount == 0


def test_executemany(connection: Connection, table: str) -> None:
    connection.execute(f"create table {table} (n int4, word text)")
    rows = [(i, None if i % 3 == 0 else f"w{i}") for i in range(300)]
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into {table} values (%s, %s)", rows)
        assert cursor.rowcount == 300
    assert connection.execute(f"select n, word from {table} order by n").fetchall() == rows


@pytest.mark.parametrize("binary", [False, True])
def test_returning(connection: Connection, numbers: str, binary: bool) -> None:
    cursor = connection.cursor(binary=binary)
    cursor.execute(f"insert into {numbers} values (%s, %s), (7, 'seven') returning n, word", (6, "six"))
    assert cursor.fetchall() == [(6, "six"), (7, "seven")]
    assert cursor.statusmessage == "INSERT 0 2"


def test_executemany_returning(connection: Connection, numbers: str) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into {numbers} values (%s, 'x') returning n", [(10,), (11,)], returning=True)
        found = [cursor.fetchone()]
        while cursor.nextset():
            found.append(cursor.fetchone())
    assert found == [(10,), (11,)]


def test_client_side_binding(connection: Connection, numbers: str) -> None:
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(f"select n from {numbers} where word = %s or n = %s order by n", ("word 2", 4))
    assert cursor.fetchall() == [(2,), (4,)]
    cursor.execute("select %s, %s", ("it's 100% \\ Grüße", None))
    assert cursor.fetchall() == [("it's 100% \\ Grüße", None)]


def test_raw_cursor(connection: Connection, numbers: str) -> None:
    cursor = psycopg.RawCursor(connection)
    cursor.execute(f"select word from {numbers} where n = $2 and word = $1", ("word 2", 2))
    assert cursor.fetchall() == [("word 2",)]


@pytest.mark.smoke
def test_prepared_statements(connection: Connection, numbers: str) -> None:
    sql = f"select word from {numbers} where n = %s"
    for i in range(1, 6):
        assert connection.execute(sql, (i,), prepare=True).fetchall() == [(f"word {i}",)]
    connection.prepare_threshold = 2
    for i in range(1, 6):
        assert connection.execute(f"select n, word from {numbers} where n = %s", (i,)).fetchone() == (i, f"word {i}")


def test_prepared_statements_are_let_go(connection: Connection, numbers: str) -> None:
    connection.prepared_max = 2
    for i in range(1, 6):
        assert connection.execute(f"select {i} + n from {numbers} where n = %s", (1,), prepare=True).fetchone() == (
            i + 1,
        )
    connection.execute("deallocate all")
    connection.execute("discard all")
    assert connection.execute("select 'alive'").fetchone() == ("alive",)


# Transactions


@pytest.mark.smoke
def test_commit_and_rollback(target: Target, numbers: str) -> None:
    with psycopg.connect(target.dsn) as connection:
        connection.execute(f"delete from {numbers} where n = 1")
        assert connection.info.transaction_status == TransactionStatus.INTRANS
        connection.rollback()
        assert connection.info.transaction_status == TransactionStatus.IDLE
        connection.execute(f"delete from {numbers} where n = 2")
        connection.commit()
        assert connection.execute(f"select n from {numbers} order by n").fetchall() == [(1,), (3,), (4,), (5,)]


def test_failed_transaction(target: Target) -> None:
    with psycopg.connect(target.dsn) as connection:
        with pytest.raises(errors.UndefinedTable):
            connection.execute("select * from no_such_table")
        assert connection.info.transaction_status == TransactionStatus.INERROR
        with pytest.raises(errors.InFailedSqlTransaction):
            connection.execute("select 1")
        connection.rollback()
        assert connection.execute("select 'alive'").fetchone() == ("alive",)


def test_transaction_context(connection: Connection, numbers: str) -> None:
    with connection.transaction():
        connection.execute(f"delete from {numbers}")
        raise psycopg.Rollback
    with connection.transaction():
        connection.execute(f"delete from {numbers} where n > 1")
    assert connection.execute(f"select n from {numbers}").fetchall() == [(1,)]


@pytest.mark.engines("postgres", "sqlite")
def test_nested_transactions(connection: Connection, numbers: str) -> None:
    with connection.transaction():
        connection.execute(f"delete from {numbers} where n = 1")
        with suppress(errors.UniqueViolation), connection.transaction():
            connection.execute(f"delete from {numbers} where n = 3")
            connection.execute(f"insert into {numbers} values (2, 'again')")
        with connection.transaction():
            connection.execute(f"delete from {numbers} where n = 2")
    assert connection.execute(f"select n from {numbers} order by n").fetchall() == [(3,), (4,), (5,)]


def test_nested_transaction_that_succeeds(connection: Connection, numbers: str) -> None:
    """On every engine: SQLAlchemy and psycopg send SAVEPOINT and RELEASE of their own accord."""
    with connection.transaction(), connection.transaction():
        connection.execute(f"delete from {numbers} where n < 5")
    assert connection.execute(f"select n from {numbers}").fetchall() == [(5,)]


def test_read_only_transaction(target: Target, numbers: str) -> None:
    with psycopg.connect(target.dsn) as connection:
        connection.read_only = True
        assert connection.execute(f"select count(*) from {numbers}").fetchone() == (5,)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute(f"delete from {numbers}")


# Pipelines


@pytest.mark.smoke
def test_pipeline(connection: Connection, numbers: str) -> None:
    with connection.pipeline():
        cursors = [connection.execute(f"select word from {numbers} where n = %s", (i,)) for i in range(1, 6)]
        assert [c.fetchone() for c in cursors] == [(f"word {i}",) for i in range(1, 6)]


def test_error_in_a_pipeline_skips_until_sync(connection: Connection, numbers: str) -> None:
    def pipelined() -> None:
        with connection.pipeline() as pipeline:
            connection.execute(f"insert into {numbers} values (6, 'six')")
            pipeline.sync()
            connection.execute(f"insert into {numbers} values (7, 'seven')")
            connection.execute(f"insert into {numbers} values (1, 'again')")
            connection.execute(f"insert into {numbers} values (8, 'eight')")

    with pytest.raises(errors.UniqueViolation):
        pipelined()
    with connection.pipeline():
        connection.execute(f"insert into {numbers} values (9, 'nine')")
    found = connection.execute(f"select n from {numbers} where n > 5 order by n").fetchall()
    assert found == [(6,), (9,)]


def test_transaction_in_a_pipeline(connection: Connection, numbers: str) -> None:
    with connection.pipeline(), connection.transaction():
        for i in range(10, 60):
            connection.execute(f"insert into {numbers} values (%s, 'x')", (i,))
    assert connection.execute(f"select count(*) from {numbers}").fetchone() == (55,)


# Errors, notices, settings


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("selec 1", errors.SyntaxError),
        ("select * from no_such_table", errors.UndefinedTable),
        ("select no_such_column from TABLE", errors.UndefinedColumn),
        ("insert into TABLE values (1, 'again')", errors.UniqueViolation),
        ("insert into TABLE (n) values (9)", errors.NotNullViolation),
        ("create table TABLE (n int4)", errors.DuplicateTable),
        ("set no_such_setting = 1", errors.UndefinedObject),
    ],
)
def test_error_classes(connection: Connection, numbers: str, sql: str, kind: type[psycopg.Error]) -> None:
    with pytest.raises(kind) as caught:
        connection.execute(sql.replace("TABLE", numbers))
    assert caught.value.diag.severity == "ERROR"
    assert caught.value.diag.message_primary
    with pytest.raises(kind):
        connection.execute(sql.replace("TABLE", numbers).replace("'again'", "%s"), ("again",) * sql.count("'again'"))
    assert connection.execute("select 'alive'").fetchone() == ("alive",)


def test_notices(connection: Connection) -> None:
    seen: list[tuple[str | None, str | None]] = []
    connection.add_notice_handler(lambda diagnostic: seen.append((diagnostic.severity, diagnostic.sqlstate)))
    connection.execute("rollback")
    assert seen == [("WARNING", "25P01")]


def test_parameter_status_follows_set(connection: Connection) -> None:
    connection.execute("set application_name to 'something else'")
    assert connection.info.parameter_status("application_name") == "something else"
    connection.execute("set client_encoding to 'UTF8'")
    assert connection.info.encoding == "utf-8"
    connection.execute("select set_config('application_name', %s, false)", ("third",))
    assert connection.info.parameter_status("application_name") == "third"


def test_connection_info(connection: Connection, target: Target) -> None:
    assert connection.info.server_version >= 150000
    assert connection.info.backend_pid > 0
    assert (connection.info.user, connection.info.dbname) == (target.user, target.dbname)
    assert connection.execute("select pg_backend_pid()").fetchone() == (connection.info.backend_pid,)


# Cancel


@pytest.mark.smoke
def test_cancel(connection: Connection) -> None:
    done = threading.Event()

    def cancel() -> None:
        while not done.wait(0.1):  # one that comes before the query has begun is lost, so try again
            connection.cancel_safe()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        with pytest.raises(errors.QueryCanceled):
            connection.execute(ENDLESS)
    finally:
        done.set()
        canceller.join()
    for _ in range(50):  # the last cancel request may still be under way
        try:
            assert connection.execute("select 'alive'").fetchone() == ("alive",)
            break
        except errors.QueryCanceled:
            time.sleep(0.01)


def test_statement_timeout(connection: Connection) -> None:
    connection.execute("set statement_timeout = 100")
    handle = socket.socket(fileno=os.dup(connection.fileno()))
    guard = threading.Timer(
        20, handle.shutdown, [socket.SHUT_RDWR]
    )  # a server that ignores the setting fails, not hangs
    guard.start()
    try:
        with pytest.raises(errors.QueryCanceled):
            connection.execute(ENDLESS)
    finally:
        guard.cancel()
        handle.close()
    connection.execute("set statement_timeout to default")
    assert connection.execute("select 'alive'").fetchone() == ("alive",)


# asyncio


@pytest.mark.smoke
async def test_async_connection(target: Target, numbers: str) -> None:
    async with await psycopg.AsyncConnection.connect(target.dsn) as connection:
        async with connection.pipeline():
            await connection.execute(f"insert into {numbers} values (%s, %s)", (6, "six"))
            cursor = await connection.execute(f"select word from {numbers} where n = %s", (6,))
            assert await cursor.fetchone() == ("six",)
        async with connection.transaction(), connection.cursor(binary=True) as cursor:
            await cursor.execute(f"select count(*) from {numbers}")
            assert await cursor.fetchone() == (6,)
        with pytest.raises(errors.UndefinedTable):
            await connection.execute("select * from no_such_table")


def test_stream(connection: Connection) -> None:
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) select i from n"
    seen = 0
    for (i,) in connection.cursor().stream(sql):
        seen += 1
        assert i == seen
    assert seen == 3000
    assert connection.execute("select 'alive'").fetchone() == ("alive",)


def test_many_connections(target: Target) -> None:
    connections = [psycopg.connect(target.dsn, autocommit=True) for _ in range(20)]
    try:
        found = [c.execute("select %s + 1", (i,)).fetchone() for i, c in enumerate(connections)]
        assert found == [(i + 1,) for i in range(20)]
    finally:
        for connection in connections:
            connection.close()
