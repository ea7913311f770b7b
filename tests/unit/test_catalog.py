"""The catalogue: what clients ask on connecting, against what PostgreSQL 15 answered (catalog_queries.json), and its
edges."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from pgwire_py import oids
from pgwire_py.catalog import Catalog
from pgwire_py.catalog.arrays import format_array, parse_array
from pgwire_py.catalog.regex import Regex
from pgwire_py.engines.base import EngineSession, Relation, RelationColumn
from pgwire_py.errors import PostgresError, postgres_error
from pgwire_py.sql import Statement

CASES = json.loads((Path(__file__).parent / "catalog_queries.json").read_text())

SAMPLE = (
    Relation(
        "public",
        "customer",
        "r",
        (
            RelationColumn("id", oids.INT4, True, None, True),
            RelationColumn("name", oids.TEXT, True, "'x'::text"),
            RelationColumn("born", oids.DATE),
            RelationColumn("tags", oids.TEXT_ARRAY),
            RelationColumn("balance", oids.NUMERIC),
        ),
    ),
    Relation(
        "public",
        "orders",
        "r",
        (
            RelationColumn("id", oids.INT8, True, None, True),
            RelationColumn("customer_id", oids.INT4, True),
            RelationColumn("note", oids.VARCHAR),
            RelationColumn("placed", oids.TIMESTAMPTZ),
        ),
    ),
    Relation("public", "plain", "r", (RelationColumn("a", oids.INT4), RelationColumn("b", oids.TEXT))),
    Relation("public", "big_orders", "v", (RelationColumn("id", oids.INT8), RelationColumn("note", oids.VARCHAR))),
)


class Context:
    """A session that stands alone."""

    process_id = 4711
    user = "postgres"
    database = "app"
    server_version = "15.18"

    def __init__(self) -> None:
        self.settings = {
            "search_path": '"$user", public',
            "jit": "on",
            "application_name": "test",
            "default_table_access_method": "heap",
            "max_index_keys": "32",
        }

    def get_setting(self, name: str) -> str | None:
        return self.settings.get(name.lower())

    def set_setting(self, name: str, value: str, *, local: bool = False) -> str:
        if name.lower() not in self.settings:
            raise postgres_error("42704", f'unrecognized configuration parameter "{name}"')
        self.settings[name.lower()] = value
        return value

    def all_settings(self) -> list[tuple[str, str, str]]:
        return [(name, value, "a setting") for name, value in sorted(self.settings.items())]

    def setting_rows(self) -> list[dict[str, object]]:
        return [{"name": name, "setting": value} for name, value in self.settings.items()]

    def activity_rows(self) -> list[dict[str, object]]:
        return [{"pid": self.process_id, "datname": self.database, "state": "active"}]

    def cancel_backend(self, process_id: int) -> bool:
        return process_id == self.process_id

    def terminate_backend(self, process_id: int, timeout: int = 0) -> bool:
        return process_id == self.process_id


def statement(text: str, parameters: int = 0) -> Statement:
    """As the lexer would make it, near enough: words by white space and punctuation."""
    folded = "".join(c if c.isalnum() or c == "_" else " " for c in text.lower()).split()
    head = text.split(None, 1)[0].upper()
    return Statement(text, 0, (head,), frozenset(folded), tuple((i, 0, 0) for i in range(1, parameters + 1)))


@pytest.fixture
def catalog():
    catalog = Catalog()
    yield catalog
    catalog.close()


@pytest.fixture
def session(catalog: Catalog):
    session = catalog.connect(Context(), lambda: SAMPLE)
    yield session
    session.close()


def run(session: EngineSession, text: str, *parameters: object) -> list[tuple[object, ...]]:
    asked = statement(text, len(parameters))
    result = session.execute(asked, parameters, session.describe(asked, ()))
    rows: list[tuple[object, ...]] = []
    while batch := result.fetch(7):
        rows += [tuple(row) for row in batch]
    return rows


def names_of_oids(session: EngineSession) -> dict[str, str]:
    """``@customer`` and its like → OID, as catalog_queries.json names them."""
    found = {f"@{n}": str(o) for n, o in run(session, "select relname, oid from pg_class where oid >= 16384")}
    found |= {f"@type:{n}": str(o) for n, o in run(session, "select typname, oid from pg_type where oid >= 16384")}
    return found | {
        f"@constraint:{n}": str(o) for n, o in run(session, "select conname, oid from pg_constraint where oid >= 16384")
    }


def as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "t" if value else "f"
    return format_array(value) if isinstance(value, list) else str(value)


PYTHON = {oids.BOOL: lambda text: text == "t", oids.OID_ARRAY: lambda text: [int(i) for i in parse_array(text)]}
INTEGERS = (oids.INT2, oids.INT4, oids.INT8, oids.OID)


def python_value(text: str | None, kind: int) -> object:
    if text is None:
        return None
    return int(text) if kind in INTEGERS else PYTHON.get(kind, str)(text)


VECTORS = {22: oids.INT2_ARRAY, 30: oids.OID_ARRAY}
NAMED = dict.fromkeys((oids.REGPROC, oids.REGCLASS, oids.REGTYPE, 4089), oids.TEXT)
"""Types whose values the catalogue gives and takes as text."""
DIFFERENT_ROWS = {
    "psql \\l": "PostgreSQL has template databases",
    "psql \\l+": "PostgreSQL has template databases, and sizes",
    "psql \\dnS": "PostgreSQL has pg_toast",
    "psql \\dC": "the catalogue lists no casts",
    "psql \\dx": "the catalogue lists no extensions",
    "psql \\sf version": "the catalogue has no definitions of functions",
    "psql \\dt+": "PostgreSQL knows sizes",
    "psql \\dn+": "PostgreSQL has privileges and a comment on public",
}
"""By client: why the rows differ; columns and types are compared nevertheless."""
DIFFERENT_QUERIES = (
    "version()",
    "pg_get_viewdef",
    "pg_opclass",
    "datallowconn = true",  # template databases
    "ci.reltuples",  # pages and rows of an index
    "p.prorettype",  # signatures of functions
    '"FUNCTION_SCHEM"',  # comments on functions
    "n.nspname  != 'pg_toast' AND",  # more types than were recorded
    "ORDER BY sp.r, pg_type.oid DESC",
)
"""The same for single queries: the version's text, view definitions and operator classes, which the catalogue does
not have, and others."""


def replaced(text: str | None, objects: dict[str, str]) -> str | None:
    for name in sorted(objects, key=len, reverse=True):
        text = text.replace(name, objects[name]) if text is not None else None
    return text


def in_braces(text: str | None, kind: int) -> str | None:
    return format_array(text.split()) if text is not None and kind in VECTORS else text


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case['client']}" for i, case in enumerate(CASES)])
def test_recorded_query(session: EngineSession, catalog: Catalog, case: dict[str, list]) -> None:
    objects = names_of_oids(session)
    text = replaced(case["sql"], objects) or ""
    asked = statement(text, len(case["parameters"]))
    assert catalog.claims(asked)
    described = session.describe(asked, ())
    assert list(described.parameter_types) == [NAMED.get(kind, kind) for kind in case["parameter_types"]]
    expected = [[name, (VECTORS | NAMED).get(kind, kind)] for name, kind in case["columns"]]
    assert [[column.name, column.type] for column in described.columns or ()] == expected
    given = [
        python_value(replaced(value, objects), kind)
        for value, kind in zip(case["parameters"], case["parameter_types"], strict=True)
    ]
    result = session.execute(asked, given, described)
    rows = [[as_text(value) for value in row] for row in result.fetch(1000)]
    wanted = [
        [in_braces(objects.get(value, value), kind) for value, (_, kind) in zip(row, case["columns"], strict=True)]
        for row in case["rows"]
    ]
    if "ORDER BY" not in text.upper() or case["client"] == "asyncpg":  # no order, or one that leaves ties
        rows, wanted = sorted(rows, key=str), sorted(wanted, key=str)
    if case["client"] not in DIFFERENT_ROWS and not any(part in text for part in DIFFERENT_QUERIES):
        assert rows[:40] == wanted


# which statements are the catalogue's


@pytest.mark.parametrize(
    "text",
    [
        "select 1 from pg_class",
        "SELECT pg_catalog.version()",
        "select current_schema",
        "select 'x'::regclass",
        "with a as (select oid from pg_type) select * from a",
        "select * from pg_catalog.pg_nothing",
        "select nothing(relname) from pg_class",
        "values (current_user)",
        "select table_name from information_schema.tables union select 'x'",
    ],
)
def test_claimed(catalog: Catalog, text: str) -> None:
    assert catalog.claims(statement(text))


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "select a, b from plain",
        "select version from plain",
        "select user_name as user from plain",
        "select c.relname from pg_class c join plain p on p.b = c.relname",
        "select * from plain where b = (select relname from pg_class limit 1)",
        "select version(), my_function()",
        "select upper('pg_class')",
        "select current_user, current_date",
        "select 'select * from pg_class'",
        "select * from tables",
        "select * from other.pg_class",
        "insert into plain select oid, relname from pg_class",
        "with gone as (delete from plain returning a) select * from gone, pg_class",
        "update pg_class set relname = 'x'",
        "create table pg_new as select * from pg_class",
        "select pg_class from",
        "select * from pg_mine",
    ],
)
def test_not_claimed(catalog: Catalog, text: str) -> None:
    assert not catalog.claims(statement(text))


# errors


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        ("select * from pg_catalog.pg_nothing", "42P01"),
        ("select nothing from pg_class", "42703"),
        ("select c.nothing from pg_class c", "42703"),
        ("select d.oid from pg_class c", "42P01"),
        ("select oid from pg_class, pg_type", "42702"),
        ("select nothing(oid) from pg_class", "42883"),
        ("select 'nothing'::regclass", "42P01"),
        ("select 'nothing'::regtype", "42704"),
        ("select oid::nothing from pg_class", "42704"),
        ("select current_setting('nothing')", "42704"),
        ("select set_config('nothing', 'x', false)", "42704"),
        ("select oid from pg_class where oid = 'x'", "22P02"),
        ("select oid from pg_class where relname = any('{x')", "22P02"),
        ("select relname from pg_class where relname ~ '('", "2201B"),
        ("select relname from pg_class where relname ~ 'a\\1'", "2201B"),
        ("select oid from pg_class union select oid, relname from pg_class", "42601"),
        ("select oid from pg_class order by 2", "42P10"),
        ("select relname from pg_class where count(*) > 1", "42803"),
        ("select generate_series(1, 1000000) from pg_class", "54000"),
        ("select distinct on (relname) oid from pg_class", "0A000"),
        ("select oid from pg_class for update", "0A000"),
        ("select relname -> 'a' from pg_class", "0A000"),
        ("select relname from pg_class where", "42601"),
        ("select " + "(" * 5_000 + "1" + ")" * 5_000 + " from pg_class", "54001"),
        ("select 1 from pg_class where oid = " + "1" * 200_000, "54000"),
        ("select length(relname) from pg_class where format('" + "%1$9999s" * 1000 + "', relname) is null", "54000"),
        ("select $70000 from pg_class", "42P02"),
        ("select left(relname, relname) from pg_class", "42883"),
    ],
)
def test_errors(session: EngineSession, text: str, sqlstate: str) -> None:
    with pytest.raises(PostgresError) as caught:
        run(session, text)
    assert caught.value.sqlstate == sqlstate
    assert run(session, "select 1 as one from pg_class limit 1") == [(1,)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'a%b' like 'a\\%b'", True),
        ("'axb' like 'a\\%b'", False),
        ("'axb' like 'a_b'", True),
        ("'AXB' like 'a%'", False),
        ("'AXB' ilike 'a%'", True),
        ("'a_b' like 'a/_b' escape '/'", True),
        ("'a.b^c]' like 'a.b^c]'", True),
        ("'x' not like '%y%'", True),
        ("'" + "a" * 60 + "' like '" + "%a" * 40 + "%b'", False),
        ("null like 'a'", None),
        ("'ab' like any(array['x%', 'a%'])", True),
        ("'ab' <> all('{a,b}')", True),
        ("1 = any('{1,2}'::int4[])", True),
        ("3 > all('{1,NULL}'::int4[])", None),
        ("1 in (select oid::int4 from pg_class)", False),
        ("not (1 = 1 and 2 = 3) or null", True),
        ("'t'::bool and 'yes'::bool", True),
        ("1 is distinct from null", True),
        ("(1, 2) = (1, 2)", True),
        ("2 between 1 and 3", True),
    ],
)
def test_conditions(session: EngineSession, expression: str, expected: object) -> None:
    assert run(session, f"select {expression} from pg_am limit 1") == [(expected,)]


# sessions


def test_settings_are_the_sessions_own(catalog: Catalog) -> None:
    one, other = Context(), Context()
    first, second = catalog.connect(one, lambda: ()), catalog.connect(other, lambda: ())
    asked = statement("select set_config('jit', $1, false)", 1)
    described = first.describe(asked, ())
    assert described.parameter_types == (oids.TEXT,)
    assert list(first.execute(asked, ["off"], described).fetch(9)) == [("off",)]
    assert run(first, "select current_setting('JIT')") == [("off",)]
    assert run(second, "select current_setting('jit'), current_setting('nothing', true)") == [("on", None)]
    assert run(first, "select setting from pg_settings where name = 'jit'") == [("off",)]
    assert run(second, "select setting from pg_settings where name = 'jit'") == [("on",)]


def test_relations_follow_the_engine_and_keep_their_oids(catalog: Catalog) -> None:
    relations = list(SAMPLE)
    session = catalog.connect(Context(), lambda: relations)
    query = "select relname, oid from pg_class where relkind in ('r', 'v') and oid >= 16384 order by 1"
    before = dict(run(session, query))
    assert list(before) == ["big_orders", "customer", "orders", "plain"]
    removed = relations.pop(0)
    relations.append(Relation("other", "added", "r", (RelationColumn("a b", oids.INT4, primary_key=True),)))
    after = dict(run(session, query))
    assert list(after) == ["added", "big_orders", "orders", "plain"]
    assert all(after[name] == before[name] for name in ("big_orders", "orders", "plain"))
    assert run(session, "select to_regclass('customer'), to_regclass('other.added')::text") == [(None, "other.added")]
    assert run(
        session, "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'other.added'::regclass"
    ) == [('PRIMARY KEY ("a b")',)]
    relations.append(removed)
    assert dict(run(session, query))["customer"] == before["customer"]


def test_many_relations_are_replaced(catalog: Catalog) -> None:
    columns = tuple(RelationColumn(f"c{i}", oids.INT4) for i in range(50))
    relations = [Relation("public", f"t{i}", "r", columns) for i in range(100)]
    session = catalog.connect(Context(), lambda: relations)
    query = "select count(*) from pg_attribute where attrelid >= 16384"
    assert run(session, query) == [(5_000,)]
    relations.pop()
    assert run(session, query) == [(4_950,)]


def test_relations_are_asked_for_only_where_they_matter(catalog: Catalog) -> None:
    asked: list[int] = []
    session = catalog.connect(Context(), lambda: asked.append(1) or SAMPLE)
    run(session, "select version(), current_user, set_config('jit', 'off', false)")
    assert not asked
    assert run(session, "select 'customer'::regclass") == [("customer",)]
    assert len(asked) == 1


def test_visibility_follows_the_search_path(catalog: Catalog) -> None:
    context = Context()
    relations = (*SAMPLE, Relation("Other", "hidden", "r", (RelationColumn("a", oids.INT4),)))
    session = catalog.connect(context, lambda: relations)
    query = "select pg_table_is_visible(oid), oid::regclass from pg_class where relname = 'hidden'"
    assert run(session, query) == [(False, '"Other".hidden')]
    context.settings["search_path"] = '"Other"'
    assert run(session, query) == [(True, "hidden")]
    assert run(session, "select current_schema(), current_schemas(true)") == [("Other", ["pg_catalog", "Other"])]
    context.settings["search_path"] = ""
    assert run(session, "select current_schema()") == [(None,)]


def test_declared_parameter_types_stay(session: EngineSession) -> None:
    asked = statement("select relname from pg_class where oid = $1 and relname = $2", 2)
    assert session.describe(asked, ()).parameter_types == (oids.OID, oids.NAME)
    described = session.describe(asked, (oids.INT2, oids.UNKNOWN))
    assert described.parameter_types == (oids.INT2, oids.NAME)
    assert list(session.execute(asked, [1259, "pg_class"], described).fetch(9)) == [("pg_class",)]
    asked = statement("select relname from pg_class where oid = any($1) and relname <> all($2)", 2)
    assert session.describe(asked, ()).parameter_types == (oids.OID_ARRAY, oids.NAME_ARRAY)
    assert list(session.execute(asked, [[1259, 1247], ["pg_type"]], None).fetch(9)) == [("pg_class",)]


def test_registered_parameters_are_names_or_oids(session: EngineSession) -> None:
    for query in (
        "select relname from pg_class where oid = $1::regclass",
        "select relname from pg_class where oid = cast($1 as regclass)",
    ):
        asked = statement(query, 1)
        assert session.describe(asked, ()).parameter_types == (oids.TEXT,)
        assert list(session.execute(asked, ["customer"], session.describe(asked, ())).fetch(9)) == [("customer",)]
        described = session.describe(asked, (oids.REGCLASS,))
        assert described.parameter_types == (oids.REGCLASS,)
        for value in (1259, "pg_class"):
            assert list(session.execute(asked, [value], described).fetch(9)) == [("pg_class",)]


def test_results_stream_and_stay_apart(session: EngineSession) -> None:
    asked = statement("select attrelid, attnum from pg_attribute order by 1, 2")
    first, second = (session.execute(asked, (), None) for _ in range(2))
    total = 0
    while rows := first.fetch(333):
        assert list(second.fetch(len(rows))) == list(rows)
        total += len(rows)
    assert total == run(session, "select count(*) from pg_attribute")[0][0] > 2_000
    third = session.execute(asked, (), None)
    third.fetch(10)
    third.close()
    third.close()
    assert third.fetch(10) == []


def test_cancel_interrupts(session: EngineSession) -> None:
    asked = statement(
        "select count(*) from pg_attribute a, pg_attribute b, pg_attribute c where a.attnum + b.attnum = c.attnum"
    )
    threading.Timer(0.2, session.cancel).start()
    started = time.monotonic()
    with pytest.raises(PostgresError) as caught:
        session.execute(asked, (), None)
    assert caught.value.sqlstate == "57014"
    assert time.monotonic() - started < 8
    assert run(session, "select current_user") == [("postgres",)]


def test_cancel_reaches_later_batches(session: EngineSession) -> None:
    asked = statement("select a.attname from pg_attribute a, pg_attribute b, pg_attribute c")
    result = session.execute(asked, (), None)
    session.cancel()  # nothing runs: no effect
    assert len(result.fetch(5)) == 5
    assert len(result.fetch(2_000)) == 995
    timer = threading.Timer(0.2, session.cancel)
    timer.start()
    with pytest.raises(PostgresError) as caught:
        list(iter(lambda: list(result.fetch(1_000)), []))
    assert caught.value.sqlstate == "57014"
    timer.join()
    assert run(session, "select current_user") == [("postgres",)]


def test_deadline(session: EngineSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgwire_py.catalog.database.TIME_LIMIT", 0.1)
    with pytest.raises(PostgresError) as caught:
        run(session, "select count(*) from pg_attribute a, pg_attribute b, pg_attribute c")
    assert caught.value.sqlstate == "57014"


def test_many_threads(catalog: Catalog) -> None:
    failures: list[object] = []

    def work(number: int) -> None:
        context = Context()
        context.database = f"db{number % 3}"
        session = catalog.connect(context, lambda: SAMPLE[: number % 4 + 1])
        for _ in range(20):
            counted = run(session, "select count(*) from pg_class where oid >= 16384 and relkind in ('r', 'v')")
            if counted != [(number % 4 + 1,)] or run(session, "select datname from pg_database") != [
                (context.database,)
            ]:
                failures.append(counted)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_translations_are_bounded() -> None:
    catalog = Catalog(translations=3)
    session = catalog.connect(Context(), lambda: ())
    for number in range(10):
        assert run(session, f"select {number} + oid::int4 from pg_namespace where nspname = 'pg_catalog'") == [
            (number + 11,)
        ]
    assert len(catalog._translations) == 3
    catalog.close()


# parts


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^(customer)$", "customer", True),
        ("^(customer)$", "customers", False),
        ("^pg_(toast|temp)", "pg_temp_3", True),
        ("a.*b", "xaxxb", True),
        ("^[a-c]+[^0-9]?$", "abcz", True),
        ("^[[:alpha:]_]{2,3}$", "a_b", True),
        ("^[[:alpha:]_]{2,3}$", "abcd", False),
        (r"^\d+\.\w*$", "12.x", True),
        ("(?i)^AB$", "ab", True),
        ("***=a.b", "xa.bx", True),
        ("***=a.b", "xaxbx", False),
        ("", "anything", True),
        ("^(a|b|)c$", "c", True),
        (r"\mword\M", "a word here", True),
        (r"\mword\M", "swords", False),
        ("^(a+)+$", "a" * 3_000 + "b", False),
        ("[]x]", "]", True),
        ("x{0}y", "y", True),
    ],
)
def test_regular_expressions(pattern: str, text: str, found: bool) -> None:
    assert Regex.compile(pattern).search(text) is found


@pytest.mark.parametrize(
    "pattern", ["(", ")", "a)", "[a", "*a", "a{2,1}", "a{999}", "(?=a)", "[[:no:]]", "\\", "(a{99}){99}"]
)
def test_bad_regular_expressions(pattern: str) -> None:
    with pytest.raises(PostgresError) as caught:
        Regex.compile(pattern)
    assert caught.value.sqlstate == "2201B"


@pytest.mark.parametrize(
    ("literal", "items"),
    [
        ("{}", []),
        ("{1,2}", ["1", "2"]),
        ('{"a,b",NULL,"NULL","q\\"\\\\"}', ["a,b", None, "NULL", 'q"\\']),
        ("{{1,2},{3,4}}", [["1", "2"], ["3", "4"]]),
    ],
)
def test_array_literals(literal: str, items: list[object]) -> None:
    assert parse_array(literal) == items
    assert format_array(items) == literal


@pytest.mark.parametrize("literal", ["{", "{1", "{1,}", "{,1}", '{"a', "}", "{1}x", "x", "{{{{{{{1}}}}}}}"])
def test_bad_array_literals(literal: str) -> None:
    with pytest.raises(PostgresError):
        parse_array(literal)
