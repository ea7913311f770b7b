"""One message on its way through a proxy: undecoded until somebody asks, and without its secrets for those who write it down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .._impl import BackendDecoder, FrontendDecoder, encode_message
from ..errors import RemoteProtocolError

__all__ = ["Frame", "Replacement", "encode", "password_kind_after"]

MAX_LENGTH: Final = 2**31 - 1
REDACTED: Final = b"<redacted>"
"""What stands in place of a secret."""

_SASL, _KERBEROS, _GSS = 10, (2, 7, 8, 9), 8
_SASL_CONTINUE, _SASL_FINAL = 11, 12

Replacement = Any
"""What a hook returns: None to forward the message as it is, or what goes in its place: a message of :mod:`pgwire_py.messages`, the bytes
of whole messages, a :class:`Frame`, or an iterable of these; an empty one drops the message."""


class Frame:
    """One message.

    Attributes:
        tag: its letter; ``""`` for the start-up packet, which has none.
        body: what stands behind the length field. Read-only, and valid as long as the frame is.
        frontend: whether a frontend sent it.
        password_kind: what tag ``p`` means at this point of a login; see :attr:`FrontendDecoder.password_kind`.
    """

    __slots__ = ("body", "frontend", "password_kind", "tag")

    def __init__(self, tag: str, body: memoryview, frontend: bool, password_kind: str = "password") -> None:
        self.tag = tag
        self.body = body
        self.frontend = frontend
        self.password_kind = password_kind

    def __repr__(self) -> str:
        return f"<Frame {self.tag!r} {len(self.body)} bytes>"

    def __bytes__(self) -> bytes:
        """The whole message, header and all."""
        return b"".join((self.tag.encode("latin-1"), (len(self.body) + 4).to_bytes(4, "big"), self.body))

    def decode(self) -> Any:
        """The message of :mod:`pgwire_py.messages`.

        Raises:
            RemoteProtocolError: it is malformed.
        """
        if self.frontend:
            decoder: Any = FrontendDecoder(max_message_length=MAX_LENGTH)
            decoder.startup = not self.tag
            decoder.password_kind = self.password_kind
        else:
            decoder = BackendDecoder(max_message_length=MAX_LENGTH)
        message = decoder.feed(bytes(self))[0]
        if isinstance(message, RemoteProtocolError):
            raise message
        return message

    def redacted(self) -> Frame:
        """The same message, decodable, without passwords and without what a password could be guessed from."""
        if self.frontend and self.tag == "p":
            return Frame("p", memoryview(self._redacted_answer()), True, self.password_kind)
        if not self.frontend and self.tag == "R":
            code = bytes(self.body[:4])
            # From the salt, the nonces and the signature a password can be guessed offline.
            if int.from_bytes(code, "big") in (_GSS, _SASL_CONTINUE, _SASL_FINAL):
                return Frame("R", memoryview(code + REDACTED), False)
        return self

    def _redacted_answer(self) -> bytes:
        if self.password_kind == "password":
            return REDACTED + b"\0"
        if self.password_kind == "sasl_initial":
            mechanism, end, _ = bytes(self.body[:64]).partition(b"\0")
            return (mechanism if end else b"") + b"\0" + len(REDACTED).to_bytes(4, "big") + REDACTED
        return REDACTED


def password_kind_after(frame: Frame) -> str:
    """What the frontend's next ``p`` is behind this authentication request of the backend."""
    code = int.from_bytes(frame.body[:4], "big")
    if code in (_SASL, _SASL_CONTINUE):
        return "sasl_initial" if code == _SASL else "sasl_response"
    return "gss" if code in _KERBEROS else "password"


def encode(replacement: Replacement) -> bytes:
    """The bytes of what a hook returned.

    Raises:
        TypeError: it is nothing that can be sent.
    """
    if isinstance(replacement, (bytes, bytearray, memoryview, Frame)):
        return bytes(replacement)
    if isinstance(replacement, Iterable) and not isinstance(replacement, str):
        return b"".join([encode(one) for one in replacement])
    return encode_message(replacement)
