"""Results as Arrow and Arrow into tables: the PyCapsule interface on both sides, no pyarrow, no Python object for a value."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Final

from .._impl import ArrowBatch, ArrowDecoder, ArrowTable, tokenize
from ..copy import ArrowCopyEncoder, CopyOptions
from ..errors import FeatureNotSupported
from ..messages import FieldDescription
from ..oids import JSON, RECORD, RECORD_ARRAY, TEXT, TYPES
from ..sql import quoted
from ..types import TypeRegistry
from ..types.composites import ArrayCodec, CompositeCodec
from .copying import CopyIn
from .core import Core
from .errors import InterfaceError
from .exchange import RowSource
from .plan import Plan
from .rows import WITHOUT_BINARY
from .streaming import Results

__all__ = ["ArrowBatches", "Columns", "copy_of", "fetch_table", "write_table"]

MAX_DEPTH: Final = 64
"""Composite types and arrays within each other that become structs and lists; deeper ones are text."""


class Columns:
    """How a result's columns become Arrow: docs/reference/arrow.md; composite types are structs, arrays of a database's types lists.

    Attributes:
        decoder: what decodes the rows of the last result that was opened.
    """

    def __init__(self, registry: TypeRegistry, max_rows: int, max_bytes: int) -> None:
        self._registry = registry
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self.decoder = ArrowDecoder([], [], max_rows=max_rows, max_bytes=max_bytes)

    def formats(self, fields: Sequence[FieldDescription]) -> list[int]:
        """Binary, but text for types whose binary form says nothing to Arrow."""
        return [int(self._shape(field.type_oid) is not None) for field in fields]

    def open(self, fields: Sequence[FieldDescription], formats: Sequence[int]) -> RowSource:
        """A new decoder's ``feed``.

        Raises:
            FeatureNotSupported: a column in binary format that is to be text.
        """
        types: list[Any] = []
        for field, format in zip(fields, formats, strict=True):
            shape = self._shape(field.type_oid) if format else _in_text(field.type_oid)
            if shape is None:
                name = self._registry.name(field.type_oid) or str(field.type_oid)
                raise FeatureNotSupported(f'column "{field.name}" of type {name} goes to Arrow as text only: cast it')
            types.append(shape)
        self.decoder = ArrowDecoder(
            types,
            [field.name for field in fields],
            formats,
            type_modifiers=[field.type_modifier for field in fields],
            max_rows=self._max_rows,
            max_bytes=self._max_bytes,
        )
        return self.decoder.feed

    def rest(self) -> ArrowBatch:
        """The rows that make no full batch."""
        return self.decoder.finish()

    def table(self, batches: list[Any]) -> ArrowTable:
        """The result of these batches and the rest; no batch is empty but an only one."""
        last = self.rest()
        if last.num_rows or not batches:
            batches = [*batches, last]
        return ArrowTable(self.decoder, batches)

    def _shape(self, oid: int, depth: int = 0) -> Any:
        """The type in binary format as ArrowDecoder takes it; None where text must be asked for."""
        if oid in TYPES:
            return None if oid in WITHOUT_BINARY else oid
        codec = self._registry._resolved(oid)
        if isinstance(codec, int):
            return self._shape(codec, depth + 1) if codec in TYPES else None
        if depth > MAX_DEPTH:
            return None
        if isinstance(codec, ArrayCodec):
            element = self._shape(codec.element, depth + 1)
            return None if element is None else [element]
        if isinstance(codec, CompositeCodec) and codec.fields:
            parts = {name: self._shape(part, depth + 1) for name, part in codec.fields}
            return None if None in parts.values() else parts
        return None


def _in_text(oid: int) -> int:
    """What reads a column in text format: of a type that is not built in, as text."""
    return oid if oid in TYPES else TEXT


async def fetch_table(
    core: Core, query: str, arguments: Sequence[object], plan: Plan | None, max_rows: int, max_bytes: int
) -> ArrowTable:
    """All rows of a statement; ``plan`` of one that is not in the cache."""
    columns = Columns(core.types, max_rows, max_bytes)
    results = Results(core, query, arguments, formats=columns.formats, reader=columns.open, plan=plan)
    await results.start()
    return columns.table([batch async for chunk in results.chunks() for batch in chunk])


class ArrowBatches:
    """Record batches of one statement, as they come: an async iterator, to be used once.

    It gives at least one batch, perhaps an empty one: each knows the schema. Reading slowly slows the server down. The connection is in
    use until the last batch, or until the iteration is given up: leave ``async with`` for that.
    """

    def __init__(
        self, core: Core, query: str, arguments: Sequence[object], plan: Plan | None, max_rows: int, max_bytes: int
    ) -> None:
        self._columns = Columns(core.types, max_rows, max_bytes)
        self._results = Results(
            core, query, arguments, formats=self._columns.formats, reader=self._columns.open, plan=plan
        )
        self._used = False

    async def __aenter__(self) -> ArrowBatches:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._results.stop()

    async def __aiter__(self) -> AsyncIterator[ArrowBatch]:
        if self._used:
            raise InterfaceError("a stream of batches is read once")
        self._used = True
        await self._results.start()
        some = False
        try:
            async for chunk in self._results.chunks():
                for batch in chunk:
                    some = True
                    yield batch
        finally:
            self._results.stop()
        last = self._columns.rest()
        if last.num_rows or not some:
            yield last


# -- Arrow into tables -----------------------------------------------------------------------------------------------


async def write_table(core: Core, table: str, schema: str | None, columns: Sequence[str] | None, source: object) -> int:
    """Rows of an Arrow source into a table by COPY: binary, or text where a column's type has no binary form that is known."""
    await core.ready()
    encoder = ArrowCopyEncoder(source)
    found = [name for name, _ in encoder.columns]
    names = found if columns is None else list(columns)
    if not found:
        raise InterfaceError("the source has no columns")
    if len(names) != len(found):
        raise InterfaceError(f"the source has {len(found)} columns, {len(names)} names are given")
    target = f"{quoted(schema)}.{quoted(table)}" if schema else quoted(table)
    listed = ", ".join(map(quoted, names))
    # Not by the cache: what it knows of a table's types may be old.
    described = await core.prepare(f"select {listed} from {target}", "")
    oids = [field.type_oid for field in described.fields or ()]
    binary = [_written(core.types, oid) for oid in oids]
    options = CopyOptions(format="text" if None in binary else "binary")
    asked = [
        _written_as_text(core.types, oid, natural) if None in binary else oid_in_binary or 0
        for oid, oid_in_binary, (_, natural) in zip(oids, binary, encoder.columns, strict=True)
    ]
    encoder.ask(asked, options)
    statement = f"copy {target} ({listed}) from stdin (format {options.format})"
    return await CopyIn(core, statement).run(_pieces(encoder))


