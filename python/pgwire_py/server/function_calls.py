"""The function call sub-protocol (Protocol 55.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import messages as m
from ..errors import InternalError, ProtocolViolation

if TYPE_CHECKING:
    from .session import Session

__all__ = ["function_call"]


async def function_call(session: Session, message: m.FunctionCall) -> None:
    """FunctionCall: the handler's ``function_call`` answers; without one there are no functions to call."""
    session.starting()
    session.check_transaction(None)
    count = len(message.arguments)
    formats = message.argument_formats
    if len(formats) > 1 and len(formats) != count:
        raise ProtocolViolation(f"function call message contains {len(formats)} argument formats but {count} arguments")
    formats = formats if len(formats) == count else (formats or (0,)) * count
    value = await session.execution.call_function(
        message.function_oid, message.arguments, formats, message.result_format
    )
    if value is not None and not isinstance(value, (bytes, bytearray, memoryview)):
        raise InternalError(f"function_call returned {type(value).__name__}, not bytes or None")
    session.connection.send(m.FunctionCallResponse(value if value is None else bytes(value)))
    session.ready()
