"""Frames: the byte stream of either end cut at message boundaries, bodies undecoded, in any chunking (Protocol 55.7).

A frame that lies whole in the bytes that are fed is not copied. One that comes in pieces is gathered: each byte is copied once, into
memory that grows with what has come and not with what a length announces. Lengths are judged before anything waits for their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...errors import FrameError, LocalProtocolError
from ..interface import Buffer
from .row_decoder import RowDecoder
from .wire import MAX_LENGTH, UINT32

if TYPE_CHECKING:
    from .arrow_decoder import ArrowDecoder

MAX_STARTUP_LENGTH: Final = 10_000
"""Default bound of an untagged packet, in bytes: PostgreSQL's MAX_STARTUP_PACKET_LENGTH."""

MAX_MESSAGE_LENGTH: Final = 65_535
"""Default bound of a tagged message, in bytes: PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH, what it takes before authentication."""

_REQUEST_VERSION: Final = b"\x04\xd2"
"""Major version of the packets that ask for something else than a session: SSLRequest, GSSENCRequest, CancelRequest."""


_RESULT_ENDS = frozenset("CsIETZ")
"""Behind these the rows of another result begin."""


def _end_run(found: list[tuple[str, Any]], run: list[memoryview], rows: RowDecoder | ArrowDecoder | None) -> None:
    """What DataRows one behind the other are: their rows, with those that were kept, or what is wrong with one of them."""
    if not run or rows is None:
        return
    try:
        if isinstance(rows, RowDecoder):
            kept = found.pop()[1] if found and found[-1][0] == "D" else []
            found.append(("D", rows.extend(kept, run)))
        else:
            found.append(("D", rows.feed(run)))
    except Exception as error:
        found.append(("D", error))
    run.clear()


_USUAL: Final = frozenset(letters[:end] for letters in ("2DCZ", "2DsZ", "2CZ", "2sZ") for end in range(5))
"""Tags of the usual answer to Bind, Execute and Sync, and of its beginnings."""


def _is_usual(frames: list[tuple[str, Any]]) -> bool:
    """Whether they are such an answer or the beginning of one."""
    if "".join(tag or "?" for tag, _ in frames) not in _USUAL:
        return False
    for tag, body in frames:
        if tag == "D":
            fits = isinstance(body, list)
        elif tag == "C":
            fits = body.endswith(b"\0")
        else:
            fits = body in (b"I", b"T", b"E") if tag == "Z" else not body
        if not fits:
            return False
    return True


def _read(frames: Sequence[tuple[str, memoryview]], decoders: Iterator[RowDecoder | None]) -> list[tuple[str, Any]]:
    """Frames, the DataRows of each result read by a decoder of its own."""
    found: list[tuple[str, Any]] = []
    run: list[memoryview] = []
    rows = next(decoders, None)
    for tag, body in frames:
        if tag == "D" and rows is not None:
            run.append(body)
            continue
        _end_run(found, run, rows)
        if tag and tag in "ET":  # how many results this ends, or what columns there are, only its reader knows
            decoders = iter(())
        if tag and tag in "CsIET":
            rows = next(decoders, None)
        found.append((tag, bytes(body)))
    _end_run(found, run, rows)
    return found


def _grouped(frames: list[tuple[str, Any]], synced: bool) -> list[tuple[str, Any]]:
    """Frames, with one in the place of usual answers that stand one behind the other."""
    found: list[tuple[str, Any]] = []
    at, grouped = 0, False
    while at < len(frames):
        answer = frames[at : at + 4]
        rows = answer.pop(1)[1] if [tag for tag, _ in answer[:2]] == ["2", "D"] else []
        body = answer[1][1] if len(answer) > 1 else b""
        usual = answer[0] == ("2", b"") and isinstance(rows, list) and len(answer) >= 2 + synced
        usual = usual and (answer[1] == ("s", b"") or (answer[1][0] == "C" and body.endswith(b"\0")))
        if not usual or (synced and (answer[2][0] != "Z" or answer[2][1] not in (b"I", b"T", b"E"))):
            found.append(frames[at])
            at, grouped = at + 1, False
            continue
        if not grouped:
            found.append(("=", ([], [], "")))
        results, tags, _ = found[-1][1]
        result = (rows, body[:-1])
        if not rows and results and results[-1] == result:
            result = results[-1]
        elif not rows:
            tags.append(result[1])
        results.append(result)
        found[-1] = ("=", (results, tags, answer[2][1].decode() if synced else ""))
        at, grouped = at + (3 if rows else 2) + synced, True
    return found


