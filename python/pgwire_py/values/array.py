"""An array whose indexes do not begin at 1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


class Array(list[T]):
    """A list, nested for more than one dimension, with PostgreSQL's lower bounds (PostgreSQL 8.15).

    It equals the plain list of its elements. What is decoded is a plain ``list`` wherever all lower bounds are 1.

    Args:
        items: the elements, as for ``list``.
        lower_bounds: index of the first element of each dimension.
    """

    __slots__ = ("lower_bounds",)

    lower_bounds: tuple[int, ...]

    def __init__(self, items: Iterable[T] = (), lower_bounds: Iterable[int] = ()) -> None:
        super().__init__(items)
        self.lower_bounds = tuple(lower_bounds)

    def __repr__(self) -> str:
        return f"Array({super().__repr__()}, lower_bounds={self.lower_bounds!r})"

    def __reduce__(self) -> tuple[type[Array[T]], tuple[list[T], tuple[int, ...]]]:
        return type(self), (list(self), self.lower_bounds)
