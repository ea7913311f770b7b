"""What PostgreSQL numbers its own things with: oid, xid, cid, xid8, the reg* types, tid, pg_lsn and pg_snapshot."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import NamedTuple

from .bad_value import BadValue, bad_binary, clip, syntax, wrong_length
from .text import SPACE, from_utf8

_END32, _END64 = 1 << 32, 1 << 64
_NUMBER = re.compile(r"([+-]?)(?:(0[xX])([0-9a-fA-F]+)|([0-9]+))")
_TID = re.compile(r"\(([0-9]+),([0-9]+)\)")
_LSN = re.compile(r"([0-9a-fA-F]{1,8})/([0-9a-fA-F]{1,8})")
_COUNTED = rf"[{SPACE}]*\+?[0-9]+"
_SNAPSHOT = re.compile(rf"({_COUNTED}):({_COUNTED}):((?:{_COUNTED},)*(?:{_COUNTED})?)")


def parse32(name: str, text: str) -> int:
    """Reads oid, xid and cid in decimal, hexadecimal (``0x…``) or octal (``0…``), as PostgreSQL 16 does.

    Numbers from -2³¹ count from the upper end.
    """
    value = parse64(name, text)
    # Of the 64 bits, the upper ones are zeros or repeat the sign.
    if value < _END32 or value >= _END64 - (1 << 31):
        return value % _END32
    raise _out_of_range(name, text)


def parse64(name: str, text: str) -> int:
    """Reads xid8, as :func:`parse32` reads xid."""
    found = _NUMBER.fullmatch(text.strip(SPACE))
    if not found:
        raise syntax(name, text)
    digits, base = (found[3], 16) if found[2] else (found[4], 10)
    if base == 10 and len(digits) > 1 and digits[0] == "0":
        base = 8
        if "8" in digits or "9" in digits:
            raise syntax(name, text)
    digits = digits.lstrip("0") or "0"
    value = int(digits, base) if len(digits) <= 22 else _END64
    if value >= _END64:
        raise _out_of_range(name, text)
    return -value % _END64 if found[1] == "-" else value


def _out_of_range(name: str, text: str) -> BadValue:
    return BadValue("22003", f'value "{clip(text)}" is out of range for type {name}')


def parse_reg(text: str) -> int | str:
    """Reads a reg* type: digits are an OID, ``-`` is OID 0, anything else a name."""
    if text == "-":
        return 0
    return parse32("oid", text) if text.isascii() and text.isdigit() else text


def reg_text(value: int | str) -> str:
    return "-" if value == 0 else str(value)


def reg_binary(value: int | str) -> bytes:
    """22P02 for a name: it has no binary format."""
    if isinstance(value, str):
        raise syntax("oid", value)
    return value.to_bytes(4, "big")


def parse_lsn(text: str) -> int:
    """Reads an LSN: two numbers of one to eight hexadecimal digits, ``16/B374D848``."""
    found = _LSN.fullmatch(text)
    if not found:
        raise syntax("pg_lsn", text)
    return int(found[1], 16) << 32 | int(found[2], 16)


def lsn_text(value: int) -> str:
    return f"{value >> 32:X}/{value & 0xFFFF_FFFF:X}"


class Tid(NamedTuple):
    """A row version's place: block and position in it (5.5 System Columns, ctid)."""

    block: int
    offset: int


_TID_LAYOUT = struct.Struct("!IH")


def parse_tid(text: str) -> Tid:
    """Reads ``(block,offset)``."""
    found = _TID.fullmatch(text.strip(SPACE))
    if found:
        block, offset = _digits(found[1]), _digits(found[2])
        if block < _END32 and offset < 1 << 16:
            return Tid(block, offset)
    raise syntax("tid", text)


def tid_text(value: Tid) -> str:
    return f"({value.block},{value.offset})"


def tid_from_binary(data: bytes) -> Tid:
    if len(data) != _TID_LAYOUT.size:
        raise wrong_length(data, _TID_LAYOUT.size)
    return Tid(*_TID_LAYOUT.unpack(data))