class FrameDecoder:
    """See :class:`pgwire_py._impl.interface.FrameDecoder`."""

    __slots__ = (
        "_answer",
        "_body",
        "_body_length",
        "_failed",
        "_header",
        "_joined",
        "_kept",
        "_limits",
        "_max_message_length",
        "_max_startup_length",
        "_offset",
        "_startup",
    )

    _startup: bool

    def __init__(
        self,
        startup: bool = False,
        *,
        max_startup_length: int = MAX_STARTUP_LENGTH,
        max_message_length: int = MAX_MESSAGE_LENGTH,
        tag_limits: dict[str, int] | None = None,
        only_listed_tags: bool = False,
        joined_tags: str = "",
    ) -> None:
        if not isinstance(joined_tags, str):
            raise TypeError("joined_tags must be a str")
        self._joined = frozenset(chr(_letter(tag)) for tag in joined_tags)
        self._header = b""
        self.startup = startup
        self.max_startup_length = max_startup_length
        self.max_message_length = max_message_length
        self._limits = [0 if only_listed_tags else MAX_LENGTH] * 256
        if tag_limits is not None and not isinstance(tag_limits, dict):
            raise TypeError("tag_limits must be a dict")
        for tag, limit in (tag_limits or {}).items():
            self._limits[_letter(tag)] = checked_length(limit)
        self._body = bytearray()
        self._body_length = 0
        self._offset = 0
        self._failed: tuple[str, str] | None = None
        self._kept: list[tuple[str, Any]] | None = None  # an answer that has come in part

    @property
    def startup(self) -> bool:
        """Whether the next packet is an untagged one."""
        return self._startup

    @startup.setter
    def startup(self, startup: bool) -> None:
        if not isinstance(startup, bool):
            raise TypeError("startup must be a bool")
        if self._header:
            if startup is not self._startup:
                raise LocalProtocolError("a packet has come in part: startup cannot change")
            return
        self._startup = startup
        # Nothing may come before SSLRequest and the like are answered, which whoever sets this has done.
        self._answer = False

    @property
    def max_startup_length(self) -> int:
        """Largest length field of an untagged packet, in bytes."""
        return self._max_startup_length

    @max_startup_length.setter
    def max_startup_length(self, value: int) -> None:
        self._max_startup_length = checked_length(value)

    @property
    def max_message_length(self) -> int:
        """Largest length field of a tagged message, in bytes."""
        return self._max_message_length

    @max_message_length.setter
    def max_message_length(self, value: int) -> None:
        self._max_message_length = checked_length(value)

    @property
    def buffered(self) -> int:
        """Bytes of the incomplete packet at the end of what was fed."""
        return len(self._header) + len(self._body)

    def feed(self, data: Buffer) -> list[tuple[str, memoryview]]:
        """Take bytes, return the complete frames in order; see the interface for errors."""
        if self._kept:
            raise LocalProtocolError("an answer has come in part: feed_rows gives it")
        self._kept = None
        stream = data if type(data) is bytes else bytes(memoryview(data))
        frames: list[tuple[str, memoryview]] = []
        if self._failed is None:
            try:
                self._feed(stream, frames)
            except _Fault as fault:
                self._failed = fault.args
                self._header, self._body = b"", bytearray()
            else:
                return frames
        message, tag = self._failed
        raise FrameError(message, fatal=True, tag=tag, frames=tuple(frames))

    def feed_rows(self, data: bytes, rows: RowDecoder | ArrowDecoder | None = None) -> list[tuple[str, Any]]:
        """Frames with their bodies as bytes, DataRows as rows; see the interface."""
        found, self._kept = self._kept or [], None
        if found and found[-1][0] in _RESULT_ENDS and isinstance(rows, RowDecoder):
            rows = None
        frames, fault = self._cut(data)
        run: list[memoryview] = []
        for tag, body in frames:
            if tag == "D" and rows is not None:
                run.append(body)
                continue
            _end_run(found, run, rows)
            if tag in _RESULT_ENDS:
                rows = None
            found.append((tag, bytes(body)))
        _end_run(found, run, rows)
        if fault is not None:
            raise FrameError(str(fault), fatal=True, tag=fault.tag, frames=tuple(found))
        return found

    def feed_answers(
        self, data: bytes, rows: list[RowDecoder | None], start: int, synced: bool
    ) -> list[tuple[str, Any]]:
        """Frames, those of usual answers as what they say; see the interface."""
        found, self._kept = self._kept or [], None
        frames, fault = self._cut(data)
        made = found + _grouped(_read(frames, iter(rows[start:])), synced)
        if fault is not None:
            raise FrameError(str(fault), fatal=True, tag=fault.tag, frames=tuple(made))
        return made

    def _cut(self, data: bytes) -> tuple[Sequence[tuple[str, memoryview]], FrameError | None]:
        """Frames, none of them joined, and what is wrong behind them."""
        joined, self._joined = self._joined, frozenset()
        try:
            return self.feed(data), None
        except FrameError as error:
            return error.frames, error
        finally:
            self._joined = joined

    def feed_answer(
        self, data: bytes, rows: RowDecoder | None = None
    ) -> tuple[list[Any], bytes, str] | list[tuple[str, Any]] | None:
        """The parts of a usual answer, None for its beginning, or else frames; see the interface."""
        if self._kept is None and self.buffered:
            return self.feed_rows(data, rows)
        found = self.feed_rows(data, rows)
        if not _is_usual(found) or (found[-1:] and found[-1][0] == "Z" and self.buffered):
            return found
        if not found or found[-1][0] != "Z":
            self._kept = found
            return None
        made = found[1][1] if len(found) == 4 else []
        return made, found[-2][1][:-1], found[-1][1].decode()

    def _feed(self, stream: bytes, frames: list[tuple[str, memoryview]]) -> None:
        view, position, size = memoryview(stream), 0, len(stream)
        # Where the frame of messages that are joined begins, while they follow each other.
        run: int | None = None
        while position < size:
            if self._answer:
                raise self._fault("", "data before a request of start-up was answered")
            head = 4 if self._startup else 5
            if not self._header and size - position >= head:
                # The whole frame is here: nothing is copied.
                start = position + head
                end = start + self._length_of_body(stream, position, head)
                if end <= size:
                    tag, body = self._frame(stream[start - head : start], view[start:end])
                    if not tag or tag not in self._joined:
                        run = None
                    elif run is not None and frames[-1][0] == tag:
                        frames.pop()
                        body = view[run:end]
                    else:
                        run, body = position, view[position:end]
                    frames.append((tag, body))
                    position = end
                    continue
            run = None
            position = self._gather(stream, position, head, frames)

    def _gather(self, stream: bytes, position: int, head: int, frames: list[tuple[str, memoryview]]) -> int:
        """Add to the incomplete packet; where to go on."""
        if len(self._header) < head:
            taken = stream[position : position + head - len(self._header)]
            self._header += taken
            position += len(taken)
            if len(self._header) < head:
                if head == 5:
                    self._check_tag(self._header[0])
                return position
            self._body_length = self._length_of_body(self._header, 0, head)
        end = min(len(stream), position + self._body_length - len(self._body))
        self._body += memoryview(stream)[position:end]
        if len(self._body) == self._body_length:
            header, body = self._header, self._body
            self._header, self._body = b"", bytearray()
            tag, view = self._frame(header, memoryview(body).toreadonly())
            frames.append((tag, memoryview(header + body) if tag and tag in self._joined else view))
        return end

    def _frame(self, header: bytes, body: memoryview) -> tuple[str, memoryview]:
        self._offset += len(header) + len(body)
        if len(header) == 5:
            return chr(header[0]), body
        self._startup = False
        self._answer = bytes(body[:2]) == _REQUEST_VERSION
        return "", body

    def _length_of_body(self, stream: bytes, position: int, head: int) -> int:
        """Length of the body behind a complete header, judged."""
        if head == 5:
            tag = stream[position]
            self._check_tag(tag)
            name, least, most = chr(tag), 4, min(self._limits[tag], self._max_message_length)
        else:
            name, least, most = "", 8, self._max_startup_length
        length = int(UINT32.unpack_from(stream, position + head - 4)[0])
        if not least <= length <= most:
            raise self._fault(name, f"length {length} is not between {least} and {most}")
        return length - 4

    def _check_tag(self, tag: int) -> None:
        if not self._limits[tag]:
            raise self._fault(chr(tag), "no message of this type is accepted")

    def _fault(self, tag: str, rule: str) -> _Fault:
        what = f"message of type {ord(tag)}" if tag else "start-up packet"
        return _Fault(f"{what} at byte {self._offset}: {rule}", tag)


class _Fault(Exception):
    """Text and tag of a FrameError that has yet to get its frames."""

    args: tuple[str, str]


def _letter(tag: object) -> int:
    if not isinstance(tag, str) or len(tag) != 1 or ord(tag) > 255:
        raise ValueError("a tag must be one character of one byte")
    return ord(tag)


def checked_length(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a length must be an int")
    if not 0 <= value <= MAX_LENGTH:
        raise ValueError(f"a length must be 0 to {MAX_LENGTH}")
    return value
