"""What cannot be changed once it is made."""

from __future__ import annotations


class Immutable:
    """Attributes are put in place by ``object.__setattr__`` while a value is made, and stay."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")
