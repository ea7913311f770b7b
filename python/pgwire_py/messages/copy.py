"""COPY sub-protocol messages that both ends send (Protocol 55.2.7)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CopyData", "CopyDone", "CopyFail"]


@dataclass(slots=True)
class CopyData:
    """A piece of the COPY stream, tag ``d`` (F and B)."""

    data: bytes


@dataclass(slots=True)
class CopyDone:
    """The COPY stream is complete, tag ``c`` (F and B)."""


@dataclass(slots=True)
class CopyFail:
    """The client gives the COPY up for this reason, tag ``f`` (F)."""

    message: str
