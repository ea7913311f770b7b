"""What PostgreSQL's functions do in the catalogue: each gets the names the session sees and its arguments as SQLite
values."""

from __future__ import annotations

import json
from functools import cache

from ..errors import postgres_error
from . import arrays, series
from ._data import KEYWORDS
from .names import Names
from .typenames import format_type


def version(names: Names) -> str:
    return f"PostgreSQL {names.context.server_version} on pgwire_py"


def current_setting(names: Names, name: str, missing_ok: object = 0) -> str | None:
    value = names.context.get_setting(name)
    if value is None and not missing_ok:
        raise postgres_error("42704", f'unrecognized configuration parameter "{name}"')
    return value


def set_config(names: Names, name: str | None, value: str | None, local: object) -> str | None:
    if name is None:
        raise postgres_error("22004", "SET requires parameter name")
    if local is None:
        return None
    return names.context.set_setting(name, value, local=bool(local))


def cancel_backend(names: Names, process_id: int) -> int:
    return int(names.context.cancel_backend(process_id))


def terminate_backend(names: Names, process_id: int, timeout: int = 0) -> int:
    return int(names.context.terminate_backend(process_id, timeout))


def notify(names: Names, channel: str | None, payload: str | None) -> str:
    names.context.notify(channel or "", payload or "")
    return ""


_CATEGORIES = {
    "C": "unreserved (cannot be function or type name)",
    "R": "reserved",
    "T": "reserved (can be function or type name)",
    "U": "unreserved",
}


@cache
def _keywords() -> str:
    rows = {
        word: {
            "word": word,
            "catcode": category,
            "barelabel": bare,
            "catdesc": _CATEGORIES[category],
            "baredesc": "can be bare label" if bare else "requires AS",
        }
        for category, bare, words in KEYWORDS
        for word in words.split()
    }
    return json.dumps([rows[word] for word in sorted(rows)])


def keywords(_: Names) -> str:
    return _keywords()


def array_to_string(_: Names, array: str | None, delimiter: str | None, null: str | None = None) -> str | None:
    if array is None or delimiter is None:
        return None
    out: list[str] = []
    pending = arrays.parse_array(array)[::-1]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(reversed(item))
        elif item is not None or null is not None:
            out.append(str(null if item is None else item))
    return delimiter.join(out)


def array_position(_: Names, array: str | None, item: object) -> int | None:
    if array is None:
        return None
    wanted = None if item is None else str(item)
    items = arrays.parse_array(array)
    return items.index(wanted) + 1 if wanted in items else None


def array_length(_: Names, array: str, dimension: int) -> int | None:
    items: object = arrays.parse_array(array)
    for _depth in range(dimension - 1):
        items = items[0] if isinstance(items, list) and items else None
    return len(items) if dimension > 0 and isinstance(items, list) and items else None


def array_concat(_: Names, left: str | None, right: str | None) -> str | None:
    if left is None or right is None:
        return right if left is None else left
    return arrays.format_array(arrays.parse_array(left) + arrays.parse_array(right))


def json_build_object(_: Names, *items: object) -> str:
    if len(items) % 2:
        raise postgres_error("22023", "argument list must have even number of elements")
    return json.dumps({str(items[i]): items[i + 1] for i in range(0, len(items), 2)}, separators=(", ", " : "))


def concat(_: Names, *items: object) -> str:
    return "".join(str(item) for item in items if item is not None)


def type_text(names: Names, oid: int | None, modifier: int | None) -> str | None:
    if oid is None:
        return None
    return names.row_type(oid) or format_type(oid, modifier)


def size_pretty(_: Names, size: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(size) < 10240:
            return f"{size} {unit}"
        size = (size + 512) // 1024
    return f"{size} TB"


def expr(_: Names, expression: str, *_more: object) -> str:
    return expression


def any_of(_: Names, operator: str, all_: int, left: object, array: str | None) -> int | None:
    """``left operator ANY (array)``, or ALL."""
    if array is None or left is None:
        return None
    test = series.OPERATORS[operator]
    seen_null = False
    for item in arrays.parse_array(array):
        if item is None:
            seen_null = True
        elif test(left, item) != bool(all_):
            return int(not all_)
    return None if seen_null else int(bool(all_))


def int_in(_: Names, kind: str, text: object) -> int:
    try:
        return int(str(text))
    except ValueError:
        raise postgres_error("22P02", f'invalid input syntax for type {kind}: "{str(text)[:100]}"') from None


def bool_in(_: Names, text: object) -> int:
    word = str(text).strip().lower()
    if word and (any(full.startswith(word) for full in ("true", "yes")) or word in ("1", "on")):
        return 1
    if word and (any(full.startswith(word) for full in ("false", "no")) or word in ("0", "of", "off")):
        return 0
    raise postgres_error("22P02", f'invalid input syntax for type boolean: "{str(text)[:100]}"')


def reg_in(names: Names, kind: str, text: object) -> int:
    return text if isinstance(text, int) else names.resolve(kind, str(text))
