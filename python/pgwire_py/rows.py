"""Rows, many at once: DataRow messages (Protocol 55.7) and tuples of binary COPY to Python values and back, and :class:`Record`."""

from ._impl import Record, RowDecoder, RowEncoder

__all__ = ["Record", "RowDecoder", "RowEncoder"]
