"""Record batches into Arrow IPC streams and Parquet files, by pyarrow: an extra, imported only here."""

from __future__ import annotations

from typing import Any, BinaryIO

import click
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

__all__ = ["BatchWriter"]


class BatchWriter:
    """Writes batches of one schema.

    Raises:
        click.ClickException: the format does not have a column's type.
    """

    def __init__(self, format: str, file: BinaryIO, first: Any) -> None:
        schema = pa.schema(first)
        try:
            if format == "parquet":
                from pyarrow import parquet  # type: ignore[import-untyped, unused-ignore]

                self._writer = parquet.ParquetWriter(pa.PythonFile(file, "w"), schema)
            else:
                self._writer = pa.ipc.new_stream(pa.PythonFile(file, "w"), schema)
        except pa.ArrowException as error:
            raise _refused(error) from None

    def write(self, batch: Any) -> None:
        """One batch."""
        try:
            self._writer.write_batch(pa.record_batch(batch))
        except pa.ArrowException as error:
            raise _refused(error) from None

    def close(self) -> None:
        """What stands at the end."""
        self._writer.close()


def _refused(error: Exception) -> click.ClickException:
    return click.ClickException(f"cannot write the result: {error}")
