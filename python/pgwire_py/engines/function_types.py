"""What functions return and take, by the classes that sqlglot reads them as."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import oids

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["type_of_function", "wanted_by_function"]

_FUNCTION_TYPES: dict[str, int] = {
    **dict.fromkeys(("CurrentTimestamp", "TimestampTrunc", "CurrentTimestampLTZ"), oids.TIMESTAMPTZ),
    **dict.fromkeys(("CurrentDate", "TsOrDsToDate", "Date"), oids.DATE),
    "CurrentTime": oids.TIME,
    "Datetime": oids.TIMESTAMP,
    "Interval": oids.INTERVAL,
    **dict.fromkeys(
        ("Length", "StrPosition", "ByteLength", "Unicode", "Sign", "DenseRank", "Rank", "Ntile"), oids.INT8
    ),
    **dict.fromkeys(
        (
            "Lower",
            "Upper",
            "Trim",
            "Substring",
            "Left",
            "Right",
            "Replace",
            "GroupConcat",
            "MD5",
            "SplitPart",
            "Initcap",
            "ConcatWs",
            "Repeat",
            "Reverse",
            "Pad",
            "Chr",
            "CurrentUser",
            "Hex",
            "LowerHex",
            "ToChar",
            "JSONExtractScalar",
        ),
        oids.TEXT,
    ),
    **dict.fromkeys(
        ("Exp", "Ln", "Sqrt", "Pow", "Rand", "Stddev", "StddevPop", "Variance", "Pi", "Sin", "Cos", "Log"), oids.FLOAT8
    ),
    **dict.fromkeys(("LogicalAnd", "LogicalOr", "Exists", "RegexpLike", "RegexpILike", "StartsWith"), oids.BOOL),
    "Extract": oids.NUMERIC,
    "Uuid": oids.UUID,
    **dict.fromkeys(("JSONExtract", "JSONObject", "JSONArray", "ParseJSON", "JSONBExtract"), oids.JSON),
    **dict.fromkeys(("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitwiseLeftShift"), oids.INT8),
    "BitwiseRightShift": oids.INT8,
}

_ANONYMOUS_TYPES: dict[str, int] = {
    **dict.fromkeys(("gen_random_uuid", "uuid_generate_v4"), oids.UUID),
    **dict.fromkeys(
        ("last_insert_rowid", "changes", "total_changes", "char_length", "octet_length", "strpos"), oids.INT8
    ),
    **dict.fromkeys(("sqlite_version", "typeof", "quote", "format", "version", "hex", "strftime", "btrim"), oids.TEXT),
    **dict.fromkeys(("random",), oids.FLOAT8),
}


def type_of_function(node: exp.Expr, type_of: Callable[[object], int]) -> int:
    """OID of what a function call returns, 0 where it is not known; ``type_of`` gives the type of an argument."""
    from sqlglot import exp

    if isinstance(node, (exp.Round, exp.Floor, exp.Ceil, exp.Trunc)):
        inner = type_of(node.this)
        return inner if inner == oids.NUMERIC else oids.FLOAT8
    if isinstance(node, exp.TimestampTrunc):
        return type_of(node.this) or oids.TIMESTAMPTZ
    if isinstance(node, exp.Anonymous):
        return _ANONYMOUS_TYPES.get(node.name.lower(), 0)
    return _FUNCTION_TYPES.get(type(node).__name__, 0)


def wanted_by_function(node: exp.Expr, parent: exp.Expr) -> int:
    """OID of the type that the function ``parent`` asks for in the place of its argument ``node``, 0 where nothing
    tells.
    """
    from sqlglot import exp

    text = (exp.Lower, exp.Upper, exp.Length, exp.Trim, exp.Replace, exp.Concat, exp.ConcatWs, exp.MD5, exp.SplitPart)
    if isinstance(parent, (exp.Substring, exp.Left, exp.Right)):
        return oids.TEXT if parent.this is node else oids.INT4
    if isinstance(parent, text):
        return oids.INT4 if isinstance(parent, exp.SplitPart) and node.arg_key == "part_index" else oids.TEXT
    if isinstance(parent, (exp.Round, exp.Abs, exp.Floor, exp.Ceil, exp.Sqrt, exp.Pow, exp.Sum, exp.Avg)):
        return oids.FLOAT8 if parent.this is node else oids.INT4
    if isinstance(parent, exp.GenerateSeries):
        return oids.INT8
    return 0
