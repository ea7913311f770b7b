"""JSON text of a Python value, for json and jsonb columns and for containers in text columns."""

from __future__ import annotations

import json
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID


def json_text(value: object) -> str:
    """The JSON of a value, characters outside ASCII as they are.

    Beside what :func:`json.dumps` knows: Decimal as a number, dates, times and UUIDs as text, bytes as hex text.

    Raises:
        ValueError: NaN or an infinity, which JSON does not have; a value that contains itself; nesting too deep.
        TypeError: a Python type without a JSON form.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_other)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _other(value: Any) -> object:
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() and value.adjusted() < 300 else float(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, timedelta, Decimal)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    raise TypeError(f"a value of Python type {type(value).__name__} has no JSON form")
