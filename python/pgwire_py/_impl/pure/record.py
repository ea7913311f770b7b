"""``Record``: a row's values with the column names that all rows of a result share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from ..restore import restore_record


class Names:
    """The names of a result's columns, made once for all its records."""

    __slots__ = ("names", "positions")

    def __init__(self, names: Iterable[str]) -> None:
        if isinstance(names, str):
            raise TypeError("column names must be a sequence of str")
        self.names: Final = tuple(names)
        if not all(isinstance(name, str) for name in self.names):
            raise TypeError("column names must be a sequence of str")
        self.positions: Final = {name: position for position, name in enumerate(self.names)}


class Record:
    """A row; see the contract in ``_impl/interface``."""

    __slots__ = ("__names__", "__values__", "__weakref__")
    __names__: Names
    __values__: tuple[Any, ...]

    def __new__(cls, names: Iterable[str], values: Iterable[object]) -> Record:
        shared, row = Names(names), tuple(values)
        if len(shared.names) != len(row):
            raise ValueError(f"{len(row)} values, but there are {len(shared.names)} columns")
        return cls.__make__(shared, row)

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'pgwire_py.Record' is not an acceptable base type")

    @classmethod
    def __make__(cls, names: Names, values: tuple[object, ...]) -> Record:
        record = object.__new__(cls)
        record.__names__, record.__values__ = names, values
        return record

    def keys(self) -> tuple[str, ...]:
        return self.__names__.names

    def values(self) -> tuple[Any, ...]:
        return self.__values__

    def items(self) -> tuple[tuple[str, Any], ...]:
        return tuple(zip(self.__names__.names, self.__values__, strict=True))

    def get(self, name: str, default: Any = None, /) -> Any:
        position = self.__names__.positions.get(name)
        return default if position is None else self.__values__[position]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self.__values__[self.__names__.positions[key]]
        return self.__values__[key]

    def __getattr__(self, name: str) -> Any:
        position = self.__names__.positions.get(name)
        if position is None:
            raise AttributeError(f"the record has no column {name!r}")
        return self.__values__[position]

    def __len__(self) -> int:
        return len(self.__values__)

    def __contains__(self, name: object) -> bool:
        return name in self.__names__.positions

    def __iter__(self) -> Iterator[Any]:
        return iter(self.__values__)

    def __eq__(self, other: object) -> Any:
        return self.__compare__(other, tuple.__eq__)

    def __ne__(self, other: object) -> Any:
        return self.__compare__(other, tuple.__ne__)

    def __lt__(self, other: object) -> Any:
        return self.__compare__(other, tuple.__lt__)

    def __le__(self, other: object) -> Any:
        return self.__compare__(other, tuple.__le__)

    def __gt__(self, other: object) -> Any:
        return self.__compare__(other, tuple.__gt__)

    def __ge__(self, other: object) -> Any:
        return self.__compare__(other, tuple.__ge__)

    def __compare__(self, other: object, operator: Callable[[tuple[Any, ...], Any], Any]) -> Any:
        if isinstance(other, (Record, tuple)):
            return operator(self.__values__, other.values() if isinstance(other, Record) else other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.__values__)

    def __repr__(self) -> str:
        return "".join(["<Record", *[f" {name}={value!r}" for name, value in self.items()], ">"])

    def __reduce__(self) -> Any:
        return restore_record, (self.__names__.names, self.__values__)


make_record: Final = Record.__make__
"""A record of names that are shared and as many values."""
