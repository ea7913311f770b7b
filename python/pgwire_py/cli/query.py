"""``pgwire-py query``: one statement, its rows in the form that is asked for."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from ..client.connection import Connection, connect
from ..client.streaming import Results
from ..errors import PgWireError, PostgresError
from ..messages import FieldDescription
from .formats import RowWriter, row_writer
from .run import on_signals, run_loop

__all__ = ["Query", "print_error", "run_query"]

BATCH_FORMATS = ("arrow", "parquet")


@dataclass(frozen=True, slots=True)
class Query:
    """Everything that ``query`` was told, checked."""

    uri: str
    sql: str
    parameters: Sequence[str]
    format: str
    output: Path | None
    timeout: float


def run_query(query: Query) -> int:
    """Run it; the exit status.

    Raises:
        click.ClickException: no connection, or the file cannot be written.
        click.Abort: Ctrl-C; the server has been asked to stop.
    """
    if query.format in BATCH_FORMATS and query.output is None and sys.stdout.isatty():
        raise click.UsageError(f"--format {query.format} is not for a terminal: give --output FILE")
    writer = _batch_writer(query.format) if query.format in BATCH_FORMATS else None
    status = 1

    async def main() -> None:
        nonlocal status
        status = await _interruptible(_run(query, writer))

    run_loop(main())
    return status


def _batch_writer(format: str) -> Any:
    try:
        from .arrow_files import BatchWriter
    except ImportError as error:
        raise click.ClickException(
            f"--format {format} needs pyarrow: pip install 'pgwire-py[arrow]' ({error})"
        ) from None
    return BatchWriter


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Ctrl-C cancels the work, which cancels the statement; a second one does not wait for that."""
    task = asyncio.ensure_future(work)
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            os._exit(130)
        task.cancel()

    on_signals(interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        raise click.Abort from None


async def _run(query: Query, batches: Any) -> int:
    try:
        connection = await connect(query.uri, timeout=query.timeout, application_name="pgwire-py")
    except PostgresError as error:
        print_error(error)
        return 1
    except (PgWireError, OSError, asyncio.TimeoutError) as error:
        raise click.ClickException(str(error) or "timeout expired") from None
    connection.add_log_listener(lambda _, notice: print_error(notice))
    try:
        async with connection:
            await (_write_batches(connection, query, batches) if batches else _write_rows(connection, query))
    except PostgresError as error:
        print_error(error, query.sql)
        return 1
    except BrokenPipeError:
        # Nobody reads any more; nor must the interpreter's last flush fail.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (PgWireError, OSError) as error:
        raise click.ClickException(str(error)) from None
    return 0


async def _write_rows(connection: Connection, query: Query) -> None:
    from .._impl import RowDecoder

    writer: RowWriter | None = None

    def reader(fields: Sequence[FieldDescription], _: Sequence[int]) -> Any:
        nonlocal writer
        writer = row_writer(query.format, fields)
        types, formats = writer.types()
        return RowDecoder(types, formats).decode

    arguments = query.parameters
    results = Results(
        connection._core, query.sql, arguments, formats=lambda fields: [0] * len(fields), reader=reader
    )  # fmt: skip
    await results.start()
    with _Output(query) as out:
        try:
            async for rows in results.chunks():
                assert writer is not None
                out.write(writer.rows(rows))
                out.progress.update(len(rows))
            out.write(writer.end() if writer is not None else b"")
        finally:
            results.stop()
    if writer is None:
        click.echo(results.tag.decode(), err=query.format != "table")


async def _write_batches(connection: Connection, query: Query, batch_writer: Any) -> None:
    with _Output(query) as out:
        writer = None
        async with connection.stream_arrow(query.sql, *query.parameters) as stream:
            async for batch in stream:
                writer = writer or batch_writer(query.format, out.file, batch)
                writer.write(batch)
                out.progress.update(batch.num_rows)
        assert writer is not None
        writer.close()


class _Output:
    """Where results go, and the progress bar: on stderr, where that is a terminal and the results go elsewhere."""

    def __init__(self, query: Query) -> None:
        self._path = query.output
        self._stack = ExitStack()

    def __enter__(self) -> _Output:
        if self._path is None:
            self.file: BinaryIO = sys.stdout.buffer
        else:
            try:
                self.file = open(self._path, "wb")
            except OSError as error:
                raise click.ClickException(f"cannot write {self._path}: {error.strerror or error}") from None
        shown = sys.stderr.isatty() and (self._path is not None or not sys.stdout.isatty())
        unknown: list[None] = []
        bar = click.progressbar(
            (row for row in unknown),  # of a length that is not known
            label="rows",
            show_pos=True,
            file=sys.stderr if shown else open(os.devnull, "w"),
            update_min_steps=1_000,
        )
        self.progress = self._stack.enter_context(bar)
        return self

    def write(self, data: bytes | memoryview) -> None:
        """Write a piece of the result."""
        if data:
            self.file.write(data)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        if self._path is None:
            self.file.flush()
            return
        self.file.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)  # half a result


def print_error(error: PostgresError, sql: str | None = None) -> None:
    """An error or notice as psql prints it: severity, message, the place in the statement, DETAIL, HINT, CONTEXT."""
    lines = [f"{error.severity}:  {error.message}"]
    fields = error.fields
    position = str(fields.get("position") or "")
    if sql is not None and position.isdigit() and 0 < int(position) <= len(sql) + 1:
        before = sql[: int(position) - 1]
        number, start = before.count("\n") + 1, before.rfind("\n") + 1
        head = f"LINE {number}: "
        line = sql[start:].partition("\n")[0].replace("\t", " ")
        lines += [head + line, " " * (len(head) + len(before) - start) + "^"]
    shown = _FIELDS if error.severity in ("ERROR", "FATAL", "PANIC") else _FIELDS[:2]
    lines += [f"{label}:  {fields[key]}" for label, key in shown if fields.get(key)]
    click.echo("\n".join(lines), err=True)


_FIELDS = (("DETAIL", "detail"), ("HINT", "hint"), ("CONTEXT", "where"))
