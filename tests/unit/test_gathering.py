"""Statements of a pipeline as they are gathered, and what their users are told of them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from pgwire_py.errors import PgWireError, UniqueViolation


def pipeline(core: Any) -> Any:
    """What gathers statements with this core, and never runs."""

    class Pipeline(core.Gatherer):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self.name = name

        def _unready(self) -> BaseException:
            return PgWireError(f"{self.name} has not run")

    return Pipeline("it")


def test_statements_alike_are_one_run(core: Any) -> None:
    one, query = pipeline(core), "".join(["in", "sert"])
    assert one._gathered() is None
    one.execute("insert", 1, "x")
    one.fetch(query, 2, "y")
    one.fetchrow("insert", 3)
    one.fetchval("insert", 4, column="n")
    one.execute(query="insert")
    one.execute("delete")
    one.execute("insert")
    gathering, runs = one._gathered()
    assert gathering.found is None
    assert runs == [
        ("insert", 0, [(1, "x"), (2, "y")]),
        ("insert", 1, [(3,), (4,)]),
        ("insert", 0, [()]),
        ("delete", 0, [()]),
        ("insert", 0, [()]),
    ]
    assert one._gathered() is None
    one.execute("insert", 5)
    other, runs = one._gathered()
    assert other is not gathering
    assert runs == [("insert", 0, [(5,)])]


def test_what_is_no_plain_text_is_like_itself_alone(core: Any) -> None:
    class Text(str):
        __slots__ = ()

    gatherer, one, other = pipeline(core), Text("a"), Text("a")
    for query in (one, one, other, "a", 5, 5):
        gatherer.execute(query)
    assert [(query, len(rows)) for query, _, rows in gatherer._gathered()[1]] == [("a", 2), ("a", 1), ("a", 1), (5, 2)]


@pytest.mark.parametrize("name", ["fetch", "fetchrow", "fetchval", "execute"])
def test_a_query_must_be_given(core: Any, name: str) -> None:
    with pytest.raises(TypeError, match="query"):
        getattr(pipeline(core), name)()
    with pytest.raises(TypeError, match="nothing"):
        getattr(pipeline(core), name)("a", nothing=1)


def test_each_tells_what_was_found_for_it(core: Any) -> None:
    gatherer = pipeline(core)
    error, nothing = UniqueViolation("twice"), ([], b"INSERT 0 1")
    made = [
        gatherer.fetch("a"),
        gatherer.fetchrow("a"),
        gatherer.fetchval("a", column=1),
        gatherer.fetchval("a", column="w"),
        gatherer.execute("a"),
        gatherer.execute("a"),
        gatherer.fetch("a"),
        gatherer.fetch("a"),
        gatherer.fetchrow("a"),
        gatherer.fetchval("a"),
        gatherer.fetch("a"),
    ]
    gathering, _ = gatherer._gathered()
    for one in made:
        assert one.exception() is None
        with pytest.raises(PgWireError, match="it has not run"):
            one.result()
    rows = [core.Record(["n", "w"], [1, "x"]), core.Record(["n", "w"], [2, "y"])]
    gathering.found = [*[(rows, b"SELECT 2")] * 4, ([], b"\xff"), error, nothing, nothing, nothing, nothing, None]
    assert made[0].result() is rows
    assert [one.result() for one in made[1:5]] == [(1, "x"), "x", "x", "\ufffd"]
    with pytest.raises(UniqueViolation) as caught:
        made[5].result()
    assert caught.value is made[5].exception() is error
    # A list is its user's, even where the answers came as one.
    assert made[6].result() == made[7].result() == []
    assert made[6].result() is not made[7].result()
    assert made[8].result() is made[9].result() is None
    assert [one.exception() for one in (made[0], made[6], made[10])] == [None] * 3
    with pytest.raises(PgWireError, match="it has not run"):
        made[10].result()


def test_a_value_that_the_row_does_not_have(core: Any) -> None:
    gatherer = pipeline(core)
    made = [gatherer.fetchval("a", column=5), gatherer.fetchval("a", column="q")]
    gathering, _ = gatherer._gathered()
    gathering.found = [([core.Record(["n"], [1])], b"SELECT 1")] * 2
    with pytest.raises(IndexError):
        made[0].result()
    with pytest.raises(KeyError):
        made[1].result()


def test_who_awaits_one_makes_the_pipeline_run(core: Any) -> None:
    told = []

    class Pipeline(core.Gatherer):  # type: ignore[misc]
        async def _settle(self, pending: Any, done: bool) -> Any:
            told.append(done)
            if not done:
                await asyncio.sleep(0)
                gathering, _ = self._gathered()
                gathering.found = [([], b"INSERT 0 1")]
            return pending.result()

    async def main() -> None:
        assert await pending == "INSERT 0 1"
        assert await asyncio.wait_for(asyncio.ensure_future(pending), 60) == "INSERT 0 1"

    pending = Pipeline().execute("a")
    asyncio.run(main())
    assert told == [False, True]


def test_a_pipeline_that_never_runs_is_collected(core: Any) -> None:
    # Memory that is used again belongs to what is collected, too.
    for _ in range(3):
        one = pipeline(core)
        one.made = [one.fetchval("a", one, column=0) for _ in range(10)]
        assert all(gc.is_tracked(pending) for pending in one.made)
        found = weakref.ref(one)
        del one
        gc.collect()
        assert found() is None


def test_many_in_turns(core: Any) -> None:
    """More of them than are kept in memory for use again, dropped in any order."""
    kept = []
    for turn in range(4):
        gatherer = pipeline(core)
        made = [gatherer.execute("a", number) for number in range(3_000)]
        gathering, ((_, _, rows),) = gatherer._gathered()
        gathering.found = [([], b"%d %d" % (turn, number)) for (number,) in rows]
        kept.append(made[turn::1_000])
        del made[::2]
        gc.collect()
        assert [one.result() for one in made[:2]] == [f"{turn} 1", f"{turn} 3"]
    assert [[one.result() for one in some] for some in kept] == [
        [f"{turn} {number}" for number in range(turn, 3_000, 1_000)] for turn in range(4)
    ]


def test_a_pending_is_generic(core: Any) -> None:
    assert core.Pending[int].__origin__ is core.Pending
