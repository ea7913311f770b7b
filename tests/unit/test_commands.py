"""The session layer's commands as they are recognised."""

import pytest

from pgwire_py._impl import split_statements
from pgwire_py.errors import PostgresError
from pgwire_py.server import commands as c
from pgwire_py.server import session_commands as s

PREPARE = "PREPARE P (int, numeric(1, 2)) AS (values ($1))"


def _parse(sql: str) -> c.Command | None:
    (statement,) = split_statements(sql)
    return c.parse(statement)


@pytest.mark.parametrize(
    ("sql", "command"),
    [
        ("begin", c.Begin("BEGIN")),
        ("BEGIN READ WRITE", c.Begin("BEGIN", (("read_only", "off"),))),
        ("begin work isolation level serializable, read only, not deferrable",
         c.Begin("BEGIN", (("isolation", "serializable"), ("read_only", "on"), ("deferrable", "off")))),
        ("START TRANSACTION ISOLATION LEVEL REPEATABLE READ", c.Begin("START TRANSACTION", (("isolation", "repeatable read"),))),
        ("commit", c.Commit("COMMIT")),
        ("end transaction and no chain", c.Commit("COMMIT")),
        ("commit and chain", c.Commit("COMMIT", True)),
        ("abort", c.Rollback("ROLLBACK")),
        ("rollback to savepoint a", c.RollbackTo("ROLLBACK", "a")),
        ('ROLLBACK WORK TO "A b"', c.RollbackTo("ROLLBACK", "A b")),
        ("savepoint X", c.Savepoint("SAVEPOINT", "x")),
        ("release x", c.Release("RELEASE", "x")),
        ("set a = 1", c.SetParameter("SET", "a", "1")),
        ("set session a to 'x y'", c.SetParameter("SET", "a", "x y")),
        ("set local statement_timeout = -5", c.SetParameter("SET", "statement_timeout", "-5", True)),
        ('set search_path to a, "B c", \'d\'', c.SetParameter("SET", "search_path", 'a, "B c", d', False, True)),
        ("set a to default", c.SetParameter("SET", "a", None)),
        ("set my.own = on", c.SetParameter("SET", "my.own", "on")),
        ("set time zone 'UTC'", c.SetParameter("SET", "timezone", "UTC")),
        ("set time zone local", c.SetParameter("SET", "timezone", None)),
        ("set names 'utf8'", c.SetParameter("SET", "client_encoding", "utf8")),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", c.SetTransaction("SET", (("read_only", "on"),), True)),
        ("set transaction isolation level read committed", c.SetTransaction("SET", (("isolation", "read committed"),))),
        ("reset all", c.Reset("RESET")),
        ("reset time zone", c.Reset("RESET", "timezone")),
        ("show all", c.Show("SHOW")),
        ("show transaction isolation level", c.Show("SHOW", "transaction_isolation")),
        ("show DateStyle", c.Show("SHOW", "datestyle")),
        ("discard all", c.Clean("DISCARD ALL", True, True)),
        ("discard temp", c.Clean("DISCARD TEMP", False, True)),
        ("deallocate prepare all", c.Deallocate("DEALLOCATE ALL")),
        ("deallocate _pg3_0", c.Deallocate("DEALLOCATE", "_pg3_0")),
        ("close all", s.CloseCursor("CLOSE CURSOR ALL")),
        ("unlisten *", s.Unlisten("UNLISTEN")),
        ('unlisten "A"', s.Unlisten("UNLISTEN", "A")),
        ("listen A", s.Listen("LISTEN", "a", "a")),
        ("notify a, 'x y'", s.Notify("NOTIFY", "a", "x y", "a")),
        ("prepare p as select 1", s.Prepare("PREPARE", "p", (), "select 1", 13, "prepare p as select 1")),
        (PREPARE,
         s.Prepare("PREPARE", "p", (("int", 11), ("numeric(1, 2)", 16)), "(values ($1))", 34, PREPARE)),
        ("execute p", s.Execute("EXECUTE", "p")),
        ("execute p(1, f(2, 3), array[4, 5])", s.Execute("EXECUTE", "p", (("1", 10), ("f(2, 3)", 13), ("array[4, 5]", 22)))),
        ("declare c cursor for select 1", s.Declare("DECLARE CURSOR", "c", "select 1", 21, "declare c cursor for select 1")),
        ("declare c binary no scroll cursor with hold for table t",
         s.Declare("DECLARE CURSOR", "c", "table t", 48, "declare c binary no scroll cursor with hold for table t", True, False, True)),
        ("fetch c", s.Fetch("FETCH", "c")),
        ("fetch next", s.Fetch("FETCH", "next")),
        ("fetch last from c", s.Fetch("FETCH", "c", "absolute", -1)),
        ("move backward all in c", s.Fetch("MOVE", "c", "backward", None, False)),
        ("fetch - 3 c", s.Fetch("FETCH", "c", "forward", -3)),
        ("fetch relative +2 c", s.Fetch("FETCH", "c", "relative", 2)),
        ("show tables", None),
        ("close c", s.CloseCursor("CLOSE CURSOR", "c")),
        ("select 1", None),
        ("insert into t values (1)", None),
    ],
)  # fmt: skip
def test_recognised(sql: str, command: c.Command | None) -> None:
    assert _parse(sql) == command


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("begin nonsense", 'syntax error at or near "nonsense"'),
        ("set a", "syntax error at end of input"),
        ("set = 1", 'syntax error at or near "="'),
        ("set a = 1 2", 'syntax error at or near "2"'),
        ("commit and", "syntax error at end of input"),
        ("savepoint", "syntax error at end of input"),
        ("rollback to", "syntax error at end of input"),
        ("show", "syntax error at end of input"),
        ("discard x", 'syntax error at or near "x"'),
    ],
)
def test_malformed(sql: str, message: str) -> None:
    with pytest.raises(PostgresError) as caught:
        _parse(sql)
    assert (caught.value.sqlstate, caught.value.message) == ("42601", message)


def test_two_phase_commit_is_refused() -> None:
    for sql in ("commit prepared 'x'", "rollback prepared 'x'"):
        with pytest.raises(PostgresError) as caught:
            _parse(sql)
        assert caught.value.sqlstate == "0A000"
