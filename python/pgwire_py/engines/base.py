"""What an engine is: the blocking interface that data sources implement to stand behind a PostgreSQL port.

An engine makes one :class:`EngineSession` per client session. Every method of a session runs on one thread that belongs to that
session, except :meth:`EngineSession.cancel`, which any thread may call. Adapters stay plain and synchronous; results are pulled,
and pulling is the back-pressure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from ..errors import FeatureNotSupported, PostgresError, UndefinedParameter
from ..oids import UNKNOWN
from ..sql import Statement

__all__ = [
    "Capabilities",
    "Column",
    "CopySink",
    "Description",
    "Engine",
    "EngineResult",
    "EngineSession",
    "Relation",
    "RelationColumn",
    "SessionContext",
    "declared_types",
    "parameter_count",
]


class Column(NamedTuple):
    """A result column: its name and the OID of its type."""

    name: str
    type: int
    type_modifier: int = -1
    table_oid: int = 0
    column_number: int = 0


class Description(NamedTuple):
    """What a statement takes and returns.

    ``parameter_types`` are OIDs, one per ``$n``; ``columns`` is None for a statement that returns no rows; ``parsed`` is what a handler
    made of the statement, to be given to it whenever it is run.
    """

    parameter_types: tuple[int, ...]
    columns: tuple[Column, ...] | None
    parsed: Any = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the session layer may ask of an engine.

    Attributes:
        transactions: begin, commit and rollback work, or say what they could not do (``untransacted``).
        savepoints: savepoint, release and rollback_to work. Where they do not, the session layer accepts SAVEPOINT and lets
            ROLLBACK TO succeed only when nothing was written since, and ``resume`` does not object.
        snapshots: an open result shows nothing of what its own session writes later. Where it might, the session layer reads the open
            results to their end, into memory or a temporary file, before a statement that writes.
        cancel: ``"hard"`` interrupts at once; ``"soft"`` cannot, but the client is answered at once and its session ends (FATAL), for the
            statement goes on; ``"none"`` cannot, and the client waits for the statement's end.
        exact_intervals: it has months, and takes an interval that a timedelta only comes close to as PostgreSQL's text.
    """

    transactions: bool = True
    savepoints: bool = True
    snapshots: bool = False
    cancel: Literal["hard", "soft", "none"] = "hard"
    exact_intervals: bool = False


class RelationColumn(NamedTuple):
    """A column of a table or view, for the catalogue."""

    name: str
    type: int
    not_null: bool = False
    default: str | None = None
    primary_key: bool = False
    type_modifier: int = -1


class Relation(NamedTuple):
    """A table (``kind`` ``"r"``) or view (``"v"``), for the catalogue."""

    schema: str
    name: str
    kind: Literal["r", "v"]
    columns: tuple[RelationColumn, ...]


class SessionContext(Protocol):
    """What an engine or the catalogue may know of, and ask of, the session it works for."""

    @property
    def process_id(self) -> int:
        """The session's process ID."""

    @property
    def user(self) -> str:
        """The name the client logged in with."""

    @property
    def database(self) -> str:
        """The database it asked for."""

    @property
    def server_version(self) -> str:
        """What ``server_version`` shows."""

    def get_setting(self, name: str) -> str | None:
        """A run-time parameter's value, or None where there is no such parameter; ``name`` in any case."""

    def set_setting(self, name: str, value: str | None, *, local: bool = False) -> str:
        """Set a run-time parameter, None for what RESET would, and return its canonical value; raises 42704 or 22023."""

    def all_settings(self) -> list[tuple[str, str, str]]:
        """Name, value and description of every run-time parameter, sorted by name."""

    def setting_rows(self) -> list[dict[str, object]]:
        """The rows of ``pg_settings``, as values by column."""

    def activity_rows(self) -> list[dict[str, object]]:
        """The rows of ``pg_stat_activity``, as values by column."""

    def cancel_backend(self, process_id: int) -> bool:
        """Cancel what another session runs; False where there is no such session; raises 42501."""

    def terminate_backend(self, process_id: int, timeout: int = 0) -> bool:
        """End another session, waiting up to ``timeout`` milliseconds for it; False where it did not end; raises 42501 or 22003."""

    def prepared_statements(self) -> list[dict[str, object]]:
        """The rows of ``pg_prepared_statements``, as values by column."""

    def cursors(self) -> list[dict[str, object]]:
        """The rows of ``pg_cursors``, as values by column."""

    def notice(self, severity: str, sqlstate: str, message: str, **fields: Any) -> None:
        """Tell the client something while a statement runs: ``severity`` is DEBUG5 to DEBUG1, LOG, INFO, NOTICE or WARNING; ``fields``
        as of :class:`~pgwire_py.errors.PostgresError`. What is less than ``client_min_messages`` is not sent."""

    def notify(self, channel: str, payload: str = "") -> None:
        """NOTIFY: goes to the sessions that listen when the transaction is committed; raises 22023 or 54000."""

    def listening_channels(self) -> list[str]:
        """What the session listens to."""


