"""Rows, many at once: DataRow messages (Protocol 55.7) and tuples of binary COPY to Python values and back, and :class:`Record`.

:class:`ArrowEncoder` makes them of any object with the Arrow PyCapsule interface.
"""

from ._impl import ArrowEncoder, Record, RowDecoder, RowEncoder

__all__ = ["ArrowEncoder", "Record", "RowDecoder", "RowEncoder"]
