"""The catalogue: what clients ask on connecting, against what PostgreSQL 15 answered (catalog_queries.json), and its
edges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgwire_py import oids
from pgwire_py.catalog import Catalog
from pgwire_py.catalog.arrays import format_array, parse_array
from pgwire_py.engines.base import EngineSession, Relation, RelationColumn
from pgwire_py.errors import postgres_error
from pgwire_py.sql import Statement

CASES = json.loads((Path(__file__).parent / "catalog_queries.json").read_text())

SAMPLE = (
    Relation(
        "public",
        "customer",
        "r",
        (
            RelationColumn("id", oids.INT4, True, None, True),
            RelationColumn("name", oids.TEXT, True, "'x'::text"),
            RelationColumn("born", oids.DATE),
            RelationColumn("tags", oids.TEXT_ARRAY),
            RelationColumn("balance", oids.NUMERIC),
        ),
    ),
    Relation(
        "public",
        "orders",
        "r",
        (
            RelationColumn("id", oids.INT8, True, None, True),
            RelationColumn("customer_id", oids.INT4, True),
            RelationColumn("note", oids.VARCHAR),
            RelationColumn("placed", oids.TIMESTAMPTZ),
        ),
    ),
    Relation("public", "plain", "r", (RelationColumn("a", oids.INT4), RelationColumn("b", oids.TEXT))),
    Relation("public", "big_orders", "v", (RelationColumn("id", oids.INT8), RelationColumn("note", oids.VARCHAR))),
)


class Context:
    """A session that stands alone."""

    process_id = 4711
    user = "postgres"
    database = "app"
    server_version = "15.18"

    def __init__(self) -> None:
        self.settings = {
            "search_path": '"$user", public',
            "jit": "on",
            "application_name": "test",
            "default_table_access_method": "heap",
        }

    def get_setting(self, name: str) -> str | None:
        return self.settings.get(name.lower())

    def set_setting(self, name: str, value: str, *, local: bool = False) -> str:
        if name.lower() not in self.settings:
            raise postgres_error("42704", f'unrecognized configuration parameter "{name}"')
        self.settings[name.lower()] = value
        return value

    def all_settings(self) -> list[tuple[str, str, str]]:
        return [(name, value, "a setting") for name, value in sorted(self.settings.items())]


def statement(text: str, parameters: int = 0) -> Statement:
    """As the lexer would make it, near enough: words by white space and punctuation."""
    folded = "".join(c if c.isalnum() or c == "_" else " " for c in text.lower()).split()
    head = text.split(None, 1)[0].upper()
    return Statement(text, 0, (head,), frozenset(folded), tuple((i, 0, 0) for i in range(1, parameters + 1)))


@pytest.fixture
def catalog():
    catalog = Catalog()
    yield catalog
    catalog.close()


@pytest.fixture
def session(catalog: Catalog):
    session = catalog.connect(Context(), lambda: SAMPLE)
    yield session
    session.close()


def run(session: EngineSession, text: str, *parameters: object) -> list[tuple[object, ...]]:
    asked = statement(text, len(parameters))
    result = session.execute(asked, parameters, session.describe(asked, ()))
    rows: list[tuple[object, ...]] = []
    while batch := result.fetch(7):
        rows += [tuple(row) for row in batch]
    return rows


def names_of_oids(session: EngineSession) -> dict[str, str]:
    """``@customer`` and its like → OID, as catalog_queries.json names them."""
    found = {f"@{n}": str(o) for n, o in run(session, "select relname, oid from pg_class where oid >= 16384")}
    found |= {f"@type:{n}": str(o) for n, o in run(session, "select typname, oid from pg_type where oid >= 16384")}
    return found | {
        f"@constraint:{n}": str(o) for n, o in run(session, "select conname, oid from pg_constraint where oid >= 16384")
    }


def as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "t" if value else "f"
    return format_array(value) if isinstance(value, list) else str(value)


PYTHON = {oids.BOOL: lambda text: text == "t", oids.OID_ARRAY: lambda text: [int(i) for i in parse_array(text)]}
INTEGERS = (oids.INT2, oids.INT4, oids.INT8, oids.OID)


def python_value(text: str | None, kind: int) -> object:
    if text is None:
        return None
    return int(text) if kind in INTEGERS else PYTHON.get(kind, str)(text)


VECTORS = {22: oids.INT2_ARRAY, 30: oids.OID_ARRAY}
DIFFERENT_ROWS = {
    "psql \\l": "PostgreSQL has template databases",
    "psql \\l+": "PostgreSQL has template databases, and sizes",
    "psql \\dnS": "PostgreSQL has pg_toast",
    "psql \\dC": "the catalogue lists no casts",
    "psql \\dx": "the catalogue lists no extensions",
    "psql \\sf version": "the catalogue has no definitions of functions",
    "psql \\dt+": "PostgreSQL knows sizes",
    "psql \\dn+": "PostgreSQL has privileges and a comment on public",
}
"""By client: why the rows differ; columns and types are compared nevertheless."""
DIFFERENT_QUERIES = ("version()", "pg_get_viewdef", "pg_opclass")
"""The same for single queries: the version's text, view definitions and operator classes, which the catalogue does
not have."""


def replaced(text: str | None, objects: dict[str, str]) -> str | None:
    for name in sorted(objects, key=len, reverse=True):
        text = text.replace(name, objects[name]) if text is not None else None
    return text


def in_braces(text: str | None, kind: int) -> str | None:
    return format_array(text.split()) if text is not None and kind in VECTORS else text


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case['client']}" for i, case in enumerate(CASES)])
def test_recorded_query(session: EngineSession, catalog: Catalog, case: dict[str, list]) -> None:
    objects = names_of_oids(session)
    text = replaced(case["sql"], objects) or ""
    asked = statement(text, len(case["parameters"]))
    assert catalog.claims(asked)
    described = session.describe(asked, ())
    assert list(described.parameter_types) == case["parameter_types"]
    expected = [[name, VECTORS.get(kind, kind)] for name, kind in case["columns"]]
    assert [[column.name, column.type] for column in described.columns or ()] == expected
    given = [
        python_value(replaced(value, objects), kind)
        for value, kind in zip(case["parameters"], case["parameter_types"], strict=True)
    ]
    result = session.execute(asked, given, described)
    rows = [[as_text(value) for value in row] for row in result.fetch(1000)]
    wanted = [
        [in_braces(objects.get(value, value), kind) for value, (_, kind) in zip(row, case["columns"], strict=True)]
        for row in case["rows"]
    ]
    if "ORDER BY" not in text.upper() or case["client"] == "asyncpg":  # no order, or one that leaves ties
        rows, wanted = sorted(rows, key=str), sorted(wanted, key=str)
    if case["client"] not in DIFFERENT_ROWS and not any(part in text for part in DIFFERENT_QUERIES):
        assert rows[:40] == wanted
