"""What an engine or handler says of a statement, checked before a client is told."""

from __future__ import annotations

from .. import oids
from ..engines.base import Column, Description
from ..errors import InternalError

__all__ = ["checked_description"]


def checked_description(description: Description, declared: tuple[int, ...]) -> Description:
    """A description that can be told; the parameters that the client declared and the statement does not use are added.

    Raises:
        InternalError: whoever described the statement returned nonsense.
    """
    if not isinstance(description, Description):
        raise InternalError(f"describe returned {type(description).__name__}, not a Description")
    types, columns = description.parameter_types, description.columns
    if not isinstance(types, (tuple, list)) or not all(type(oid) is int and 0 <= oid < 2**32 for oid in types):
        raise InternalError(f"describe returned parameter types that are no OIDs: {types!r}")
    columns = None if columns is None else tuple(columns)
    if columns is not None and not all(map(_is_column, columns)):
        raise InternalError(f"describe returned columns that are no Columns: {columns!r}")
    types = tuple(types)
    description = description._replace(parameter_types=types, columns=columns)
    if len(types) < len(declared):
        types = (*types, *(oid or oids.TEXT for oid in declared[len(types) :]))
        return description._replace(parameter_types=types)
    if len(types) > len(declared) and description.parsed is None:
        raise InternalError(f"describe returned {len(types)} parameter types for {len(declared)} parameters")
    return description


def _is_column(column: object) -> bool:
    return isinstance(column, Column) and type(column.name) is str and type(column.type) is int
