"""What the catalogue says of the server and of the user's relations: rows as dictionaries, by relation.

A column that a row leaves out gets its type's zero where it may not be NULL, else NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

from ..engines.base import Relation, SessionContext
from ._data import PROCEDURES, ROWS, TYPE_COLUMNS, TYPES
from .arrays import format_array
from .names import DATABASE_OWNER, INFORMATION_SCHEMA, PG_CATALOG, PUBLIC, ROLE, Names, printed
from .schema import BY_NAME
from .typenames import CATEGORIES, format_type

__all__ = ["DATABASE", "FIRST_USER_OID", "session_rows", "system_rows", "user_rows"]

FIRST_USER_OID = 16_384
DATABASE = 5
"""OID of the one database."""
_HEAP, _BTREE = 2, 403
_TYPE_ROWS = {cast(int, row[0]): dict(zip(TYPE_COLUMNS.split(), row, strict=True)) for row in TYPES}

Row = tuple[str, dict[str, object]]
"""A relation of the in-memory database and values by column."""
Oids = Callable[..., int]
"""Gives the OID of an object of the user's, by kind, schema, name and number; always the same one."""


def system_rows() -> Iterator[Row]:
    """What is the same for every session."""
    for name, oid in (("pg_catalog", PG_CATALOG), ("public", PUBLIC), ("information_schema", INFORMATION_SCHEMA)):
        yield "pg_namespace", {"oid": oid, "nspname": name, "nspowner": DATABASE_OWNER if oid == PUBLIC else ROLE}
    for values in _TYPE_ROWS.values():
        references = {key: PROCEDURES.get(cast(str, values[key]), 0) for key in _TYPE_FUNCTIONS}
        yield (
            "pg_type",
            {
                **values,
                **references,
                "typnamespace": PG_CATALOG,
                "typowner": ROLE,
                "typisdefined": True,
                "typtypmod": -1,
            },
        )
    for table, rows in ROWS.items():
        columns = [column for column, _, _ in BY_NAME["pg_catalog", table].columns]
        for row in rows:
            yield table, dict(zip(columns, row, strict=False))
    for name, oid in PROCEDURES.items():
        yield (
            "pg_proc",
            {
                "oid": oid,
                "proname": name,
                "pronamespace": PG_CATALOG,
                "proowner": ROLE,
                "prolang": 12,
                "prokind": "f",
                "prosrc": name,
            },
        )
    schemas = {"pg_catalog": PG_CATALOG, "information_schema": INFORMATION_SCHEMA}
    for relation in BY_NAME.values():
        namespace = schemas[relation.schema]
        yield "pg_class", _class(relation.oid, relation.name, namespace, relation.kind, len(relation.columns), 0)
        for number, (name, type_oid, not_null) in enumerate(relation.columns, 1):
            yield "pg_attribute", _attribute(relation.oid, number, name, type_oid, not_null, False)


_TYPE_FUNCTIONS = ("typinput", "typoutput", "typreceive", "typsend", "typsubscript")


def _class(oid: int, name: str, namespace: int, kind: str, columns: int, row_type: int) -> dict[str, object]:
    return {
        "oid": oid,
        "relname": name,
        "relnamespace": namespace,
        "reltype": row_type,
        "relowner": ROLE,
        "relam": _HEAP if kind == "r" else _BTREE if kind == "i" else 0,
        "relfilenode": oid if kind in "ri" else 0,
        "reltuples": -1 if kind == "r" else 0,
        "relpersistence": "p",
        "relkind": kind,
        "relnatts": columns,
        "relhasrules": kind == "v",
        "relispopulated": True,
        "relreplident": "d" if kind == "r" else "n",
    }


def _attribute(
    relation: int, number: int, name: str, type_oid: int, not_null: bool, default: bool, modifier: int = -1
) -> dict[str, object]:
    kind = _TYPE_ROWS.get(type_oid) or _TYPE_ROWS[25]
    return {
        "attrelid": relation,
        "attname": name,
        "atttypid": type_oid,
        "attstattarget": -1,
        "attlen": kind["typlen"],
        "attnum": number,
        "attndims": 1 if CATEGORIES.get(type_oid) == "A" else 0,
        "attcacheoff": -1,
        "atttypmod": modifier,
        "attbyval": kind["typbyval"],
        "attalign": kind["typalign"],
        "attstorage": kind["typstorage"],
        "attnotnull": not_null,
        "atthasdef": default,
        "attislocal": True,
        "attcollation": kind["typcollation"],
    }


def user_rows(relations: Sequence[Relation], context: SessionContext, oids: Oids, names: Names) -> Iterator[Row]:
    """What follows from the engine's relations; makes them known to ``names`` as well."""
    for schema in dict.fromkeys(relation.schema for relation in relations):
        if schema not in names.namespaces:
            names.namespaces[schema] = oids("n", "", schema)
            yield "pg_namespace", {"oid": names.namespaces[schema], "nspname": schema, "nspowner": ROLE}
    for schema in names.namespaces:
        yield (
            "information_schema.schemata",
            {"catalog_name": context.database, "schema_name": schema, "schema_owner": context.user},
        )
    for relation in relations:
        yield from _relation_rows(relation, context, oids, names)
        yield from _key_rows(relation, context, oids, names)


