"""The registry next to PostgreSQL: types that a database defines, and those of the extensions hstore, ltree and citext."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pgwire_py.types import Multirange, Range, TypeRegistry, record_class
from tests.support import raw
from tests.support.containers import FLOATS, WORDS, arrays, ranges
from tests.support.postgres import find_programs, running_cluster

CHECKS = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
SETUP = """
create type mood as enum ('sad', 'ok', 'very happy', '"', 'é');
create domain short_name as text check (length(value) < 100);
create domain price as numeric;
create type place as (id int4, name short_name, mood mood, cost price, tags text[]);
create type trip as (start place, stops place[], span int4range);
create type span as range (subtype = float8, multirange_type_name = spans);
create extension hstore; create extension ltree; create extension citext;
"""
EXTENSIONS = ("hstore", "ltree", "lquery", "ltxtquery", "citext")


@pytest.fixture(scope="module")
def client() -> Iterator[raw.RawClient]:
    programs = find_programs()
    with running_cluster(programs) as cluster, raw.RawClient(cluster.host, cluster.port) as connected:
        connected.login(cluster.user, cluster.dbname)
        connected.send(raw.query(SETUP))
        errors = [answer.fields["M"] for answer in connected.until_ready() if answer.tag == "E"]
        assert errors == [], f"{programs} lacks what this test needs (contrib: {', '.join(EXTENSIONS)})"
        yield connected


@pytest.fixture(scope="module")
def registry(client: raw.RawClient) -> TypeRegistry:
    client.send(raw.query("select typname, oid, typarray from pg_type where oid >= 16384 and typname !~ '^_'"))
    rows = [answer.row for answer in client.until_ready() if answer.tag == "D"]
    oids = {name.decode(): (int(oid), int(array)) for name, oid, array in rows if name and oid and array}
    made = TypeRegistry()
    made.register_enum("mood", oids["mood"][0], ["sad", "ok", "very happy", '"', "é"], array_oid=oids["mood"][1])
    made.register_domain("short_name", oids["short_name"][0], "text", array_oid=oids["short_name"][1])
    made.register_domain("price", oids["price"][0], "numeric", array_oid=oids["price"][1])
    place = [("id", "int4"), ("name", "short_name"), ("mood", "mood"), ("cost", "price"), ("tags", 1009)]
    made.register_composite("place", oids["place"][0], place, array_oid=oids["place"][1])
    trip = [("start", "place"), ("stops", oids["place"][1]), ("span", 3904)]
    made.register_composite("trip", oids["trip"][0], trip, array_oid=oids["trip"][1])
    span, spans = oids["span"], oids["spans"]
    made.register_range(
        "span", span[0], "float8", array_oid=span[1], multirange=("spans", spans[0]), multirange_array_oid=spans[1]
    )
    for name in EXTENSIONS:
        made.add_type(name, oids[name][0], array_oid=oids[name][1])
    return made


Place = record_class("place", ("id", "name", "mood", "cost", "tags"))
Trip = record_class("trip", ("start", "stops", "span"))
LABELS = st.sampled_from(["sad", "ok", "very happy", '"', "é"])
PLACES = st.builds(
    Place,
    st.none() | st.integers(-(1 << 31), (1 << 31) - 1),
    st.none() | st.just("") | WORDS,
    st.none() | LABELS,
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3),
    st.none() | st.lists(st.none() | WORDS, max_size=3),
)
LTREES = st.lists(st.text("abc_019", min_size=1, max_size=5), min_size=1, max_size=4).map(".".join)
HSTORES = st.dictionaries(st.just("") | WORDS, st.none() | st.just("null") | WORDS, max_size=4)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "mood": LABELS,
    "short_name": WORDS,
    "place": PLACES,
    "trip": st.builds(
        Trip,
        st.none() | PLACES,
        st.none() | st.lists(st.none() | PLACES, max_size=3),
        st.none() | ranges(st.integers(0, 9)).map(Range.canonical),
    ),
    "span": ranges(FLOATS),
    "spans": st.lists(ranges(FLOATS), max_size=3).map(Multirange),
    "hstore": HSTORES,
    "ltree": LTREES,
    "citext": WORDS,
}


@pytest.mark.parametrize("many", [False, True], ids=["value", "array"])
@pytest.mark.parametrize("name", VALUES)
@CHECKS
@given(data=st.data())
def test_values(client: raw.RawClient, registry: TypeRegistry, name: str, many: bool, data: st.DataObject) -> None:
    strategy = arrays(VALUES[name]) if many else VALUES[name]
    values = data.draw(st.lists(strategy, min_size=1, max_size=5 if many else 20))
    oid = registry.oid(name)
    assert oid is not None
    if many:
        client.send(raw.query(f"select typarray from pg_type where oid = {oid}"))
        (found,) = next(answer.row for answer in client.until_ready() if answer.tag == "D")
        oid = int(found or b"")
    texts = [registry.encode(oid, 0, value) for value in values]
    binaries = [registry.encode(oid, 1, value) for value in values]
    columns = ", ".join(f"${number + 1}" for number in range(len(values)))
    for given_format, sent in ((0, texts), (1, binaries)):
        for wanted, expected in ((0, texts), (1, binaries)):
            client.send(
                raw.parse(f"select {columns}", types=[oid] * len(values)),
                raw.bind(*sent, formats=[given_format], result_formats=[wanted]),
                raw.execute(),
                raw.SYNC,
            )
            answers = client.until_ready()
            rows = [answer.row for answer in answers if answer.tag == "D"]
            assert rows == [tuple(expected)], [answer.fields for answer in answers if answer.tag == "E"]
            assert list(registry.decode_values([oid] * len(values), [wanted], rows[0])) == values


def test_other_texts(client: raw.RawClient, registry: TypeRegistry) -> None:
    """Forms of text that PostgreSQL reads but does not write."""
    texts = {
        "hstore": ["a=>b", ' "a" => "b" , c=>NULL', "a=>null, b=>\"null\"", 'a\\=>b=>c', "", "  "],
        "span": ["(1,2)", " [1 ,) ", "empty", '["1",2]'],
        "spans": ["{}", "{(1,2),(3,4)}", "{[1,2),[2,3)}", "{(5,6),empty,(1,2)}"],
        "place": ['(1,"a b",ok,1.5,"{a,b}")', '(,,,,)', '("1",a""b,"""",,)'],
    }  # fmt: skip
    for name, forms in texts.items():
        oid = registry.oid(name) or 0
        columns = ", ".join(f"${number + 1}" for number in range(len(forms)))
        client.send(
            raw.parse(f"select {columns}", types=[oid] * len(forms)),
            raw.bind(*(form.encode() for form in forms), result_formats=[1]),
            raw.execute(),
            raw.SYNC,
        )
        answers = client.until_ready()
        assert [answer.fields["M"] for answer in answers if answer.tag == "E"] == []
        (row,) = [answer.row for answer in answers if answer.tag == "D"]
        assert [registry.decode(oid, 0, form.encode()) for form in forms] == [
            registry.decode(oid, 1, data) for data in row
        ]
