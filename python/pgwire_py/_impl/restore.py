"""How a pickled record is made again: with the implementation in use then."""

from __future__ import annotations

from typing import Any


def restore_record(names: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    """A record of those names and values."""
    from . import Record

    return Record(names, values)
