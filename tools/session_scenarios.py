"""What the recorded sessions do: one function per scenario, each with a real client; the docstring goes into the recording.

A scenario runs against PostgreSQL 15 and against 18, must close its connections, and says in ``place.client`` who spoke.
"""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import asyncpg
import psycopg
from psycopg import pq
from tests.support import raw
from tests.support.postgres import Cluster, find_programs

from .recording_proxy import Proxy


@dataclass
class Place:
    """Where a scenario connects, and what it says of its client."""

    proxy: Proxy
    cluster: Cluster
    client: str = "raw socket"

    def raw(self, unix: bool = False) -> raw.RawClient:
        return raw.RawClient(str(self.proxy.directory) if unix else self.proxy.host, self.proxy.port)

    def psycopg(self, **options: str) -> psycopg.Connection[tuple[object, ...]]:
        self.client = f"psycopg {psycopg.__version__} (libpq {pq.version() // 10000}.{pq.version() % 10000})"
        place = {"host": self.proxy.host, "port": str(self.proxy.port), "dbname": "postgres", "user": "trusted"}
        return psycopg.connect(**{**place, **options}, autocommit=True)  # type: ignore[arg-type]

    async def asyncpg(self) -> asyncpg.Connection[asyncpg.Record]:
        self.client = f"asyncpg {asyncpg.__version__}"
        return await asyncpg.connect(
            host=self.proxy.host, port=self.proxy.port, user="trusted", database="postgres", ssl=False
        )

    def run(self, program: str, *arguments: str, text: str = "", password: str = "", unix: bool = False) -> None:
        """Run one of PostgreSQL's own programs through the proxy."""
        path = find_programs().path(program)
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
        self.client = f"{program} {version} (libpq)"
        place = {"PGHOST": str(self.proxy.directory) if unix else self.proxy.host, "PGPORT": str(self.proxy.port)}
        environment = {**os.environ, "PGUSER": "trusted", "PGDATABASE": "postgres", "PGPASSWORD": password, **place}
        done = subprocess.run(
            [path, *arguments], input=text, text=True, check=False, env=environment, capture_output=True, timeout=60
        )
        if done.returncode not in (0, 2):
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")


SCRIPT = r"""
select 1 as one, 'é 😀' as word, null as nothing;
select 1; select 2 \; select 3;

;
create temp table t (a int primary key, b text, c timestamptz);
create table if not exists pg_temp.t (a int);
insert into t values (1, 'one', '2024-02-29 10:00:00+00'), (2, null, null) returning a;
insert into t values (1, 'again', null);
select nothing from t;
select * from tt where;
do $$ begin raise notice 'a notice' using detail = 'its detail', hint = 'its hint'; raise warning 'a warning'; end $$;
copy t from stdin;
3	three	\N
4	a\ttab\\	2000-01-01 00:00:00+00
\.
copy t to stdout with (format csv, header);
copy t (a) from stdin;
not a number
\.
begin;
select 1/0;
select 2;
rollback;
listen channel;
notify channel, 'payload';
set application_name = 'renamed';
set timezone = 'Europe/Paris';
\d t
select * from generate_series(1, 20) n, lateral (select n * 1.5 as x, n::text as s, n % 2 = 0 as even) y;
declare c cursor for select 1;
begin; declare c cursor for select generate_series(1, 3); fetch 2 from c; close c; commit;
explain (costs off) select * from t;
"""


def psql_script(place: Place) -> None:
    """psql over TCP: simple queries, errors with positions, notices, COPY both ways, NOTIFY, the catalogue."""
    place.run("psql", "-X", "-f", "-", text=SCRIPT)


def psql_unix(place: Place) -> None:
    """psql over a Unix socket, without SSLRequest."""
    place.run("psql", "-X", "-c", "select version() is not null", unix=True)


def psql_password(place: Place) -> None:
    """Authentication by clear-text password."""
    place.run("psql", "-X", "-U", "cleartext", "-c", "select 1", password="throw-away")


def psql_md5(place: Place) -> None:
    """Authentication by MD5."""
    place.run("psql", "-X", "-U", "hashed", "-c", "select 1", password="throw-away")


def psql_scram(place: Place) -> None:
    """Authentication by SCRAM-SHA-256."""
    place.run("psql", "-X", "-U", "scrammed", "-c", "select 1", password="throw-away")


