"""One statement that came in one piece, as drivers send it: Query, or [Parse] Bind [Describe] Execute Sync."""

from __future__ import annotations

from typing import Any

from ...messages import Bind, Describe, Execute, Parse, Query, Sync
from .framing import FrontendDecoder


def read_statement(decoder: FrontendDecoder, data: bytes) -> Any:
    """A Query's string, a :data:`~pgwire_py._impl.interface.Batch`, or None where ``data`` is neither, whole and in one piece."""
    if data[:1] not in (b"Q", b"P", b"B"):
        return None
    messages = decoder.read_whole(data)
    query: str | None
    if messages is None:
        return None
    match messages:
        case [Query(query=query)]:
            return query
        case [Parse(statement=name, query=query, parameter_types=types), Bind(statement=statement), *_] if (
            name == statement
        ):
            del messages[0]
        case [Bind(), *_]:
            query, types = None, ()
        case _:
            return None
    described = len(messages) == 4 and messages[1] == Describe("P", "")
    if described:
        del messages[1]
    match messages:
        case [Bind(portal="") as bind, Execute(portal="", max_rows=limit), Sync()] if limit <= 0:
            return (
                query,
                bind.statement,
                types,
                bind.parameter_formats,
                bind.parameters,
                bind.result_formats,
                described,
            )
    return None
