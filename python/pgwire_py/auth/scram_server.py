"""The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, Protocol 55.3.1).

First ``server_first, last = ScramServer(verifier, nonce).first(client_first)``, then ``server_final = last.final(client_final)``.
With a stored verifier neither costs a PBKDF2.
"""

from __future__ import annotations

from .. import _impl
from .._impl.scram_text import SCRAM_SHA_256, SCRAM_SHA_256_PLUS
from ..errors import InvalidPassword
from .scram_messages import check_nonce
from .step import Step
from .verifier import ScramVerifier

__all__ = ["ScramServer", "ScramServerFinal"]


class ScramServer(Step):
    """The first step.

    Args:
        verifier: the user's, or :meth:`ScramVerifier.mock`.
        nonce: printable ASCII without comma, fresh for every login (:func:`new_nonce`).
        mechanism: the one that the client selected.
        channel_binding: the binding data of this connection (:func:`tls_server_end_point` of the server's certificate) where the
            server offered SCRAM-SHA-256-PLUS, whatever the client selected; None where it did not.
        user: for the text of the error that a wrong password gets.

    Raises:
        ValueError: a nonce that is none, or an unknown mechanism, or the one with channel binding without its data.
    """

    __slots__ = ("_binding", "_mechanism", "_nonce", "_user", "_verifier")

    def __init__(
        self,
        verifier: ScramVerifier,
        nonce: bytes,
        *,
        mechanism: str = SCRAM_SHA_256,
        channel_binding: bytes | None = None,
        user: str | None = None,
    ) -> None:
        if mechanism not in (SCRAM_SHA_256, SCRAM_SHA_256_PLUS):
            raise ValueError(f"no SCRAM mechanism of this server: {mechanism!r}")
        if mechanism == SCRAM_SHA_256_PLUS and not channel_binding:
            raise ValueError(f"{SCRAM_SHA_256_PLUS} needs the channel's binding data")
        self._verifier = verifier
        self._nonce = check_nonce(nonce)
        self._mechanism = mechanism
        self._binding = channel_binding
        self._user = user

    def first(self, client_first: bytes) -> tuple[bytes, ScramServerFinal]:
        """Answer client-first-message.

        The user name inside the message is ignored, as PostgreSQL does: the one of StartupMessage counts.

        Args:
            client_first: what SASLInitialResponse carried.

        Returns:
            server-first-message, and the step that takes the client's answer to it.

        Raises:
            RemoteProtocolError: the message is malformed (08P01), asks for what is not offered (0A000), or shows that somebody
                took SCRAM-SHA-256-PLUS off the list of mechanisms (28000).
            LocalProtocolError: the step was taken before.
        """
        self._take()
        verifier = self._verifier
        bound = self._mechanism == SCRAM_SHA_256_PLUS
        server_first, repeated, nonce, signed = _impl.scram_server_first(
            client_first, bound, self._binding, verifier.salt, verifier.iterations, self._nonce
        )
        return server_first, ScramServerFinal(verifier, repeated, bound, nonce, signed, self._user)

    def __repr__(self) -> str:
        return f"ScramServer(mechanism={self._mechanism!r})"


class ScramServerFinal(Step):
    """The second and last step; made by :meth:`ScramServer.first` only."""

    __slots__ = ("_bound", "_nonce", "_repeated", "_signed", "_user", "_verifier")

    def __init__(
        self, verifier: ScramVerifier, repeated: bytes, bound: bool, nonce: bytes, signed: bytes, user: str | None
    ) -> None:
        self._verifier = verifier
        self._repeated = repeated
        self._bound = bound
        self._nonce = nonce
        self._signed = signed
        self._user = user

    def final(self, client_final: bytes) -> bytes:
        """Check client-final-message and return server-final-message, with which the server proves itself.

        Raises:
            RemoteProtocolError: the message is malformed or does not belong to this exchange (08P01), or is bound to another
                channel (28000).
            InvalidPassword: the proof is wrong, or the user does not exist.
            LocalProtocolError: the step was taken before.
        """
        self._take()
        verifier = self._verifier
        server_final = _impl.scram_server_final(
            client_final,
            self._repeated,
            self._bound,
            self._nonce,
            self._signed,
            verifier.stored_key,
            verifier.server_key,
        )
        if server_final is None or verifier.doomed:
            whose = "" if self._user is None else f' for user "{self._user}"'
            raise InvalidPassword(f"password authentication failed{whose}", severity="FATAL")
        return server_final
