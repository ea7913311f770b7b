"""A step of an exchange: taken once, never copied."""

from __future__ import annotations

from typing import NoReturn

from ..errors import LocalProtocolError

__all__ = ["Step"]


class Step:
    """The base of every step's type.

    Only the step before makes one, so none can be skipped; and it is used up by being taken, whether that went well or not, so
    none can be repeated: who may try twice may guess twice.
    """

    __slots__ = ("_taken",)  # set when it is taken

    def _take(self) -> None:
        """Use this step up.

        Raises:
            LocalProtocolError: it was taken before.
        """
        if getattr(self, "_taken", False):
            raise LocalProtocolError(f"{type(self).__name__} was taken already: a login that failed begins anew")
        self._taken = True

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and is neither copied nor pickled")
