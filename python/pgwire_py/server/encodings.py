"""client_encoding: texts between UTF-8 and the encoding of a client (PostgreSQL 24.3), and the messages that hold them.

All inside the server is Unicode, so other encodings are dealt with at its edge: messages that came are brought to UTF-8 before they are
decoded, and what is sent is brought from UTF-8 behind the encoders.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from .._impl.pure.framing import SMALL_MESSAGE_LIMIT
from ..errors import PostgresError, postgres_error

__all__ = ["Encoding", "FrameRecoder", "find_encoding", "recode_message"]

_CODECS: Final = {
    "LATIN1": "iso8859-1",
    "LATIN2": "iso8859-2",
    "LATIN3": "iso8859-3",
    "LATIN4": "iso8859-4",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "ISO_8859_5": "iso8859-5",
    "ISO_8859_6": "iso8859-6",
    "ISO_8859_7": "iso8859-7",
    "ISO_8859_8": "iso8859-8",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "WIN866": "cp866",
    "WIN874": "cp874",
    **{f"WIN125{number}": f"cp125{number}" for number in range(9)},
}
"""PostgreSQL's encodings of one byte a character, with Python's codecs, which map every byte as PostgreSQL does."""

_OTHERS: Final = (
    *(
        "BIG5",
        "EUC_CN",
        "EUC_JIS_2004",
        "EUC_JP",
        "EUC_KR",
        "EUC_TW",
        "GB18030",
        "GBK",
        "JOHAB",
        "MULE_INTERNAL",
        "SHIFT_JIS_2004",
    ),
    *("SJIS", "UHC"),
)
"""Encodings that are known and not supported."""

_ALIASES: Final = {
    "unicode": "UTF8",
    "koi8": "KOI8R",
    "mskanji": "SJIS",
    "shiftjis": "SJIS",
    "alt": "WIN866",
    "win": "WIN1251",
    **dict.fromkeys(("abc", "tcvn", "tcvn5712", "vscii"), "WIN1258"),
    **{f"iso8859{number}": f"LATIN{number}" for number in range(1, 5)},
    "iso88599": "LATIN5",
    "iso885910": "LATIN6",
    "iso885913": "LATIN7",
    "iso885914": "LATIN8",
    "iso885915": "LATIN9",
    "iso885916": "LATIN10",
    "win932": "SJIS",
    "win936": "GBK",
    "win949": "UHC",
    "win950": "BIG5",
    **{f"windows{number}": f"WIN{number}" for number in (866, 874, *range(1250, 1259))},
    "windows932": "SJIS",
    "windows936": "GBK",
    "windows949": "UHC",
    "windows950": "BIG5",
}
_NAMES: Final = {
    **{name.lower().replace("_", ""): name for name in ("UTF8", "SQL_ASCII", *_CODECS, *_OTHERS)},
    **_ALIASES,
}


def find_encoding(value: str) -> tuple[str, bool] | None:
    """The canonical name of an encoding in any of PostgreSQL's spellings, and whether it is supported; None where there is none."""
    name = _NAMES.get("".join(filter(str.isalnum, value.lower())))
    return None if name is None else (name, name not in _OTHERS)


