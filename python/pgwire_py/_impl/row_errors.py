"""Rows that cannot be read or written: one wording for both implementations; and the fields of a dataclass, asked once for each class."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

from ..errors import PostgresError, RemoteProtocolError, postgres_error
from ..oids import type_info
from .value_errors import preview


def broken_row(text: str, row: int, offset: int, copy: bool) -> RemoteProtocolError:
    """The error for bytes that are no row, which is counted from 0; the offset as RemoteProtocolError counts it."""
    tag, name = ("d", "CopyData") if copy else ("D", "DataRow")
    return RemoteProtocolError(f"{name}: offset {offset}: {text} (row {row})", "08P01", False, tag, name, offset)


def row_failure(sqlstate: str, message: str, row: int, column: int, type_oid: int, value: bytes) -> PostgresError:
    """The error for the bytes of a field that cannot be decoded: row counted from 0, column from 1."""
    where = f"row {row}, column {column}, type {type_info(type_oid).name}, value {preview(value)}"
    return postgres_error(sqlstate, message, where=where)


def missing_column(row: int, name: str) -> PostgresError:
    """The error for a row without a value of that name."""
    return postgres_error("42703", f"row {row} has no value for column {preview(name)}")


@lru_cache(maxsize=128)
def dataclass_fields(cls: type) -> tuple[str, ...] | None:
    """Names of a dataclass's fields in order; None for any other class."""
    return tuple([field.name for field in dataclasses.fields(cls)]) if dataclasses.is_dataclass(cls) else None