def _relation_rows(relation: Relation, context: SessionContext, oids: Oids, names: Names) -> Iterator[Row]:
    schema, name, kind, columns = relation
    oid, row_type, array = (oids(what, schema, name) for what in "rta")
    names.add_class(schema, name, oid, row_type)
    namespace = names.namespaces[schema]
    has_key = any(column.primary_key for column in columns)
    values = _class(oid, name, namespace, kind, len(columns), row_type)
    yield "pg_class", {**values, "relhasindex": has_key}
    base = {
        "typnamespace": namespace,
        "typowner": ROLE,
        "typlen": -1,
        "typisdefined": True,
        "typdelim": ",",
        "typtypmod": -1,
    }
    base |= {"typalign": "d", "typstorage": "x"}
    record = {"typinput": 2290, "typoutput": 2291, "typreceive": 2402, "typsend": 2403}
    yield (
        "pg_type",
        {
            **base,
            **record,
            "oid": row_type,
            "typname": name,
            "typtype": "c",
            "typcategory": "C",
            "typrelid": oid,
            "typarray": array,
        },
    )
    arrays = {key: _TYPE_FUNCTION_OIDS[key] for key in _TYPE_FUNCTIONS}
    yield (
        "pg_type",
        {
            **base,
            **arrays,
            "oid": array,
            "typname": f"_{name}",
            "typtype": "b",
            "typcategory": "A",
            "typelem": row_type,
        },
    )
    whose = {"schemaname": schema}
    if kind == "r":
        yield "pg_tables", {**whose, "tablename": name, "tableowner": context.user, "hasindexes": has_key}
    else:
        yield "pg_views", {**whose, "viewname": name, "viewowner": context.user, "definition": ""}
    located = {"table_catalog": context.database, "table_schema": schema, "table_name": name}
    writable = "YES" if kind == "r" else "NO"
    table_type = "BASE TABLE" if kind == "r" else "VIEW"
    yield (
        "information_schema.tables",
        {**located, "table_type": table_type, "is_insertable_into": writable, "is_typed": "NO"},
    )
    if kind == "v":
        yield (
            "information_schema.views",
            {**located, "check_option": "NONE", "is_updatable": "NO", "is_insertable_into": "NO"},
        )
    for number, column in enumerate(columns, 1):
        not_null = column.not_null or column.primary_key
        has_default, modifier = column.default is not None, column.type_modifier
        yield "pg_attribute", _attribute(oid, number, column.name, column.type, not_null, has_default, modifier)
        if column.default is not None:
            default = {"oid": oids("d", schema, name, number), "adrelid": oid, "adnum": number, "adbin": column.default}
            yield "pg_attrdef", default
        yield (
            "information_schema.columns",
            {
                **located,
                "column_name": column.name,
                "ordinal_position": number,
                "column_default": column.default,
                "is_nullable": "NO" if not_null else "YES",
                **_information_type(column.type, column.type_modifier),
                "udt_catalog": context.database,
                "dtd_identifier": str(number),
                "is_self_referencing": "NO",
                "is_identity": "NO",
                "identity_cycle": "NO",
                "is_generated": "NEVER",
                "is_updatable": writable,
            },
        )


_TYPE_FUNCTION_OIDS = {
    "typinput": PROCEDURES["array_in"],
    "typoutput": PROCEDURES["array_out"],
    "typreceive": PROCEDURES["array_recv"],
    "typsend": PROCEDURES["array_send"],
    "typsubscript": PROCEDURES["array_subscript_handler"],
}
_PRECISIONS = {
    20: (64, 2, 0),
    21: (16, 2, 0),
    23: (32, 2, 0),
    700: (24, 2, None),
    701: (53, 2, None),
    1700: (None, 10, None),
}


def _information_type(type_oid: int, modifier: int) -> dict[str, object]:
    precision, radix, scale = _PRECISIONS.get(type_oid, (None, None, None))
    length = None
    if modifier >= 4 and type_oid == 1700:
        precision, scale = (modifier - 4) >> 16, (modifier - 4) & 0xFFFF
    elif modifier >= 4 and type_oid in (1042, 1043):
        length = modifier - 4
    known = _TYPE_ROWS.get(type_oid)
    return {
        "data_type": "ARRAY" if CATEGORIES.get(type_oid) == "A" else format_type(type_oid, None),
        "character_maximum_length": length,
        "character_octet_length": 1_073_741_824 if type_oid in (25, 1042, 1043) else None,
        "numeric_precision": precision,
        "numeric_precision_radix": radix,
        "numeric_scale": scale,
        "datetime_precision": 0 if type_oid == 1082 else 6 if type_oid in (1083, 1114, 1184, 1186, 1266) else None,
        "udt_schema": "pg_catalog",
        "udt_name": known["typname"] if known else "unknown",
    }