def _written(registry: TypeRegistry, oid: int) -> int | None:
    """The type to write in binary format; None where there is none."""
    if oid in TYPES:
        return None if oid in WITHOUT_BINARY else oid
    return TEXT if registry._resolved(oid) == TEXT else None  # enums


def _written_as_text(registry: TypeRegistry, oid: int, natural: int) -> int:
    """The type to write in text format: its own, a record's for structs, and else whatever the Arrow type is as text."""
    if oid in TYPES and oid not in WITHOUT_BINARY:
        return oid
    codec = registry._resolved(oid)
    if natural == JSON and isinstance(codec, CompositeCodec):
        return RECORD
    if natural == JSON and isinstance(codec, ArrayCodec):
        return RECORD_ARRAY
    return TEXT


async def _pieces(encoder: ArrowCopyEncoder) -> AsyncIterator[Any]:
    for piece in encoder:
        yield piece


_OTHER_OPTIONS: Final = frozenset(
    "default delimiter delimiters encoding escape force force_not_null force_null header null quote".split()  # noqa: SIM905
)


def copy_of(statement: str, source: object) -> AsyncIterator[Any]:
    """The data of a ``COPY … FROM STDIN`` statement, made of an Arrow source in the statement's format.

    Raises:
        InterfaceError: the statement has options that are not known here.
    """
    words = [token.value.lower() for token in tokenize(statement) if token.kind in ("word", "string", "quoted")]
    options = words[len(words) - words[::-1].index("stdin") :] if "stdin" in words else []
    if unknown := _OTHER_OPTIONS.intersection(options):
        raise InterfaceError(
            f"an Arrow source for COPY with the option {min(unknown)}: give ArrowCopyEncoder(source, CopyOptions(…))"
        )
    format = next((word for word in ("binary", "csv") if word in options), "text")
    return _pieces(ArrowCopyEncoder(source, CopyOptions(format=format)))  # type: ignore[arg-type]
