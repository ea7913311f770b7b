"""Helpers of the engines' tests: statements without the core's splitter, and running them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from pgwire_py import oids
from pgwire_py.engines.base import Description, EngineResult, EngineSession
from pgwire_py.errors import PostgresError
from pgwire_py.sql import Statement


def statement(text: str) -> Statement:
    """A Statement as the splitter makes it, for texts without ``$n`` in quotes."""
    keywords: list[str] = []
    for word in text.split():
        if len(keywords) == 4 or not re.fullmatch(r"[A-Za-z_]+", word):
            break
        keywords.append(word.upper())
    words = frozenset(word.lower() for word in re.findall(r"[A-Za-z_]\w*", text))
    parameters = tuple((int(m[1]), m.start(), m.end()) for m in re.finditer(r"\$(\d+)", text))
    return Statement(text, 0, tuple(keywords), words, parameters)


def describe(
    session: EngineSession, text: str, declared: Sequence[int] = ()
) -> tuple[list[str], list[tuple[str, str]]]:
    """Names of the parameters' types; names and types of the columns."""
    found = session.describe(statement(text), declared)
    return type_names(found), [(c.name, oids.type_info(c.type).name) for c in found.columns or ()]


def type_names(found: Description) -> list[str]:
    return [oids.type_info(oid).name for oid in found.parameter_types]


def run(session: EngineSession, text: str, *parameters: object) -> EngineResult:
    """Describe and execute, as the extended protocol does."""
    found = statement(text)
    return session.execute(found, parameters, session.describe(found, ()))


def error_of(session: EngineSession, text: str, *parameters: object) -> PostgresError:
    """The error that a statement ends in, while it runs or while its rows are read."""
    try:
        result = run(session, text, *parameters)
        if result.arrow is not None:
            rows(result)
        while result.columns is not None and result.fetch(100):
            pass
    except PostgresError as error:
        return error
    raise AssertionError(f"no error: {text}")


def rows(result: EngineResult) -> list[tuple[object, ...]]:
    """All rows, of an Arrow stream or of fetch."""
    if result.arrow is None:
        found: list[tuple[object, ...]] = []
        while batch := result.fetch(100):
            found += [tuple(row) for row in batch]
        return found
    import pyarrow

    reader = pyarrow.RecordBatchReader.from_stream(result.arrow)
    try:
        batches = list(reader)
    except (OSError, pyarrow.ArrowException) as error:
        raise result.explain(PostgresError(str(error))) from error
    return [tuple(column[i].as_py() for column in batch.columns) for batch in batches for i in range(batch.num_rows)]


def resident_megabytes() -> float:
    """Resident memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
