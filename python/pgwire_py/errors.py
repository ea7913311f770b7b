"""The exceptions of pgwire_py.

``PgWireError`` is the root. ``ProtocolError`` speaks of bytes and order: ``LocalProtocolError`` when this side was misused,
``RemoteProtocolError`` when the other side sent nonsense. ``PostgresError`` carries the fields of an ErrorResponse and is what
a handler raises to answer with one; it has a subclass for well-known SQLSTATEs (PostgreSQL, Appendix A).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

__all__ = [
    "ActiveSQLTransaction",
    "AdminShutdown",
    "AmbiguousColumn",
    "BadCopyFileFormat",
    "CannotConnectNow",
    "CantChangeRuntimeParam",
    "CardinalityViolation",
    "CharacterNotInRepertoire",
    "CheckViolation",
    "DataError",
    "DatatypeMismatch",
    "DatetimeFieldOverflow",
    "DeadlockDetected",
    "DiskFull",
    "DivisionByZero",
    "DuplicateColumn",
    "DuplicateCursor",
    "DuplicatePreparedStatement",
    "DuplicateTable",
    "FeatureNotSupported",
    "ForeignKeyViolation",
    "FrameError",
    "GroupingError",
    "InFailedSQLTransaction",
    "IndeterminateDatatype",
    "InsufficientPrivilege",
    "InsufficientResources",
    "IntegrityConstraintViolation",
    "InternalError",
    "InvalidAuthorizationSpecification",
    "InvalidBinaryRepresentation",
    "InvalidCatalogName",
    "InvalidCursorName",
    "InvalidDatetimeFormat",
    "InvalidName",
    "InvalidParameterValue",
    "InvalidPassword",
    "InvalidSQLStatementName",
    "InvalidSavepointSpecification",
    "InvalidSchemaName",
    "InvalidTextRepresentation",
    "LocalProtocolError",
    "LockNotAvailable",
    "NameTooLong",
    "NoActiveSQLTransaction",
    "NotNullViolation",
    "NumericValueOutOfRange",
    "ObjectInUse",
    "ObjectNotInPrerequisiteState",
    "OperatorIntervention",
    "OutOfMemory",
    "PgWireError",
    "PostgresError",
    "PostgresIOError",
    "PostgresSystemError",
    "ProgramLimitExceeded",
    "ProtocolError",
    "ProtocolViolation",
    "QueryCanceled",
    "ReadOnlySQLTransaction",
    "RemoteProtocolError",
    "SQLRoutineException",
    "SQLSyntaxError",
    "SerializationFailure",
    "StatementTooComplex",
    "StringDataRightTruncation",
    "SyntaxErrorOrAccessRuleViolation",
    "TooManyConnections",
    "UndefinedColumn",
    "UndefinedFunction",
    "UndefinedObject",
    "UndefinedParameter",
    "UndefinedTable",
    "UniqueViolation",
    "UntranslatableCharacter",
    "WrongObjectType",
    "changed_result_type",
    "postgres_error",
]


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


FIELD_CODES: dict[str, str] = {
    "detail": "D",
    "hint": "H",
    "position": "P",
    "internal_position": "p",
    "internal_query": "q",
    "where": "W",
    "schema_name": "s",
    "table_name": "t",
    "column_name": "c",
    "data_type_name": "d",
    "constraint_name": "n",
    "file": "F",
    "line": "L",
    "routine": "R",
}
"""Keyword of :class:`PostgresError` → one-letter field code (Protocol 55.8)."""


class PostgresError(PgWireError):
    """An error with a SQLSTATE, as an ErrorResponse carries it.

    Args:
        message: the primary message.
        sqlstate: five characters; default the class's own (``XX000`` for the root).
        severity: ``ERROR``, ``FATAL`` or ``PANIC``.
        **fields: any of ``detail``, ``hint``, ``position`` (1-based, in characters), ``internal_position``, ``internal_query``,
            ``where``, ``schema_name``, ``table_name``, ``column_name``, ``data_type_name``, ``constraint_name``,
            ``file``, ``line``, ``routine``.

    Attributes:
        statement: the statement that a client of this package was told it about; None elsewhere.
    """

    default_sqlstate: ClassVar[str] = "XX000"
    statement: str | None = None

    def __init__(self, message: str, *, sqlstate: str | None = None, severity: str = "ERROR", **fields: Any) -> None:
        unknown = fields.keys() - FIELD_CODES.keys()
        if unknown:
            raise TypeError(f"unknown error field {sorted(unknown)[0]!r}")
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate or self.default_sqlstate
        self.severity = severity
        self.fields: dict[str, str] = {name: str(value) for name, value in fields.items() if value is not None}

    def __getattr__(self, name: str) -> str | None:
        if name in FIELD_CODES:
            return self.fields.get(name)
        raise AttributeError(name)

    def response_fields(self) -> dict[str, str]:
        """The fields of an ErrorResponse or NoticeResponse, by one-letter code, in PostgreSQL's order."""
        result = {"S": self.severity, "V": self.severity, "C": self.sqlstate, "M": self.message}
        for name, value in self.fields.items():
            result[FIELD_CODES[name]] = value
        return result


