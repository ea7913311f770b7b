"""Errors about values, built in one place so that both implementations say the same: what failed, where, and a short look at the value."""

from __future__ import annotations

from ..errors import PostgresError, postgres_error
from ..oids import type_info

PREVIEW = 64
"""Most characters of a value that an error shows."""


def encode_failure(
    sqlstate: str,
    message: str,
    row: int | None,
    column: int | None,
    type_oid: int,
    value: object,
    type_name: str | None = None,
) -> PostgresError:
    """The error for a Python value that cannot be encoded: row counted from 0, column from 1, None where there are none."""
    place = [f"row {row}"] * (row is not None) + [f"column {column}"] * (column is not None)
    kind = f"type {type_name or type_info(type_oid).name}"
    return postgres_error(sqlstate, message, where=f"{', '.join([*place, kind])}, value {preview(value)}")


def decode_failure(
    sqlstate: str, message: str, number: int, type_oid: int, value: bytes, type_name: str | None = None
) -> PostgresError:
    """The error for the bytes of parameter ``$number`` (from 1) that cannot be decoded."""
    if message == "incorrect binary data format":
        message = f"incorrect binary data format in bind parameter {number}"
    where = f"parameter ${number}, type {type_name or type_info(type_oid).name}, value {preview(value)}"
    return postgres_error(sqlstate, message, where=where)


def arrow_failure(sqlstate: str, message: str, row: int, column: int, type_oid: int) -> PostgresError:
    """The error for a value of an Arrow stream that cannot be encoded: row counted from 0, column from 1."""
    return postgres_error(sqlstate, message, where=f"row {row}, column {column}, type {type_info(type_oid).name}")


def copy_failure(sqlstate: str, message: str, detail: str | None, hint: str | None, where: str | None) -> PostgresError:
    """The error about data of COPY, or about what is to become it; None for fields it does not have."""
    return postgres_error(sqlstate, message, detail=detail, hint=hint, where=where)


def preview(value: object) -> str:
    """A look at a value in at most 64 characters and an ellipsis; of a value that may be large or run code, only its type."""
    if isinstance(value, (str, bytes, bytearray)):
        shown = repr(value[:PREVIEW])
        return shown if len(value) <= PREVIEW and len(shown) <= PREVIEW + 2 else shown[:PREVIEW] + "…"
    if type(value) is int and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    if type(value) in _SHORT:
        shown = repr(value)
        return shown if len(shown) <= PREVIEW else shown[:PREVIEW] + "…"
    return f"of Python type {type(value).__name__[:PREVIEW]}"


_SHORT = frozenset({int, bool, float, type(None)})