def psql_scram_refused(place: Place) -> None:
    """SCRAM-SHA-256 with a wrong password."""
    place.run("psql", "-X", "-U", "scrammed", "-c", "select 1", password="wrong")


def psql_no_database(place: Place) -> None:
    """A start-up that fails: the database does not exist."""
    place.run("psql", "-X", "-d", "nowhere", "-c", "select 1")


def pgbench_modes(place: Place) -> None:
    """pgbench: initialisation, then its transaction in simple, extended and prepared mode."""
    place.run("pgbench", "-q", "-i", "-I", "dtGp", "-s", "1")
    for mode in ("simple", "extended", "prepared"):
        place.run("pgbench", "-n", "-M", mode, "-t", "2", "-c", "1")


VALUES = (
    True, 7, 2**40, 2**70, 1.5, Decimal("12.30"), "text é", b"\x00\xff", date(2024, 2, 29), None,
    datetime(2024, 2, 29, 10, 11, 12, 500000, timezone.utc), timedelta(days=1, seconds=2),
    UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), [1, 2, 3], ["a", "b"],
)  # fmt: skip


def psycopg_text(place: Place) -> None:
    """psycopg: parameters and results in text."""
    with place.psycopg() as connection:
        marks = ", ".join(["%t"] * len(VALUES))
        connection.execute(f"select {marks}", VALUES)
        for number in range(7):  # the sixth is prepared
            connection.execute("select %s::int, 'x' || %s::text", (number, str(number)))
        connection.execute("select 1; select 2")


def psycopg_binary(place: Place) -> None:
    """psycopg: parameters and results in binary."""
    with place.psycopg() as connection, connection.cursor(binary=True) as cursor:
        cursor.execute(f"select {', '.join(['%b'] * len(VALUES))}", VALUES)
        cursor.execute("select n, n::int8, n::float8, n::numeric, n::text, now() from generate_series(1, 5) n")
        cursor.execute(
            "select '{{1,2},{3,null}}'::int[], '{\"a\": 1}'::jsonb, interval '1 month 2 days', '\\x00'::bytea"
        )


def psycopg_pipeline(place: Place) -> None:
    """psycopg: a pipeline with an error in the middle of it."""
    with place.psycopg() as connection:
        for bad in (False, True):
            try:
                with connection.pipeline() as pipeline:
                    cursors = [connection.execute("select %s::int", (n,)) for n in range(4)]
                    pipeline.sync()
                    if bad:
                        connection.execute("select 1 / %s::int", (0,))
                    connection.execute("select 'behind'")
                    cursors[0].fetchone()
            except psycopg.errors.DivisionByZero:
                continue


def psycopg_copy(place: Place) -> None:
    """psycopg: COPY in and out, text and binary, and a COPY that the client gives up."""
    with place.psycopg() as connection, connection.cursor() as cursor:
        cursor.execute("create temp table t (a int, b text)")
        with cursor.copy("copy t from stdin") as copy:
            for row in [(1, "one"), (2, None), (3, "tab\tand\\")]:
                copy.write_row(row)
        with cursor.copy("copy t from stdin (format binary)") as copy:
            copy.set_types(["int4", "text"])
            copy.write_row((4, "four"))
        try:
            with cursor.copy("copy t from stdin") as copy:
                copy.write_row((5, "five"))
                raise ValueError("changed my mind")
        except ValueError:
            connection.rollback()
        for form in ("text", "binary", "csv"):
            with cursor.copy(f"copy t to stdout (format {form})") as copy:
                list(copy)


def psycopg_cursor_and_notify(place: Place) -> None:
    """psycopg: a server-side cursor, two-phase commit refused, NOTIFY."""
    with place.psycopg() as connection:
        with connection.transaction(), connection.cursor("named") as cursor:
            cursor.itersize = 3
            cursor.execute("select n, repeat('x', n) from generate_series(1, 8) n")
            list(cursor)
        connection.execute("listen here")
        connection.execute("notify here, 'something'")
        list(connection.notifies(timeout=5, stop_after=1))


def psycopg_cancel(place: Place) -> None:
    """psycopg with protocol 3.2 where the server knows it: a statement cancelled over a second connection."""
    with place.psycopg(min_protocol_version="3.0", max_protocol_version="3.2") as connection:
        _cancelled_sleep(connection)