class ProtocolViolation(PostgresError):
    """SQLSTATE 08P01."""

    default_sqlstate = "08P01"


class FeatureNotSupported(PostgresError):
    """SQLSTATE 0A000."""

    default_sqlstate = "0A000"


class CardinalityViolation(PostgresError):
    """SQLSTATE 21000."""

    default_sqlstate = "21000"


class DataError(PostgresError):
    """SQLSTATE 22000."""

    default_sqlstate = "22000"


class StringDataRightTruncation(DataError):
    """SQLSTATE 22001."""

    default_sqlstate = "22001"


class NumericValueOutOfRange(DataError):
    """SQLSTATE 22003."""

    default_sqlstate = "22003"


class InvalidDatetimeFormat(DataError):
    """SQLSTATE 22007."""

    default_sqlstate = "22007"


class DatetimeFieldOverflow(DataError):
    """SQLSTATE 22008."""

    default_sqlstate = "22008"


class DivisionByZero(DataError):
    """SQLSTATE 22012."""

    default_sqlstate = "22012"


class CharacterNotInRepertoire(DataError):
    """SQLSTATE 22021."""

    default_sqlstate = "22021"


class InvalidParameterValue(DataError):
    """SQLSTATE 22023."""

    default_sqlstate = "22023"


class InvalidTextRepresentation(DataError):
    """SQLSTATE 22P02."""

    default_sqlstate = "22P02"


class InvalidBinaryRepresentation(DataError):
    """SQLSTATE 22P03."""

    default_sqlstate = "22P03"


class BadCopyFileFormat(DataError):
    """SQLSTATE 22P04."""

    default_sqlstate = "22P04"


class UntranslatableCharacter(DataError):
    """SQLSTATE 22P05."""

    default_sqlstate = "22P05"


class IntegrityConstraintViolation(PostgresError):
    """SQLSTATE 23000."""

    default_sqlstate = "23000"


class NotNullViolation(IntegrityConstraintViolation):
    """SQLSTATE 23502."""

    default_sqlstate = "23502"


class ForeignKeyViolation(IntegrityConstraintViolation):
    """SQLSTATE 23503."""

    default_sqlstate = "23503"


class UniqueViolation(IntegrityConstraintViolation):
    """SQLSTATE 23505."""

    default_sqlstate = "23505"


class CheckViolation(IntegrityConstraintViolation):
    """SQLSTATE 23514."""

    default_sqlstate = "23514"


class ActiveSQLTransaction(PostgresError):
    """SQLSTATE 25001."""

    default_sqlstate = "25001"


class ReadOnlySQLTransaction(PostgresError):
    """SQLSTATE 25006."""

    default_sqlstate = "25006"


class NoActiveSQLTransaction(PostgresError):
    """SQLSTATE 25P01."""

    default_sqlstate = "25P01"


class InFailedSQLTransaction(PostgresError):
    """SQLSTATE 25P02."""

    default_sqlstate = "25P02"


class InvalidSQLStatementName(PostgresError):
    """SQLSTATE 26000."""

    default_sqlstate = "26000"


class InvalidAuthorizationSpecification(PostgresError):
    """SQLSTATE 28000."""

    default_sqlstate = "28000"


class InvalidPassword(InvalidAuthorizationSpecification):
    """SQLSTATE 28P01."""

    default_sqlstate = "28P01"


class SQLRoutineException(PostgresError):
    """SQLSTATE 2F000."""

    default_sqlstate = "2F000"


class InvalidCursorName(PostgresError):
    """SQLSTATE 34000."""

    default_sqlstate = "34000"


class InvalidSavepointSpecification(PostgresError):
    """SQLSTATE 3B001."""

    default_sqlstate = "3B001"


class InvalidCatalogName(PostgresError):
    """SQLSTATE 3D000."""

    default_sqlstate = "3D000"


class InvalidSchemaName(PostgresError):
    """SQLSTATE 3F000."""

    default_sqlstate = "3F000"


class SerializationFailure(PostgresError):
    """SQLSTATE 40001."""

    default_sqlstate = "40001"


class DeadlockDetected(PostgresError):
    """SQLSTATE 40P01."""

    default_sqlstate = "40P01"


