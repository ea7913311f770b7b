"""Errors that come up when a result is on its way already: the engine's own SQLSTATE reaches the client, the session goes on."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.support.targets import Target

ROWS = 300_000


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("expression", "sqlstate"),
    [("100 / (i - 200000)", "22012"), ("cast(i * 10000 as int4)", "22003")],
)
@pytest.mark.engines("postgres", "duckdb")
def test_error_in_mid_stream(target: Target, expression: str, sqlstate: str) -> None:
    with psycopg.connect(target.dsn, autocommit=True) as connection:
        query = f"select {expression} from generate_series(cast(1 as int8), {ROWS}) t(i)"
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(query)
        assert raised.value.sqlstate == sqlstate
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.smoke
@pytest.mark.engines("postgres", "duckdb")
def test_cancel_in_mid_stream(target: Target) -> None:
    """Cancelled once the first rows are there, by a client that then reads on."""
    with psycopg.connect(target.dsn, autocommit=True) as connection:
        cursor = connection.cursor()
        seen = 0
        with pytest.raises(psycopg.errors.QueryCanceled):  # noqa: PT012
            for _ in cursor.stream(
                "select i, repeat('x', 100) from generate_series(1, 30000) a(i), generate_series(1, 30000) b(j)"
            ):
                if not seen:
                    threading.Thread(target=connection.cancel).start()
                seen += 1
        assert seen
        assert connection.execute("select 1").fetchone() == (1,)
