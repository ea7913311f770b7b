"""Scripts about run-time parameters and transactions that run on PostgreSQL and on ours."""

from __future__ import annotations

from tests.support.raw import SYNC, bind, execute, parse
from tests.support.scripts import Step

TABLE = "session_numbers"
INSERT = parse(f"insert into {TABLE} values (7)") + bind() + execute() + SYNC


def each(name: str, *values: str) -> list[Step]:
    """Set a parameter to one value after the other, each time with what it shows then."""
    return [step for value in values for step in (f"set {name} = {value}", f"show {name}")]


SCRIPTS: dict[str, list[Step]] = {
    "booleans": [
        *each("enable_seqscan", "on", "off", "true", "false", "yes", "no", "1", "0", "t", "f", "y", "n", "tr", "of", "'ON'", "o", "2",
            "maybe", "''", "1.0", "default", "a, b"),
    ],
    "integers": [
        *each("default_statistics_target", "1", "10000", "0", "10001", "'77'", "' 78 '", "'0x1F'", "1.5", "2.5", "1e2", "99.4", "abc",
            "''", "'5kB'", "-3", "99999999999", "default"),
        *each("extra_float_digits", "-15", "3", "-16", "-1", "+2"),
    ],
    "reals": [
        *each("seq_page_cost", "1.5", "0", "-1", "'2.50'", "1e3", "1e400", "abc", "''", "'nan'", "'infinity'", "0.1", "123456789.25",
            "1.0", "default"),
        *each("cursor_tuple_fraction", "0.5", "1.5", "1"),
    ],
    "times": [
        *each("statement_timeout", "0", "5", "'5ms'", "'90s'", "'1min'", "'2h'", "'1d'", "'1.5s'", "'0.5ms'", "'1500us'", "'100us'",
            "'2 min'", "' 3 s '", "'10x'", "'1 MIN'", "'1S'", "'-1'", "-1", "'1kB'", "2147483647", "2147483648", "'30d'", "'25d'",
            "'1e3'", "'ms'", "default"),
        *each("lock_timeout", "'3s'", "0"),
        *each("idle_in_transaction_session_timeout", "'4s'", "0"),
        *each("idle_session_timeout", "'5s'", "0"),
        *each("vacuum_cost_delay", "'1.5ms'", "'500us'", "2", "101", "0"),
    ],
    "memory": [
        *each("work_mem", "64", "63", "'1MB'", "'1.5MB'", "'2GB'", "'1TB'", "'100 kB'", "'1mb'", "'65536B'", "'1x'", "'3TB'", "4096",
            "default"),
        *each("temp_buffers", "'8MB'", "'100'", "'1kB'", "'1MB'", "'801kB'"),
        *each("wal_skip_threshold", "'2MB'", "'1025kB'"),
    ],
    "enums": [
        *each("client_min_messages", "warning", "WARNING", "'error'", "foo", "''", "debug", "info", "log", "notice", "1"),
        *each("synchronous_commit", "on", "true", "0", "local", "yes", "2"),
        *each("bytea_output", "escape", "x", "default"),
        *each("default_transaction_isolation", "serializable", "'read committed'", "'Read Uncommitted'", "x", "default"),
        *each("constraint_exclusion", "on", "1", "partition", "false", "default"),
    ],
    "strings": [
        *each("application_name", "'a b'", "abc", "ABC", '"Ab"', "'é'", "default"),
        *each("local_preload_libraries", "a", "a, b", "'a, b'", '"A", b', "''", "default"),
    ],
    "unknown": [
        "set nothing = 1", "show nothing", "reset nothing", "set local nothing = 1", "set nothing to default",
        "select current_setting('nothing')", "select current_setting('nothing', true)", "select current_setting('nothing', false)",
        "select set_config('nothing', '1', false)", "select current_setting(null)", "select set_config('work_mem', null, false)",
        "select set_config(null, '1', false)", "select set_config('work_mem', 'x', false)",
    ],
    "not changeable": [
        "set server_version = '16'", "set block_size = 1", "set is_superuser = off", "set port = 1", "set max_connections = 3",
        "set shared_buffers = '1MB'", "set autovacuum = off", "set log_line_prefix = ''", "set lc_collate = 'C'",
        "set server_encoding = 'UTF8'", "set in_hot_standby = on", "set integer_datetimes = off", "set log_connections = on",
        "set post_auth_delay = 1", "set ignore_system_indexes = on", "set data_checksums = on", "set fsync = off",
        "set wal_level = minimal", "set track_activity_query_size = 2048", "reset server_version", "reset max_connections",
        "select set_config('max_connections', '1', false)", "show track_activity_query_size",
        "select set_config('server_version', '1', true)", "set max_connections to default", "set server_version to default",
    ],
    "custom": [
        "set a.b = 1", "show a.b", "set a.b = 'x y'", "show a.b", "show A.B", "select current_setting('a.b')", "reset a.b", "show a.b",
        "show c.d", "select current_setting('c.d', true)", "reset c.d", "set c.d to default", "show c.d", "begin", "set local e.f = 'z'",
        "show e.f", "commit", "show e.f", "select current_setting('e.f', true)", "begin", "set g.h = 'z'", "rollback", "show g.h",
        "select set_config('i.j', 'k', false)", "show i.j", "select set_config('1a.b', 'k', false)",
        "select set_config('a.b c', 'k', false)", "select set_config('a-b.c', 'k', false)", "select set_config('a.', 'k', false)",
        "select set_config('.a', 'k', false)", "select set_config('a.b.c', 'k', false)", "show a.b.c",
        "select set_config('_a.b$', 'k', false)", 'set "a-b".c = 1', "set a.b = 1, 2", "show a.b", "set a.b = true", "show a.b",
        "set a.b = 1.50", "show a.b", "reset all", "show a.b", "show i.j", "discard all", "show a.b",
    ],
    "scope": [
        "set local work_mem = '1MB'", "show work_mem", "begin", "set local work_mem = '1MB'", "show work_mem", "savepoint s",
        "set local work_mem = '2MB'", "show work_mem", "rollback to s", "show work_mem", "set work_mem = '3MB'", "release s",
        "show work_mem", "commit", "show work_mem", "begin", "set work_mem = '5MB'", "set local work_mem = '6MB'", "show work_mem",
        "commit", "show work_mem", "begin", "set local work_mem = '7MB'", "set work_mem = '8MB'", "show work_mem", "commit",
        "show work_mem", "begin", "set work_mem = '9MB'", "savepoint a", "set local work_mem = '10MB'", "release a", "show work_mem",
        "commit", "show work_mem", "begin", "savepoint a", "set work_mem = '11MB'", "savepoint b", "set local work_mem = '12MB'",
        "rollback to a", "show work_mem", "commit", "show work_mem", "begin", "set local work_mem = '13MB'", "savepoint a",
        "reset work_mem", "show work_mem", "rollback to a", "show work_mem", "reset all", "show work_mem", "rollback", "show work_mem",
        "begin", "set work_mem = '14MB'", "select 1/0 from no_such_table", "show work_mem", "rollback", "show work_mem",
        "reset work_mem", "show work_mem", "set work_mem = '15MB'; select * from no_such_table", "show work_mem",
        "set local work_mem = '16MB'; show work_mem", "show work_mem", "begin", "select set_config('work_mem', '17MB', true)",
        "show work_mem", "commit", "show work_mem", "select set_config('work_mem', '18MB', true)", "show work_mem",
    ],
    "isolation": [
        "show transaction isolation level", "begin isolation level serializable", "show transaction_isolation", "commit",
        "show transaction_isolation", "begin", "set transaction isolation level repeatable read", "show transaction_isolation",
        "select 1 as a", "set transaction isolation level repeatable read", "set transaction isolation level serializable", "rollback",
        "begin", "select 1 as a", "set transaction isolation level serializable", "rollback", "begin", "savepoint s",
        "set transaction isolation level serializable", "rollback", "begin", "show work_mem", "set work_mem = 100",
        "set transaction isolation level serializable", "rollback", "set transaction isolation level serializable",
        "show transaction_isolation", "set session characteristics as transaction isolation level repeatable read",
        "show transaction_isolation", "show default_transaction_isolation", "begin", "show transaction_isolation", "rollback",
        "reset default_transaction_isolation", "begin", "set transaction_isolation = 'serializable'", "show transaction_isolation",
        "set transaction_isolation = 'x'", "rollback", "begin isolation level read uncommitted, read only, deferrable",
        "show transaction_isolation", "show transaction_read_only", "show transaction_deferrable", "rollback", "begin", "select 1 as a",
        "set transaction deferrable", "rollback", "begin", "savepoint s", "set transaction not deferrable", "rollback", "begin",
        "select 1 as a", "begin isolation level serializable", "rollback", "begin isolation level serializable", "commit and chain",
        "show transaction_isolation", "rollback",
    ],
    "read only": [
        "create table session_numbers (n int4)", "begin read only", "show transaction_read_only",
        "insert into session_numbers values (1)", "rollback", "begin read only", "update session_numbers set n = 1", "rollback",
        "begin read only", "delete from session_numbers", "rollback", "begin read only", "create table session_other (a int4)",
        "rollback", "begin read only", "drop table session_numbers", "rollback", "begin read only",
        "create index session_index on session_numbers (n)", "rollback", "begin read only",
        "alter table session_numbers add column m int4", "rollback", "begin read only", "create view session_view as select 1 as a",
        "rollback", "begin read only", "create table session_copy as select 1 as a", "rollback", "begin read only",
        "with x as (select 1 as n) insert into session_numbers select n from x", "rollback", "begin read only",
        "create or replace view session_view as select 1 as a", "rollback", "begin read only", "create temp table session_temp (a int4)",
        "rollback", "begin read only", "select n from session_numbers", "set transaction read write", "rollback", "begin",
        "select n from session_numbers", "set transaction read only", "show transaction_read_only",
        "insert into session_numbers values (2)", "rollback", "begin read only", "set transaction read write",
        "insert into session_numbers values (3)", "rollback", "begin read only", "savepoint s", "set transaction read write", "rollback",
        "begin", "savepoint s", "set transaction read only", "release s", "show transaction_read_only",
        "insert into session_numbers values (2)", "rollback", "begin", "savepoint s", "set transaction read only", "rollback to s",
        "show transaction_read_only", "rollback", "set default_transaction_read_only = on", "insert into session_numbers values (4)",
        "begin", "show transaction_read_only", "insert into session_numbers values (4)", "rollback", "begin read write",
        "insert into session_numbers values (5)", "commit", "set session characteristics as transaction read write",
        "show default_transaction_read_only", "insert into session_numbers values (6)", INSERT, "begin read only", INSERT, "rollback",
        "begin read only", "prepare p as insert into session_numbers values (8)", "execute p", "rollback",
        "select n from session_numbers order by n", "set transaction_read_only = on", "show transaction_read_only",
        "insert into session_numbers values (9)", "drop table session_numbers",
    ],
    "discard temp": [
        "create temp table session_temp (n int4)", "insert into session_temp values (1)", "select n from session_temp", "discard temp",
        "select n from session_temp", "create temp table session_temp (a int4)", "select a from session_temp", "discard all",
        "select a from session_temp", "begin", "create temp table session_temp (b int4)", "discard temp", "rollback",
    ],
    "discard": [
        "set work_mem = '1MB'", "prepare p as select 1 as a", "declare h cursor with hold for select 1 as a", "discard plans",
        "discard sequences", "discard temp", "discard temporary", "show work_mem", "execute p", "fetch h", "begin", "discard plans",
        "discard all", "rollback", "discard all", "show work_mem", "execute p", "fetch h", "discard", "discard foo",
        "select 1 as a; discard all", "begin", "discard temp", "discard sequences", "commit",
    ],
    "reset": [
        "set work_mem = '1MB'", "set lock_timeout = '1s'", "begin", "reset all", "show work_mem", "rollback", "show work_mem",
        "reset all", "show work_mem", "show lock_timeout", "reset time zone", "reset session authorization", "reset role", "reset",
    ],
    "views": [
        "set work_mem = '2MB'", "set statement_timeout = '90s'",
        (
            "select name, setting, unit, context, vartype, min_val, max_val, enumvals, boot_val, reset_val, source,"
            " category, short_desc, pending_restart from pg_settings where name in ('work_mem', 'statement_timeout',"
            " 'bytea_output', 'seq_page_cost', 'enable_seqscan', 'block_size', 'temp_buffers') order by name"
        ),
        "select count(*) > 150 as many from pg_settings", "set my.own = 'v'",
        "select name, setting, category, context, vartype, source from pg_settings where name like 'my.%'",
    ],
    "syntax": [
        "set", "set work_mem", "set work_mem =", "set work_mem to", "show", "show a b", "set local", "set transaction",
        "set transaction isolation", "set transaction isolation level x", "set session characteristics", "begin foo",
        "set session work_mem = '1MB'", "show work_mem", "set work_mem = '1MB' extra", "set a.b.c = 3", "show a.b.c", "show time zone",
    ],
}  # fmt: skip