def tid_to_binary(value: Tid) -> bytes:
    return _TID_LAYOUT.pack(*value)


class Snapshot(NamedTuple):
    """Which transactions are seen (9.26 pg_snapshot): all below ``xmin``, none from ``xmax``, between them all but ``running``."""

    xmin: int
    xmax: int
    running: tuple[int, ...]


def make_snapshot(xmin: int, xmax: int, running: Iterable[int]) -> Snapshot | None:
    """None if the numbers make no snapshot: an end without a transaction (whose lower half is zero), ``xmax`` below ``xmin``, running
    ones out of order or outside. Repetitions are dropped.
    """
    if xmin % _END32 == 0 or xmax % _END32 == 0 or xmax < xmin:
        return None
    kept: list[int] = []
    last = 0
    for xid in running:
        if not xmin <= xid < xmax or xid < last:
            return None
        if xid != last:
            kept.append(xid)
        last = xid
    return Snapshot(xmin, xmax, tuple(kept))


def parse_snapshot(text: str) -> Snapshot:
    """Reads ``xmin:xmax:xip,…``; a comma at the end is let through, as PostgreSQL does."""
    found = _SNAPSHOT.fullmatch(text)
    if found:
        numbers = [_digits(part) for part in [found[1], found[2], *found[3].removesuffix(",").split(",")] if part]
        if all(number < _END64 for number in numbers):
            made = make_snapshot(numbers[0], numbers[1], numbers[2:])
            if made is not None:
                return made
    raise syntax("pg_snapshot", text)


def _digits(text: str) -> int:
    """A number below 2⁶⁴, or 2⁶⁴ for every other one."""
    digits = text.lstrip(SPACE).removeprefix("+").lstrip("0") or "0"
    return min(int(digits), _END64) if len(digits) <= 20 else _END64


def snapshot_text(value: Snapshot) -> str:
    return f"{value.xmin}:{value.xmax}:{','.join(map(str, value.running))}"


def snapshot_from_binary(data: bytes) -> Snapshot:
    if len(data) < 20 or (len(data) - 4) % 8:
        raise bad_binary()
    count, xmin, xmax, *running = struct.unpack(f"!I{(len(data) - 4) // 8}Q", data)
    if len(running) != count:
        raise bad_binary()
    made = make_snapshot(xmin, xmax, running)
    if made is None:
        raise BadValue("22P03", "invalid external pg_snapshot data")
    return made


def snapshot_to_binary(value: Snapshot) -> bytes:
    count = len(value.running)
    return struct.pack(f"!I{count + 2}Q", count, value.xmin, value.xmax, *value.running)


MAX_NAME = 63
"""Most bytes of a name."""


def clip_name(text: str) -> str:
    """The text, cut before the first character that ends behind 63 bytes, as namein does."""
    return text.encode()[:MAX_NAME].decode(errors="ignore")


def name_from_binary(data: bytes) -> str:
    """42622 for more than 63 bytes."""
    name = from_utf8(data)
    if len(data) > MAX_NAME:
        raise BadValue("42622", "identifier too long")
    return name


_OCTAL = re.compile(r"\\([0-7]{3})")


def parse_char(text: str) -> int:
    r"""Reads a ``"char"``: its first byte, or ``\ooo`` as a whole; nothing is a zero byte (charin of PostgreSQL 16)."""
    found = _OCTAL.fullmatch(text)
    return int(found[1], 8) % 256 if found else (text[:1].encode() or b"\0")[0]


def char_text(value: int) -> str:
    r"""ASCII as it is, nothing for a zero byte, ``\ooo`` above 127 (charout of PostgreSQL 16)."""
    return chr(value) if 0 < value < 128 else f"\\{value:03o}" if value else ""


def char_from_binary(data: bytes) -> int:
    if len(data) != 1:
        raise bad_binary()
    return data[0]
