"""Values of bit and bit varying."""

from __future__ import annotations

from collections.abc import Iterator

from .immutable import Immutable


class BitString(Immutable):
    """Immutable bits (PostgreSQL 8.10); the names are asyncpg's.

    Args:
        bits: ``"0"`` and ``"1"``, spaces between them allowed.

    Raises:
        ValueError: another character.
    """

    __slots__ = ("_bytes", "_length")

    _bytes: bytes
    _length: int

    def __init__(self, bits: str = "") -> None:
        digits = bits.replace(" ", "")
        if digits.strip("01"):
            raise ValueError(f"a bit string holds 0 and 1 only, not {bits[:64]!r}")
        padded = digits + "0" * (-len(digits) % 8)
        self._set(int(padded or "0", 2).to_bytes(len(padded) // 8, "big"), len(digits))

    def _set(self, data: bytes, length: int) -> None:
        object.__setattr__(self, "_bytes", data)
        object.__setattr__(self, "_length", length)

    @classmethod
    def frombytes(cls, data: bytes = b"", bitlength: int | None = None) -> BitString:
        """The first ``bitlength`` bits of bytes, all of them by default; ValueError if they have not that many."""
        length = 8 * len(data) if bitlength is None else bitlength
        if not 0 <= length <= 8 * len(data):
            raise ValueError(f"{len(data)} bytes do not hold {length} bits")
        kept = bytearray(data[: (length + 7) // 8])
        if length % 8:
            kept[-1] &= 0xFF << (8 - length % 8) & 0xFF
        made = cls.__new__(cls)
        made._set(bytes(kept), length)
        return made

    @classmethod
    def from_int(cls, x: int, length: int, *, signed: bool = False) -> BitString:
        """An integer in ``length`` bits, most significant first; ValueError if it does not fit."""
        least, most = (-(1 << length >> 1), (1 << length >> 1) - 1) if signed else (0, (1 << length) - 1)
        if length < 0 or not least <= x <= most:
            raise ValueError(f"{x} does not fit {length} bits")
        padding = -length % 8
        number = (x & ((1 << length) - 1)) << padding
        return cls.frombytes(number.to_bytes((length + padding) // 8, "big"), length)

    @property
    def bytes(self) -> bytes:
        """The bits from the most significant of the first byte on, filled up with zeros."""
        return self._bytes

    def as_string(self) -> str:
        """``"0"`` and ``"1"``, without spaces."""
        return f"{int.from_bytes(self._bytes, 'big'):0{8 * len(self._bytes)}b}"[: self._length] if self._length else ""

    def to_int(self, *, signed: bool = False) -> int:
        """The integer whose most significant bit is the first; in two's complement if ``signed``."""
        number = int.from_bytes(self._bytes, "big") >> (-self._length % 8)
        return number - (1 << self._length) if signed and self._length and number >> (self._length - 1) else number

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> int:
        at = index + self._length if index < 0 else index
        if not 0 <= at < self._length:
            raise IndexError("bit string index out of range")
        return self._bytes[at // 8] >> (7 - at % 8) & 1

    def __iter__(self) -> Iterator[int]:
        return (self[at] for at in range(self._length))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BitString):
            return NotImplemented
        return (self._length, self._bytes) == (other._length, other._bytes)

    def __hash__(self) -> int:
        return hash((self._length, self._bytes))

    def __repr__(self) -> str:
        return f"BitString({self.as_string()!r})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(self).frombytes, (self._bytes, self._length)