def psycopg_cancel_3_0(place: Place) -> None:
    """psycopg with protocol 3.0: a statement cancelled over a second connection."""
    with place.psycopg(max_protocol_version="3.0") as connection:
        _cancelled_sleep(connection)


def _cancelled_sleep(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    failures: list[psycopg.Error] = []

    def sleep() -> None:
        try:
            connection.execute("select pg_sleep(30)")
        except psycopg.Error as error:
            failures.append(error)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    time.sleep(0.3)
    connection.cancel_safe()
    sleeper.join()
    if not isinstance(failures[0], psycopg.errors.QueryCanceled):
        raise failures[0]
    connection.execute("select 'still here'")


async def asyncpg_prepared(place: Place) -> None:
    """asyncpg: prepared statements with binary values, a composite and an enum that it looks up, executemany."""
    connection = await place.asyncpg()
    await connection.execute("create type pg_temp.mood as enum ('sad', 'ok'); create temp table t (a int, b text)")
    statement = await connection.prepare("select $1::int as a, $2::text as b, $3::timestamptz as c, $4::numeric[] as d")
    await statement.fetch(1, "é", datetime(2024, 2, 29, tzinfo=timezone.utc), [Decimal("1.50"), None])
    await connection.fetch("select 'sad'::mood, row(1, 'x'), $1::jsonb", '{"a": 1}')
    await connection.executemany("insert into t values ($1, $2)", [(n, str(n)) for n in range(5)])
    try:
        await connection.fetch("insert into t values ($1, 'x') returning 1 / ($1 - 7)", 7)
    except asyncpg.DivisionByZeroError:
        await connection.fetchval("select count(*) from t")
    await connection.reset()
    await connection.close()


async def asyncpg_cursor(place: Place) -> None:
    """asyncpg: a cursor in a transaction, portals suspended, a savepoint."""
    connection = await place.asyncpg()
    async with connection.transaction():
        async for _ in connection.cursor("select n, n::float8 from generate_series(1, 7) n", prefetch=3):
            pass
        async with connection.transaction():
            await connection.execute("select 1")
    await connection.close()


async def asyncpg_copy(place: Place) -> None:
    """asyncpg: COPY out and in."""
    connection = await place.asyncpg()
    await connection.execute("create temp table t (a int, b text)")
    await connection.copy_records_to_table("t", records=[(n, f"row {n}") for n in range(10)])
    with tempfile.TemporaryFile() as file:
        await connection.copy_from_query("select * from t", output=file, format="csv")
    await connection.close()


def raw_rare(place: Place) -> None:
    """A raw socket: FunctionCall, CopyFail, Flush, Describe and Close of both kinds, suspended portals, failing batches."""
    with place.raw() as client:
        client.login("trusted", "postgres")
        int4abs, textcat, pg_sleep = 1397, 1258, 2626
        for oid, formats, arguments, result in (
            (int4abs, [1], [struct.pack("!i", -5)], 1),
            (textcat, [], [b"left", b"right"], 0),
            (textcat, [0, 1], [b"left", None], 1),
            (int4abs, [0], [b"nonsense"], 0),
            (pg_sleep, [0], [b"0"], 0),
        ):
            values = b"".join(struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in arguments)
            body = struct.pack("!i", oid) + raw.int16s(formats) + struct.pack("!h", len(arguments)) + values
            client.exchange(raw.message("F", body + struct.pack("!h", result)))
        client.exchange(raw.query("create temp table t (a int, b text)"))
        client.send(raw.query("copy t from stdin"))
        _until(client, "G")
        client.exchange(raw.message("d", b"1\tone\n"), raw.message("f", raw.text("given up")))
        client.exchange(raw.query(""))
        client.send(
            raw.parse("select n from generate_series(1, $1) n", "series", [23]), raw.describe("S", "series"), raw.FLUSH
        )
        _until(client, "T")
        client.send(
            raw.bind(b"5", portal="p", statement="series", result_formats=[1]), raw.describe("P", "p"), raw.FLUSH
        )
        _until(client, "T")
        client.exchange(raw.execute("p", 2), raw.execute("p", 2), raw.execute("p"), raw.close("P", "p"), raw.SYNC)
        client.exchange(raw.parse(""), raw.bind(), raw.describe("P"), raw.execute(), raw.close("S"), raw.SYNC)
        insert = raw.parse("insert into t values ($1, $2)", "insert"), raw.describe("S", "insert")
        client.exchange(*insert, raw.bind(b"1", None, statement="insert", formats=[0, 0]), raw.execute(), raw.SYNC)
        client.exchange(raw.bind(statement="nowhere"), raw.execute(), raw.SYNC)
        client.exchange(raw.parse("select 1/0"), raw.bind(), raw.execute(), raw.execute(), raw.SYNC)
        client.send(raw.parse("copy t from stdin"), raw.bind(), raw.execute(), raw.FLUSH)
        _until(client, "G")
        client.exchange(raw.message("d", b"2\ttwo\n"), raw.message("c"), raw.SYNC)
        client.exchange(raw.parse("copy t to stdout"), raw.bind(), raw.execute(), raw.SYNC)
        client.exchange(raw.query("set client_min_messages = debug1; select 1"))
        client.send(raw.TERMINATE)
        client.to_end()


def raw_negotiation(place: Place) -> None:
    """A raw Unix socket: GSSENCRequest and SSLRequest refused, then protocol 3.2 with options that no server knows."""
    with place.raw(unix=True) as client:
        for request in (raw.GSSENC_REQUEST, raw.SSL_REQUEST):
            client.send(request)
            client.byte()
        client.login("trusted", "postgres", 0x00030002, **{"_pq_.unknown": "1", "_pq_.other": ""})
        client.exchange(raw.query("select 1"))
        client.send(raw.TERMINATE)
        client.to_end()


def raw_newer_protocol(place: Place) -> None:
    """A raw socket: protocol 3.9 is negotiated down."""
    with place.raw() as client:
        client.login("trusted", "postgres", 0x00030009)
        client.send(raw.TERMINATE)
        client.to_end()


def raw_unknown_protocol(place: Place) -> None:
    """A raw socket: protocol 4.0 is refused."""
    with place.raw() as client:
        client.send(raw.startup({"user": "trusted"}, 0x00040000))
        client.to_end()


def raw_violations(place: Place) -> None:
    """A raw socket: malformed messages, one at a time, and the error that PostgreSQL answers each with; the last one ends the session."""
    empty, one = raw.text(""), struct.pack("!h", 1)
    with place.raw() as client:
        client.login("trusted", "postgres")
        client.exchange(raw.query("create temp table t (a int)"))
        client.exchange(raw.parse("insert into t values ($1)", types=[23]), raw.SYNC)
        for tag, body in (
            ("B", empty + empty + struct.pack("!h", 3)),
            ("B", empty + b"unterminated"),
            ("B", empty + empty + raw.int16s([]) + one + struct.pack("!i", 7) + b"short"),
            ("B", empty + empty + raw.int16s([]) + one + struct.pack("!i", -2) + raw.int16s([])),
            ("B", empty + empty + raw.int16s([]) + one + struct.pack("!i", 1) + b"1" + raw.int16s([]) + b"more"),
            ("P", b"unterminated"),
            ("P", empty + b"select '\xc3'\0" + struct.pack("!h", 0)),
            ("P", empty + raw.text("select 1") + struct.pack("!h", 2) + bytes(7)),
            ("P", empty + raw.text("select 1")),
            ("D", b""),
            ("D", b"X" + empty),
            ("C", b"X" + empty),
            ("C", b"S" + empty + b"more"),
            ("E", empty),
            ("E", empty + struct.pack("!ii", 1, 1)),
        ):
            client.exchange(raw.message(tag, body), raw.SYNC)
        function = struct.pack("!i", 1397) + raw.int16s([])
        for tag, body in (
            ("F", function + one + struct.pack("!i", -2)),
            ("F", function + one + struct.pack("!i", 5) + b"1"),
            ("Q", b"select '\xff'\0"),
            ("Q", b"select 1"),
            ("Q", b"select 1\0more"),
            ("S", b"more"),
        ):
            client.exchange(raw.message(tag, body))
        client.send(raw.message("y"))
        client.to_end()


def raw_logical_replication(place: Place) -> None:
    """Logical replication with pgoutput: COPY both, XLogData, keepalives, status updates, CopyDone from both ends."""
    with psycopg.connect(host=place.cluster.host, port=place.cluster.port, user="postgres", autocommit=True) as admin:
        admin.execute(
            "create table followed (id int primary key, word text); create publication everything for all tables"
        )
        with place.raw() as client:
            client.login("trusted", "postgres", replication="database")
            client.exchange(raw.query("IDENTIFY_SYSTEM"))
            client.exchange(raw.query("CREATE_REPLICATION_SLOT slot TEMPORARY LOGICAL pgoutput"))
            client.exchange(raw.query("SHOW server_version_num"))
            admin.execute("insert into followed values (1, 'one'), (2, null)")
            admin.execute("update followed set word = 'two' where id = 2")
            admin.execute("delete from followed where id = 1; truncate followed")
            options = "proto_version '2', publication_names 'everything'"
            client.send(raw.query(f"START_REPLICATION SLOT slot LOGICAL 0/0 ({options})"))
            _until(client, "W")
            _follow(client, admin)
        admin.execute("drop publication everything; drop table followed")


def raw_physical_replication(place: Place) -> None:
    """Physical replication: WAL records, keepalives, status updates and hot-standby feedback."""
    with psycopg.connect(host=place.cluster.host, port=place.cluster.port, user="postgres", autocommit=True) as admin:
        admin.execute("select pg_switch_wal()")
        start = admin.execute("select pg_current_wal_lsn()").fetchone()
        assert start is not None
        with place.raw() as client:
            client.login("trusted", "", replication="true")
            client.exchange(raw.query("IDENTIFY_SYSTEM"))
            client.exchange(raw.query("TIMELINE_HISTORY 1"))
            client.send(raw.query(f"START_REPLICATION PHYSICAL {start[0]}"))
            _until(client, "W")
            feedback = b"h" + struct.pack("!qIIII", 0, 700, 0, 0, 0)
            client.send(raw.message("d", feedback))
            _follow(client, admin)


def _follow(client: raw.RawClient, admin: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make some more WAL, read it, answer keepalives, have both ends end it."""
    admin.execute("create table if not exists other (a int)")
    admin.execute("drop table other")
    for _ in range(2):  # the second round is the answer to the status update, which asks for one
        end = _last_keepalive(client)
        client.send(raw.message("d", b"r" + end * 3 + struct.pack("!qb", 0, 1)))
    _last_keepalive(client)
    client.exchange(raw.message("c"))
    client.send(raw.TERMINATE)
    client.to_end()


def _last_keepalive(client: raw.RawClient) -> bytes:
    """Read until nothing has come for a second; the WAL position in the last keepalive."""
    client.socket.settimeout(1.0)
    end = bytes(8)
    try:
        for answer in client:
            if answer.tag == "d" and answer.body[:1] == b"k":
                end = answer.body[1:9]
    except TimeoutError:
        client.socket.settimeout(20.0)
    return end


def raw_base_backup(place: Place) -> None:
    """A base backup: archives, progress and manifest inside CopyData; most of its large messages are left out."""
    with place.raw() as client:
        client.login("trusted", "", replication="true")
        client.exchange(raw.query("BASE_BACKUP (LABEL 'recorded', PROGRESS, CHECKPOINT 'fast', MANIFEST 'yes')"))
        client.send(raw.TERMINATE)
        client.to_end()


def _until(client: raw.RawClient, tag: str) -> None:
    for answer in client:
        if answer.tag == tag:
            return
        if answer.tag == "E":
            raise RuntimeError(str(answer.fields))
    raise RuntimeError(f"no {tag} came")


ALL = [
    psql_script, psql_unix, psql_password, psql_md5, psql_scram, psql_scram_refused, psql_no_database, pgbench_modes,
    psycopg_text, psycopg_binary, psycopg_pipeline, psycopg_copy, psycopg_cursor_and_notify, psycopg_cancel, psycopg_cancel_3_0,
    asyncpg_prepared, asyncpg_cursor, asyncpg_copy,
    raw_rare, raw_negotiation, raw_newer_protocol, raw_unknown_protocol, raw_violations,
    raw_logical_replication, raw_physical_replication, raw_base_backup,
]  # fmt: skip
