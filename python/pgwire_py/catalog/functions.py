"""PostgreSQL's functions that catalogue queries call: result types for the translation, and what they do.

An implementation gets the :class:`~.names.Names` of the session at work and the arguments as SQLite values. Unless it
says otherwise a function is strict: a NULL argument gives NULL without calling it, as most of PostgreSQL's do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ..oids import (
    BOOL,
    FLOAT8,
    INT2_ARRAY,
    INT4,
    INT8,
    JSON,
    NAME,
    NAME_ARRAY,
    OID,
    REGCLASS,
    REGTYPE,
    TEXT,
    TEXT_ARRAY,
    TIMESTAMPTZ,
    VOID,
)
from . import arrays, builtin, series
from .format import format_text, quote_ident, quote_literal
from .scope import EXPANDED, KEYWORD
from .typenames import ELEMENTS

__all__ = ["AGGREGATES", "FUNCTIONS", "INDEPENDENT", "INTERNAL", "PRINTED", "SETS", "SQLITE", "WINDOW", "Function"]

_ANY = 0
_SAME = -2
"""Result type: that of the first argument."""
_ELEMENT = -3
"""Result type: the element type of the first argument."""
PRINTED: Final = -4
"""Type of an argument: any, and the function gets the text that its output function makes, or an integer."""


class Function(NamedTuple):
    """A function: result type, implementation, types of the arguments (the last one repeats), whether it alone makes
    a statement the catalogue's, whether it takes NULLs."""

    result: int
    call: Callable[..., Any] | None
    arguments: tuple[int, ...] = ()
    claims: bool = True
    takes_null: bool = False

    def result_type(self, first: int) -> int:
        """OID of the result, given the type of the first argument."""
        if self.result == _SAME:
            return first
        return ELEMENTS.get(first, TEXT) if self.result == _ELEMENT else self.result


def _constant(value: object) -> Callable[..., object]:
    return lambda names, *arguments: value


def _f(
    result: int, call: Callable[..., Any], *arguments: int, claims: bool = True, takes_null: bool = False
) -> Function:
    return Function(result, call, arguments, claims, takes_null)


_TRUE = _f(BOOL, _constant(1), _ANY)
_VISIBLE = _f(BOOL, _constant(1), OID)
_NOTHING = _f(TEXT, _constant(None), _ANY)