class EngineResult:
    """The outcome of one statement, pulled batch by batch.

    Attributes:
        columns: None where the statement returns no rows.
        affected: rows inserted, updated or deleted, where that is known when execute returns (None otherwise).
        arrow: an object with ``__arrow_c_stream__`` that holds the rows, instead of :meth:`fetch`.
    """

    columns: tuple[Column, ...] | None = None
    affected: int | None = None
    arrow: object | None = None

    def fetch(self, max_rows: int) -> Sequence[Sequence[object]]:
        """The next rows, at most ``max_rows``; an empty sequence at the end."""
        return ()

    def explain(self, error: PostgresError) -> PostgresError:
        """The engine's own error for one that reading :attr:`arrow` raised (it carries text only): 57014, 22012 …"""
        return error

    def close(self) -> None:
        """Give up the rest of the rows and what they hold; may be called more than once."""


class CopySink(ABC):
    """Takes the rows of a COPY FROM STDIN; the session layer has opened a transaction around it, and rolls it back after an error.

    Attributes:
        columns: the columns that rows have, with the types that their values are decoded to.
        without_default: columns for which the ``DEFAULT`` marker is an error.
        takes_arrow: :meth:`write_arrow` works.
        stored: rows of the :meth:`write` that failed which were stored before the one at fault; None where that is not known.
    """

    columns: tuple[Column, ...] = ()
    without_default: tuple[str, ...] = ()
    takes_arrow: bool = False
    stored: int | None = None

    @abstractmethod
    def write(self, rows: list[tuple[Any, ...]], omitted: tuple[int, ...] = ()) -> None:
        """Store rows of Python values. May raise PostgresError.

        Args:
            rows: as many values as there are columns that are not omitted.
            omitted: indexes of the columns that get their default.
        """

    def write_arrow(self, batch: object) -> None:
        """Store the rows of an object with ``__arrow_c_stream__``, whose columns are those of :attr:`columns`. May raise PostgresError."""
        raise NotImplementedError

    def find(self, error: PostgresError, rows: list[tuple[Any, ...]]) -> int | None:
        """Which of the rows that :meth:`write_arrow` was given is to blame for its error; None where that is not known."""
        return None

    def finish(self) -> None:
        """Every row has come: store what was kept back. May raise PostgresError."""

    def abort(self) -> None:
        """Give up; free what is held. Called after an error too."""


class EngineSession(ABC):
    """One client session's state in the engine."""

    @abstractmethod
    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> Description:
        """Parameter types and columns, without running the statement.

        ``parameter_types`` are what the client declared (0: infer); a declared type comes back unchanged. May raise PostgresError.
        """

    @abstractmethod
    def execute(
        self, statement: Statement, parameters: Sequence[object], description: Description | None
    ) -> EngineResult:
        """Run a statement. ``parameters`` are Python values, one per ``$n``; ``description`` is what describe said, if it was asked.

        With a description, the result's columns must be the described ones in number and type. May raise PostgresError.
        """

    def begin(self, *, read_only: bool = False) -> None:
        """Start a transaction."""
        raise NotImplementedError

    def commit(self) -> None:
        """Commit the transaction; on error the transaction is over, rolled back."""
        raise NotImplementedError

    def rollback(self) -> None:
        """Roll the transaction back."""
        raise NotImplementedError

    def savepoint(self, name: str) -> None:
        """Set a savepoint; ``name`` as the client wrote it, unquoted."""
        raise NotImplementedError

    def release(self, name: str) -> None:
        """Drop a savepoint and those after it, keep the work."""
        raise NotImplementedError

    def rollback_to(self, name: str) -> None:
        """Undo what was done since the savepoint, which stays."""
        raise NotImplementedError

    def resume(self) -> None:
        """Go on in the transaction behind an error: a ROLLBACK TO a savepoint in an engine that has none, when nothing was written since.

        Raises:
            PostgresError: the error has taken with it what was written before.
        """

    def copy_in(self, table: Sequence[str], columns: Sequence[str] | None) -> CopySink:
        """Begin a COPY FROM STDIN into a table: ``table`` has the parts of its name, ``columns`` None stands for all.

        May raise PostgresError.
        """
        raise FeatureNotSupported("COPY FROM STDIN is not supported by this engine")

    def discard_temp(self) -> None:
        """Drop the session's temporary tables and views, for DISCARD; nothing where the engine has none. May raise PostgresError."""

    def relations(self) -> Sequence[Relation]:
        """The user's tables and views, for the catalogue."""
        return ()

    def cancel(self) -> None:
        """Interrupt the statement that runs, if one does; called from another thread; execute or fetch then raises 57014."""

    @abstractmethod
    def close(self) -> None:
        """Roll back what is open and free everything."""


class Engine(ABC):
    """A data source; makes sessions. Used from several threads at once."""

    name: str = "engine"
    capabilities: Capabilities = Capabilities()

    @abstractmethod
    def connect(self, context: SessionContext) -> EngineSession:
        """A session for a client that has logged in; called on the session's own thread. May raise PostgresError."""

    def close(self) -> None:
        """Free what the engine holds, after its sessions are closed."""


def parameter_count(statement: Statement) -> int:
    """The highest ``$n`` of a statement; raises UndefinedParameter (42P02) for ``$0``."""
    count = 0
    for number, start, _ in statement.parameters:
        if not number:
            raise UndefinedParameter("there is no parameter $0", position=start + 1)
        count = max(count, number)
    return count


def declared_types(declared: Sequence[int], count: int) -> tuple[int, ...]:
    """The client's declared types for ``count`` parameters, 0 where it left one to be inferred (UNKNOWN counts as left)."""
    return tuple(0 if i >= len(declared) or declared[i] == UNKNOWN else declared[i] for i in range(count))
