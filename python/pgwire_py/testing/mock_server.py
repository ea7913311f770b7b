"""A PostgreSQL server that answers what a test says, on a real port: for the test-suites of drivers, poolers, ORMs and applications."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from .. import messages as m
from ..auth import Md5Verifier, ScramVerifier, UsersFunction, md5_password
from ..engines.base import Description
from ..engines.python import PythonEngine
from ..errors import postgres_error
from ..server import Query, Server, Session
from ..server.coding import Coding
from ..server.commands import Begin, Commit, Release, Rollback, RollbackTo, Savepoint
from ..server.plans import Plan, PlanCache
from ..server.protocol import ServerProtocol
from .conversation import Conversation, ConversationProtocol, Dialogue, reset_connection
from .recording import Received, ReceivedMessage, Recorder, RecordingConnection
from .script import Expectation, MockFailure, Script, Turn

__all__ = ["MockServer"]

USER = "mock"
DATABASE = "mock"
DEADLINE = 30.0
"""Seconds that starting, closing, and what is asked of the server's thread may take: only what hangs takes that long."""
GRACE = 5.0
"""Seconds that a dialogue has to come to its end when the test has."""

_TRANSACTION = (Begin, Commit, Rollback, Savepoint, Release, RollbackTo)


class MockServer:
    """A scripted PostgreSQL server: ``with MockServer() as mock`` runs it in a thread, ``async with`` in the running loop.

    Statements are answered by the first expectation that fits and is not used up. Transaction commands, SET, SHOW, LISTEN and questions
    about the catalogue are answered without being expected, as by :class:`~pgwire_py.Server`; an expectation for one of them comes first.
    What nothing answers is an error (XX000) for the client, and fails :meth:`verify`.

    Args:
        user: who may log in, with ``password`` by SCRAM-SHA-256; without one, anybody may, under any name.
        password: of that user.
        auth: another method for that password (``"password"``, ``"md5"``); without one, anything that ``Server(auth=…)`` takes.
        host: address to listen on, at a port that the system chooses.
        unix_socket: listen on a Unix-domain socket, too, in a directory of its own.
        ordered: statements must come in the order of the expectations.
        options: others of :class:`~pgwire_py.Server`: ``tls``, ``server_version``, ``parameters`` …
    """

    def __init__(
        self,
        *,
        user: str = USER,
        password: str | None = None,
        auth: Any = None,
        host: str = "127.0.0.1",
        unix_socket: bool = False,
        ordered: bool = False,
        **options: Any,
    ) -> None:
        self.user = user
        self.password = password
        self.host = host
        self._auth = auth
        self._unix_socket = unix_socket
        self._options = options
        self._script = Script(ordered=ordered)
        self._recorder = Recorder()
        self._dialogues: deque[Dialogue] = deque()
        self._talking: set[ConversationProtocol] = set()
        self._directory: str | None = None
        self._server: _Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # -- what the test says ------------------------------------------------------------------------------------------

    def expect(
        self,
        query: str | re.Pattern[str] | Callable[[str], object],
        parameters: Sequence[object] | Callable[..., object] | None = None,
        *,
        times: int | None = 1,
    ) -> Expectation:
        """Expect a statement; what the returned :class:`Expectation` is told is the answer.

        Args:
            query: its text, spaces and the last semicolon apart; or a pattern that is searched for in it; or a function of it that tells.
                Of a query string with several statements each is one.
            parameters: the values of ``$1`` …; or a function of them that tells; None: any.
            times: how often it comes; None: any number of times, or never.
        """
        return self._script.add(Expectation(query, parameters, times))

    def converse(self, dialogue: Dialogue) -> Dialogue:
        """Have the next connection talk with ``dialogue``, a coroutine function of a :class:`Conversation`, instead of the script.

        What it raises fails :meth:`verify`. May be used as a decorator.
        """
        self._dialogues.append(dialogue)
        return dialogue

    def refuse(self, sqlstate: str, message: str, *, times: int = 1, **fields: Any) -> None:
        """Refuse the next connections with a FATAL error, as a server that starts up (57P03) or is full (53300)."""
        error = postgres_error(sqlstate, message, severity="FATAL", **fields)

        async def dialogue(client: Conversation) -> None:
            event: Any = await client.receive()
            while isinstance(event, (m.SSLRequest, m.GSSENCRequest)):
                client.send(m.EncryptionResponse("N"))
                event = await client.receive()
            client.send(m.ErrorResponse(error.response_fields()))

        for _ in range(times):
            self.converse(dialogue)

    def notify(self, channel: str, payload: str = "") -> None:
        """Notify the sessions that LISTEN to the channel, now."""
        self._running.notify(channel, payload)

    def drop_connections(self, *, reset: bool = False) -> None:
        """Close every connection that is open, now."""

        def drop() -> None:
            protocols: list[Any] = [*self._running._protocols, *self._talking]
            for protocol in protocols:
                protocol.drop(reset=reset)

        self._on_loop(drop)

    # -- what has come -----------------------------------------------------------------------------------------------

    @property
    def queries(self) -> list[Received]:
        """Every statement that came, those that were not expected too."""
        with self._recorder.changed:
            return list(self._recorder.statements)

    @property
    def messages(self) -> list[ReceivedMessage]:
        """Every message that came."""
        with self._recorder.changed:
            return list(self._recorder.messages)

    @property
    def connections(self) -> int:
        """How many connections there have been, those for cancel requests too."""
        return self._recorder.connections

    def wait_for(self, condition: Callable[[], object], timeout: float = DEADLINE) -> None:
        """Wait until ``condition`` holds, for what clients send without waiting for an answer.

        Raises:
            MockFailure: it did not within ``timeout`` seconds.
        """
        if not self._recorder.wait_for(condition, timeout):
            raise MockFailure(f"waited {timeout:g} s in vain\n{self.report() or ''}".rstrip())

    def report(self) -> str | None:
        """What went otherwise than expected so far; None where nothing did."""
        return self._script.report(self.queries)

    def verify(self) -> None:
        """Check that everything that was expected came, and nothing else did. Fixtures do it when the test has ended.

        Raises:
            MockFailure: with a report.
        """
        __tracebackhide__ = True
        if self._thread is not None:
            self._recorder.wait_for(lambda: not self._talking, GRACE)
        for protocol in self._talking:
            self._script.problem(f"dialogue of connection {protocol.connection.number}: it is not finished")
        for _ in self._dialogues:
            self._script.problem("a dialogue was not used: nobody connected")
        report = self.report()
        if report is not None:
            raise MockFailure(report)

    # -- where it is -------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._running.port

    @property
    def socket_directory(self) -> str:
        """The directory of the Unix-domain socket: a host for libpq."""
        if self._directory is None:
            raise ValueError("MockServer(unix_socket=True) listens on a Unix-domain socket")
        return self._directory

    @property
    def dsn(self) -> str:
        """Where to connect to, in libpq's keywords."""
        return self._dsn(self.host)

    @property
    def socket_dsn(self) -> str:
        """The same over the Unix-domain socket."""
        return self._dsn(self.socket_directory)

    @property
    def uri(self) -> str:
        """Where to connect to, as ``postgresql://…``."""
        password = "" if self.password is None else f":{quote(self.password, safe='')}"
        sslmode = "prefer" if "tls" in self._options else "disable"
        return (
            f"postgresql://{quote(self.user, safe='')}{password}@{self.host}:{self.port}/{DATABASE}?sslmode={sslmode}"
        )

    def _dsn(self, host: str) -> str:
        words = {"host": host, "port": self.port, "user": self.user, "dbname": DATABASE, "password": self.password}
        words["sslmode"] = "prefer" if "tls" in self._options else "disable"
        return " ".join(f"{name}={_quoted(str(value))}" for name, value in words.items() if value is not None)

    # -- life --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> MockServer:
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="pgwire-mock-server", daemon=True)
        self._thread.start()
        try:
            self._call(self._open())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._call(self._close())
        finally:
            self._stop()

    async def __aenter__(self) -> MockServer:
        self._loop = asyncio.get_running_loop()
        await self._open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._close()

    async def _open(self) -> None:
        options = dict(self._options)
        if self._unix_socket:
            self._directory = options["unix_socket_directory"] = tempfile.mkdtemp(prefix="pgwire-")
        auth = self._auth
        if self.password is not None:
            md5 = auth == "md5"
            verifier = (
                Md5Verifier(md5_password(self.password, self.user)) if md5 else ScramVerifier.generate(self.password)
            )
            options["users"] = UsersFunction(lambda user, database: verifier if user == self.user else None, md5=md5)
            auth = auth or "scram-sha-256"
        server = _Server(self, auth=auth or "trust", host=self.host, port=0, **options)
        try:
            await server.start()
        except BaseException:
            self._remove_directory()
            raise
        self._server = server

    async def _close(self) -> None:
        try:
            talking = list(self._talking)
            for protocol in talking:
                protocol.drop(reset=True)
                if protocol.task is not None:
                    protocol.task.cancel()
            await asyncio.gather(*(p.task for p in talking if p.task is not None), return_exceptions=True)
            await self._running.close(timeout=0.0)
        finally:
            self._remove_directory()

    def _remove_directory(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _stop(self) -> None:
        """End the thread of one's own."""
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    @property
    def _running(self) -> _Server:
        if self._server is None:
            raise RuntimeError("the mock server is not running: use it in a with statement")
        return self._server

    def _call(self, coroutine: Any) -> Any:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE)

    def _on_loop(self, function: Callable[[], None]) -> None:
        """Call a function on the server's loop, and wait for it where the loop is another thread's."""
        if self._thread is None:
            function()
            return

        async def work() -> None:
            function()

        self._call(work())

    # -- called on the loop ------------------------------------------------------------------------------------------

    def _next_protocol(self) -> Any:
        if self._dialogues:
            protocol = ConversationProtocol(self._recorder, self._dialogues.popleft(), self._talked)
            self._talking.add(protocol)
            return protocol
        return _Protocol(self._running, self._recorder)

    def _talked(self, protocol: ConversationProtocol, problem: str | None) -> None:
        if problem is not None:
            self._script.problem(problem)
        self._talking.discard(protocol)

    def _claims(self, sql: str) -> bool:
        return self._script.find(sql) is not None

    async def _answer(self, query: Query) -> Any:
        session = query.session
        assert session is not None
        received = self._received(query)
        expectation = self._script.take(received)
        if expectation is None:
            raise self._script.unexpected(received, describing=False)
        return await expectation.answer(Turn(session, received))

    async def _describe(self, query: Query) -> Description:
        expectation = self._script.find(query.sql)
        if expectation is None:
            raise self._script.unexpected(self._received(query), describing=True)
        columns = expectation.columns
        types = expectation.parameter_types(tuple(query.parameter_types))
        return Description(types, None if columns is None else tuple(columns))

    async def _transaction(self, session: Session, action: str, *names: str) -> None:
        sql = " ".join([action.replace("_", " "), *names])
        expectation = self._script.find(sql) or self._script.find(sql.upper())
        if expectation is not None:
            received = Received(sql, (), (), _number(session), session.user, session.database)
            expectation.received.append(received)
            await expectation.answer(Turn(session, received))

    def _received(self, query: Query) -> Received:
        """The record of the statement that is answered, now with the values of its parameters."""
        session = query.session
        assert session is not None
        connection = session.connection
        assert isinstance(connection, RecordingConnection)
        current = None if query.describing else connection.current
        if current is None:
            return Received(query.sql, (), (), connection.number, session.user, session.database)
        current.sql = query.sql
        current.parameters = tuple(query.parameters)
        current.parameter_types = tuple(query.parameter_types)
        return current