class Encoding:
    """An encoding of one byte a character.

    Attributes:
        name: PostgreSQL's name of it.
    """

    __slots__ = ("_decode", "_encode", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        codec = codecs.lookup(_CODECS[name])
        self._decode = codec.decode
        self._encode = codec.encode

    def to_utf8(self, data: bytes) -> bytes:
        """A text of the client's in UTF-8.

        Raises:
            PostgresError: 22P05 for a byte that stands for no character.
        """
        if data.isascii():
            return data
        try:
            return self._decode(data)[0].encode()
        except UnicodeDecodeError as error:
            raise _untranslatable(error.object[error.start : error.start + 1], self.name, "UTF8") from None

    def from_utf8(self, data: bytes) -> bytes:
        """A text in UTF-8 for the client.

        Raises:
            PostgresError: 22P05 for a character that the encoding has not.
        """
        if data.isascii():
            return data
        try:
            return self._encode(data.decode())[0]
        except UnicodeEncodeError as error:
            raise _untranslatable(error.object[error.start].encode(), "UTF8", self.name) from None


@lru_cache(maxsize=64)
def encoding_of(name: str) -> Encoding | None:
    """The encoding of a canonical name; None where nothing is to be done: UTF8, and SQL_ASCII, whose bytes pass as they are."""
    return Encoding(name) if name in _CODECS else None


def _untranslatable(character: bytes, source: str, target: str) -> PostgresError:
    shown = " ".join(f"0x{byte:02x}" for byte in character)
    message = f'character with byte sequence {shown} in encoding "{source}" has no equivalent in encoding "{target}"'
    return postgres_error("22P05", message)


def recode_message(data: bytes, recode: Callable[[bytes], bytes]) -> bytes:
    """One message of the backend in another encoding: errors, notices, parameters, tags, names of columns, notifications; others as they
    are."""
    tag = data[:1]
    if data.isascii() or tag not in _TEXT_TAGS:
        return data
    if tag == b"T":
        body = _recode_names(data[5:], recode)
    elif tag == b"A":  # a process ID is in front
        body = data[5:9] + recode(data[9:])
    else:
        body = recode(data[5:])
    return tag + (len(body) + 4).to_bytes(4, "big") + body


_TEXT_TAGS: Final = (b"E", b"N", b"S", b"C", b"T", b"A")


_FIELD: Final = 18
"""Bytes that follow a name in RowDescription."""


def _recode_names(body: bytes, recode: Callable[[bytes], bytes]) -> bytes:
    parts = [body[:2]]
    at = 2
    while at < len(body):
        end = body.index(0, at)
        parts += (recode(body[at:end]), body[end : end + 1 + _FIELD])
        at = end + 1 + _FIELD
    return b"".join(parts)


_STRINGS: Final = {
    ord("Q"): (0, 1),
    ord("P"): (0, 2),
    ord("B"): (0, 2),
    ord("D"): (1, 1),
    ord("C"): (1, 1),
    ord("E"): (0, 1),
}
"""Tags of frontend messages with texts: bytes before the texts, and how many texts (Protocol 55.7)."""


_NOT_UTF8: Final = bytes(range(128)) + b"\xff" * 128


class FrameRecoder:
    """Brings the texts in a stream of frontend messages to UTF-8. Parameters stay as they are: only their types tell which are texts.

    Args:
        encoding: the client's; None for UTF-8.
        max_message_length: larger messages pass as they are, for the decoder to refuse.
        buffered: how much of an unfinished message the decoder has: its rest passes as it is.
    """

    def __init__(self, encoding: Encoding, max_message_length: int, buffered: Callable[[], int]) -> None:
        self.encoding: Encoding | None = encoding
        self._buffered = buffered
        self._begun = False
        self._max = max_message_length
        self._pending = bytearray()
        self._needed = 0
        self._passing = 0

    def feed(self, data: bytes) -> bytes:
        """The whole messages that ``data`` completes, and at once what no text can be in.

        A text with a byte that stands for no character becomes one that is no UTF-8 either: the decoder tells of it in its place.
        """
        if not self._begun:
            if self._buffered():
                return data
            self._begun = True
        pending = self._pending
        pending += data
        if len(pending) < self._needed:
            return b""
        self._needed = 0
        parts: list[bytes] = []
        at = 0
        while at < len(pending):
            if self._passing:
                part = bytes(pending[at : at + self._passing])
                self._passing -= len(part)
                parts.append(part)
                at += len(part)
                continue
            self._needed = 5
            if len(pending) - at < 5:
                break
            tag = pending[at]
            length = int.from_bytes(pending[at + 1 : at + 5], "big")
            strings = _STRINGS.get(tag)
            limit = SMALL_MESSAGE_LIMIT if tag in b"DCE" else self._max
            if strings is None or not 4 <= length <= limit:
                self._passing = 1 + max(length, 4)
                continue
            self._needed = 1 + length
            if self._needed > len(pending) - at:
                break
            parts.append(self._frame(bytes(pending[at : at + self._needed]), *strings))
            at += self._needed
            self._needed = 0
        del pending[:at]
        return b"".join(parts)

    @property
    def idle(self) -> bool:
        """Whether no message is unfinished."""
        return not self._pending and not self._passing

    def _frame(self, frame: bytes, skip: int, count: int) -> bytes:
        at = end = 5 + skip
        for _ in range(count):
            found = frame.find(0, end)
            end = len(frame) if found < 0 else found + 1
        texts = frame[at:end]
        if self.encoding is None or texts.isascii():
            return frame
        try:
            texts = self.encoding.to_utf8(texts)
        except PostgresError:
            texts = texts.translate(_NOT_UTF8)
        body = frame[5:at] + texts + frame[end:]
        return frame[:1] + (len(body) + 4).to_bytes(4, "big") + body
