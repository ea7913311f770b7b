"""CopyEncoder and CopyDecoder of one implementation, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from pgwire_py import _impl
from pgwire_py.copy import CopyDecoder, CopyOptions
from pgwire_py.errors import PostgresError
from tests.support import core_module


@contextmanager
def implementation(name: str) -> Iterator[None]:
    """Make ``pgwire_py.copy`` use one core, whichever the process has chosen."""
    with implementation_of(core_module(name)):
        yield


@contextmanager
def implementation_of(core: Any) -> Iterator[None]:
    """The same for a core's module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_impl, "CopyEncoder", core.CopyEncoder)
        patch.setattr(_impl, "CopyDecoder", core.CopyDecoder)
        patch.setattr(_impl, "ArrowEncoder", core.ArrowEncoder)
        yield


def outcome(call: Callable[[], Any]) -> Any:
    """The result, or the fields of the error; anything but a PostgresError is a failure."""
    try:
        return call()
    except PostgresError as error:
        return {"sqlstate": error.sqlstate, "message": error.message, **error.fields}


def decode(
    data: bytes,
    options: CopyOptions,
    columns: Sequence[str],
    *,
    sizes: Sequence[int] = (),
    **more: Any,
) -> Any:
    """Rows of the data, or its error; fed in pieces of these sizes, over and over, or whole."""
    decoder = CopyDecoder(columns, options, **more)

    def rows() -> list[Any]:
        found = []
        start = turn = 0
        while start < len(data):
            size = sizes[turn % len(sizes)] if sizes else len(data)
            found += decoder.feed(data[start : start + size])
            start += size
            turn += 1
        return found + decoder.finish()

    return outcome(rows)