def _key_rows(relation: Relation, context: SessionContext, oids: Oids, names: Names) -> Iterator[Row]:
    schema, name, kind, columns = relation
    key = [number for number, column in enumerate(columns, 1) if column.primary_key]
    if not key or kind != "r":
        return
    table, index, constraint = (oids(what, schema, name) for what in "rix")
    index_name = f"{name}_pkey"
    listed = [printed(columns[number - 1].name) for number in key]
    names.add_class(schema, index_name, index)
    names.constraints[constraint] = f"PRIMARY KEY ({', '.join(listed)})"
    names.indexes[index] = (table, tuple(listed))
    definition = names.index_definition(index)
    zeros = " ".join("0" for _ in key)
    yield "pg_class", {**_class(index, index_name, names.namespaces[schema], "i", len(key), 0), "reltuples": 0}
    for position, number in enumerate(key, 1):
        of = columns[number - 1]
        yield (
            "pg_attribute",
            _attribute(index, position, of.name, of.type, False, False, of.type_modifier),
        )
    yield (
        "pg_index",
        {
            "indexrelid": index,
            "indrelid": table,
            "indnatts": len(key),
            "indnkeyatts": len(key),
            **dict.fromkeys(
                ("indisunique", "indisprimary", "indimmediate", "indisvalid", "indisready", "indislive"), True
            ),
            "indkey": " ".join(map(str, key)),
            "indcollation": zeros,
            "indclass": zeros,
            "indoption": zeros,
        },
    )
    yield "pg_indexes", {"schemaname": schema, "tablename": name, "indexname": index_name, "indexdef": definition}
    yield (
        "pg_constraint",
        {
            "oid": constraint,
            "conname": index_name,
            "connamespace": names.namespaces[schema],
            "contype": "p",
            "convalidated": True,
            "conrelid": table,
            "conindid": index,
            "confupdtype": " ",
            "confdeltype": " ",
            "confmatchtype": " ",
            "conislocal": True,
            "connoinherit": True,
            "conkey": format_array(key),
        },
    )
    place: dict[str, object] = {
        "constraint_catalog": context.database,
        "constraint_schema": schema,
        "constraint_name": index_name,
    }
    place |= {"table_catalog": context.database, "table_schema": schema, "table_name": name}
    more = {"constraint_type": "PRIMARY KEY", "is_deferrable": "NO", "initially_deferred": "NO", "enforced": "YES"}
    yield "information_schema.table_constraints", {**place, **more}
    for position, number in enumerate(key, 1):
        used = {**place, "column_name": columns[number - 1].name}
        yield "information_schema.key_column_usage", {**used, "ordinal_position": position}
        yield "information_schema.constraint_column_usage", used


def session_rows(context: SessionContext, names: Names, tables: Iterable[str]) -> Iterator[Row]:
    """What depends on the session, of the relations asked for."""
    wanted = set(tables)
    if "pg_settings" in wanted:
        yield from (("pg_settings", row) for row in context.setting_rows())
    role = dict.fromkeys(
        ("rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls"),
        True,
    )
    for table in sorted(wanted & {"pg_roles", "pg_authid"}):
        password = {"rolpassword": "********"} if table == "pg_roles" else {}
        yield table, {**role, **password, "oid": ROLE, "rolname": context.user, "rolconnlimit": -1}
    for table in sorted(wanted & {"pg_user", "pg_shadow"}):
        flags = dict.fromkeys(("usecreatedb", "usesuper", "userepl", "usebypassrls"), True)
        yield table, {**flags, "usename": context.user, "usesysid": ROLE, "passwd": "********"}
    if "pg_database" in wanted:
        locale = {"encoding": 6, "datcollate": "C.UTF-8", "datctype": "C.UTF-8", "datlocprovider": "c"}
        more = {"datallowconn": True, "datconnlimit": -1, "dattablespace": 1663, "datfrozenxid": 717, "datminmxid": 1}
        yield "pg_database", {**locale, **more, "oid": DATABASE, "datname": context.database, "datdba": ROLE}
    if "pg_stat_activity" in wanted:
        for row in context.activity_rows():
            yield "pg_stat_activity", {"datid": DATABASE, "usesysid": ROLE, **row}
    if "pg_prepared_statements" in wanted:
        yield from (("pg_prepared_statements", row) for row in context.prepared_statements())
    if "pg_cursors" in wanted:
        yield from (("pg_cursors", row) for row in context.cursors())
    if "information_schema.information_schema_catalog_name" in wanted:
        yield "information_schema.information_schema_catalog_name", {"catalog_name": context.database}
    if "information_schema.enabled_roles" in wanted:
        yield "information_schema.enabled_roles", {"role_name": context.user}


SESSION_TABLES = frozenset(
    [
        "pg_settings",
        "pg_roles",
        "pg_authid",
        "pg_user",
        "pg_shadow",
        "pg_database",
        "pg_stat_activity",
        "pg_prepared_statements",
        "pg_cursors",
        "information_schema.information_schema_catalog_name",
        "information_schema.enabled_roles",
    ]
)