FUNCTIONS: Final[dict[str, Function]] = {
    "version": _f(TEXT, builtin.version),
    "current_schema": _f(NAME, lambda names: names.current_schema()),
    "current_schemas": _f(NAME_ARRAY, lambda names, implicit: arrays.format_array(names.schemas(bool(implicit))), BOOL),
    "current_database": _f(NAME, lambda names: names.context.database),
    "current_catalog": _f(NAME, lambda names: names.context.database),
    **dict.fromkeys(
        ("current_user", "session_user", "user", "current_role"), _f(NAME, lambda names: names.context.user)
    ),
    "current_setting": _f(TEXT, builtin.current_setting, TEXT, BOOL),
    "set_config": _f(TEXT, builtin.set_config, TEXT, TEXT, BOOL, takes_null=True),
    "pg_backend_pid": _f(INT4, lambda names: names.context.process_id),
    "pg_cancel_backend": _f(BOOL, builtin.cancel_backend, INT4),
    "pg_terminate_backend": _f(BOOL, builtin.terminate_backend, INT4, INT8),
    "pg_is_in_recovery": _f(BOOL, _constant(0)),
    "pg_is_wal_replay_paused": _f(BOOL, _constant(0)),
    "pg_advisory_unlock_all": _f(VOID, _constant("")),
    "pg_my_temp_schema": _f(OID, _constant(0)),
    "pg_is_other_temp_schema": _f(BOOL, _constant(0), OID),
    "pg_notify": _f(VOID, builtin.notify, TEXT, TEXT, takes_null=True),
    "pg_notification_queue_usage": _f(FLOAT8, _constant(0.0)),
    "pg_postmaster_start_time": _f(TIMESTAMPTZ, lambda names: names.started),
    "pg_conf_load_time": _f(TIMESTAMPTZ, lambda names: names.started),
    "now": _f(TIMESTAMPTZ, lambda names: names.now(), claims=False),
    "pg_client_encoding": _f(NAME, _constant("UTF8")),
    "inet_server_addr": _f(TEXT, _constant(None)),
    "inet_server_port": _f(INT4, _constant(None)),
    "inet_client_addr": _f(TEXT, _constant(None)),
    "inet_client_port": _f(INT4, _constant(None)),
    # names and definitions of objects
    "format_type": _f(TEXT, builtin.type_text, OID, INT4, takes_null=True),
    "to_regtype": _f(REGTYPE, lambda names, text: names.lookup("regtype", text), TEXT),
    "to_regclass": _f(REGCLASS, lambda names, text: names.lookup("regclass", text), TEXT),
    "to_regnamespace": _f(4089, lambda names, text: names.lookup("regnamespace", text), TEXT),
    "to_regrole": _f(4096, lambda names, text: names.lookup("regrole", text), TEXT),
    "to_regproc": _f(24, lambda names, text: names.lookup("regproc", text), TEXT),
    "pg_get_userbyid": _f(NAME, lambda names, oid: names.role(oid), OID),
    "pg_get_expr": _f(TEXT, builtin.expr, TEXT, OID, BOOL),
    "pg_get_viewdef": _f(TEXT, lambda names, *_: "", _ANY, BOOL),
    "pg_get_ruledef": _NOTHING,
    "pg_get_triggerdef": _NOTHING,
    "pg_get_functiondef": _NOTHING,
    "pg_get_function_result": _NOTHING,
    "pg_get_function_arguments": _NOTHING,
    "pg_get_function_identity_arguments": _NOTHING,
    "pg_get_partkeydef": _NOTHING,
    "pg_get_statisticsobjdef": _NOTHING,
    "pg_get_statisticsobjdef_columns": _NOTHING,
    "pg_get_serial_sequence": _NOTHING,
    "pg_tablespace_location": _f(TEXT, _constant(""), OID),
    "pg_get_constraintdef": _f(TEXT, lambda names, oid, *_: names.constraints.get(oid), OID, BOOL),
    "pg_get_indexdef": _f(TEXT, lambda names, *arguments: names.index_definition(*arguments), OID, INT4, BOOL),
    "obj_description": _f(TEXT, _constant(None), OID, NAME),
    "shobj_description": _f(TEXT, _constant(None), OID, NAME),
    "col_description": _f(TEXT, _constant(None), OID, INT4),
    "pg_encoding_to_char": _f(
        NAME, lambda names, code: "UTF8" if code == 6 else "SQL_ASCII" if code == 0 else "", INT4
    ),
    "pg_char_to_encoding": _f(INT4, lambda names, name: 6 if name.upper() in ("UTF8", "UTF-8") else -1, NAME),
    # visibility and privileges
    "pg_table_is_visible": _f(BOOL, lambda names, oid: names.is_visible(oid), OID),
    **dict.fromkeys(
        (
            "pg_type_is_visible",
            "pg_function_is_visible",
            "pg_operator_is_visible",
            "pg_collation_is_visible",
            "pg_opclass_is_visible",
            "pg_opfamily_is_visible",
            "pg_conversion_is_visible",
            "pg_statistics_obj_is_visible",
            "pg_ts_config_is_visible",
            "pg_ts_dict_is_visible",
            "pg_relation_is_publishable",
        ),
        _VISIBLE,
    ),
    **dict.fromkeys(
        [
            f"has_{kind}_privilege"
            for kind in [
                "table",
                "schema",
                "database",
                "column",
                "any_column",
                "sequence",
                "function",
                "type",
                "language",
                "tablespace",
            ]
        ]
        + ["pg_has_role", "row_security_active"],
        _TRUE,
    ),
    "has_server_privilege": _TRUE,
    **dict.fromkeys(
        (
            "pg_table_size",
            "pg_total_relation_size",
            "pg_relation_size",
            "pg_indexes_size",
            "pg_database_size",
            "pg_tablespace_size",
        ),
        _f(INT8, _constant(0), _ANY),
    ),
    "pg_size_pretty": _f(TEXT, builtin.size_pretty, INT8),
    "pg_relation_filenode": _f(OID, _constant(0), REGCLASS),
    "pg_stat_get_numscans": _f(INT8, _constant(0), OID),
    # text and arrays
    "quote_ident": _f(TEXT, quote_ident, TEXT),
    "quote_literal": _f(TEXT, quote_literal, TEXT),
    "quote_nullable": _f(TEXT, lambda n, v: "NULL" if v is None else quote_literal(n, v), TEXT, takes_null=True),
    "array_to_string": _f(TEXT, builtin.array_to_string, TEXT_ARRAY, TEXT, TEXT, claims=False, takes_null=True),
    "array_position": _f(INT4, builtin.array_position, _ANY, _ANY, claims=False, takes_null=True),
    "array_length": _f(INT4, builtin.array_length, _ANY, INT4, claims=False),
    "array_upper": _f(INT4, builtin.array_length, _ANY, INT4, claims=False),
    "array_lower": _f(INT4, lambda n, a, d: 1 if builtin.array_length(n, a, d) else None, _ANY, INT4, claims=False),
    "array_ndims": _f(INT4, lambda n, a: 1 if arrays.parse_array(a) else None, _ANY, claims=False),
    "cardinality": _f(INT4, lambda n, a: len(arrays.parse_array(a)), _ANY, claims=False),
    "array_cat": _f(_SAME, builtin.array_concat, _ANY, _ANY, claims=False, takes_null=True),
    "array_append": _f(
        _SAME, lambda n, a, x: builtin.array_concat(n, a, arrays.format_array([x])), claims=False, takes_null=True
    ),
    "array_remove": _f(
        _SAME, lambda n, a, x: arrays.format_array(i for i in arrays.parse_array(a) if i != str(x)), _ANY, claims=False
    ),
    "string_to_array": _f(
        TEXT_ARRAY, lambda n, t, d: arrays.format_array(t.split(d) if t else []), TEXT, TEXT, claims=False
    ),
    "json_build_object": _f(JSON, builtin.json_build_object, claims=False, takes_null=True),
    "concat": _f(TEXT, builtin.concat, PRINTED, claims=False, takes_null=True),
    "format": _f(TEXT, format_text, TEXT, PRINTED, claims=False, takes_null=True),
    "left": _f(TEXT, lambda n, t, k: t[:k], TEXT, INT4, claims=False),
    "right": _f(TEXT, lambda n, t, k: t[-k:] if k else "", TEXT, INT4, claims=False),
    "split_part": _f(
        TEXT, lambda n, t, d, k: (t.split(d)[k - 1 : k] or [""])[0] if d else t, TEXT, TEXT, INT4, claims=False
    ),
    "starts_with": _f(BOOL, lambda n, t, p: int(t.startswith(p)), TEXT, TEXT, claims=False),
    "strpos": _f(INT4, lambda n, t, p: t.find(p) + 1, TEXT, TEXT, claims=False),
    "regexp_replace": _f(TEXT, series.regexp_replace, TEXT, claims=False),
}
"""Every scalar function by name."""

