"""The frontend's messages of the extended query protocol (Protocol 55.2.3)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bind", "Close", "Describe", "Execute", "Flush", "Parse", "Sync"]


@dataclass(slots=True)
class Parse:
    """Makes a prepared statement, tag ``P``. ``parameter_types`` are OIDs; 0 or a missing one asks the server to infer."""

    statement: str
    query: str
    parameter_types: tuple[int, ...] = ()


@dataclass(slots=True)
class Bind:
    """Makes a portal from a prepared statement, tag ``B``.

    Attributes:
        portal: its name; empty for the unnamed portal.
        statement: the statement's name; empty for the unnamed statement.
        parameter_formats: format codes (0 text, 1 binary): none (all text), one for all, or one per parameter.
        parameters: bytes, or None for NULL.
        result_formats: format codes: none (all text), one for all, or one per column.
    """

    portal: str = ""
    statement: str = ""
    parameter_formats: tuple[int, ...] = ()
    parameters: tuple[bytes | None, ...] = ()
    result_formats: tuple[int, ...] = ()


@dataclass(slots=True)
class Describe:
    """Asks for the shape of a prepared statement (``kind`` ``"S"``) or of a portal (``"P"``), tag ``D``."""

    kind: str
    name: str = ""


@dataclass(slots=True)
class Execute:
    """Runs a portal for at most ``max_rows`` rows (0 is no limit), tag ``E``."""

    portal: str = ""
    max_rows: int = 0


@dataclass(slots=True)
class Close:
    """Drops a prepared statement (``kind`` ``"S"``) or a portal (``"P"``), tag ``C``."""

    kind: str
    name: str = ""


@dataclass(slots=True)
class Flush:
    """Asks for what is ready to be sent now, tag ``H``."""


@dataclass(slots=True)
class Sync:
    """Ends a batch: commits or rolls back the implicit transaction and asks for ReadyForQuery, tag ``S``."""
