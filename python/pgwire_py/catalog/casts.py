"""Conversions between PostgreSQL's types, written as SQLite expressions.

Kept in SQLite: integers, OIDs, reg* and booleans as INTEGER, floats as REAL, arrays as array literals, all else as
TEXT.
"""

from __future__ import annotations

from ..errors import postgres_error
from ..oids import BOOL, BPCHAR, CHAR, FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC, TEXT, UNKNOWN, VARCHAR
from .arrays import parse_array
from .scope import Value
from .typenames import ELEMENTS, INTEGERS, REGISTERED, VECTORS, is_text, type_output

__all__ = ["cast", "common_type", "string"]

_FLOATS = frozenset({FLOAT4, FLOAT8, NUMERIC})
_RANK = {INT2: 1, INT4: 2, INT8: 3, NUMERIC: 4, FLOAT4: 5, FLOAT8: 6}


def string(text: str) -> str:
    """An SQLite string constant."""
    if "\0" in text:
        raise postgres_error("22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    return "'" + text.replace("'", "''") + "'"


def cast(value: Value, target: int, length: int = -1) -> str:
    """``value`` converted to ``target``; ``length`` cuts varchar and bpchar.

    Raises:
        PostgresError: 22P02 for a constant that the type does not accept, 42846 where there is no conversion.
    """
    source, sql = value.type, value.sql
    if target in (UNKNOWN, source) and length < 0 and target != BPCHAR:
        return sql
    if value.literal is not None:
        return _constant(value.literal, target, sql, length)
    if sql == "NULL" or source == target:
        return _cut(sql, target, length)
    if target in REGISTERED:
        return sql if source in INTEGERS else f"pg_reg_in({string(REGISTERED[target])}, {sql})"
    if target in INTEGERS:
        return _to_integer(sql, source, target)
    if target == BOOL:
        return f"({sql} <> 0)" if source in INTEGERS else f"pg_bool_in({sql})"
    if target in _FLOATS:
        return f"CAST({sql} AS {'NUMERIC' if target == NUMERIC else 'REAL'})"
    if target in ELEMENTS:
        return f"pg_array_in({sql})" if source == UNKNOWN or source in VECTORS or is_text(source) else sql
    if is_text(target):
        return _cut(_to_text(sql, source), target, length)
    return sql


def _constant(text: str, target: int, sql: str, length: int) -> str:
    if target in REGISTERED:
        return f"pg_reg_in({string(REGISTERED[target])}, {sql})"
    if target in INTEGERS or target in _FLOATS:
        try:
            number = int(text) if target in INTEGERS else float(text)
        except ValueError:
            name = type_output(target)
            raise postgres_error("22P02", f'invalid input syntax for type {name}: "{text[:100]}"') from None
        return f"({number!r})" if abs(number) < 2**63 else sql
    if target == BOOL:
        return f"pg_bool_in({sql})"
    if target in ELEMENTS and target not in VECTORS:
        parse_array(text)
    return _cut(sql, target, length)


def _cut(sql: str, target: int, length: int) -> str:
    if target == CHAR:
        return f"substr({sql}, 1, 1)"
    if target == BPCHAR:
        return f"rtrim(substr({sql}, 1, {length}))" if length >= 0 else f"rtrim({sql})"
    if target == VARCHAR and length >= 0:
        return f"substr({sql}, 1, {length})"
    return sql


def _to_integer(sql: str, source: int, target: int) -> str:
    if source in INTEGERS or source == BOOL:
        return sql
    if source in _FLOATS:
        return f"CAST(round({sql}) AS INTEGER)"
    return f"pg_int_in({string(type_output(target))}, {sql})"


def _to_text(sql: str, source: int) -> str:
    if source == BOOL:
        return f"CASE {sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
    if source in REGISTERED:
        return f"pg_reg_out({string(REGISTERED[source])}, {sql})"
    if source in INTEGERS or source in _FLOATS:
        return f"CAST({sql} AS TEXT)"
    return sql


def common_type(values: list[Value]) -> int:
    """The type that CASE, COALESCE, UNION and the like give (10.5): that of the first known one, the widest of
    numbers."""
    types = [value.type for value in values if value.type != UNKNOWN]
    if not types:
        return TEXT
    if all(kind in _RANK for kind in types):
        return max(types, key=_RANK.__getitem__)
    return types[0]
