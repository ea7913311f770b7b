"""The objects that a session sees, by name and by OID: what reg* types, visibility and definitions are looked up in."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

from ..engines.base import SessionContext
from ..errors import postgres_error
from ..sql import quoted
from ._data import PROCEDURES
from .schema import BY_NAME
from .typenames import type_oid_of_name, type_output

__all__ = ["INFORMATION_SCHEMA", "PG_CATALOG", "PUBLIC", "Names"]

PG_CATALOG: Final = 11
PUBLIC: Final = 2200
INFORMATION_SCHEMA: Final = 13183
DATABASE_OWNER: Final = 6171
"""OID of the predefined role that owns schema public."""
ROLE: Final = 10
"""OID of the one role, the session's user."""

_SYSTEM_CLASSES = {(relation.schema, relation.name): relation.oid for relation in BY_NAME.values()}
_SYSTEM_NAMES = {oid: name for name, oid in _SYSTEM_CLASSES.items()}
_PROCEDURE_NAMES = {oid: name for name, oid in PROCEDURES.items()}


class Names:
    """Lookups for the session that ``context`` stands for; ``reset`` empties what was said of the user's relations."""

    context: SessionContext

    def __init__(self) -> None:
        self.started = datetime.now(timezone.utc).isoformat(sep=" ")
        self.reset()

    def reset(self) -> None:
        """Forget the user's relations."""
        self.classes: dict[tuple[str, str], int] = {}
        self.class_names: dict[int, tuple[str, str]] = {}
        self.row_types: dict[int, int] = {}
        self.namespaces: dict[str, int] = {
            "pg_catalog": PG_CATALOG,
            "public": PUBLIC,
            "information_schema": INFORMATION_SCHEMA,
        }
        self.constraints: dict[int, str] = {}
        self.indexes: dict[int, tuple[int, tuple[str, ...]]] = {}

    def leave(self) -> None:
        """Forget the session."""
        if hasattr(self, "context"):
            del self.context

    def add_class(self, schema: str, name: str, oid: int, row_type: int = 0) -> None:
        """Make a relation or index known."""
        self.classes[schema, name] = oid
        self.class_names[oid] = (schema, name)
        if row_type:
            self.row_types[row_type] = oid

    def now(self) -> str:
        """The time, as text."""
        return datetime.now(timezone.utc).isoformat(sep=" ")

    def schemas(self, implicit: bool) -> list[str]:
        """The search path's existing schemas; ``implicit`` puts pg_catalog first."""
        setting = self.context.get_setting("search_path")
        entries = ["public"] if setting is None else [part.strip() for part in setting.split(",")]
        names = [entry[1:-1] if entry.startswith('"') and len(entry) > 1 else entry.lower() for entry in entries]
        names = [self.context.user if name == "$user" else name for name in names]
        path = [name for name in dict.fromkeys(names) if name in self.namespaces]
        return ["pg_catalog", *path] if implicit and "pg_catalog" not in path else path

    def current_schema(self) -> str | None:
        """The first schema of the search path."""
        return next(iter(self.schemas(False)), None)

    def role(self, oid: int) -> str:
        """pg_get_userbyid."""
        if oid == DATABASE_OWNER:
            return "pg_database_owner"
        return self.context.user if oid == ROLE else f"unknown (OID={oid})"

    def is_visible(self, oid: int) -> int | None:
        """pg_table_is_visible: NULL for an OID that no relation has."""
        name = self.class_names.get(oid) or _SYSTEM_NAMES.get(oid)
        return None if name is None else int(name[0] in self.schemas(True))

    def row_type(self, oid: int) -> str | None:
        """The name of a relation's row type, as regtype prints it."""
        relation = self.row_types.get(oid)
        return None if relation is None else self.print("regclass", relation)

    def index_definition(self, oid: int, column: int = 0, pretty: object = 0) -> str | None:
        """pg_get_indexdef, of the whole index (column 0) or of one column; pretty leaves out the schema of a visible
        table."""
        known = self.indexes.get(oid)
        if known is None:
            return None
        table, columns = known
        if column:
            return columns[column - 1] if 0 < column <= len(columns) else ""
        schema, name = self.class_names[table]
        target = self.print("regclass", table) if pretty else f"{printed(schema)}.{printed(name)}"
        index = printed(self.class_names[oid][1])
        return f"CREATE UNIQUE INDEX {index} ON {target} USING btree ({', '.join(columns)})"

    def lookup(self, kind: str, text: str) -> int | None:
        """The OID of a name, None where there is no such object (to_regclass and its like)."""
        text = text.strip()
        if text == "-":
            return 0
        if text.isdigit():
            return int(text)
        if kind == "regtype":
            return type_oid_of_name(text) or self._row_type_named(text)
        *qualifier, name = _identifiers(text)
        schema = qualifier[-1] if qualifier else ""
        if kind == "regclass":
            return self._class(schema, name)
        if kind == "regnamespace":
            return self.namespaces.get(name)
        if kind == "regrole":
            return ROLE if name == self.context.user else None
        return PROCEDURES.get(name.partition("(")[0]) if schema in ("", "pg_catalog") else None

    def resolve(self, kind: str, text: str) -> int:
        """As lookup, but an unknown name is an error (a cast to reg*)."""
        oid = self.lookup(kind, text)
        if oid is not None:
            return oid
        code, what = {
            "regclass": ("42P01", "relation"),
            "regtype": ("42704", "type"),
            "regnamespace": ("3F000", "schema"),
            "regrole": ("42704", "role"),
        }.get(kind, ("42883", "function"))
        raise postgres_error(code, f'{what} "{text[:100]}" does not exist')

    def print(self, kind: str, oid: int) -> str:
        """An OID as its reg* type prints it."""
        if oid == 0:
            return "-"
        if kind == "regtype":
            return self.row_type(oid) or type_output(oid)
        if kind == "regclass":
            name = self.class_names.get(oid) or _SYSTEM_NAMES.get(oid)
            if name is None:
                return str(oid)
            return printed(name[1]) if name[0] in self.schemas(True) else f"{printed(name[0])}.{printed(name[1])}"
        if kind == "regnamespace":
            return next((printed(name) for name, known in self.namespaces.items() if known == oid), str(oid))
        if kind == "regrole":
            return self.context.user if oid == ROLE else str(oid)
        return _PROCEDURE_NAMES.get(oid, str(oid))

    def _class(self, schema: str, name: str) -> int | None:
        for candidate in [schema] if schema else self.schemas(True):
            oid = self.classes.get((candidate, name)) or _SYSTEM_CLASSES.get((candidate, name))
            if oid is not None:
                return oid
        return None

    def _row_type_named(self, text: str) -> int | None:
        *qualifier, name = _identifiers(text)
        relation = self._class(qualifier[-1] if qualifier else "", name)
        return next((row_type for row_type, oid in self.row_types.items() if oid == relation), None)


def _identifiers(text: str) -> list[str]:
    """The parts of a dotted name: folded unless quoted."""
    parts: list[str] = []
    current, quoted, was_quoted, at = "", False, False, 0
    while at < len(text):
        character = text[at]
        if character == '"' and quoted and text[at + 1 : at + 2] == '"':
            current += '"'
            at += 1
        elif character == '"':
            quoted, was_quoted = not quoted, True
        elif not quoted and character.isspace() and (not current or text[at:].lstrip()[:1] in ("", ".")):
            pass  # white space may stand around each part
        elif character == "." and not quoted:
            parts.append(current)
            current, was_quoted = "", False
        else:
            current += character if quoted else character.lower()
        at += 1
    if quoted or (not current and not was_quoted):
        raise postgres_error("42602", "invalid name syntax")
    return [*parts, current]


def printed(name: str) -> str:
    """A name as catalogue functions print it: in quotes where it needs them, but for keywords."""
    plain = (
        bool(name)
        and name.isascii()
        and not name[0].isdigit()
        and name.replace("_", "a").isalnum()
        and name == name.lower()
    )
    return name if plain else quoted(name)