def _number(session: Session) -> int:
    assert isinstance(session.connection, RecordingConnection)
    return session.connection.number


def _quoted(value: str) -> str:
    """A value of libpq's keywords (PostgreSQL 34.1.1.1)."""
    if re.fullmatch(r"[\w./:-]+", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Server(Server):
    """A server that asks the mock server for everything."""

    def __init__(self, mock: MockServer, **options: Any) -> None:
        engine = PythonEngine(mock._answer, describe=mock._describe, transaction=mock._transaction)
        super().__init__(engine, **options)
        self._mock = mock
        self._plans: dict[Coding, _Plans] = {}

    def _protocol(self) -> ServerProtocol:
        return self._mock._next_protocol()  # type: ignore[no-any-return]

    def plan_cache(self, coding: Coding) -> PlanCache:
        if coding not in self._plans:
            self._plans[coding] = _Plans(self._mock, super().plan_cache(coding))
        return self._plans[coding]


class _Plans(PlanCache):
    """Plans by which the script answers what is expected, also where the session layer or the catalogue could."""

    def __init__(self, mock: MockServer, cache: PlanCache) -> None:
        super().__init__(cache._catalog, cache.coding, True)
        self._mock = mock

    def plans(self, sql: str) -> tuple[Plan, ...]:
        return tuple([self._claimed(plan) for plan in super().plans(sql)])

    def _claimed(self, plan: Plan) -> Plan:
        known = plan.command is not None or plan.catalogue
        if not known or isinstance(plan.command, _TRANSACTION) or not self._mock._claims(plan.text):
            return plan
        claimed = Plan(plan.statement, self._catalog, self.coding, True)
        claimed.command = None
        claimed.catalogue = False
        claimed.reads = not claimed.writes and not claimed.changes_schema
        return claimed


class _Protocol(ServerProtocol):
    """A connection that records what comes, and can be dropped."""

    __slots__ = ()

    def __init__(self, server: Server, recorder: Recorder) -> None:
        super().__init__(server)
        self.connection = RecordingConnection(
            recorder,
            recorder.connected(),
            max_message_length=server.max_message_length,
            direct_tls=server.tls is not None,
        )

    def _go_short(self) -> None:
        """Every message is to be recorded: none is answered the short way."""

    def drop(self, *, reset: bool = False) -> None:
        """Close the connection behind what was sent; with ``reset`` at once, by RST."""
        if reset and self._transport is not None:
            reset_connection(self._transport)  # type: ignore[arg-type]
        else:
            self.close()
