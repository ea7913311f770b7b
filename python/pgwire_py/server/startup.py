"""Start-up of a connection: encryption, protocol version, authentication, session (Protocol 55.2.1)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import messages as m
from .._impl import encode_message
from ..errors import (
    FeatureNotSupported,
    InvalidAuthorizationSpecification,
    PostgresError,
    ProtocolViolation,
    RemoteProtocolError,
    TooManyConnections,
)
from ..events import DirectTLS
from ..state import Phase
from .authentication import Proof, begin_to_authenticate, proven
from .hooks import asked
from .sasl_login import ClientLeft, ScramLogin
from .session import Session
from .settings import Settings
from .tls import ALPN

if TYPE_CHECKING:
    from .coding import Coding
    from .protocol import ServerProtocol
    from .server import Server

__all__ = ["ASKS", "OPENS", "WAITS", "ClientLeft", "Login", "start"]

PROTOCOL_3_2: Final = 0x0003_0002

ASKS: Final = "asks"
"""The client's next message is for :meth:`Login.take`."""
OPENS: Final = "opens"
"""It has proved who it is, and :meth:`Login.open` is next."""
WAITS: Final = "waits"
"""Something else than the client must be waited for: :meth:`Login.finish` does."""

MAX_START_VALUES: Final = 256
"""Start-up packets whose parameters are remembered."""

_NO: Final = frozenset({"", "off", "false", "no", "0"})
_NOT_PARAMETERS: Final = frozenset({"user", "database", "options", "replication"})


class StartValues(NamedTuple):
    """What comes of a start-up packet's parameters: the session's start values, the ParameterStatus messages about them, their coding."""

    values: dict[str, str]
    statuses: bytes
    coding: Coding


async def start(protocol: ServerProtocol, first: Any = None) -> Login | None:
    """Bring a connection from its first event, ``first`` if it is there, to where the client's start-up packet was taken.

    Returns:
        The login that begins, or None where the connection was for something else (a cancel request) or the client left.

    Raises:
        PostgresError, RemoteProtocolError: the client is refused; to be sent with severity FATAL.
    """
    startup = await _startup_message(protocol, first)
    return None if startup is None else Login(protocol, startup)


class Login:
    """A client whose start-up packet has come, until its session is open.

    What asks nobody but the client is done at once, message by message (:meth:`take`, :meth:`open`); the rest, and everything where one
    likes, by :meth:`finish`. All of it raises PostgresError and RemoteProtocolError, to be sent with severity FATAL, and ClientLeft.

    Attributes:
        stage: what comes next: :data:`ASKS`, :data:`WAITS` or :data:`OPENS`.
    """

    __slots__ = ("_database", "_parameters", "_proof", "_protocol", "_user", "_version", "stage")

    def __init__(self, protocol: ServerProtocol, startup: m.StartupMessage) -> None:
        parameters = startup.parameters
        server = protocol.server
        self._protocol = protocol
        self._parameters = parameters
        self._version = _negotiate(protocol, startup.protocol_version, parameters)
        self._user = user = parameters.get("user", "")
        if not user:
            raise InvalidAuthorizationSpecification("no PostgreSQL user name specified in startup packet")
        if "replication" in parameters and parameters["replication"].lower() not in _NO:
            raise FeatureNotSupported("replication connections are not supported")
        self._database = parameters.get("database") or user
        server.check_room()
        self._proof: Proof = None
        if server.trusts_all:
            self.stage = OPENS if server.opens_at_once else WAITS
            return
        address = protocol.address
        limit = server.max_connections_per_address
        if limit and address is not None and not server.take_share(protocol, "address", address, limit):
            raise TooManyConnections(f'too many connections from address "{address}"')
        proof = self._proof = begin_to_authenticate(protocol, user, self._database, address)
        self.stage = (
            ASKS if isinstance(proof, ScramLogin) else WAITS if proof is not None or not server.opens_at_once else OPENS
        )

    def take(self, event: Any) -> None:
        """Take the client's next message."""
        assert isinstance(self._proof, ScramLogin)
        if self._proof.answer(event):
            self._proof = None
            self.stage = OPENS if self._protocol.server.opens_at_once else WAITS

    async def finish(self) -> Session:
        """Wait for everything; the session, which has sent its first ReadyForQuery."""
        protocol = self._protocol
        server = protocol.server
        await proven(protocol, self._proof)
        if protocol.lost:
            raise ClientLeft("the client left during authentication")
        session, values = self._session()
        started = False
        try:
            await session.execution.connect()
            statuses = b""
            if server.hooks_startup:
                await _ask_startup(session, self._parameters)
                started = True
                statuses = _ask_parameters(session)
            if protocol.connection.phase is Phase.CLOSED:
                raise ClientLeft("the connection was closed while its session was opened")
            _welcome(session, values, statuses)
        except BaseException:
            server.release_execution(session)
            if started:
                asked(server.hooks.closed, session)
            raise
        return session

    def open(self) -> Session:
        """What :meth:`finish` does, where nothing waits and the client has proved who it is."""
        session, values = self._session()
        _welcome(session, values)
        return session

    def _session(self) -> tuple[Session, StartValues]:
        protocol, user, version = self._protocol, self._user, self._version
        server = protocol.server
        server.admit(protocol, user)
        values = server.start_values.get(tuple(self._parameters.items())) or _start_values(
            server, self._parameters, user
        )
        key = os.urandom(32 if version >= PROTOCOL_3_2 else 4)
        settings = Settings(server.defaults, values.values, values.coding)
        session = Session(server, protocol, server.next_process_id(), key, user, self._database, settings)
        session.execution = server.execution_for(session)
        return session, values


