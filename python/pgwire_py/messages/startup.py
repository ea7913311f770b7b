"""Messages of connection start-up that carry no tag byte (Protocol 55.7).

The frontend's StartupMessage, SSLRequest, GSSENCRequest and CancelRequest; the backend's one-byte answer to the requests for encryption.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["CancelRequest", "EncryptionResponse", "GSSENCRequest", "SSLRequest", "StartupMessage"]


@dataclass(slots=True)
class StartupMessage:
    """The frontend's first message.

    Attributes:
        protocol_version: major version in the high 16 bits, minor in the low 16 (3.0 is ``0x00030000``).
        parameters: run-time parameters in the order sent; ``user`` is required by the server, not here.
    """

    protocol_version: int = 0x00030000
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class SSLRequest:
    """Asks the server to go on with TLS; answered by one byte, ``S`` or ``N``."""


@dataclass(slots=True)
class GSSENCRequest:
    """Asks the server to go on with GSSAPI encryption; answered by one byte, ``G`` or ``N``."""


@dataclass(slots=True)
class CancelRequest:
    """Asks, on a connection of its own, to cancel what another session runs.

    Attributes:
        process_id: from that session's BackendKeyData.
        secret_key: from that session's BackendKeyData; 4 bytes in protocol 3.0, 4 to 256 in 3.2.
    """

    process_id: int
    secret_key: bytes = field(repr=False)


@dataclass(slots=True)
class EncryptionResponse:
    """The backend's one-byte answer to SSLRequest or GSSENCRequest, without tag and length (Protocol 55.2.10, 55.2.11).

    ``answer`` is ``"S"`` (go on with TLS), ``"G"`` (go on with GSSAPI encryption) or ``"N"`` (no).
    """

    answer: str
