"""Record: by position, name and attribute; odd names; what it equals; pickling."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

import pgwire_py

NAMES = ["id", "count", "name"]
VALUES = (1, 20, "x")


@pytest.fixture
def record(core: Any) -> Any:
    return core.Record(NAMES, VALUES)


def test_by_position_name_and_attribute(record: Any) -> None:
    assert (record[0], record[-1], record["count"], record.count) == (1, "x", 20, 20)
    assert (record[1:], record[::-1]) == ((20, "x"), ("x", 20, 1))
    assert (record.get("name"), record.get("none"), record.get("none", 5)) == ("x", None, 5)
    assert record.keys() == tuple(NAMES)
    assert record.values() == VALUES
    assert record.items() == (("id", 1), ("count", 20), ("name", "x"))
    assert (len(record), list(record), "id" in record, 1 in record) == (3, [1, 20, "x"], True, False)
    assert dict(record) == {"id": 1, "count": 20, "name": "x"}


def test_what_is_not_there(record: Any) -> None:
    with pytest.raises(KeyError, match=r"^'none'$"):
        record["none"]
    with pytest.raises(IndexError):
        record[3]
    with pytest.raises(TypeError):
        record[1.5]
    with pytest.raises(AttributeError, match="the record has no column 'none'"):
        _ = record.none
    with pytest.raises(AttributeError):
        record.none = 1
    with pytest.raises(TypeError):
        record[0] = 1


def test_odd_names(core: Any) -> None:
    record = core.Record(["a", "a", "keys", "?column?", "", "_Record__values"], range(6))
    assert (record["a"], record.a, record[0]) == (1, 1, 0)
    assert (record["keys"], record.keys()[2]) == (2, "keys")
    assert (record["?column?"], getattr(record, "?column?"), record[""]) == (3, 3, 4)
    assert record["_Record__values"] == 5
    assert len(dict(record)) == 5


def test_equality_order_and_hash(core: Any, record: Any) -> None:
    other = core.Record(["a", "b", "c"], VALUES)
    assert record == other == VALUES == record
    assert hash(record) == hash(VALUES)
    assert {VALUES: 1}[record] == 1
    assert record != core.Record(["a"], [1])
    assert record != list(VALUES)
    assert record < (2,) <= core.Record(["a"], [2])
    assert sorted([core.Record(["a"], [2]), core.Record(["a"], [1])])[0].a == 1
    with pytest.raises(TypeError):
        _ = record < [1]
    with pytest.raises(TypeError):
        hash(core.Record(["a"], [[]]))


def test_repr(core: Any, record: Any) -> None:
    assert repr(record) == "<Record id=1 count=20 name='x'>"
    assert repr(core.Record([], [])) == "<Record>"
    inner: list[Any] = []
    inner.append(core.Record(["me"], [inner]))
    assert repr(inner) == "[<Record me=[...]>]"


def test_pickle_and_copy(record: Any) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(record, protocol))
        assert type(again) is pgwire_py.Record
        assert again == record.values()
        assert again.keys() == record.keys()
    assert copy.deepcopy(record).items() == record.items()


def test_what_no_record_is_made_of(core: Any) -> None:
    with pytest.raises(ValueError, match="1 values, but there are 2 columns"):
        core.Record(["a", "b"], [1])
    for names in ("ab", [1, 2], None):
        with pytest.raises(TypeError):
            core.Record(names, [1, 2])
    with pytest.raises(TypeError):
        type("Mine", (core.Record,), {})


def test_a_cycle_through_a_record_is_collected(core: Any) -> None:
    inner: list[Any] = []
    record = core.Record(["me"], [inner])
    inner.append(record)
    gone = weakref.ref(record)
    del inner, record
    gc.collect()
    assert gone() is None


def test_records_within_records_end(core: Any) -> None:
    record = core.Record(["inner"], [None])
    for _ in range(100_000):
        record = core.Record(["inner"], [record])
    gone = weakref.ref(record)
    del record
    assert gone() is None


def test_values_are_held_as_long_as_the_record(core: Any) -> None:
    class Value:
        pass

    value = Value()
    gone = weakref.ref(value)
    record = core.Record(["a", "b"], [value, value])
    del value
    assert record.a is record["b"] is record[0] is record.values()[1]
    assert gone() is not None
    del record
    assert gone() is None