INDEPENDENT: Final = frozenset(
    [
        "version",
        "current_database",
        "current_catalog",
        "current_user",
        "session_user",
        "user",
        "current_role",
        "current_setting",
        "set_config",
        "pg_backend_pid",
        "pg_cancel_backend",
        "pg_terminate_backend",
        "pg_is_in_recovery",
        "pg_advisory_unlock_all",
        "quote_ident",
        "quote_literal",
        "quote_nullable",
        "now",
    ]
)
"""Functions that do not look at the user's relations, so that these need not be asked for."""

SQLITE: Final[dict[str, tuple[str, int]]] = {
    "coalesce": ("coalesce", _SAME),
    "nullif": ("nullif", _SAME),
    "greatest": ("max", _SAME),
    "least": ("min", _SAME),
    "upper": ("upper", TEXT),
    "lower": ("lower", TEXT),
    "length": ("length", INT4),
    "char_length": ("length", INT4),
    "replace": ("replace", TEXT),
    "substr": ("substr", TEXT),
    "substring": ("substr", TEXT),
    "btrim": ("trim", TEXT),
    "ltrim": ("ltrim", TEXT),
    "rtrim": ("rtrim", TEXT),
    "abs": ("abs", _SAME),
    "round": ("round", FLOAT8),
}
"""Functions that SQLite has itself: its name and the result type."""

AGGREGATES: Final[dict[str, tuple[str, int]]] = {
    "count": ("count", INT8),
    "min": ("min", _SAME),
    "max": ("max", _SAME),
    "sum": ("sum", INT8),
    "bool_and": ("min", BOOL),
    "every": ("min", BOOL),
    "bool_or": ("max", BOOL),
    "array_agg": ("pg_array_agg", _ANY),
    "string_agg": ("pg_string_agg", TEXT),
}

WINDOW: Final[dict[str, int]] = {"row_number": INT8, "rank": INT8, "dense_rank": INT8}

SETS: Final[dict[str, Function]] = {
    "unnest": _f(_ELEMENT, series.unnest, claims=False),
    "generate_series": _f(_SAME, series.generate_series, INT4, INT4, INT4, claims=False),
    "generate_subscripts": _f(INT4, series.generate_subscripts, _ANY, INT4, claims=False),
    "_pg_expandarray": _f(EXPANDED, series.expand_array, INT2_ARRAY, claims=False),
    "regexp_split_to_table": _f(TEXT, series.split_to_table, TEXT, TEXT, claims=False),
    "pg_listening_channels": _f(TEXT, lambda names: json.dumps(names.context.listening_channels())),
    "pg_get_keywords": _f(KEYWORD, builtin.keywords),
}
"""Set-returning functions: they return their rows as a JSON array."""


INTERNAL: Final[dict[str, Function]] = {
    "pg_any": _f(BOOL, builtin.any_of, takes_null=True),
    "pg_int_in": _f(INT8, builtin.int_in),
    "pg_bool_in": _f(BOOL, builtin.bool_in),
    "pg_reg_in": _f(OID, builtin.reg_in),
    "pg_reg_out": _f(TEXT, lambda names, kind, oid: names.print(kind, oid)),
    "pg_array": _f(TEXT_ARRAY, lambda names, *items: arrays.format_array(items), takes_null=True),
    "pg_array_in": _f(TEXT_ARRAY, lambda names, text: arrays.format_array(arrays.parse_array(text))),
    "pg_subscript": _f(TEXT, lambda names, array, i, base: arrays.subscript(arrays.parse_array(array), i, base)),
    "pg_overlap": _f(
        BOOL, lambda n, a, b: int(not set(map(str, arrays.parse_array(a))).isdisjoint(map(str, arrays.parse_array(b))))
    ),
    "pg_regex": _f(BOOL, series.regex),
    "pg_like": _f(BOOL, series.like),
    "pg_lockstep": _f(JSON, series.lockstep, takes_null=True),
}
"""What translations call and no client can name."""