class SyntaxErrorOrAccessRuleViolation(PostgresError):
    """SQLSTATE 42000."""

    default_sqlstate = "42000"


class InsufficientPrivilege(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42501."""

    default_sqlstate = "42501"


class SQLSyntaxError(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42601."""

    default_sqlstate = "42601"


class InvalidName(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42602."""

    default_sqlstate = "42602"


class NameTooLong(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42622."""

    default_sqlstate = "42622"


class DuplicateColumn(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42701."""

    default_sqlstate = "42701"


class AmbiguousColumn(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42702."""

    default_sqlstate = "42702"


class UndefinedColumn(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42703."""

    default_sqlstate = "42703"


class UndefinedObject(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42704."""

    default_sqlstate = "42704"


class GroupingError(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42803."""

    default_sqlstate = "42803"


class DatatypeMismatch(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42804."""

    default_sqlstate = "42804"


class WrongObjectType(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42809."""

    default_sqlstate = "42809"


class UndefinedFunction(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42883."""

    default_sqlstate = "42883"


class UndefinedTable(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42P01."""

    default_sqlstate = "42P01"


class UndefinedParameter(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42P02."""

    default_sqlstate = "42P02"


class DuplicateCursor(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42P03."""

    default_sqlstate = "42P03"


class DuplicatePreparedStatement(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42P05."""

    default_sqlstate = "42P05"


class DuplicateTable(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42P07."""

    default_sqlstate = "42P07"


class IndeterminateDatatype(SyntaxErrorOrAccessRuleViolation):
    """SQLSTATE 42P18."""

    default_sqlstate = "42P18"


class InsufficientResources(PostgresError):
    """SQLSTATE 53000."""

    default_sqlstate = "53000"


class DiskFull(InsufficientResources):
    """SQLSTATE 53100."""

    default_sqlstate = "53100"


class OutOfMemory(InsufficientResources):
    """SQLSTATE 53200."""

    default_sqlstate = "53200"


class TooManyConnections(InsufficientResources):
    """SQLSTATE 53300."""

    default_sqlstate = "53300"


class ProgramLimitExceeded(PostgresError):
    """SQLSTATE 54000."""

    default_sqlstate = "54000"


class StatementTooComplex(ProgramLimitExceeded):
    """SQLSTATE 54001."""

    default_sqlstate = "54001"


class ObjectNotInPrerequisiteState(PostgresError):
    """SQLSTATE 55000."""

    default_sqlstate = "55000"


class ObjectInUse(ObjectNotInPrerequisiteState):
    """SQLSTATE 55006."""

    default_sqlstate = "55006"


class CantChangeRuntimeParam(ObjectNotInPrerequisiteState):
    """SQLSTATE 55P02."""

    default_sqlstate = "55P02"


class LockNotAvailable(ObjectNotInPrerequisiteState):
    """SQLSTATE 55P03."""

    default_sqlstate = "55P03"


class OperatorIntervention(PostgresError):
    """SQLSTATE 57000."""

    default_sqlstate = "57000"


class QueryCanceled(OperatorIntervention):
    """SQLSTATE 57014."""

    default_sqlstate = "57014"


class AdminShutdown(OperatorIntervention):
    """SQLSTATE 57P01."""

    default_sqlstate = "57P01"


class CannotConnectNow(OperatorIntervention):
    """SQLSTATE 57P03."""

    default_sqlstate = "57P03"


class PostgresSystemError(PostgresError):
    """SQLSTATE 58000."""

    default_sqlstate = "58000"


class PostgresIOError(PostgresSystemError):
    """SQLSTATE 58030."""

    default_sqlstate = "58030"


class InternalError(PostgresError):
    """SQLSTATE XX000."""

    default_sqlstate = "XX000"


def _subclasses(cls: type[PostgresError]) -> Iterator[type[PostgresError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)


_BY_SQLSTATE: dict[str, type[PostgresError]] = {cls.default_sqlstate: cls for cls in _subclasses(PostgresError)}


def postgres_error(sqlstate: str, message: str, **fields: Any) -> PostgresError:
    """The exception for a SQLSTATE: the class of the well-known code, else of its class, else PostgresError itself."""
    cls = _BY_SQLSTATE.get(sqlstate) or _BY_SQLSTATE.get(sqlstate[:2] + "000", PostgresError)
    return cls(message, sqlstate=sqlstate, **fields)


def changed_result_type() -> FeatureNotSupported:
    """A prepared statement's columns are not what they were: drivers know this error by its ``routine`` and prepare anew."""
    return FeatureNotSupported("cached plan must not change result type", routine="RevalidateCachedQuery")
