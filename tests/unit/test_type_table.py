"""The generated table of types: the same for both implementations, and what the reference page says of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pgwire_py import _type_table, oids

ROOT = Path(__file__).parents[2]
RUST_ROW = re.compile(
    r'oid: (\d+),\s*name: "(\w+)",\s*size: (-?\d+),\s*array: (\d+),\s*'
    r"category: '(.)',\s*kind: '(.)',\s*element: (\d+),\s*subtype: (\d+),?\s*\}"
)
RUST_CONSTANT = re.compile(r"pub const (\w+): u32 = (\d+);")


def test_rust_has_the_same_table() -> None:
    source = (ROOT / "rust/core/src/types/table.rs").read_text()
    numbers = (0, 2, 3, 6, 7)
    rows = [tuple(int(v) if at in numbers else v for at, v in enumerate(found)) for found in RUST_ROW.findall(source)]
    assert tuple(rows) == _type_table.ROWS
    constants = {name: int(oid) for name, oid in RUST_CONSTANT.findall(source)}
    assert constants == {name: getattr(oids, name) for name in oids.__all__ if name.isupper() and name not in TABLES}


TABLES = {"ARRAY_OF", "ELEMENT_OF", "TYPES"}


def test_every_type_is_found_by_its_oid() -> None:
    assert list(oids.TYPES) == sorted(oids.TYPES)
    for element, array in oids.ARRAY_OF.items():
        assert oids.TYPES[array].element_oid == element
        assert oids.TYPES[element].array_oid == array
        assert oids.ELEMENT_OF[array] == element
    assert oids.type_info(oids.INT4RANGE).subtype_oid == oids.INT4
    assert oids.type_info(oids.INT4MULTIRANGE).subtype_oid == oids.INT4RANGE
    assert oids.type_info(99_999) == oids.TypeInfo(99_999, "unknown", -1, 0, "X")


PAGE = re.findall(
    r"^\| (\S+) \| (\d+) \| ([^|]+) \| ([^|]+) \| (?:`([^`]+)`)? \| (.*) \|$",
    (ROOT / "docs/reference/types.md").read_text(),
    re.MULTILINE,
)


WITH_PARTS = set(re.findall(r"`(\w+)`", (ROOT / "docs/reference/types-containers.md").read_text()))


def test_the_page_names_every_type_with_a_codec(core: Any) -> None:
    documented = {int(oid) for _, oid, *_ in PAGE}
    named = {info.name.strip('"') for info in oids.TYPES.values() if info.oid in documented}
    assert named == {name.strip('"') for name, *_ in PAGE}
    # An unknown type takes any text: what refuses some text, or has a Python type of its own, has a codec.
    for info in oids.TYPES.values():
        elsewhere = info.oid in documented or info.name in WITH_PARTS or info.name.startswith("reg")
        if info.kind == "b" and not info.element_oid and not elsewhere:
            (value,) = core.decode_values([info.oid], [0], [b"?"])
            assert value == "?", info.name


@pytest.mark.parametrize(("name", "oid", "out", "example"), [(row[0], int(row[1]), row[3], row[4]) for row in PAGE])
def test_the_examples_of_the_page(core: Any, name: str, oid: int, out: str, example: str) -> None:
    (value,) = core.decode_values([oid], [0], [example.encode()])
    assert type(value).__name__ in out.split(" or "), name
    assert core.encode_value(oid, 0, value) == example.encode()
    if name != "regclass":
        binary = core.encode_value(oid, 1, value)
        assert core.decode_values([oid], [1], [binary]) == (value,)
