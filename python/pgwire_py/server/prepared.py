"""PREPARE, EXECUTE and DEALLOCATE in SQL: prepared statements of the same namespace as the protocol's (PostgreSQL, SQL commands).

Also what Parse and Describe tell of statements, for a command of the session layer may return what another statement does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import oids
from .._impl import RowDecoder, decode_values, encode_value, split_statements, tokenize
from ..catalog.typenames import type_oid_of_name, type_output
from ..engines.base import Column, Description, declared_types
from ..errors import (
    DatatypeMismatch,
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidSQLStatementName,
    NumericValueOutOfRange,
    PostgresError,
    ProgramLimitExceeded,
    SQLSyntaxError,
    UndefinedObject,
    changed_result_type,
)
from ..sql import Token
from ..values.infinity import infinity_text
from . import session_commands as c
from .coding import Coding
from .exact import INTERVALS, exact_interval
from .plans import Plan
from .portals import PreparedStatement
from .results import Chunk, Source, source_of, types_of
from .tags import command_tag
from .tokens import Command

if TYPE_CHECKING:
    from .session import Session

__all__ = [
    "MAX_STATEMENTS",
    "RUN",
    "SQLStatement",
    "add_statement",
    "describe_statement",
    "inner_plan",
    "statement_rows",
]

MAX_STATEMENTS: Final = 10_000
"""Prepared statements a session can hold."""

_NUMBERS: Final = frozenset({oids.INT2, oids.INT4, oids.INT8, oids.OID, oids.NUMERIC, oids.FLOAT4, oids.FLOAT8})
_INTEGERS: Final = frozenset({oids.INT2, oids.INT4, oids.INT8, oids.OID})
_STRINGS: Final = frozenset({oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME, oids.UNKNOWN})


class SQLStatement(PreparedStatement):
    """A statement that PREPARE made: its whole text and when."""

    __slots__ = ("created", "text")

    def __init__(self, plan: Plan, declared: tuple[int, ...], text: str) -> None:
        super().__init__(plan, declared)
        self.text = text
        self.created = datetime.now(timezone.utc)


def add_statement(session: Session, name: str) -> None:
    """Raise 42P05 where the session has a statement of that name, 54000 where it has too many."""
    if name in session.statements:
        raise DuplicatePreparedStatement(f'prepared statement "{name}" already exists')
    if len(session.statements) >= MAX_STATEMENTS:
        raise ProgramLimitExceeded(f"a session cannot hold more than {MAX_STATEMENTS} prepared statements")


def find_statement(session: Session, name: str) -> PreparedStatement:
    """The prepared statement of that name; raises 26000."""
    statement = session.statements.get(name)
    if statement is None:
        raise InvalidSQLStatementName(f'prepared statement "{name}" does not exist')
    return statement


def statement_rows(statements: Mapping[str, PreparedStatement]) -> list[dict[str, object]]:
    """The rows of ``pg_prepared_statements`` for a session's statements."""
    rows: list[dict[str, object]] = []
    for name, statement in statements.items():
        if not name or statement.plan is None:
            continue
        types = statement.declared if statement.description is None else statement.description.parameter_types
        of_sql = isinstance(statement, SQLStatement)
        rows.append(
            {
                "name": name,
                "statement": statement.text if isinstance(statement, SQLStatement) else statement.plan.text,
                "prepare_time": str(statement.created) if isinstance(statement, SQLStatement) else None,
                "parameter_types": "{" + ",".join(str(oid) for oid in types) + "}",
                "from_sql": of_sql,
                "generic_plans": 0,
                "custom_plans": 0,
            }
        )
    return rows


# -- what statements take and return ---------------------------------------------------------------------------------


async def describe_statement(session: Session, statement: PreparedStatement) -> Description:
    """The statement's description, asked of the engine once, and again after the schema may have changed."""
    description = statement.description
    if description is not None and statement.version == session.server.schema_version:
        return description
    plan = statement.plan
    version = session.server.schema_version
    if plan is None or plan.copy is not None or plan.parts:
        new = Description(_open_as_text(statement.declared), None)
    elif plan.command is None:
        session.offset = plan.statement.start
        new = await session.execution.describe(plan, statement.declared)
        if new.parsed is not None:  # a parser says what it takes
            statement.declared = new.parameter_types
    elif not plan.command.described:
        new = Description(_open_as_text(statement.declared), plan.command.columns)
    else:
        new, lasting = await _describe_command(session, plan, plan.command, statement.declared)
        if not lasting:
            return new
    if description is not None and new.columns != description.columns:
        raise changed_result_type()
    statement.description = new
    statement.version = version
    return new


