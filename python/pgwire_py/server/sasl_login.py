"""The messages of a login by SASL as the server sees them, one at a time (Protocol 55.3): who sends them need not be waited for here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .. import messages as m
from ..auth import SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramServer, ScramServerFinal, ScramVerifier, new_nonce
from ..errors import ProtocolViolation, RemoteProtocolError

if TYPE_CHECKING:
    from ..connection import BackendConnection

__all__ = ["ClientLeft", "SaslLogin", "ScramLogin", "expected"]

M = TypeVar("M")

_PLAIN = (SCRAM_SHA_256,)
_WITH_BINDING = (SCRAM_SHA_256_PLUS, SCRAM_SHA_256)


class ClientLeft(Exception):
    """The client went away, or could not do TLS: nobody is there to be told."""


def expected(event: Any, kind: type[M]) -> M:
    """``event``, which is to be a message of ``kind``.

    Raises:
        RemoteProtocolError: it is one.
        ProtocolViolation: it is another message.
        ClientLeft: it is none, or the client's good-bye.
    """
    if event.__class__ is kind:
        return event
    if event is None or isinstance(event, m.Terminate):
        raise ClientLeft("the client left during authentication")
    if isinstance(event, RemoteProtocolError):
        raise event
    raise ProtocolViolation(f"expected {kind.__name__}, got {type(event).__name__}")


class SaslLogin:
    """Offers mechanisms, and takes what the client sends until it has chosen one and sent the first data.

    Args:
        connection: where the questions are queued.
        offered: names of mechanisms, the best first.
    """

    __slots__ = ("_chosen", "_connection", "_offered")

    def __init__(self, connection: BackendConnection, offered: tuple[str, ...]) -> None:
        self._connection = connection
        self._offered = offered
        self._chosen: str | None = None
        connection.send(m.AuthenticationSASL(offered))

    def first(self, event: Any) -> tuple[str, bytes] | None:
        """Take what the client answered: the mechanism and its first data, None where those are still to come.

        Raises:
            RemoteProtocolError, ProtocolViolation, ClientLeft: as :func:`expected`; also where the mechanism was not offered.
        """
        if self._chosen is not None:
            return self._chosen, expected(event, m.SASLResponse).data
        initial = expected(event, m.SASLInitialResponse)
        if initial.mechanism not in self._offered:
            raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
        if initial.data is not None:
            return initial.mechanism, initial.data
        self._chosen = initial.mechanism
        self._connection.send(m.AuthenticationSASLContinue(b""))
        return None


class ScramLogin(SaslLogin):
    """A login by SCRAM-SHA-256, with channel binding where the connection has one.

    Args:
        connection: where the questions are queued.
        verifier: the user's, or a mock one.
        user: for the error that a wrong password gets.
        binding: the channel's binding data; None where it has none.
    """

    __slots__ = ("_binding", "_final", "_user", "_verifier")

    def __init__(
        self, connection: BackendConnection, verifier: ScramVerifier, user: str, binding: bytes | None
    ) -> None:
        super().__init__(connection, _PLAIN if binding is None else _WITH_BINDING)
        self._verifier = verifier
        self._user = user
        self._binding = binding
        self._final: ScramServerFinal | None = None

    def answer(self, event: Any) -> bool:
        """Answer what the client sent; True where it has proved to be the user.

        Raises:
            InvalidPassword: it has not.
            RemoteProtocolError, ProtocolViolation, ClientLeft: as :meth:`first`; also where a SCRAM message is malformed.
        """
        if self._final is not None:
            response = expected(event, m.SASLResponse)
            self._connection.send(m.AuthenticationSASLFinal(self._final.final(response.data)))
            return True
        chosen = self.first(event)
        if chosen is not None:
            mechanism, data = chosen
            exchange = ScramServer(
                self._verifier, new_nonce(), mechanism=mechanism, channel_binding=self._binding, user=self._user
            )
            server_first, self._final = exchange.first(data)
            self._connection.send(m.AuthenticationSASLContinue(server_first))
        return False
