"""Users in a table of the server's own engine."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .._impl import ArrowEncoder, BackendDecoder, split_statements
from ..auth import DEFAULT_ITERATIONS, AuthSource, Verifier
from ..auth.source import stored_verifier
from ..engines.base import Engine, EngineSession
from ..errors import PostgresError
from ..oids import TEXT
from ..sql import Statement

__all__ = ["SqlUsers"]

log = logging.getLogger("pgwire_py.auth")


@dataclass(frozen=True, slots=True)
class _Context:
    """The session that looks users up: nobody's."""

    process_id: int = 0
    user: str = ""
    database: str = ""
    server_version: str = ""

    def get_setting(self, name: str) -> str | None:
        return None

    def set_setting(self, name: str, value: str | None, *, local: bool = False) -> str:
        return value or ""

    def setting_rows(self) -> list[dict[str, object]]:
        return []

    def activity_rows(self) -> list[dict[str, object]]:
        return []

    def cancel_backend(self, process_id: int) -> bool:
        return False

    def terminate_backend(self, process_id: int, timeout: int = 0) -> bool:
        return False

    def all_settings(self) -> list[tuple[str, str, str]]:
        return []

    def prepared_statements(self) -> list[dict[str, object]]:
        return []

    def cursors(self) -> list[dict[str, object]]:
        return []

    def notice(self, severity: str, sqlstate: str, message: str, **fields: Any) -> None:
        log.info("looking up users: %s: %s", severity, message)

    def notify(self, channel: str, payload: str = "") -> None:
        """Nobody listens to it."""

    def listening_channels(self) -> list[str]:
        return []


class SqlUsers(AuthSource):
    """A query that finds a user's verifier, run in a session of an engine on a thread of its own, one at a time.

    Args:
        engine: for example the one that is served; it is not closed here.
        query: takes the user's name as ``$1`` and returns, as text in its only column, what PostgreSQL has in
            ``pg_authid.rolpassword``; no row, or NULL, for nobody.
        iterations: PBKDF2 rounds of the verifiers.
        md5: whether they are MD5 passwords.

    Raises:
        ValueError: ``query`` is not one statement.
    """

    def __init__(self, engine: Engine, query: str, *, iterations: int = DEFAULT_ITERATIONS, md5: bool = False) -> None:
        try:
            statements = split_statements(query)
        except PostgresError as error:
            raise ValueError(f"the users' query: {error}") from None
        if len(statements) != 1:
            raise ValueError("the users' query must be one statement")
        self.iterations = iterations
        self.md5 = md5
        self._engine = engine
        self._statement: Statement = statements[0]
        self._session: EngineSession | None = None
        self._thread = ThreadPoolExecutor(1, "pgwire-users")

    async def verifier(self, user: str, database: str) -> Verifier | None:
        """The verifier of ``user``; ``database`` does not matter.

        Raises:
            PostgresError: 58000, the query failed; why is in the log alone.
        """
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._look_up, user)
        except PostgresError as error:
            log.error("looking up user %r failed: %s", user, error)
            raise PostgresError("the users cannot be looked up", sqlstate="58000") from None
        return stored_verifier(found, user)

    def _look_up(self, user: str) -> object:
        if self._session is None:
            self._session = self._engine.connect(_Context())
        session = self._session
        description = session.describe(self._statement, (TEXT,))
        result = session.execute(self._statement, (user,), description)
        try:
            values = _arrow_values(result.arrow) if result.arrow is not None else [row[0] for row in result.fetch(2)]
        finally:
            result.close()
        if len(values) > 1:
            log.error("user %r cannot log in: the users' query returned more than one row", user)
            return None
        return values[0] if values else None

    async def close(self) -> None:
        """End the session."""
        session, self._session = self._session, None
        if session is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, session.close)
        self._thread.shutdown(wait=False)


def _arrow_values(stream: object) -> list[object]:
    """The first column of the first rows of an Arrow stream, as text."""
    rows, _, _ = ArrowEncoder(stream, ()).encode(2, 1 << 20)
    return [None if row.values[0] is None else row.values[0].decode() for row in BackendDecoder().feed(rows)]
