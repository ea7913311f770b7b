"""A class for each well-known SQLSTATE (PostgreSQL, Appendix A)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .postgres import PostgresError


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
