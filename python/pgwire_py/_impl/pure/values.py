"""Single values: Bind's parameters to Python objects, and one Python object to bytes."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import postgres_error
from ..value_errors import decode_failure, encode_failure
from .extract import extract
from .python_values import to_python
from .rows import format_flags, is_binary
from .types import DEFAULT, BadValue, TextStyle, pg_type


def decode_values(
    types: Sequence[int],
    formats: Sequence[int],
    values: Sequence[bytes | None],
    style: TextStyle | None = None,
) -> tuple[object, ...]:
    """Python values of Bind's parameters; see the contract in ``_impl/interface``."""
    count = len(values)
    if len(types) != count:
        message = f"bind message supplies {count} parameters, but prepared statement requires {len(types)}"
        raise postgres_error("08P01", message)
    if len(formats) > 1 and len(formats) != count:
        raise postgres_error("08P01", f"bind message has {len(formats)} parameter formats but {count} parameters")
    decoded: list[object] = []
    for index, (oid, binary, value) in enumerate(zip(types, format_flags(formats, count), values, strict=True)):
        if value is None:
            decoded.append(None)
            continue
        kind = pg_type(oid, style or DEFAULT)
        try:
            decoded.append(to_python(kind, kind.decode(binary, value)))
        except BadValue as bad:
            raise decode_failure(bad.sqlstate, bad.message, index + 1, oid, value) from None
    return tuple(decoded)


def encode_value(type_oid: int, format: int, value: object, style: TextStyle | None = None) -> bytes | None:
    """One value in text (0) or binary (1) format, without a length; None stays None."""
    binary = is_binary(format)
    if value is None:
        return None
    kind = pg_type(type_oid)
    try:
        return pg_type(type_oid, style or DEFAULT).encode(binary, extract(kind, value))
    except BadValue as bad:
        raise encode_failure(bad.sqlstate, bad.message, None, None, type_oid, value) from None
