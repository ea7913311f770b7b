"""Writes ``tests/unit/catalog_queries.json``: catalogue queries that clients sent to a PostgreSQL 15, and what it
answers.

Usage: ``python tools/record_catalog_queries.py LOG.json 'host=… dbname=…'``: the server's jsonlog with
``log_statement = all``, and the database with the tables of ``SAMPLE`` that the clients worked on. OIDs of the
sample's objects become names such as ``@customer``. What is in the file already stays as it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg
from psycopg import pq

TARGET = Path(__file__).parent.parent / "tests/unit/catalog_queries.json"

LONGEST = 6_000
"""Characters; pgjdbc has queries that list every type there is."""

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

EXTRA = r"""
select current_database() as table_cat, n.nspname as table_schem, c.relname as table_name, case n.nspname ~ '^pg_'
or n.nspname = 'information_schema' when true then 'SYSTEM TABLE' when false then case c.relkind when 'r' then
'TABLE' when 'v' then 'VIEW' else null end else null end as table_type, d.description as remarks from
pg_catalog.pg_namespace n, pg_catalog.pg_class c left join pg_catalog.pg_description d on (c.oid = d.objoid and
d.objsubid = 0 and d.classoid = 'pg_class'::regclass) where c.relnamespace = n.oid and n.nspname like 'public' and
(false or (c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema')) order by table_type, 2, 3;
select * from (select n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull or (t.typtype = 'd' and
t.typnotnull) as attnotnull, a.atttypmod, a.attlen, t.typtypmod, row_number() over (partition by a.attrelid order by
a.attnum) as attnum, nullif(a.attidentity, '') as attidentity, nullif(a.attgenerated, '') as attgenerated,
pg_catalog.pg_get_expr(def.adbin, def.adrelid) as adsrc, dsc.description, t.typbasetype, t.typtype from
pg_catalog.pg_namespace n join pg_catalog.pg_class c on (c.relnamespace = n.oid) join pg_catalog.pg_attribute a on
(a.attrelid = c.oid) join pg_catalog.pg_type t on (a.atttypid = t.oid) left join pg_catalog.pg_attrdef def on
(a.attrelid = def.adrelid and a.attnum = def.adnum) left join pg_catalog.pg_description dsc on (c.oid = dsc.objoid
and a.attnum = dsc.objsubid) left join pg_catalog.pg_class dc on (dc.oid = dsc.classoid and dc.relname = 'pg_class')
where c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped and n.nspname like 'public' and c.relname like
'customer') c where true order by nspname, c.relname, attnum;
select result.table_name, result.column_name, result.key_seq, result.pk_name from (select ct.relname as table_name,
a.attname as column_name, (information_schema._pg_expandarray(i.indkey)).n as key_seq, ci.relname as pk_name,
information_schema._pg_expandarray(i.indkey) as keys, a.attnum as a_attnum from pg_catalog.pg_class ct join
pg_catalog.pg_attribute a on (ct.oid = a.attrelid) join pg_catalog.pg_index i on (a.attrelid = i.indrelid) join
pg_catalog.pg_class ci on (ci.oid = i.indexrelid) where ct.relname = 'customer' and i.indisprimary) result where
result.a_attnum = (result.keys).x order by result.table_name, result.pk_name, result.key_seq;
select nspname as table_schem, null as table_catalog from pg_catalog.pg_namespace where nspname = any
(current_schemas(false)) order by table_schem;
select s, s * 2 as twice from generate_series(1, 3) s, pg_namespace n where n.nspname = 'public' order by s desc;
select e, o from pg_namespace n, unnest(current_schemas(true)) with ordinality as u(e, o) where n.nspname = e order
by o;
select rolname, rolsuper, rolcanlogin from pg_roles where rolname = current_user;
select datname, pg_encoding_to_char(encoding), datallowconn from pg_database where datname = current_database();
select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid where c.oid =
any(array['customer'::regclass, 'plain'::regclass]) and a.attnum = any('{1,2}'::int2[]) order by c.relname, a.attnum;
select typname from pg_type where typname ~* '^(INT[248]|float.)$' and typname not like '\_%' order by typname
collate "C";
select coalesce(max(relnatts), 0), min(relname), sum(relnatts), count(distinct relkind) from pg_class where
relnamespace = 'public'::regnamespace and relkind in ('r', 'v');
select exists(select 1 from pg_type where typname = $1), case when 1 = 1 then 'a' else 'b' end;
select typname, typname in ('int4', 'text') from pg_type where oid in (23, 25, 16) union all select 'none', null
order by 1;
select distinct relkind from pg_class where relnamespace = 'public'::regnamespace order by 1;
with t(a, b) as (select oid, relname from pg_class where relname = 'customer') select b, a::regclass::text, a =
'customer'::regclass from t;
select oid::regclass, relname::text, relhasindex::text, relnatts::text || '!' from pg_class where relname = 'orders';
select array(select attname from pg_attribute where attrelid = 'plain'::regclass and attnum > 0 order by attnum),
array_to_string(array['a', null, 'c'], '-', '?'), array_length(array[1, 2], 1), (array['x', 'y'])[2];
select version(), current_schema(), current_schemas(true), current_database(), current_user, session_user, user;
select 'customer'::regclass, 'customer'::regclass::oid, 'int4'::regtype, 'integer[]'::regtype::text, 23::regtype;
select to_regclass('nothing'), to_regtype('varchar(10)'), 'public'::regnamespace, to_regclass('public.orders');
select current_setting('search_path'), pg_backend_pid() > 0, pg_is_in_recovery(), quote_ident('Ab'), 1 as one;
select count(*) from pg_catalog.pg_class where relname = 'customer';
select table_schema, table_name, table_type from information_schema.tables where table_schema = 'public' order by 1,
2;
select column_name, ordinal_position, column_default, is_nullable, data_type, numeric_precision, numeric_scale,
udt_name, datetime_precision, character_octet_length, is_updatable from information_schema.columns where table_name
in ('customer', 'orders') order by table_name, ordinal_position;
select schemaname, tablename, tableowner, hasindexes from pg_tables where schemaname not in ('pg_catalog',
'information_schema') order by 2;
select typname, typlen, typbyval, typtype, typcategory, typelem, typarray, typinput, typoutput, typreceive, typsend,
format_type(oid, -1), typdelim, typalign, typstorage from pg_type where oid in (16, 20, 1009, 1043, 1700, 2950,
3904) order by oid;
select attname, atttypid, atttypid::regtype, attlen, attnotnull, atthasdef from pg_attribute where attrelid =
'customer'::regclass and attnum > 0 order by attnum;
select tc.constraint_name, tc.constraint_type, k.column_name from information_schema.table_constraints tc join
information_schema.key_column_usage k using (constraint_name) where tc.constraint_type = 'PRIMARY KEY' and
tc.table_schema = 'public' order by 1;
select relname from pg_class where relname like 'cust%' and relkind in ('r') order by relname desc limit 1;
values ('customer'::regclass::text), ('orders'::regclass::text);
select c.* from (select nspname, oid from pg_namespace where nspname = any('{public,pg_catalog}')) c order by 2;
select has_table_privilege('customer', 'select'), has_schema_privilege('public', 'usage'), pg_encoding_to_char(6);
select relname from pg_class where relname = 'customer' and oid = $1;
select indkey[0], indkey from pg_index where indrelid = 'customer'::regclass;
select n.nspname, array_agg(c.relname order by c.relname desc) from pg_class c join pg_namespace n on n.oid =
c.relnamespace where c.relkind = 'r' and n.nspname = 'public' group by n.nspname having count(*) > 1;
select string_agg(word, ',' order by word) from pg_catalog.pg_get_keywords() where word <> all
('{a,abs,action,add,all,and,as}'::pg_catalog.text[]);
select word, catcode, barelabel, catdesc, baredesc from pg_get_keywords() where word in ('select', 'char', 'left', 'abort',
'over') order by word;
select n.oid as id, n.nspname, d.description from pg_catalog.pg_namespace n left outer join pg_catalog.pg_description d on
d.objoid = n.oid and d.objsubid = 0 and d.classoid = 'pg_type'::regclass where n.nspname = 'public' order by nspname;
select c.oid, c.relname, c.relkind, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound,
pg_catalog.pg_get_partkeydef(c.oid) as key from pg_catalog.pg_class c where c.relnamespace = 2200 and c.relkind not in
('i', 'I', 'c') order by c.relname;
select a.attname, a.attnum, a.attnotnull, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def, dsc.description,
dep.objid from pg_catalog.pg_attribute a join pg_catalog.pg_class c on a.attrelid = c.oid left join
pg_catalog.pg_attrdef ad on a.attrelid = ad.adrelid and a.attnum = ad.adnum left join pg_catalog.pg_description dsc on
c.oid = dsc.objoid and a.attnum = dsc.objsubid left join pg_depend dep on dep.refobjid = a.attrelid and dep.deptype = 'i'
and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid where not a.attisdropped and a.attnum > 0 and c.relname =
'customer' order by a.attnum;
select t.typname, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base, c.relkind from pg_catalog.pg_type t left
join pg_catalog.pg_class c on c.oid = t.typrelid where (c.relkind is null or c.relkind = 'c') and t.typname in ('int4',
'text', '_text') order by 1;
select n.nspname as schema, c.relname as name, case c.relkind when 'r' then 'TABLE' when 'v' then 'VIEW' end as type,
stat.schemaname is not null as counted from pg_catalog.pg_class c join pg_catalog.pg_namespace n on c.relnamespace =
n.oid left join pg_stat_user_tables stat on n.nspname = stat.schemaname and c.relname = stat.relname and false where
n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'f', 'm') order by 3, 1, 2;
with may as (select t.schemaname as schema, t.name as "table", pg_catalog.has_any_column_privilege(current_user, '"' ||
replace(t.schemaname, '"', '""') || '"."' || replace(t.name, '"', '""') || '"', 'update') as "update",
pg_catalog.has_table_privilege(current_user, format('%I.%I', t.schemaname, t.name), 'select') as "select" from (select
schemaname, tablename as name from pg_catalog.pg_tables union select schemaname, viewname from pg_catalog.pg_views union
select schemaname, matviewname from pg_catalog.pg_matviews) t where t.schemaname !~ '^pg_' and t.schemaname <>
'information_schema' and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')) select m.* from may m
where m.select or m.update order by 1, 2;
select c.column_name, case when c.udt_schema in ('public', 'pg_catalog') then format('%s', c.udt_name) else
format('"%s"."%s"', c.udt_schema, c.udt_name) end as kind, c.ordinal_position - 1 as place, pk.column_name is not null as
"pk?", col_description(cast(cast(format('%I.%I', cast(c.table_schema as text), cast(c.table_name as text)) as regclass)
as oid), c.ordinal_position) as comment from information_schema.columns as c left join (select tc.table_schema,
tc.table_name, kc.column_name from information_schema.table_constraints as tc join information_schema.key_column_usage as
kc on tc.constraint_name = kc.constraint_name and tc.table_schema = kc.table_schema and tc.table_name = kc.table_name
where tc.constraint_type = 'PRIMARY KEY') as pk on c.table_schema = pk.table_schema and c.table_name = pk.table_name and
c.column_name = pk.column_name where c.table_schema !~ '^information_schema|catalog_history|pg_' order by c.table_name,
c.ordinal_position;
select c.conname, fk.attname, pk.attname from pg_constraint c join pg_class one on c.conrelid = one.oid join pg_attribute
fk on c.conrelid = fk.attrelid join pg_class two on c.confrelid = two.oid join pg_attribute pk on c.confrelid =
pk.attrelid where c.contype = 'f'::char and fk.attnum = any(c.conkey) and pk.attnum = any(c.confkey) order by 1, 2;
select nspname, typname from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid in (select distinct
enumtypid from pg_enum e);
select case when quote_ident(table_schema) in (select case when trim(s[i]) = '"$user"' then user else trim(s[i]) end from
generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i,
string_to_array(current_setting('search_path'), ',') s) then quote_ident(table_name) else quote_ident(table_schema) ||
'.' || quote_ident(table_name) end as "table" from information_schema.tables where quote_ident(table_schema) not in
('information_schema', 'pg_catalog') order by 1;
select format('%s|%I|%L|%%|%2$s|%-5s|%4s|', 'a', 'select', null, 'b', 'c') as f from pg_namespace where nspname = 'public';
"""


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
    cases = json.loads(TARGET.read_text())
    known = {case["sql"] for case in cases}
    with psycopg.connect(sys.argv[2], autocommit=True, application_name="record") as connection:
        objects = {oid: name for name, oid in connection.execute(OBJECTS)}

        def named(text: str) -> str:
            for oid, name in objects.items():
                text = text.replace(oid, name)
            return text

        wanted = queries(sys.argv[1])
        extra = {
            sql.strip(): ("plain", ["1259" if "oid = $1" in sql else "int4"] if "$1" in sql else [])
            for sql in EXTRA.split(";")
            if sql.strip()
        }
        for sql, (client, parameters) in {**wanted, **extra}.items():
            if named(sql) in known or len(sql) > LONGEST:
                continue
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
