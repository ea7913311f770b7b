"""The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, Protocol 55.3.1).

First ``server_first, last = ScramServer(verifier, nonce).first(client_first)``, then ``server_final = last.final(client_final)``.
With a stored verifier neither costs a PBKDF2.
"""

from __future__ import annotations

import hmac

from .. import _impl
from ..errors import InvalidPassword, RemoteProtocolError
from .scram_messages import (
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    TLS_SERVER_END_POINT,
    ClientFirst,
    check_nonce,
    encode_base64,
    malformed,
    read_client_final,
    read_client_first,
)
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
        super().__init__()
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
        message = read_client_first(client_first)
        self._check_flag(message)
        nonce = message.nonce + self._nonce
        salt = encode_base64(self._verifier.salt)
        server_first = b"r=%s,s=%s,i=%d" % (nonce, salt, self._verifier.iterations)
        channel = (self._binding or b"") if message.flag == "p" else b""
        signed = message.bare + b"," + server_first + b","
        return server_first, ScramServerFinal(self._verifier, message.gs2_header, channel, nonce, signed, self._user)

    def _check_flag(self, message: ClientFirst) -> None:
        """Flag and mechanism belong together (RFC 5802 §6)."""
        name = "client-first-message"
        if self._mechanism == SCRAM_SHA_256_PLUS:
            if message.flag != "p":
                malformed(name, f"{SCRAM_SHA_256_PLUS} was selected, but there is no channel-binding data")
            if message.binding_type != TLS_SERVER_END_POINT:
                shown = message.binding_type.decode("ascii")
                raise RemoteProtocolError(f'unsupported SCRAM channel-binding type "{shown}"', fatal=True)
        elif message.flag == "p":
            malformed(name, f"{SCRAM_SHA_256} was selected, but there is channel-binding data")
        elif message.flag == "y" and self._binding:
            raise RemoteProtocolError(
                "SCRAM channel binding negotiation error: the client supports channel binding and thinks that the server"
                " does not, but it does",
                "28000",
                fatal=True,
            )

    def __repr__(self) -> str:
        return f"ScramServer(mechanism={self._mechanism!r})"


class ScramServerFinal(Step):
    """The second and last step; made by :meth:`ScramServer.first` only."""

    __slots__ = ("_channel", "_header", "_nonce", "_signed", "_user", "_verifier")

    def __init__(
        self, verifier: ScramVerifier, header: bytes, channel: bytes, nonce: bytes, signed: bytes, user: str | None
    ) -> None:
        super().__init__()
        self._verifier = verifier
        self._header = header
        self._channel = channel
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
        message = read_client_final(client_final)
        if message.binding != encode_base64(self._header + self._channel):
            if self._channel:
                raise RemoteProtocolError("SCRAM channel binding check failed", "28000", fatal=True)
            malformed("client-final-message", "unexpected channel-binding attribute")
        if not hmac.compare_digest(message.nonce, self._nonce):
            malformed("client-final-message", "nonce does not match")
        signed = self._signed + message.without_proof
        matches = _impl.scram_check_proof(self._verifier.stored_key, signed, message.proof)
        if not matches or self._verifier.doomed:
            whose = "" if self._user is None else f' for user "{self._user}"'
            raise InvalidPassword(f"password authentication failed{whose}", severity="FATAL")
        return b"v=" + encode_base64(_impl.scram_server_signature(self._verifier.server_key, signed))
