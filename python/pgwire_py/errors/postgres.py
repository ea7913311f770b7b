"""The exception with a SQLSTATE, and the fields of an ErrorResponse."""

from __future__ import annotations

from typing import Any, ClassVar

from .protocol import PgWireError

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
        self.message = str(message)
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
