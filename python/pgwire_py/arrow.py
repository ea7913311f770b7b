"""Results as Arrow: DataRow messages (Protocol 55.7) or binary COPY to record batches of the Arrow PyCapsule interface."""

from __future__ import annotations

from collections.abc import Sequence

from ._impl import ArrowBatch, ArrowDecoder, ArrowStream, ArrowTable
from .messages import FieldDescription, RowDescription

__all__ = ["ArrowBatch", "ArrowDecoder", "ArrowStream", "ArrowTable", "decoder_for"]


def decoder_for(
    description: RowDescription | Sequence[FieldDescription],
    *,
    layout: str = "data_row",
    max_rows: int = 65_536,
    max_bytes: int = 16_777_216,
) -> ArrowDecoder:
    """The decoder for a result that a RowDescription announces: its columns' names, types, type modifiers and formats.

    A description of a statement says text for every column, whatever Bind asks for: give the portal's, or change the formats. With
    ``layout="copy"`` they do not count: binary COPY of the statement's rows is binary. ``max_rows`` and ``max_bytes`` bound a batch.
    """
    fields = description.fields if isinstance(description, RowDescription) else tuple(description)
    return ArrowDecoder(
        [field.type_oid for field in fields],
        [field.name for field in fields],
        () if layout == "copy" else [field.format for field in fields],
        type_modifiers=[field.type_modifier for field in fields],
        layout=layout,
        max_rows=max_rows,
        max_bytes=max_bytes,
    )