async def _ask_startup(session: Session, parameters: Mapping[str, str]) -> None:
    await asyncio.sleep(0)  # a user's code: it sees a task of its own
    session.connection.send(m.AuthenticationOk())  # notices may follow, an error too
    await session.server.hooks.startup(session, MappingProxyType(parameters))


def _ask_parameters(session: Session) -> bytes:
    """The ParameterStatus messages of what the hooks have set and want to be told besides."""
    session.follow_coding()
    told = session.settings.take_changes()
    told.update(session.server.hooks.server_parameters(session))
    message = session.settings.coding.message
    return b"".join([message(encode_message(m.ParameterStatus(name, value))) for name, value in told.items()])


def _welcome(session: Session, values: StartValues, statuses: bytes = b"") -> None:
    key_data = encode_message(m.BackendKeyData(session.process_id, session.secret_key))
    welcome = values.statuses + statuses + key_data
    if session.connection.phase is Phase.STARTING:
        session.connection.send_ready("I", welcome)
    else:
        session.connection.send_welcome(welcome)
    if session.settings.timed:
        session.start_waiting()


async def _startup_message(protocol: ServerProtocol, first: Any) -> m.StartupMessage | None:
    connection = protocol.connection
    seen: set[type] = set()
    while True:
        event = first or await protocol.next_event()
        first = None
        if event is None:
            return None
        if isinstance(event, m.StartupMessage):
            return event
        if isinstance(event, m.CancelRequest):
            protocol.server.cancel(event.process_id, event.secret_key)
            return None
        if type(event) in seen:
            raise FeatureNotSupported(f"{type(event).__name__} was already answered on this connection")
        seen.add(type(event))
        if isinstance(event, DirectTLS) and protocol.server.tls is not None:
            tls = await protocol.start_tls(event.data)
            if tls.selected_alpn_protocol() != ALPN:  # Protocol 55.2.10: the client must mean PostgreSQL
                raise ClientLeft("direct TLS without the ALPN protocol postgresql")
        elif isinstance(event, m.SSLRequest) and protocol.server.tls is not None and protocol.tls is None:
            if connection.buffered or connection.pending:
                raise ProtocolViolation(
                    "received unencrypted data after SSL request",
                    detail="This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
                )
            connection.send_encryption_response(b"S")
            await protocol.start_tls()
        elif isinstance(event, (m.SSLRequest, m.GSSENCRequest)):
            connection.send_encryption_response(b"N")
            protocol.flush()
        else:
            _refuse(event)


def _refuse(event: object) -> None:
    if isinstance(event, RemoteProtocolError):
        raise event
    raise ProtocolViolation(f"unexpected message {type(event).__name__} during start-up")


def _negotiate(protocol: ServerProtocol, version: int, parameters: Mapping[str, str]) -> int:
    """The protocol version to speak; answers NegotiateProtocolVersion where the client asked for more (Protocol 55.2.1)."""
    if version >> 16 != 3:
        raise FeatureNotSupported(
            f"unsupported frontend protocol {version >> 16}.{version & 0xFFFF}: server supports 3.0 to 3.2"
        )
    unknown = []
    for name in parameters:
        if name.startswith("_pq_."):
            unknown.append(name)
    if version > PROTOCOL_3_2 or unknown:
        version = min(version, PROTOCOL_3_2)
        protocol.connection.send(m.NegotiateProtocolVersion(version, tuple(unknown)))
    return version


def _start_values(server: Server, parameters: Mapping[str, str], user: str) -> StartValues:
    """The session's start values of run-time parameters, checked as SET would, and the ParameterStatus messages about them.

    Clients of one kind send the same packet again and again: what came of it is kept.
    """
    settings = Settings(server.defaults, {"session_authorization": user})
    for name, value in _options(parameters.get("options", "")):
        settings.set(name, value, starting=True)
    for name, value in parameters.items():
        if name not in _NOT_PARAMETERS and not name.startswith("_pq_."):
            settings.set(name, value, starting=True)
    message = settings.coding.message
    statuses = b"".join(
        [message(encode_message(m.ParameterStatus(name, value))) for name, value in settings.reported()]
    )
    known = StartValues(settings.start_values(), statuses, settings.coding)
    if any(name.startswith("_pq_.") for name in parameters):
        return known
    if len(server.start_values) >= MAX_START_VALUES:
        server.start_values.clear()
    server.start_values[tuple(parameters.items())] = known
    return known


def _options(text: str) -> list[tuple[str, str]]:
    """Name and value of each ``-c name=value`` or ``--name=value`` in the ``options`` parameter; ``\\`` escapes a space."""
    words: list[str] = []
    word = ""
    escaped = False
    for character in text + " ":
        if escaped:
            word += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character.isspace():
            if word:
                words.append(word)
            word = ""
        else:
            word += character
    result = []
    rest = iter(words)
    for word in rest:
        if word == "-c":
            setting = next(rest, "")
        elif word.startswith("-c"):
            setting = word[2:]
        elif word.startswith("--"):
            setting = word[2:].replace("-", "_")
        else:
            raise PostgresError(f"invalid command-line argument for server process: {word[:64]}", sqlstate="42601")
        name, equals, value = setting.partition("=")
        if not equals:
            raise PostgresError(f"-c {setting[:64]} requires a value", sqlstate="42601")
        result.append((name, value))
    return result
