"""The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, Protocol 55.3.1).

``client_first, step = ScramClient(password, nonce).first()``, then ``client_final, last = step.challenge(server_first)``, then
``last.verify(server_final)``: only when that has returned has the server proved that it knows the password.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from .. import _impl
from .._impl.scram_text import SCRAM_SHA_256, SCRAM_SHA_256_PLUS, TLS_SERVER_END_POINT, encode_base64, malformed
from ..errors import RemoteProtocolError
from .scram_messages import check_nonce, read_server_final, read_server_first
from .step import Step
from .verifier import MAX_ITERATIONS, prepared

__all__ = ["DEFAULT_MAX_ITERATIONS", "ScramClient", "ScramClientFinal", "ScramClientFirst", "choose_mechanism"]

DEFAULT_MAX_ITERATIONS = 10_000_000
"""Most PBKDF2 rounds that a client does for a server unless told otherwise: about a second of native work."""

MAX_USER_LENGTH = 255
"""Longest user name in client-first-message, in bytes; PostgreSQL's own clients leave it empty."""


def choose_mechanism(offered: Sequence[str], channel_binding: bytes | None, *, require: bool = False) -> str:
    """The best mechanism of those that AuthenticationSASL offers.

    Args:
        offered: names, as the server sent them.
        channel_binding: this connection's binding data; None without TLS, where it is not wanted, or where the server's
            certificate has none.
        require: refuse to log in without channel binding.

    Raises:
        RemoteProtocolError: none of them can be used, or only without the channel binding that is required.
    """
    if channel_binding and SCRAM_SHA_256_PLUS in offered:
        return SCRAM_SHA_256_PLUS
    if require:
        reason = "the server does not offer it" if channel_binding else "there is none for this connection"
        raise RemoteProtocolError(f"channel binding is required, but {reason}", "28000", fatal=True)
    if SCRAM_SHA_256 in offered:
        return SCRAM_SHA_256
    raise RemoteProtocolError("none of the server's SASL mechanisms is supported", "0A000", fatal=True)


class ScramClient(Step):
    """The first step.

    Args:
        password: as the user gave it; SASLprep happens here. Bytes for one that is no text.
        nonce: printable ASCII without comma, fresh for every login (:func:`new_nonce`).
        mechanism: the one selected, see :func:`choose_mechanism`.
        channel_binding: the binding data of this connection (:func:`tls_server_end_point` of the server's certificate). With
            plain SCRAM-SHA-256 it tells the server that the client could have bound, so that the server notices when somebody
            took SCRAM-SHA-256-PLUS off its list. None where the client does not bind.
        user: the name in the message; PostgreSQL ignores it and its clients leave it empty.
        min_iterations: fewest PBKDF2 rounds to accept; PostgreSQL's clients accept any. RFC 7677 recommends 4096.
        max_iterations: most rounds to accept: a server must not make a client work for ever.

    Raises:
        ValueError: a nonce that is none, an unknown mechanism, the one with channel binding without its data, a user name that is
            too long or holds a NUL, or bounds that no count can meet.
    """

    __slots__ = ("_binding", "_bounds", "_mechanism", "_nonce", "_password", "_user")

    def __init__(
        self,
        password: str | bytes,
        nonce: bytes,
        *,
        mechanism: str = SCRAM_SHA_256,
        channel_binding: bytes | None = None,
        user: str = "",
        min_iterations: int = 1,
        max_iterations: int = DEFAULT_MAX_ITERATIONS,
    ) -> None:
        if mechanism not in (SCRAM_SHA_256, SCRAM_SHA_256_PLUS):
            raise ValueError(f"no SCRAM mechanism of this client: {mechanism!r}")
        if mechanism == SCRAM_SHA_256_PLUS and not channel_binding:
            raise ValueError(f"{SCRAM_SHA_256_PLUS} needs the channel's binding data")
        if not 1 <= min_iterations <= max_iterations <= MAX_ITERATIONS:
            raise ValueError(f"SCRAM iterations: 1 <= min <= max <= {MAX_ITERATIONS} does not hold")
        name = user.encode("utf-8", "surrogatepass").replace(b"=", b"=3D").replace(b",", b"=2C")
        if len(name) > MAX_USER_LENGTH or b"\0" in name:
            raise ValueError(f"a user name of at most {MAX_USER_LENGTH} bytes without NUL")
        self._password = prepared(password)
        self._nonce = check_nonce(nonce)
        self._mechanism = mechanism
        self._binding = channel_binding
        self._user = name
        self._bounds = (min_iterations, max_iterations)

    def first(self) -> tuple[bytes, ScramClientFirst]:
        """client-first-message, for SASLInitialResponse, and the step that takes the server's answer to it.

        Raises:
            LocalProtocolError: the step was taken before.
        """
        self._take()
        if self._mechanism == SCRAM_SHA_256_PLUS:
            header = b"p=" + TLS_SERVER_END_POINT + b",,"
            bound = header + (self._binding or b"")
        else:
            header = bound = b"y,," if self._binding else b"n,,"
        bare = b"n=%s,r=%s" % (self._user, self._nonce)
        return header + bare, ScramClientFirst(self._password, self._nonce, bare, bound, self._bounds)

    def __repr__(self) -> str:
        return f"ScramClient(mechanism={self._mechanism!r})"


