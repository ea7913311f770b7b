"""A cancel that comes as late as it can: when a transaction is about to end, and when a statement has ended in spite of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import pgwire_py as pg
from pgwire_py.auth import ScramVerifier, UsersFile, UsersFunction, users_file_line
from pgwire_py.engines.base import Capabilities, Description, Engine, EngineResult, EngineSession
from tests.support.hosted import Hosted, hosted


class Deaf(EngineSession):
    """Does not hear a cancel; takes ``slow`` as long as the test wants, and tells its transactions."""

    def __init__(self, engine: DeafEngine) -> None:
        self._engine = engine
        self._open = False

    def describe(self, statement: Any, parameter_types: Any) -> Description:
        return Description(tuple(parameter_types), None)

    def execute(self, statement: Any, parameters: Any, description: Any) -> EngineResult:
        self._engine.log.append("write" if self._open else "write alone")
        if "slow" in statement.text:
            self._engine.begun.set()
            assert self._engine.go_on.wait(60)
        return EngineResult()

    def begin(self, *, read_only: bool = False) -> None:
        assert not self._open
        self._open = True

    def commit(self) -> None:
        self._engine.log.append("commit")
        self._open = False

    def rollback(self) -> None:
        self._engine.log.append("rollback")
        self._open = False

    def close(self) -> None:
        pass


class DeafEngine(Engine):
    capabilities = Capabilities(transactions=True, savepoints=False, snapshots=True, cancel="none")

    def __init__(self) -> None:
        self.log: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def connect(self, context: Any) -> EngineSession:
        return Deaf(self)


@pytest.fixture
def engine() -> DeafEngine:
    return DeafEngine()


@pytest.fixture
def server(engine: DeafEngine) -> Iterator[Hosted]:
    with hosted(engine) as running:
        yield running


@pytest.mark.parametrize("end", ["; commit", "; rollback", ""])
def test_the_engine_is_in_no_transaction_afterwards(server: Hosted, engine: DeafEngine, end: str) -> None:
    begin = "begin; " if end else "insert into t values (1); "
    with psycopg.connect(f"host=127.0.0.1 port={server.server.port} user=ada sslmode=disable", autocommit=True) as conn:
        errors: list[BaseException] = []

        def work() -> None:
            try:
                conn.execute(f"{begin}insert into slow values (2){end}")
            except psycopg.Error as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert engine.begun.wait(60)
        psycopg.connect(conn.info.dsn, autocommit=True).close()  # the server does not wait for the engine
        conn.cancel_safe()
        engine.go_on.set()
        thread.join(60)
        if end != "; rollback":
            assert isinstance(errors[0], psycopg.errors.QueryCanceled)
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert engine.log[-1] == "rollback"
        conn.execute("insert into t values (7)")
        assert engine.log[-1] == "write alone"
        with conn.transaction():
            conn.execute("insert into t values (8)")
        assert engine.log[-2:] == ["write", "commit"]


class GuardedFile(UsersFile):
    async def verifier(self, user: str, database: str) -> Any:
        return None if database == "secret" else await super().verifier(user, database)


class GuardedFunction(UsersFunction):
    async def verifier(self, user: str, database: str) -> Any:
        return None if database == "secret" else await super().verifier(user, database)


@pytest.mark.parametrize("kind", ["file", "function"])
def test_a_users_source_of_ones_own_is_asked(tmp_path: Path, kind: str) -> None:
    """What a subclass says counts, though its base can be asked without waiting."""
    verifier = ScramVerifier.generate("pencil", 4096)
    path = tmp_path / "users"
    path.write_text(users_file_line("ada", verifier.format()) + "\n")
    path.chmod(0o600)
    source = GuardedFile(path) if kind == "file" else GuardedFunction(lambda user, database: verifier)
    with hosted(pg.PythonEngine(lambda query: pg.Result()), auth=source) as running:
        where = f"host=127.0.0.1 port={running.server.port} user=ada password=pencil sslmode=disable"
        psycopg.connect(f"{where} dbname=open").close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{where} dbname=secret")
