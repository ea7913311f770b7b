"""FrontendConnection on a socket to a real PostgreSQL: whatever it sends, the tables of state.py know."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pgwire_py import FrontendConnection
from pgwire_py import messages as m
from pgwire_py.connection import ConnectionClosed
from pgwire_py.errors import LocalProtocolError, RemoteProtocolError
from pgwire_py.state import Phase
from tests.support.certificates import make_certificates
from tests.support.postgres import Cluster, Programs, running_cluster
from tests.support.raw import RawClient, query

HBA = """
host replication all 127.0.0.1/32 trust
host all plain 127.0.0.1/32 password
host all hashed 127.0.0.1/32 md5
"""
SETUP = """
create table t (n int);
create table guarded (n int);
create table bound (n int primary key deferrable initially deferred);
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
create trigger refuse before insert on guarded for each statement execute function refuse();
create rule also as on update to t do also (select 7 as a; select 8 as b);
set password_encryption = 'md5';
create role plain login password 'secret';
create role hashed login password 'secret';
"""


class Driver:
    """A blocking driver of the least kind: a socket and a FrontendConnection."""

    def __init__(self, cluster: Cluster, chunk: int | None, **options: Any) -> None:
        self.socket: socket.socket = socket.create_connection((cluster.host, cluster.port), timeout=30)
        self.connection = FrontendConnection(**options)
        self.chunk = chunk

    def close(self) -> None:
        self.socket.close()

    def send(self, *messages: object) -> None:
        for message in messages:
            self.connection.send(message)
        self.socket.sendall(self.connection.data_to_send())

    def receive(self) -> Any:
        """The next event, however long it takes to come."""
        while (event := self.connection.next_event()) is None:
            data = self.socket.recv(self.chunk or 65536)
            if data:
                self.connection.receive_data(data)
            else:
                self.connection.receive_eof()
        return event

    def until(self, *kinds: type) -> list[Any]:
        """Events up to the first of one of these classes."""
        events = []
        while True:
            event = self.receive()
            assert not isinstance(event, RemoteProtocolError), (event, events)
            events.append(event)
            if isinstance(event, kinds):
                return events

    def ask(self, *messages: object, ready: int = 1) -> list[Any]:
        """Send, and give the events up to the ``ready``-th ReadyForQuery in short."""
        self.send(*messages)
        return [_short(event) for _ in range(ready) for event in self.until(m.ReadyForQuery)]

    def login(self, **parameters: str) -> list[Any]:
        self.send(m.StartupMessage(parameters={"user": "postgres", "database": "postgres", **parameters}))
        return self.until(m.ReadyForQuery)


def _short(event: Any) -> object:
    match event:
        case m.ErrorResponse(fields):
            return f"{fields['V']} {fields['C']}"
        case m.DataRow(values):
            return values
        case m.CommandComplete(tag):
            return tag
        case m.ReadyForQuery(status):
            return status
        case m.CopyData(data):
            return data
    return type(event).__name__


@pytest.fixture(scope="module")
def cluster(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    files, settings = {}, {}
    if programs.tls:
        made = make_certificates(tmp_path_factory.mktemp("certificates"))
        files = {"server.crt": made.certificate.read_bytes(), "server.key": made.key.read_bytes()}
        settings = {"ssl": "on"}
    with running_cluster(programs, hba=HBA, files=files, settings=settings) as cluster:
        with RawClient(cluster.host, cluster.port) as client:
            client.login(cluster.user, cluster.dbname)
            answers = client.exchange(query(SETUP))
            assert not [answer for answer in answers if answer.startswith("E")], answers
        yield cluster


@pytest.fixture(params=[None, 1], ids=["whole", "bytes"])
def new(cluster: Cluster, ends: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Driver]]:
    """Makes drivers that have sent nothing yet."""
    with ExitStack() as stack:

        def make(**options: Any) -> Driver:
            driver = Driver(cluster, request.param, **options)
            stack.callback(driver.close)
            return driver

        yield make


@pytest.fixture
def driver(new: Callable[..., Driver]) -> Driver:
    """A driver that is logged in."""
    made = new()
    made.login()
    assert made.connection.phase is Phase.IDLE
    return made


# -- start-up --------------------------------------------------------------------------------------------------------


def test_login(new: Callable[..., Driver]) -> None:
    driver = new()
    events = driver.login(application_name="x")
    assert events[0] == m.AuthenticationOk()
    connection = driver.connection
    assert connection.parameters["application_name"] == "x"
    assert int(connection.parameters["server_version"].partition(".")[0]) >= 15
    assert connection.backend_key in events
    assert (connection.transaction_status, connection.protocol_version) == ("I", 0x00030000)
    assert driver.ask(m.Query("set application_name = 'y'")) == ["SET", "ParameterStatus", "I"]
    assert connection.parameters["application_name"] == "y"
    driver.send(m.Terminate())
    assert driver.receive() == ConnectionClosed()


def test_newer_version_and_unknown_options(new: Callable[..., Driver]) -> None:
    driver = new()
    driver.send(m.StartupMessage(0x0003FFF0, {"user": "postgres", "_pq_.nothing": "1"}))
    events = driver.until(m.ReadyForQuery)
    assert isinstance(events[0], m.NegotiateProtocolVersion)
    assert events[0].unknown_options == ("_pq_.nothing",)
    assert 0x00030000 <= driver.connection.protocol_version <= 0x00030002


def test_cleartext_password(new: Callable[..., Driver]) -> None:
    driver = new()
    driver.send(m.StartupMessage(parameters={"user": "plain", "database": "postgres"}))
    assert driver.receive() == m.AuthenticationCleartextPassword()
    assert driver.connection.phase is Phase.PASSWORD
    driver.send(m.PasswordMessage(b"secret"))
    assert driver.until(m.ReadyForQuery)[0] == m.AuthenticationOk()


@pytest.mark.parametrize("password", [b"secret", b"wrong"])
def test_md5_password(new: Callable[..., Driver], password: bytes) -> None:
    driver = new()
    driver.send(m.StartupMessage(parameters={"user": "hashed", "database": "postgres"}))
    request = driver.receive()
    assert isinstance(request, m.AuthenticationMD5Password)
    inner = hashlib.md5(password + b"hashed").hexdigest().encode()
    driver.send(m.PasswordMessage(b"md5" + hashlib.md5(inner + request.salt).hexdigest().encode()))
    if password == b"secret":
        assert driver.until(m.ReadyForQuery)[0] == m.AuthenticationOk()
    else:
        assert _short(driver.receive()) == "FATAL 28P01"
        assert driver.connection.phase is Phase.CLOSED
        assert driver.receive() == ConnectionClosed()


def test_refused_start_up(new: Callable[..., Driver]) -> None:
    driver = new()
    driver.send(m.StartupMessage(parameters={"user": "postgres", "database": "nowhere"}))
    events = driver.until(m.ErrorResponse)
    assert _short(events[-1]) == "FATAL 3D000"
    assert driver.receive() == ConnectionClosed()


def test_encryption_requests(new: Callable[..., Driver], programs: Programs) -> None:
    """Accepted where the server was built with it; everything else then goes through the encrypted channel."""
    driver = new()
    driver.send(m.GSSENCRequest())
    if driver.receive() == m.EncryptionResponse("G"):
        assert driver.connection.phase is Phase.ENCRYPTED
        driver.close()  # there are no credentials to go on with
        driver = new()
    driver.send(m.SSLRequest())
    answer = driver.receive()
    assert answer == m.EncryptionResponse("S" if programs.tls else "N")
    if answer.answer == "S":
        assert driver.connection.phase is Phase.ENCRYPTED
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        driver.socket = context.wrap_socket(driver.socket)
    driver.login()
    assert driver.ask(m.Query("select 1")) == ["RowDescription", (b"1",), "SELECT 1", "I"]


def test_cancel(new: Callable[..., Driver], driver: Driver) -> None:
    key = driver.connection.backend_key
    assert key is not None
    driver.send(m.Query("do $$ begin raise notice 'runs'; perform pg_sleep(60); end $$"))
    driver.until(m.NoticeResponse)
    canceller = new()
    canceller.send(m.CancelRequest(key.process_id, key.secret_key))
    assert canceller.connection.phase is Phase.CLOSED
    assert canceller.receive() == ConnectionClosed()
    events = [_short(event) for event in driver.until(m.ReadyForQuery)]
    assert events == ["ERROR 57014", "I"]


# -- simple query and function call ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "select 1 as a; select 2",
            ["RowDescription", (b"1",), "SELECT 1", "RowDescription", (b"2",), "SELECT 1", "I"],
        ),
        ("", ["EmptyQueryResponse", "I"]),
        ("begin; select 1/0", ["BEGIN", "ERROR 22012", "E"]),
        ("select 1/(n - 1) from (values (0), (1)) as v (n)", ["RowDescription", (b"-1",), "ERROR 22012", "I"]),
        ("do $$ begin raise notice 'x'; end $$", ["NoticeResponse", "DO", "I"]),
        ("listen c; notify c, 'p'", ["LISTEN", "NOTIFY", "NotificationResponse", "I"]),
        ("insert into bound values (1), (1)", ["ERROR 23505", "I"]),  # at the commit
        (
            "begin; insert into t values (1); update t set n = n; rollback",  # a rule's selects give rows without a tag
            ["BEGIN", "INSERT 0 1", "RowDescription", (b"7",), "RowDescription", (b"8",), "UPDATE 1", "ROLLBACK", "I"],
        ),
    ],
)
def test_simple_query(driver: Driver, text: str, expected: list[object]) -> None:
    message = m.Query(text)
    driver.send(message)
    assert driver.connection.requests == (message,)
    found = []
    for event in iter(driver.receive, None):
        found.append(_short(event))
        asynchronous = isinstance(event, (m.NoticeResponse, m.NotificationResponse))
        assert driver.connection.request is (None if asynchronous else message)
        if isinstance(event, m.ReadyForQuery):
            break
    assert found == expected
    assert driver.connection.requests == ()
    assert driver.connection.transaction_status == expected[-1]


def test_queries_ahead(driver: Driver) -> None:
    queries = [m.Query(f"select {number}") for number in range(5)]
    driver.send(*queries)
    for number, message in enumerate(queries):
        events = driver.until(m.ReadyForQuery)
        assert [_short(event) for event in events][1] == (str(number).encode(),)
        assert driver.connection.request is message
    assert driver.connection.requests == ()


def test_function_call(driver: Driver) -> None:
    (row,) = [
        event for event in driver.ask(m.Query("select 'abs(int)'::regprocedure::oid")) if isinstance(event, tuple)
    ]
    call = m.FunctionCall(int(row[0]), (), (b"-5",), 0)
    driver.send(call)
    assert driver.until(m.ReadyForQuery) == [m.FunctionCallResponse(b"5"), m.ReadyForQuery("I")]
    assert driver.ask(m.FunctionCall(1, (), (), 0)) == ["ERROR 42883", "I"]
    assert driver.ask(m.FunctionCall(int(row[0]), (), (None,), 0)) == ["FunctionCallResponse", "I"]  # strict: NULL


# -- extended query --------------------------------------------------------------------------------------------------


def test_extended_query(driver: Driver) -> None:
    requests = (
        m.Parse("s", "select generate_series(1, $1::int)"),
        m.Describe("S", "s"),
        m.Bind("p", "s", (), (b"3",)),
        m.Describe("P", "p"),
        m.Execute("p", 2),
        m.Flush(),
        m.Execute("p", 0),
        m.Close("P", "p"),
        m.Parse("", ""),
        m.Bind(),
        m.Describe("P", ""),
        m.Execute(),
        m.Sync(),
    )
    assert driver.ask(*requests) == [
        "ParseComplete", "ParameterDescription", "RowDescription", "BindComplete", "RowDescription", (b"1",), (b"2",), "PortalSuspended",
        (b"3",), "SELECT 1", "CloseComplete", "ParseComplete", "BindComplete", "NoData", "EmptyQueryResponse", "I",
    ]  # fmt: skip
    assert driver.connection.requests == ()


def _batch(query: str, *parameters: bytes) -> tuple[object, ...]:
    return m.Parse("", query), m.Bind("", "", (), parameters), m.Describe("P", ""), m.Execute(), m.Sync()


def test_pipeline_with_errors_in_the_middle(driver: Driver) -> None:
    good = _batch("select 1")
    batches = [
        good,
        _batch("select nothing"),  # fails at Parse
        good,
        _batch("select $1::int", b"x"),  # at Bind
        _batch("select 1/(n - 1) from (values (0), (1)) as v (n)"),  # in the midst of rows
        (*good[:-1], m.Query("select 2"), *_batch("insert into bound values (1), (1)")),  # at Sync: the commit
        (m.Bind("", "nothing"), m.Query("select 3"), m.Flush(), m.Sync()),  # a Query is skipped too
        good,
    ]
    driver.send(*[message for batch in batches for message in batch])
    found = [[_short(event) for event in driver.until(m.ReadyForQuery)]]
    ones: list[object] = ["ParseComplete", "BindComplete", "RowDescription", (b"1",), "SELECT 1", "I"]
    assert found == [ones]
    expected: list[list[object]] = [
        ["ERROR 42703", "I"],
        ones,
        ["ParseComplete", "ERROR 22P02", "I"],
        ["ParseComplete", "BindComplete", "RowDescription", (b"-1",), "ERROR 22012", "I"],
        [*ones[:-1], "RowDescription", (b"2",), "SELECT 1", "I"],
        ["ParseComplete", "BindComplete", "NoData", "INSERT 0 2", "ERROR 23505", "I"],
        ["ERROR 26000", "I"],
        ones,
    ]
    for answers in expected:
        assert [_short(event) for event in driver.until(m.ReadyForQuery)] == answers
    assert driver.connection.requests == ()


def test_errors_name_their_request(driver: Driver) -> None:
    batch = _batch("select $1::int", b"x")
    driver.send(*batch)
    driver.until(m.ErrorResponse)
    assert driver.connection.request is batch[1]
    assert driver.connection.requests == (batch[-1],)
    driver.until(m.ReadyForQuery)
    assert driver.connection.request is batch[-1]


def test_error_before_sync_is_sent(driver: Driver) -> None:
    driver.send(m.Parse("", "select nothing"), m.Flush())
    assert _short(driver.receive()) == "ERROR 42703"
    assert driver.connection.phase is Phase.SKIPPING
    with pytest.raises(LocalProtocolError):
        driver.send(m.Bind())
    assert driver.ask(m.Sync()) == ["I"]


# -- COPY ------------------------------------------------------------------------------------------------------------


def test_copy_in_and_out(driver: Driver) -> None:
    driver.send(m.Query("begin; copy t from stdin; copy t from stdin (format binary); copy t to stdout; rollback"))
    assert [_short(event) for event in driver.until(m.CopyInResponse)] == ["BEGIN", "CopyInResponse"]
    driver.send(m.CopyData(b"1\n2"), m.CopyData(b"2\n"), m.CopyDone())
    events = driver.until(m.CopyInResponse)
    assert events[0] == m.CommandComplete("COPY 2")
    assert events[1].format == 1
    row = b"\0\x01\0\0\0\x04\0\0\0\x03"
    driver.send(m.CopyData(b"PGCOPY\n\xff\r\n\0" + bytes(8) + row + b"\xff\xff"), m.CopyDone())
    assert [_short(event) for event in driver.until(m.ReadyForQuery)] == [
        "COPY 1", "CopyOutResponse", b"1\n", b"22\n", b"3\n", "CopyDone", "COPY 3", "ROLLBACK", "I",
    ]  # fmt: skip


def test_copy_in_given_up(driver: Driver) -> None:
    driver.send(m.Query("copy t from stdin"))
    driver.until(m.CopyInResponse)
    assert driver.ask(m.CopyData(b"1\n"), m.CopyFail("no more")) == ["ERROR 57014", "I"]


def test_copy_in_that_fails_while_data_are_sent(driver: Driver) -> None:
    driver.send(m.Query("copy t from stdin"))
    driver.until(m.CopyInResponse)
    driver.send(m.CopyData(b"bad\n"), *[m.CopyData(b"1\n")] * 100, m.CopyDone())
    assert [_short(event) for event in driver.until(m.ReadyForQuery)] == ["ERROR 22P02", "I"]
    assert driver.ask(m.Query("select 1"))[-2:] == ["SELECT 1", "I"]


def test_copy_out_that_fails(driver: Driver) -> None:
    found = driver.ask(m.Query("copy (select 1/(n - 2) from generate_series(1, 3) as n) to stdout"))
    assert found == ["CopyOutResponse", b"-1\n", "ERROR 22012", "I"]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ((m.CopyData(b"1\n"), m.CopyDone()), ["COPY 1", "I"]),
        ((m.CopyData(b"1\n"), m.CopyFail("no")), ["ERROR 57014", "I"]),
        ((m.CopyData(b"bad\n"), m.CopyData(b"1\n"), m.CopyDone()), ["ERROR 22P02", "I"]),
    ],
)
@pytest.mark.parametrize("syncs", [0, 1, 2])
def test_extended_copy_in(driver: Driver, end: tuple[object, ...], expected: list[object], syncs: int) -> None:
    """With Flush behind Execute, or, as libpq does, with Syncs that PostgreSQL drops."""
    driver.ask(m.Query("truncate t"))
    ahead = [m.Sync()] * syncs or [m.Flush()]
    driver.send(m.Parse("", "copy t from stdin"), m.Bind(), m.Describe("P", ""), m.Execute(), *ahead)
    assert _short(driver.until(m.CopyInResponse)[-2]) == "NoData"
    assert driver.connection.phase is Phase.EXTENDED_COPY_IN
    assert driver.ask(*end, m.Sync()) == expected
    assert driver.connection.requests == ()
    rows = b"1" if expected[0] == "COPY 1" else b"0"
    assert driver.ask(m.Query("select count(*) from t"))[1] == (rows,)


def test_extended_copy_out(driver: Driver) -> None:
    good = _batch("copy (select n from generate_series(1, 2) as n) to stdout")
    bad = _batch("copy (select 1/(2 - n) from generate_series(1, 3) as n) to stdout")
    head: list[object] = ["ParseComplete", "BindComplete", "NoData", "CopyOutResponse"]
    assert driver.ask(*good, *bad, *good, ready=3) == [
        *head, b"1\n", b"2\n", "CopyDone", "COPY 2", "I",
        *head, b"1\n", "ERROR 22012", "I",
        *head, b"1\n", b"2\n", "CopyDone", "COPY 2", "I",
    ]  # fmt: skip


@pytest.mark.parametrize("extended", [True, False])
def test_sync_before_a_copy_that_fails_at_once(driver: Driver, extended: bool) -> None:
    """A BEFORE STATEMENT trigger raises between CopyInResponse and the first message read: then the early Sync is answered."""
    early, late = m.Sync(), m.Sync()
    text = "copy guarded from stdin"
    copy = (m.Parse("", text), m.Bind(), m.Execute()) if extended else (m.Query(text),)
    driver.send(*copy, early)
    driver.until(m.CopyInResponse)
    driver.send(m.CopyData(b"1\n"), m.CopyDone(), late)
    answered: list[tuple[object, object]] = []
    while len([event for event, _ in answered if event == "I"]) < (2 if extended else 3):
        answered.append((_short(driver.receive()), driver.connection.request))
    assert [event for event, _ in answered] == ["ERROR P0001", *(["I"] if extended else ["I", "I"]), "I"]
    assert any(request is early for _, request in answered)
    assert driver.ask(m.Query("select 1")) == ["RowDescription", (b"1",), "SELECT 1", "I"]


def test_request_behind_copy_in_ends_the_connection(driver: Driver) -> None:
    driver.send(m.Query("copy t from stdin"), m.Query("select 1"))
    events = driver.until(ConnectionClosed)
    assert [_short(event) for event in events] == [
        "CopyInResponse", "ERROR 08P01", "FATAL 08P01", "ConnectionClosed",
    ]  # fmt: skip


# -- replication -----------------------------------------------------------------------------------------------------


@pytest.fixture
def walsender(new: Callable[..., Driver]) -> Driver:
    """A physical replication connection."""
    made = new()
    made.login(replication="true")
    return made


def _start_replication(walsender: Driver) -> m.Query:
    walsender.send(m.Query("IDENTIFY_SYSTEM"))
    _, row, tag, _ = walsender.until(m.ReadyForQuery)
    assert tag == m.CommandComplete("IDENTIFY_SYSTEM")
    _, timeline, position, _ = row.values
    start = m.Query(f"START_REPLICATION PHYSICAL {position.decode()} TIMELINE {timeline.decode()}")
    walsender.send(start)
    assert type(walsender.until(m.CopyBothResponse, m.ErrorResponse)[-1]) is m.CopyBothResponse
    assert walsender.connection.phase is Phase.COPY_BOTH
    return start


STATUS = m.CopyData(b"r" + bytes(8 * 4) + b"\x01")
"""A standby status update that asks for an answer."""


def test_replication_that_the_frontend_ends(walsender: Driver) -> None:
    start = _start_replication(walsender)
    walsender.send(STATUS)
    keepalive = next(event for event in iter(walsender.receive, None) if event.data[:1] == b"k")
    assert isinstance(keepalive, m.CopyData)
    walsender.send(m.CopyDone())
    assert walsender.connection.phase is Phase.COPY_OUT
    events = [event for event in walsender.until(m.ReadyForQuery) if not isinstance(event, m.CopyData)]
    tags = ["START_STREAMING", "START_REPLICATION"]
    assert [_short(event) for event in events] == ["CopyDone", *tags, "I"]
    assert walsender.connection.request is start
    assert walsender.ask(m.Query("IDENTIFY_SYSTEM"))[-2:] == ["IDENTIFY_SYSTEM", "I"]


def test_replication_that_is_cancelled(walsender: Driver, new: Callable[..., Driver]) -> None:
    """An error ends both streams, and ReadyForQuery follows without a Sync."""
    _start_replication(walsender)
    key = walsender.connection.backend_key
    assert key is not None
    new().send(m.CancelRequest(key.process_id, key.secret_key))
    events = [event for event in walsender.until(m.ReadyForQuery) if not isinstance(event, m.CopyData)]
    assert [_short(event) for event in events] == ["ERROR 57014", "I"]
    assert walsender.ask(m.Query("IDENTIFY_SYSTEM"))[-2:] == ["IDENTIFY_SYSTEM", "I"]


def test_terminate_in_the_midst_of_replication(walsender: Driver) -> None:
    _start_replication(walsender)
    walsender.send(STATUS, m.Terminate())
    assert walsender.receive() == ConnectionClosed()


def test_base_backup(walsender: Driver) -> None:
    """Results, COPY OUT and results in one answer."""
    walsender.send(m.Query("BASE_BACKUP (CHECKPOINT 'fast', WAIT false)"))
    if walsender.chunk:
        walsender.chunk = 4099  # a whole cluster byte by byte would take minutes
    seen: list[object] = []
    for event in walsender.until(m.ReadyForQuery):
        if not isinstance(event, (m.CopyData, m.NoticeResponse)):
            seen.append("row" if isinstance(event, m.DataRow) else _short(event))
    result = ["RowDescription", "row", "SELECT"]
    assert [name for name in seen if name != "row"] == [
        name for name in (*result, *result, "CopyOutResponse", "CopyDone", *result, "BASE_BACKUP", "I") if name != "row"
    ]


def test_extended_query_is_refused_in_replication(walsender: Driver) -> None:
    assert walsender.ask(*_batch("select 1")) == ["ERROR 08P01", "I"]


def test_database_that_is_shut_down_for_one_connection(driver: Driver, new: Callable[..., Driver]) -> None:
    key = driver.connection.backend_key
    assert key is not None
    other = new()
    other.login()
    assert other.ask(m.Query(f"select pg_terminate_backend({key.process_id})"))[1] == (b"t",)
    assert _short(driver.receive()) == "FATAL 57P01"
    assert driver.connection.phase is Phase.CLOSED
    assert driver.receive() == ConnectionClosed()
