"""One statement in one piece is seen as such, or not, by both implementations alike, and is what the messages say."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import _native
from pgwire_py import messages as m
from pgwire_py._impl import pure
from tests.parity.statements import read_statement
from tests.support.raw import FLUSH, SYNC, bind, describe, execute, parse, query, startup

NAMES = st.sampled_from(["", "s", "é", "a name"])
CODES = st.lists(st.integers(0, 1), max_size=3)
VALUES = st.lists(st.none() | st.binary(max_size=8), max_size=3)
TYPES = st.lists(st.sampled_from([0, 23, 25]), max_size=3)
PIECES = st.one_of(
    st.builds(query, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)),
    st.builds(parse, st.just("select $1"), NAMES, TYPES),
    st.builds(
        lambda values, portal, name, codes, results: bind(
            *values, portal=portal, statement=name, formats=codes, result_formats=results
        ),
        *(VALUES, NAMES, NAMES, CODES, CODES),
    ),
    st.builds(describe, st.sampled_from("SP"), NAMES),
    st.builds(execute, NAMES, st.integers(-1, 1)),
    st.sampled_from([SYNC, FLUSH]),
)
WHOLE = st.builds(
    lambda name, values, types, described, parsed: b"".join(
        [
            parse("select 1", name, types) if parsed else b"",
            bind(*values, statement=name),
            describe("P") if described else b"",
            execute(),
            SYNC,
        ]
    ),
    *(NAMES, VALUES, TYPES, st.booleans(), st.booleans()),
)


def _decoder(core: Any) -> Any:
    decoder = core.FrontendDecoder()
    assert len(decoder.feed(startup({"user": "me"}))) == 1
    return decoder


def _agreed(data: bytes) -> Any:
    """The query string, the batch, or None: what both see in ``data``."""
    found = [read_statement(core, _decoder(core), data) for core in (_native, pure)]
    assert found[0] == found[1]
    assert type(found[0]) is type(found[1])
    return found[0]


@given(st.lists(PIECES, max_size=6).map(b"".join))
def test_anything(data: bytes) -> None:
    statement = _agreed(data)
    messages = _decoder(pure).feed(data)
    kinds = [type(message) for message in messages]
    if statement is None:
        assert kinds != [m.Query]
    elif isinstance(statement, str):
        assert messages == [m.Query(statement)]
    else:
        assert [kind for kind in kinds if kind not in (m.Parse, m.Describe)] == [m.Bind, m.Execute, m.Sync]


@given(WHOLE)
def test_a_drivers_batch(data: bytes) -> None:
    query, name, types, formats, values, results, described = _agreed(data)
    messages = {type(message): message for message in _decoder(pure).feed(data)}
    parsed = messages.get(m.Parse)
    assert (query, types) == ((None, ()) if parsed is None else (parsed.query, parsed.parameter_types))
    bound = messages[m.Bind]
    assert (name, formats, values, results) == (
        *(bound.statement, bound.parameter_formats, bound.parameters),
        bound.result_formats,
    )
    assert described == (m.Describe in messages)


@given(WHOLE | st.just(query("select 1")), st.data())
def test_a_piece_that_is_cut_changed_or_prolonged(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    _agreed(data[:at] + draw.draw(st.binary(min_size=1, max_size=2)) + data[at + 1 :])
    assert _agreed(data[:at]) is None
    assert _agreed(data + draw.draw(st.binary(min_size=1, max_size=5))) is None


def test_bytes_before_it() -> None:
    for core in (_native, pure):
        decoder = _decoder(core)
        assert decoder.feed(b"Q\0\0") == []
        assert read_statement(core, decoder, query("select 1")) is None
        assert read_statement(core, core.FrontendDecoder(), query("select 1")) is None
