"""Simple query, function call and Terminate (Protocol 55.2.2, 55.2.4, 55.2.9)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FunctionCall", "FunctionCallResponse", "Query", "Terminate"]


@dataclass(slots=True)
class Query:
    """One string with any number of SQL statements, tag ``Q`` (F)."""

    query: str


@dataclass(slots=True)
class FunctionCall:
    """Calls one function by OID, tag ``F`` (F). ``arguments`` are bytes, or None for NULL."""

    function_oid: int
    argument_formats: tuple[int, ...]
    arguments: tuple[bytes | None, ...]
    result_format: int


@dataclass(slots=True)
class FunctionCallResponse:
    """The result of a FunctionCall as bytes in the format asked for, or None for NULL, tag ``V`` (B)."""

    value: bytes | None


@dataclass(slots=True)
class Terminate:
    """The client says good-bye, tag ``X`` (F)."""