async def _describe_command(
    session: Session, plan: Plan, command: Command, declared: tuple[int, ...]
) -> tuple[Description, bool]:
    """The description, and whether it holds whatever the session does."""
    if isinstance(command, c.Declare):
        inner = inner_plan(session, plan, command.body, command.offset)
        if not session.execution.describes(inner):
            return Description(_open_as_text(declared), None), True
        types = declared_types(declared, inner.parameters)
        return (await session.execution.describe(inner, types))._replace(columns=None), True
    columns: tuple[Column, ...] | None = None
    if isinstance(command, c.Execute):
        columns = await _columns_of(session, session.statements.get(command.name))
    elif isinstance(command, c.Fetch) and command.give:
        portal = session.portals.get(command.name)
        if portal is not None and portal.source is not None:
            columns = None if portal.source.shape is None else portal.source.shape.columns
        elif portal is not None:
            columns = await _columns_of(session, portal.statement)
    return Description(_open_as_text(declared), columns), False


async def _columns_of(session: Session, statement: PreparedStatement | None) -> tuple[Column, ...] | None:
    """The columns of a statement that a command names; one that names another itself, be it itself, has none: it cannot be run so."""
    if statement is None or statement.plan is None:
        return None
    if statement.plan.command is not None and statement.plan.command.described:
        return None
    return (await describe_statement(session, statement)).columns


