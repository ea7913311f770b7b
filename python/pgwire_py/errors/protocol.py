"""The root of the exceptions, and those that speak of bytes and order."""

from __future__ import annotations


class PgWireError(Exception):
    """Root of every exception that pgwire_py raises on purpose."""


class ProtocolError(PgWireError):
    """The protocol was broken."""


class LocalProtocolError(ProtocolError):
    """This side was asked to do what the protocol does not allow now; the connection stays usable."""


class RemoteProtocolError(ProtocolError):
    """The other side sent what the protocol does not allow.

    ``str(error)`` is written for whoever reads it. A frontend is answered with it, so about a frontend's message it is PostgreSQL's own
    text. Nobody answers a backend, so about a backend's message it is for this side: it begins with the message and the offset, as in
    ``DataRow: offset 7: the length -2 of a value is negative``. Both stand in the attributes whoever sent the message.

    Attributes:
        sqlstate: what an ErrorResponse about it carries; ``08P01`` unless a more precise one exists.
        fatal: True when the stream cannot be followed any further and the connection must end.
        tag: the tag byte of the message at fault, as text; empty for a start-up packet.
        message_name: the class of the message at fault, such as ``Bind``; empty where no message is known by these bytes.
        offset: how many bytes of the message, tag and length counted, stand before the field that breaks the rule; a length or count
            belongs to the field it counts. None where it is not one field of one message that is wrong.
    """

    def __init__(
        self,
        message: str,
        sqlstate: str = "08P01",
        fatal: bool = False,
        tag: str = "",
        message_name: str = "",
        offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.fatal = fatal
        self.tag = tag
        self.message_name = message_name
        self.offset = offset

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, RemoteProtocolError)
        return vars(self) == vars(other) and self.args == other.args

    __hash__ = ProtocolError.__hash__

    def __repr__(self) -> str:
        place = f", message_name={self.message_name!r}, offset={self.offset}" if self.offset is not None else ""
        return f"RemoteProtocolError({self.args[0]!r}, {self.sqlstate!r}, fatal={self.fatal}, tag={self.tag!r}{place})"


class FrameError(RemoteProtocolError):
    """A stream that cannot be cut into frames any further, as ``FrameDecoder.feed`` raises it.

    Attributes:
        frames: the frames that the same feed completed before the fault.
    """

    def __init__(
        self,
        message: str,
        sqlstate: str = "08P01",
        fatal: bool = True,
        tag: str = "",
        frames: tuple[tuple[str, memoryview], ...] = (),
    ) -> None:
        super().__init__(message, sqlstate, fatal, tag)
        self.frames = frames
