"""The objects that stand for infinite dates and moments: equal to the first and last of Python's, yet told apart from them.

``date.max`` is what ``infinity`` becomes, but ``9999-12-31`` is a date that people store. Whoever has to know, such as an engine that
has infinities of its own, asks :func:`infinity_text`, for decoders return these very objects for the infinities and no others.
"""

from __future__ import annotations

from datetime import date, datetime, timezone

__all__ = ["INFINITIES", "infinity_text"]

INFINITIES: dict[tuple[str, bool], date] = {
    ("date", True): date.max,
    ("date", False): date.min,
    ("timestamp", True): datetime.max,
    ("timestamp", False): datetime.min,
    ("timestamptz", True): datetime.max.replace(tzinfo=timezone.utc),
    ("timestamptz", False): datetime.min.replace(tzinfo=timezone.utc),
}
"""By the name of the type, and whether it is the positive one."""

_TEXTS = {id(value): "infinity" if positive else "-infinity" for (_, positive), value in INFINITIES.items()}


def infinity_text(value: object) -> str | None:
    """``infinity`` or ``-infinity`` for a decoded value that is one; None for any other, and for what merely equals one."""
    return _TEXTS.get(id(value))
