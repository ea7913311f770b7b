"""What fuzzing does to bytes: small damage anywhere, and lies in the length and count fields that a protocol parser believes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

LARGEST = 4096
"""Bytes; mutants are cut to this size, for small cases find the same bugs sooner."""

INTERESTING = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    255,
    256,
    9_999,
    10_001,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
)
WORDS = (
    b"\0",
    b"\0\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"S",
    b"P",
    b"p",
    b"E",
    b"N",
    b"\0\0\0\x04",
)


def _flip_a_bit(data: bytearray, dice: Random) -> None:
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _set_a_byte(data: bytearray, dice: Random) -> None:
    data[dice.randrange(len(data))] = dice.randrange(256)


def _truncate(data: bytearray, dice: Random) -> None:
    del data[dice.randrange(len(data)) :]


def _delete(data: bytearray, dice: Random) -> None:
    at = dice.randrange(len(data))
    del data[at : at + dice.randrange(1, 9)]


def _insert(data: bytearray, dice: Random) -> None:
    at = dice.randrange(len(data) + 1)
    data[at:at] = dice.choice(WORDS) if dice.random() < 0.6 else dice.randbytes(dice.randrange(1, 9))


def _repeat(data: bytearray, dice: Random) -> None:
    at = dice.randrange(len(data))
    data[at:at] = data[at : at + dice.randrange(1, 65)]


def _lie(data: bytearray, dice: Random) -> None:
    """Write a number where a 16- or 32-bit field may be."""
    size = dice.choice((2, 4))
    at = dice.randrange(len(data))
    data[at : at + size] = (dice.choice(INTERESTING) % (1 << 8 * size)).to_bytes(size, "big")


DAMAGES: Sequence[Callable[[bytearray, Random], None]] = (
    _flip_a_bit, _set_a_byte, _truncate, _delete, _insert, _repeat, _lie,
)  # fmt: skip


def damaged(data: bytes, dice: Random) -> bytes:
    """One to three small damages."""
    result = bytearray(data)
    for _ in range(dice.randrange(1, 4)):
        if not result:
            result += dice.randbytes(4)
        dice.choice(DAMAGES)(result, dice)
    return bytes(result[:LARGEST])


def damaged_messages(messages: Sequence[bytes], other: Sequence[bytes], dice: Random) -> bytes:
    """Messages of one capture, changed as a whole, within, or spliced with those of another.

    Args:
        messages: each with tag and length; a start-up packet, which has no tag, begins with a zero byte.
        other: messages of another capture.
    """
    result = list(messages)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(result))
        kind = dice.randrange(10)
        if kind < 5:  # the usual case: a body of another content under a true length reaches furthest
            result[at] = with_another_body(result[at], dice)
        elif kind == 5:
            result[at] = with_length(result[at], dice.choice(INTERESTING))
        elif kind == 6:
            result.insert(dice.randrange(len(result) + 1), result[at])
        elif kind == 7:
            result[at:] = other[dice.randrange(len(other)) :]
            result = result or list(messages)
        elif kind == 8:
            result[at], result[0] = result[0], result[at]
        else:
            result[at] = damaged(result[at], dice)
    return b"".join(result)[:LARGEST]


def with_another_body(message: bytes, dice: Random) -> bytes:
    """The message with a damaged body and a length field that fits it."""
    header = _header(message)
    body = damaged(message[header:], dice)
    return with_length(message[:header] + body, len(body) + 4)


def with_length(message: bytes, length: int) -> bytes:
    """The message with another length field; one that has none stays as it is."""
    header = _header(message)
    if len(message) < header:
        return message
    return message[: header - 4] + length.to_bytes(4, "big") + message[header:]


def _header(message: bytes) -> int:
    return 4 if message[:1] == b"\0" else 5
