"""The relations of the catalogue: names and columns, as PostgreSQL 15 defines them."""

from __future__ import annotations

from typing import Final, NamedTuple

from ._data import RELATIONS

__all__ = ["BY_NAME", "CatalogRelation", "find_relation", "in_catalog_schema"]


class CatalogRelation(NamedTuple):
    """A relation of pg_catalog or information_schema; ``columns`` are (name, type OID, not null)."""

    oid: int
    schema: str
    name: str
    kind: str
    columns: tuple[tuple[str, int, bool], ...]

    @property
    def table(self) -> str:
        """Its name in the in-memory database."""
        return self.name if self.schema == "pg_catalog" else f"{self.schema}.{self.name}"


def _columns(text: str) -> tuple[tuple[str, int, bool], ...]:
    parts = (column.rsplit(":", 2) for column in text.split())
    return tuple((name, int(oid), not_null == "1") for name, oid, not_null in parts)


BY_NAME: Final[dict[tuple[str, str], CatalogRelation]] = {
    (schema, name): CatalogRelation(oid, schema, name, kind, _columns(columns))
    for oid, schema, name, kind, columns in RELATIONS
}


def in_catalog_schema(schema: str) -> bool:
    """Whether relations of this schema are the catalogue's to answer."""
    return schema in ("pg_catalog", "information_schema")


def find_relation(schema: str, name: str) -> CatalogRelation | None:
    """The relation of this name; an empty schema means the search path, where pg_catalog comes first."""
    return BY_NAME.get((schema or "pg_catalog", name))
