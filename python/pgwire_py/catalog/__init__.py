"""The synthetic catalogue: answers, before the engine, what drivers and tools ask of pg_catalog and information_schema.

A query is parsed by sqlglot, translated to SQLite in one walk that also finds its types (``expressions``,
``queries``), and run in an in-memory database (``database``) whose relations hold PostgreSQL's fixed rows and what
the engine says of the user's relations (``rows``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ..engines.base import EngineSession, Relation, SessionContext
from ..sql import Statement

if TYPE_CHECKING:
    from .database import Pool
    from .queries import Translation

__all__ = ["Catalog"]

_STARTS: Final = frozenset({"SELECT", "WITH", "VALUES"})
_WORDS: Final = frozenset(
    [
        "information_schema",
        "regclass",
        "regtype",
        "regproc",
        "regprocedure",
        "regnamespace",
        "regrole",
        "version",
        "current_schema",
        "current_schemas",
        "current_database",
        "current_catalog",
        "current_user",
        "session_user",
        "current_role",
        "user",
        "current_setting",
        "set_config",
        "format_type",
        "to_regtype",
        "to_regclass",
        "to_regnamespace",
        "to_regrole",
        "to_regproc",
        "quote_ident",
        "quote_literal",
        "quote_nullable",
        "obj_description",
        "shobj_description",
        "col_description",
        "has_table_privilege",
        "has_schema_privilege",
        "has_database_privilege",
        "has_column_privilege",
        "has_any_column_privilege",
        "has_sequence_privilege",
        "has_function_privilege",
        "has_type_privilege",
        "has_language_privilege",
        "has_tablespace_privilege",
        "has_server_privilege",
        "row_security_active",
        "inet_server_addr",
        "inet_server_port",
        "inet_client_addr",
        "inet_client_port",
    ]
)
"""Words, besides those that begin with pg_, without which no statement is the catalogue's."""


class Catalog:
    """The catalogue of a server; used by all its sessions, from several threads.

    Args:
        translations: how many translated statements are kept.
    """

    def __init__(self, *, translations: int = 512) -> None:
        self._limit = translations
        self._lock = threading.Lock()
        self._translations: OrderedDict[tuple[str, tuple[int, ...]], Translation] = OrderedDict()
        self._pool: Pool | None = None

    def claims(self, statement: Statement) -> bool:
        """Whether the catalogue answers this statement.

        It does when the statement only reads, and either reads relations of the catalogue and nothing else, or reads
        no relation, calls one of the catalogue's functions and none that the catalogue lacks. Statements that mention
        no word of the catalogue cost a set operation; the others are parsed, so keep the answer by text.
        """
        if statement.keywords and statement.keywords[0] not in _STARTS:
            return False
        words = statement.words
        if words.isdisjoint(_WORDS) and not any(word.startswith("pg_") for word in words):
            return False
        from .claims import claims

        return claims(statement.text)

    def connect(self, context: SessionContext, relations: Callable[[], Sequence[Relation]]) -> EngineSession:
        """A session's view of the catalogue; ``relations`` gives the user's relations whenever a query needs them."""
        from .session import CatalogSession

        return CatalogSession(self, context, relations)

    def close(self) -> None:
        """Free the memory of the databases."""
        if self._pool is not None:
            self._pool.close()

    @property
    def pool(self) -> Pool:
        """The in-memory databases."""
        with self._lock:
            if self._pool is None:
                from .database import Pool

                self._pool = Pool()
            return self._pool

    def translation(self, text: str, declared: tuple[int, ...]) -> Translation:
        """The translation of a statement, kept for the next time; raises PostgresError."""
        key = (text, declared)
        with self._lock:
            known = self._translations.get(key)
            if known is not None:
                self._translations.move_to_end(key)
                return known
        from .queries import translate
        from .syntax import parse

        made = translate(parse(text), declared)
        with self._lock:
            self._translations[key] = made
            while len(self._translations) > self._limit:
                self._translations.popitem(last=False)
        return made