class ScramClientFirst(Step):
    """The second step; made by :meth:`ScramClient.first` only."""

    __slots__ = ("_bare", "_bound", "_bounds", "_nonce", "_password")

    def __init__(self, password: bytes, nonce: bytes, bare: bytes, bound: bytes, bounds: tuple[int, int]) -> None:
        self._password = password
        self._nonce = nonce
        self._bare = bare
        self._bound = bound
        self._bounds = bounds

    def challenge(self, server_first: bytes) -> tuple[bytes, ScramClientFinal]:
        """Answer server-first-message; does the PBKDF2, and lets other threads run meanwhile.

        Args:
            server_first: what AuthenticationSASLContinue carried.

        Returns:
            client-final-message, for SASLResponse, and the step that takes the server's answer to it.

        Raises:
            RemoteProtocolError: the message is malformed, does not belong to this exchange, or asks for too few or too many
                rounds of PBKDF2.
            LocalProtocolError: the step was taken before.
        """
        self._take()
        message = read_server_first(server_first)
        if len(message.nonce) <= len(self._nonce) or not message.nonce.startswith(self._nonce):
            malformed("server-first-message", "expected the client's nonce and more")
        lowest, highest = self._bounds
        if not lowest <= message.iterations <= highest:
            raise RemoteProtocolError(
                f"the server asks for {message.iterations} SCRAM iterations; between {lowest} and {highest} are accepted",
                fatal=True,
            )
        salted = _impl.scram_salted_password(self._password, message.salt, message.iterations)
        self._password = b""
        client_key, _, server_key = _impl.scram_keys(salted)
        without_proof = b"c=%s,r=%s" % (encode_base64(self._bound), message.nonce)
        signed = b",".join((self._bare, server_first, without_proof))
        proof = encode_base64(_impl.scram_client_proof(client_key, signed))
        expected = _impl.scram_server_signature(server_key, signed)
        return without_proof + b",p=" + proof, ScramClientFinal(expected)


class ScramClientFinal(Step):
    """The third and last step; made by :meth:`ScramClientFirst.challenge` only."""

    __slots__ = ("_expected",)

    def __init__(self, expected: bytes) -> None:
        self._expected = expected

    def verify(self, server_final: bytes) -> None:
        """Return where the server has proved that it knows the password or its verifier.

        Args:
            server_final: what AuthenticationSASLFinal carried.

        Raises:
            RemoteProtocolError: the message is malformed (08P01), or its signature is wrong (28000).
            InvalidAuthorizationSpecification: the server says that it does not accept the login.
            LocalProtocolError: the step was taken before.
        """
        self._take()
        if not hmac.compare_digest(read_server_final(server_final), self._expected):
            raise RemoteProtocolError(
                "the server does not know the password: wrong server signature", "28000", fatal=True
            )
