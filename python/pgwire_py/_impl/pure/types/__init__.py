"""Values of PostgreSQL's built-in types: text and binary format, both ways; ``kinds`` has the whole, the other files a family each."""

from typing import TYPE_CHECKING, Any

from .bad_value import BadValue, clip, syntax

if TYPE_CHECKING:
    from .kinds import DEFAULT, PgType, TextStyle, pg_type
else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import kinds

        value = globals()[name] = getattr(kinds, name)
        return value


__all__ = ["DEFAULT", "BadValue", "PgType", "TextStyle", "clip", "pg_type", "syntax"]