def _open_as_text(types: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(oid or oids.TEXT for oid in types)


def inner_plan(session: Session, plan: Plan, body: str, offset: int) -> Plan:
    """The plan of the statement inside a command; errors' positions are in it from here on."""
    session.offset = plan.statement.start + offset
    return session.plans(body)[0]


# -- running ---------------------------------------------------------------------------------------------------------


async def _prepare(session: Session, plan: Plan, command: c.Prepare, how: c.Invocation) -> Source:
    add_statement(session, command.name)
    types = tuple(_type(session, plan, name, offset) for name, offset in command.types)
    inner = inner_plan(session, plan, command.body, command.offset)
    statement = SQLStatement(inner, declared_types(types, max(len(types), inner.parameters)), command.text)
    if session.execution.describes(inner):
        await describe_statement(session, statement)
    session.statements[command.name] = statement
    return Source(None, None, command.tag)


def _type(session: Session, plan: Plan, name: str, offset: int) -> int:
    oid = type_oid_of_name(name)
    if oid is None:
        session.offset = plan.statement.start + offset
        raise UndefinedObject(f'type "{name.lower()[:64]}" does not exist', position=1)
    return oid


async def _execute(session: Session, plan: Plan, command: c.Execute, how: c.Invocation) -> Source:
    statement = find_statement(session, command.name)
    inner = statement.plan
    if inner is None:
        return Source(None, None, "")
    if inner.copy is not None:
        raise FeatureNotSupported("EXECUTE of COPY is not supported: it was prepared by the protocol's Parse")
    if inner.command is not None:
        raise FeatureNotSupported(
            f"EXECUTE of {inner.command.tag} is not supported: it was prepared by the protocol's Parse"
        )
    count = len(statement.declared)
    if len(command.arguments) != count:
        raise SQLSyntaxError(
            f'wrong number of parameters for prepared statement "{command.name}"',
            detail=f"Expected {count} parameters but got {len(command.arguments)}.",
        )
    description = statement.description
    if session.execution.describes(inner):
        description = await describe_statement(session, statement)
    types = _open_as_text(statement.declared) if description is None else description.parameter_types
    values = tuple(
        [
            await _value(session, plan, number, text, offset, types[number - 1])
            for number, (text, offset) in enumerate(command.arguments, 1)
        ]
    )
    session.offset = 0
    description = description or Description(types, None)
    outcome = await session.start(inner, values, description, how.formats, how.max_rows, how.alone)
    source = outcome if isinstance(outcome, Source) else source_of(outcome, how.formats, inner, session.settings.coding)
    return _Executed(source, inner)


class CommandSource(Source):
    """What a command returned whose tag counts the rows of the last Execute."""

    __slots__ = ()

    def tag_for(self, rows: int) -> str:
        """The command tag behind so many rows."""
        raise NotImplementedError


class _Executed(CommandSource):
    """What a prepared statement returned, with its own command tag."""

    __slots__ = ("_inner", "_plan")

    def __init__(self, inner: Source, plan: Plan) -> None:
        super().__init__(inner.shape, inner.affected, inner.tag)
        self._inner = inner
        self._plan = plan

    def tag_for(self, rows: int) -> str:
        return command_tag(self._plan.statement, rows, self.affected, self.returns_rows)

    def read(self, max_rows: int) -> Chunk | Awaitable[Chunk]:
        return self._inner.read(max_rows)

    def close(self) -> None:
        self._inner.close()


# -- arguments of EXECUTE --------------------------------------------------------------------------------------------


class _Argument(NamedTuple):
    """An argument's type and text: as written in the statement, to be read by the session's settings, or ``plain``, by the default ones."""

    type: int
    text: str | None
    plain: bool = False


async def _value(session: Session, plan: Plan, number: int, text: str, offset: int, oid: int) -> object:
    """The value of an argument: constants here, other expressions in the engine; then as an assignment to the type ``oid`` takes it."""
    tokens = tokenize(text)
    session.offset = plan.statement.start + offset
    for before, token in pairwise(tokens):
        if token.kind == "word" and token.value == "select":
            raise FeatureNotSupported("cannot use subquery in EXECUTE parameter", position=before.start + 1)
    coding = session.settings.coding
    constant = _constant(tokens) or _expression(text, coding)
    if constant is None:
        constant = await _evaluated(session, text)
    found, value, plain = constant
    if value is None:
        return None
    if not _assignable(found, oid):
        raise DatatypeMismatch(
            f"parameter ${number} of type {type_output(found)} cannot be coerced to the expected type {type_output(oid)}",
            hint="You will need to rewrite or cast the expression.",
            position=1,
        )
    if found in _NUMBERS and oid in _INTEGERS:
        value = _rounded(value)
    read = session.settings.default_coding if plain else coding
    try:
        decoded = read.decode_utf8((oid,), (0,), (value.encode(),))[0]
        if oid in INTERVALS and session.execution.exact_intervals:
            return exact_interval(decoded, value.encode(), False, read.style, oid)
        return decoded
    except PostgresError as error:
        if found in _NUMBERS and error.sqlstate == "22003":
            raise NumericValueOutOfRange(f"{type_output(oid)} out of range") from error
        error.fields["position"] = "1"
        raise


def _constant(tokens: list[Token]) -> _Argument | None:
    """A literal; None where the tokens are anything else."""
    sign = ""
    if len(tokens) == 2 and tokens[0].value in ("-", "+") and tokens[1].kind == "number":
        sign = tokens[0].value.replace("+", "")
        tokens = tokens[1:]
    if len(tokens) != 1:
        return None
    token = tokens[0]
    if token.kind == "string":
        return _Argument(oids.UNKNOWN, token.value)
    if token.kind == "number" and token.value[:1] in "0123456789.":
        digits = sign + token.value
        small = digits.lstrip("-").isdecimal() and abs(int(digits[:20])) <= 0x7FFF_FFFF
        return _Argument(oids.INT4 if small else oids.NUMERIC, digits)
    if token.kind == "word" and token.value == "null":
        return _Argument(oids.UNKNOWN, None)
    if token.kind == "word" and token.value in ("true", "false"):
        return _Argument(oids.BOOL, token.value)
    return None


def _expression(text: str, coding: Coding) -> _Argument | None:
    """A cast or array of constants; None where it is anything else."""
    from ..engines.parsing import parse

    statements = split_statements(f"SELECT {text}")
    tree = parse(statements[0]) if len(statements) == 1 else None
    if tree is None or len(tree.expressions) != 1:
        return None
    return _folded(tree.expressions[0], coding)


def _folded(node: Any, coding: Coding) -> _Argument | None:
    from sqlglot import exp

    from ..engines.parsing import oid_of_datatype

    if isinstance(node, exp.Paren):
        return _folded(node.this, coding)
    if isinstance(node, exp.Literal):
        return _constant(tokenize(str(node.this))) if not node.is_string else _Argument(oids.UNKNOWN, str(node.this))
    if isinstance(node, exp.Null):
        return _Argument(oids.UNKNOWN, None)
    if isinstance(node, exp.Boolean):
        return _Argument(oids.BOOL, "true" if node.this else "false")
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return _constant(tokenize(f"-{node.this.this}"))
    if isinstance(node, exp.Array):
        return _array([_folded(item, coding) for item in node.expressions], coding)
    if type(node) is not exp.Cast or (node.args["to"].expressions and not node.args["to"].is_type("array")):
        return None
    inner, oid = _folded(node.this, coding), oid_of_datatype(node.args["to"])
    if inner is None or not oid:
        return None
    return _cast(inner, oid, coding)


def _cast(inner: _Argument, oid: int, coding: Coding) -> _Argument | None:
    """A constant as one of another type, in the text of the default settings; None where that takes more than reading it."""
    found, value, plain = inner
    if value is None:
        return _Argument(oid, None, True)
    if found not in (oid, oids.UNKNOWN) and not (found in _NUMBERS and oid in _NUMBERS | _STRINGS):
        return None if found not in oids.ELEMENT_OF else _Argument(oid, value, plain)
    if found in _NUMBERS and oid in _INTEGERS:
        value = _rounded(value)
    decode = decode_values if plain else coding.decode_utf8
    decoded = decode((oid,), (0,), (value.encode(),))[0]
    if oid in INTERVALS:
        decoded = exact_interval(decoded, value.encode(), False, None if plain else coding.style, oid)
    encoded = encode_value(oid, 0, _told_apart(decoded))
    return _Argument(oid, None if encoded is None else encoded.decode(), True)


def _told_apart(value: object) -> object:
    """The last and the first of Python's moments as text, where they are not what stands for the infinities."""
    if isinstance(value, list):
        return [_told_apart(item) for item in value]
    return str(value) if isinstance(value, date) and infinity_text(value) is None else value


def _array(items: list[_Argument | None], coding: Coding) -> _Argument | None:
    if not items or None in items:
        return None
    found = [item for item in items if item is not None]
    types = {item.type for item in found if item.type != oids.UNKNOWN} or {oids.TEXT}
    if len(types) > 1 and not types <= _NUMBERS:
        return None
    oid = types.pop() if len(types) == 1 else oids.NUMERIC
    array = oid if oid in oids.ELEMENT_OF else oids.ARRAY_OF.get(oid)
    nested = oid in oids.ELEMENT_OF
    if array is None:
        return None
    plain = any(item.plain for item in found)
    if plain:
        found = [item if item.plain else _cast(item, oid, coding) or item for item in found]
    return _Argument(array, "{" + ",".join(_item(item.text, nested) for item in found) + "}", plain)


def _item(text: str | None, nested: bool) -> str:
    if text is None or nested:
        return text or "NULL"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


async def _evaluated(session: Session, text: str) -> _Argument:
    """The value of an expression, which the engine (or the catalogue) computes."""
    start = session.offset
    session.offset = start - len("SELECT ")
    plan = session.plans(f"SELECT {text}")[0]
    coding = session.settings.default_coding
    outcome = await session.execution.execute(plan, (), None, (), 0, coding)
    source = outcome if isinstance(outcome, Source) else source_of(outcome, (), plan, coding)
    shape = source.shape
    try:
        if shape is None or len(shape.columns) != 1:
            raise FeatureNotSupported("the argument of EXECUTE is not one value")
        chunk: Any = source.read(1)
        if chunk.__class__ is not tuple:
            chunk = await chunk
    finally:
        source.close()
        session.offset = start
    if not chunk[1]:
        raise FeatureNotSupported("the argument of EXECUTE is not one value")
    row = RowDecoder([oids.TEXT]).decode(chunk[0])[0]
    return _Argument(types_of(shape.columns)[0], row[0], True)


def _assignable(found: int, oid: int) -> bool:
    """Whether a value of one type is taken where another is expected, as in an assignment (PostgreSQL 10.4)."""
    if found in (oid, oids.UNKNOWN) or found in _STRINGS or oid in _STRINGS:
        return found not in _STRINGS or oid in _STRINGS or found == oids.UNKNOWN
    if found in _NUMBERS or found == oids.BOOL:
        return found in _NUMBERS and oid in _NUMBERS
    return oid not in _NUMBERS and oid != oids.BOOL


def _rounded(text: str) -> str:
    try:
        return str(Decimal(text).quantize(Decimal(1), ROUND_HALF_UP))
    except InvalidOperation:
        return text


RUN: Final[dict[type, Callable[[Session, Plan, Any, c.Invocation], Awaitable[Source]]]] = {
    c.Prepare: _prepare,
    c.Execute: _execute,
}
