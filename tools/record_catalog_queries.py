"""Writes ``tests/unit/catalog_queries.json``: catalogue queries that clients sent to a PostgreSQL 15, and what it answers.

Usage: ``python tools/record_catalog_queries.py LOG.json 'host=… dbname=…'``: the server's jsonlog with ``log_statement = all``, and the
database with the tables of ``SAMPLE`` that the clients worked on. OIDs of the sample's objects become names such as ``@customer``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg
from psycopg import pq

TARGET = Path(__file__).parent.parent / "tests/unit/catalog_queries.json"

SAMPLE = """
create table customer (id int4 primary key, name text not null default 'x', born date, tags text[], balance numeric);
create table orders (id int8 primary key, customer_id int4 not null, note varchar, placed timestamptz);
create table plain (a int4, b text);
create view big_orders as select id, note from orders;
"""

OBJECTS = """
    select '@' || relname, oid::text from pg_class where oid >= 16384 and relkind in ('r', 'v', 'i')
    union select '@type:' || typname, oid::text from pg_type where oid >= 16384
    union select '@constraint:' || conname, oid::text from pg_constraint where oid >= 16384"""

EXTRA = [
    ("plain", "select version(), current_schema(), current_schemas(true), current_database(), current_user, session_user, user"),
    ("plain", "select 'customer'::regclass, 'customer'::regclass::oid, 'int4'::regtype, 'integer[]'::regtype::text, 23::regtype"),
    ("plain", "select to_regclass('nothing'), to_regtype('varchar(10)'), 'public'::regnamespace, to_regclass('public.orders')"),
    ("plain", "select current_setting('search_path'), pg_backend_pid() > 0, pg_is_in_recovery(), quote_ident('Ab'), 1 as one"),
    ("plain", "select count(*) from pg_catalog.pg_class where relname = 'customer'"),
    ("plain", "select table_schema, table_name, table_type from information_schema.tables where table_schema = 'public' order by 1, 2"),
    ("plain", "select column_name, ordinal_position, column_default, is_nullable, data_type, numeric_precision, numeric_scale, udt_name,"
     " datetime_precision, character_octet_length, is_updatable from information_schema.columns"
     " where table_name in ('customer', 'orders') order by table_name, ordinal_position"),
    ("plain", "select schemaname, tablename, tableowner, hasindexes from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
     " order by 2"),
    ("plain", "select typname, typlen, typbyval, typtype, typcategory, typelem, typarray, typinput, typoutput, typreceive, typsend,"
     " format_type(oid, -1), typdelim, typalign, typstorage from pg_type where oid in (16, 20, 1009, 1043, 1700, 2950, 3904) order by oid"),
    ("plain", "select attname, atttypid, atttypid::regtype, attlen, attnotnull, atthasdef from pg_attribute"
     " where attrelid = 'customer'::regclass and attnum > 0 order by attnum"),
    ("plain", "select tc.constraint_name, tc.constraint_type, k.column_name from information_schema.table_constraints tc join"
     " information_schema.key_column_usage k using (constraint_name) where tc.constraint_type = 'PRIMARY KEY' and tc.table_schema = 'public' order by 1"),
    ("plain", "select relname from pg_class where relname like 'cust%' and relkind in ('r') order by relname desc limit 1"),
    ("plain", "values ('customer'::regclass::text), ('orders'::regclass::text)"),
    ("plain", "select c.* from (select nspname, oid from pg_namespace where nspname = any('{public,pg_catalog}')) c order by 2"),
    ("plain", "select has_table_privilege('customer', 'select'), has_schema_privilege('public', 'usage'), pg_encoding_to_char(6)"),
    ("plain", "select relname from pg_class where relname = 'customer' and oid = $1"),
    ("plain", "select indkey[0], indkey from pg_index where indrelid = 'customer'::regclass"),
    ("plain", "select n.nspname, array_agg(c.relname order by c.relname desc) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
     " where c.relkind = 'r' and n.nspname = 'public' group by n.nspname having count(*) > 1"),
]  # fmt: skip


def queries(path: str) -> dict[str, tuple[str, list[str | None]]]:
    """SQL → client and parameters, of every distinct SELECT in the log that names the catalogue."""
    found: dict[str, tuple[str, list[str | None]]] = {}
    for line in Path(path).read_text(errors="replace").splitlines():
        record = json.loads(line)
        kind, _, sql = record.get("message", "").partition(": ")
        client = record.get("application_name", "")
        if kind != "statement" and not kind.startswith("execute"):
            continue
        if (
            client in ("", "psql", "record")
            or not sql.lstrip().upper().startswith(("SELECT", "WITH"))
            or "CLOSE ALL" in sql
        ):
            continue
        if not any(word in sql for word in ("pg_", "current_", "set_config", "version")) or "from pgbench" in sql:
            continue
        found.setdefault(sql.rstrip().rstrip(";"), (client, _parameters(record.get("detail") or "")))
    return found


def _parameters(detail: str) -> list[str | None]:
    values: list[str | None] = []
    at = detail.find("$1 = ")
    while at >= 0:
        at = detail.index(" = ", at) + 3
        if detail.startswith("NULL", at):
            values.append(None)
            at = detail.find("$", at)
            continue
        end = at + 1
        while detail[end] != "'" or detail[end : end + 2] == "''":
            end += 2 if detail[end] == "'" else 1
        values.append(detail[at + 1 : end].replace("''", "'"))
        at = detail.find("$", end)
    return values


def main() -> None:
    cases = []
    with psycopg.connect(sys.argv[2], autocommit=True, application_name="record") as connection:
        objects = {oid: name for name, oid in connection.execute(OBJECTS)}

        def named(text: str) -> str:
            for oid, name in objects.items():
                text = text.replace(oid, name)
            return text

        wanted = queries(sys.argv[1])
        extra = {sql: (client, ["1259"] if "$1" in sql else []) for client, sql in EXTRA}
        for sql, (client, parameters) in {**wanted, **extra}.items():
            raw = connection.pgconn
            prepared = raw.prepare(b"", sql.encode())
            if prepared.status != pq.ExecStatus.COMMAND_OK:
                print("left out:", raw.error_message.decode(), sql[:100])
                continue
            described = raw.describe_prepared(b"")
            result = raw.exec_prepared(b"", [None if p is None else p.encode() for p in parameters])
            if result.status != pq.ExecStatus.TUPLES_OK:
                print("left out:", raw.error_message.decode(), sql[:100])
                continue
            rows = [
                [
                    None if (v := result.get_value(i, j)) is None else objects.get(v.decode(), v.decode())
                    for j in range(result.nfields)
                ]
                for i in range(min(result.ntuples, 40))
            ]
            case = {
                "client": client,
                "sql": named(sql),
                "parameters": [None if p is None else named(p) for p in parameters],
                "parameter_types": [described.param_type(i) for i in range(described.nparams)],
                "columns": [[result.fname(j).decode(), result.ftype(j)] for j in range(result.nfields)],
                "rows": rows,
            }
            if named(json.dumps(case)) not in (json.dumps(other) for other in cases):
                cases.append(case)
    TARGET.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(len(cases), "queries")


if __name__ == "__main__":
    main()
