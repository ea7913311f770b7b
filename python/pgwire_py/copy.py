"""The data of COPY in text, CSV and binary format: options, an encoder and a decoder (PostgreSQL: COPY).

No statement and no connection: what a server or client does with ``COPY … FROM STDIN`` and ``COPY … TO STDOUT`` is built on this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from . import _impl
from ._impl.interface import Buffer, CopyPlan
from .enums import DEFAULT
from .errors import LocalProtocolError, PostgresError, postgres_error

__all__ = ["DEFAULT", "MAX_COLUMNS", "MAX_ROW", "ArrowCopyEncoder", "CopyDecoder", "CopyEncoder", "CopyOptions"]

MAX_ROW = 0x3FFFFFFF
"""Most bytes of one row unless told: a line, or a binary row with its lengths. PostgreSQL's bound of a line and of a field."""

MAX_COLUMNS = 32_767
"""Most columns: the binary format counts them in a signed 16-bit integer."""

_WHOLE = (1 << 63) - 1
_PIECE = 1 << 19
_ENCODINGS = {
    "utf8": "UTF8",
    "unicode": "UTF8",
    "latin1": "LATIN1",
    "iso88591": "LATIN1",
    "sqlascii": "SQL_ASCII",
}
_OTHER_ENCODINGS = (
    "abc|alt|big5|euc(cn|jp|kr|tw|jis2004)|gb18030|gbk|iso8859([2-9]|1[03-6])|johab|koi8[ru]?|latin([2-9]|10)|mskanji"
    "|muleinternal|shiftjis(2004)?|sjis|tcvn|tcvn5712|uhc|vscii|win|win(125[0-8]|8(66|74)|936|949|950)|windows\\w+"
)
"""PostgreSQL's other encodings, folded as it folds names."""

Names = Sequence[str] | Literal["*"]
"""Names of columns; ``*`` for all."""


@dataclass(frozen=True)
class CopyOptions:
    """The options of a COPY statement, checked as PostgreSQL 18 checks them; None stands for an option that is not given.

    Args:
        format: ``text``, ``csv`` or ``binary``.
        delimiter: one ASCII character between fields; default tab, in CSV a comma.
        null: what stands for NULL; default ``\\N``, in CSV nothing without quotes.
        default: what asks for the column's default when decoding; none by default.
        header: whether the first line has the names of the columns; ``"match"``: and they must be the columns' names.
        quote: one ASCII character around fields of CSV; default ``"``.
        escape: one ASCII character in front of a quote within quotes; default the quote.
        force_quote: columns whose values are always in quotes (encoding CSV).
        force_not_null: columns in which the null marker stands for itself (decoding CSV).
        force_null: columns in which a null marker in quotes is NULL as well (decoding CSV).
        encoding: ``UTF8``, ``LATIN1``, ``SQL_ASCII``, or another of PostgreSQL's spellings of these.
        legacy_end: whether ``\\.`` has its meaning from before PostgreSQL 18: it also ends CSV where it is a line, and text within a line.

    Raises:
        PostgresError: with PostgreSQL's text and SQLSTATE (0A000, 22023, 42601); 0A000 for an encoding that pgwire_py does not have.
    """

    format: Literal["text", "csv", "binary"] = "text"
    delimiter: str | None = None
    null: str | None = None
    default: str | None = None
    header: bool | Literal["match"] = False
    quote: str | None = None
    escape: str | None = None
    force_quote: Names | None = None
    force_not_null: Names | None = None
    force_null: Names | None = None
    encoding: str = "UTF8"
    legacy_end: bool = False

    def __post_init__(self) -> None:
        self.check(None)

    def check(self, direction: Literal["FROM", "TO"] | None) -> None:
        """Raise what PostgreSQL raises; with a direction, also for options that the other direction alone has."""
        if self.format not in ("text", "csv", "binary"):
            raise _wrong(f'COPY format "{self.format}" not recognized')
        if self.header not in (True, False, "match"):
            raise _wrong('header requires a Boolean value or "match"')
        _encoding(self.encoding)
        if direction == "TO" and self.header == "match":
            raise _unsupported('cannot use "match" with HEADER in COPY TO')
        if self.format == "binary":
            self._check_binary()
        else:
            self._check_separators()
        self._check_csv(direction)
        self._check_markers(direction)

    def plan(
        self,
        columns: Sequence[str],
        direction: Literal["FROM", "TO"],
        *,
        types: Sequence[int] | None = None,
        table: str = "data",
        without_default: Sequence[str] = (),
        max_row: int = MAX_ROW,
    ) -> CopyPlan:
        """What the implementations take; raises as :class:`CopyEncoder` and :class:`CopyDecoder`."""
        self.check(direction)
        names = tuple(columns)
        for name in (*names, table):
            _check_text(name)
        if len(names) > MAX_COLUMNS:
            raise postgres_error("54000", f"{len(names)} columns exceed the limit of {MAX_COLUMNS}")
        if types is not None and len(types) != len(names):
            raise postgres_error("08P01", f"there are {len(types)} types, but {len(names)} columns")
        if not 0 < max_row <= MAX_ROW:
            raise _wrong(f"max_row must be between 1 and {MAX_ROW}, not {max_row}")
        for name in without_default:
            if name not in names:
                raise postgres_error("42P10", f'column "{name}" not referenced by COPY')
        header = {True: "line", False: "none"}.get(cast(bool, self.header), "match")
        return CopyPlan(
            format=self.format,
            columns=names,
            table=table,
            delimiter=ord(self._delimiter),
            null=self._null.encode(),
            default=None if self.default is None else self.default.encode(),
            header=header,
            quote=ord(self._quote),
            escape=ord(self._escape),
            force_quote=_flags("FORCE_QUOTE", self.force_quote, names),
            force_not_null=_flags("FORCE_NOT_NULL", self.force_not_null, names),
            force_null=_flags("FORCE_NULL", self.force_null, names),
            has_default=tuple(name not in without_default for name in names),
            encoding=_encoding(self.encoding),
            legacy_end=self.legacy_end,
            max_row=max_row,
            types=None if types is None else tuple(types),
        )

    @property
    def _delimiter(self) -> str:
        return self.delimiter if self.delimiter is not None else "," if self.format == "csv" else "\t"

    @property
    def _null(self) -> str:
        return self.null if self.null is not None else "" if self.format == "csv" else "\\N"

    @property
    def _quote(self) -> str:
        return self.quote if self.quote is not None else '"'

    @property
    def _escape(self) -> str:
        return self.escape if self.escape is not None else self._quote

    def _check_binary(self) -> None:
        for name, value in (("DELIMITER", self.delimiter), ("NULL", self.null), ("DEFAULT", self.default)):
            if value is not None:
                raise postgres_error("42601", f"cannot specify {name} in BINARY mode")
        if self.header is not False:
            raise _unsupported("cannot specify HEADER in BINARY mode")

    def _check_separators(self) -> None:
        delimiter = self._delimiter
        if not _is_one_byte(delimiter):
            raise _unsupported("COPY delimiter must be a single one-byte character")
        if delimiter in "\r\n":
            raise _wrong("COPY delimiter cannot be newline or carriage return")
        for what, marker in (("null", self._null), ("default", self.default)):
            if marker is None:
                continue
            _check_text(marker)
            if "\r" in marker or "\n" in marker:
                raise _wrong(f"COPY {what} representation cannot use newline or carriage return")
        # A delimiter in a value gets a backslash in front, which gives these another meaning.
        if self.format == "text" and delimiter in "\\.abcdefghijklmnopqrstuvwxyz0123456789":
            raise _wrong(f'COPY delimiter cannot be "{delimiter}"')

    def _check_csv(self, direction: Literal["FROM", "TO"] | None) -> None:
        csv = self.format == "csv"
        if not csv and self.quote is not None:
            raise _unsupported("COPY QUOTE requires CSV mode")
        if csv and not _is_one_byte(self._quote):
            raise _unsupported("COPY quote must be a single one-byte character")
        if csv and self._delimiter == self._quote:
            raise _wrong("COPY delimiter and quote must be different")
        if not csv and self.escape is not None:
            raise _unsupported("COPY ESCAPE requires CSV mode")
        if csv and not _is_one_byte(self._escape):
            raise _unsupported("COPY escape must be a single one-byte character")
        for name, names, only in (
            ("FORCE_QUOTE", self.force_quote, "TO"),
            ("FORCE_NOT_NULL", self.force_not_null, "FROM"),
            ("FORCE_NULL", self.force_null, "FROM"),
        ):
            if not names:
                continue
            if not csv:
                raise _unsupported(f"COPY {name} requires CSV mode")
            if direction and direction != only:
                message = f"COPY {name} cannot be used with COPY {direction}"
                raise _unsupported(message) if direction == "FROM" else _wrong(message)

    def _check_markers(self, direction: Literal["FROM", "TO"] | None) -> None:
        if self.format == "binary":
            return
        csv = self.format == "csv"
        if self._delimiter in self._null:
            raise _wrong("COPY delimiter character must not appear in the NULL specification")
        if csv and self._quote in self._null:
            raise _wrong("CSV quote character must not appear in the NULL specification")
        if self.default is None:
            return
        if direction == "TO":
            raise _unsupported("COPY DEFAULT cannot be used with COPY TO")
        if self._delimiter in self.default:
            raise _unsupported("COPY delimiter character must not appear in the DEFAULT specification")
        if csv and self._quote in self.default:
            raise _unsupported("CSV quote character must not appear in the DEFAULT specification")
        if self.default == self._null:
            raise _unsupported("NULL specification and DEFAULT specification cannot be the same")


class CopyEncoder:
    """Rows → the data of COPY, as ``COPY … TO STDOUT`` sends it.

    Args:
        columns: names of the columns.
        options: default text format.
        types: type OIDs, one per column: rows are of Python values. Without, fields are bytes in the type's text format (in binary its
            binary format), UTF-8 whatever the encoding of the data is, any bytes with ``SQL_ASCII``.
        max_row: most bytes of a row.

    Raises:
        PostgresError: an option that encoding does not have (0A000, 22023), a name in ``force_quote`` that is no column (42P10), too many
            columns (54000), a number of types that differs (08P01), a null marker that the encoding does not have (22P05).
    """

    def __init__(
        self,
        columns: Sequence[str],
        options: CopyOptions | None = None,
        *,
        types: Sequence[int] | None = None,
        max_row: int = MAX_ROW,
    ) -> None:
        plan = (options or CopyOptions()).plan(columns, "TO", types=types, max_row=max_row)
        self._core = _impl.CopyEncoder(plan)
        self._finished = False

    def encode(self, rows: Sequence[Sequence[object]]) -> bytes | memoryview:
        """The data of all rows (a list or tuple of lists or tuples), behind the header the first time.

        Raises:
            PostgresError: a value does not fit its type or the encoding (22P02, 22003, 22007, 22021, 22P05 …), a row is too wide or narrow
                (08P01) or too long (54000), a field is not bytes (42804); ``where`` names row and column. The encoder is as it was.
            LocalProtocolError: after :meth:`finish`.
        """
        return self.encode_part(rows, 0, _WHOLE)[0]

    def encode_part(
        self, rows: Sequence[Sequence[object]], start: int, max_bytes: int
    ) -> tuple[bytes | memoryview, int]:
        """As :meth:`encode` for ``rows[start:]``, until at least ``max_bytes`` are written; also the index of the first row not encoded."""
        _check_open(self._finished)
        return self._core.encode(rows, start, max_bytes)

    def finish(self) -> bytes:
        """What stands behind the last row: the trailer of binary data; and the header, where there was no row."""
        _check_open(self._finished)
        self._finished = True
        return self._core.finish()


class ArrowCopyEncoder:
    """An Arrow stream → the data of COPY: what :class:`CopyEncoder` is for rows of Python values.

    Iteration gives all of the data in pieces, header and trailer included.

    Args:
        source: an object with ``__arrow_c_stream__`` or ``__arrow_c_array__``, of structs.
        options: default text format.
        types: the type OID that each column is to become, 0 for the one it becomes by itself (docs/reference/arrow.md).
        max_row: most bytes of a row.

    Attributes:
        columns: name and type OID of each column.

    Raises:
        PostgresError: as :class:`CopyEncoder` and :class:`pgwire_py.ArrowEncoder`.
    """

    def __init__(
        self,
        source: object,
        options: CopyOptions | None = None,
        *,
        types: Sequence[int] | None = None,
        max_row: int = MAX_ROW,
    ) -> None:
        self._rows = _impl.ArrowEncoder(source, types=types)
        self.columns: list[tuple[str, int]] = self._rows.columns
        self._max_row = max_row
        self._core = self._new_core(options or CopyOptions())
        self._finished = False

    def _new_core(self, options: CopyOptions) -> _impl.CopyEncoder:
        return _impl.CopyEncoder(options.plan([name for name, _ in self.columns], "TO", max_row=self._max_row))

    def ask(self, types: Sequence[int], options: CopyOptions | None = None) -> None:
        """Ask for types, and other options, before the first row is encoded: for who must know ``columns`` first.

        Raises:
            PostgresError: as for the arguments of the class; 42804 for a column that cannot become its type.
        """
        self._rows.ask(types)
        self.columns = self._rows.columns
        if options is not None:
            self._core = self._new_core(options)

    def encode_part(self, max_rows: int = 0, max_bytes: int = _PIECE) -> tuple[bytes | memoryview, int, bool]:
        """The data of the next rows, behind the header the first time: at most ``max_rows`` of them (0: no limit), until at least
        ``max_bytes`` are written; also the number of rows, and whether the stream has ended.

        Raises:
            PostgresError: as :meth:`CopyEncoder.encode` and, for what the stream is to blame for, XX000.
            LocalProtocolError: after :meth:`finish`.
        """
        _check_open(self._finished)
        return self._core.encode_arrow(self._rows, max_rows, max_bytes)

    def finish(self) -> bytes:
        """As :meth:`CopyEncoder.finish`."""
        _check_open(self._finished)
        self._finished = True
        return self._core.finish()

    def __iter__(self) -> Iterator[bytes | memoryview]:
        ended = False
        while not ended:
            data, _, ended = self.encode_part()
            if data:
                yield data
        data = self.finish()
        if data:
            yield data


class CopyDecoder:
    """The data of COPY → rows, as ``COPY … FROM STDIN`` reads it.

    Args:
        columns: names of the columns; each row must have as many fields.
        options: default text format.
        types: type OIDs, one per column: rows are of Python values. Without, fields are bytes as in :class:`CopyEncoder`.
        table: name of the table in the ``where`` of errors.
        without_default: columns for which the ``default`` marker is an error.
        max_row: most bytes of a row; a longer one is an error before it is here as a whole.

    Raises:
        PostgresError: as :class:`CopyEncoder`, for the options that decoding does not have.
    """

    def __init__(
        self,
        columns: Sequence[str],
        options: CopyOptions | None = None,
        *,
        types: Sequence[int] | None = None,
        table: str = "data",
        without_default: Sequence[str] = (),
        max_row: int = MAX_ROW,
    ) -> None:
        plan = (options or CopyOptions()).plan(
            columns, "FROM", types=types, table=table, without_default=without_default, max_row=max_row
        )
        self._core = _impl.CopyDecoder(plan)
        self._finished = False

    @property
    def ended(self) -> bool:
        """Whether the data has its own end: the trailer of binary data, ``\\.`` in text; for text and CSV also after :meth:`finish`."""
        return self._core.ended

    def feed(self, data: Buffer) -> list[tuple[Any, ...]]:
        """The rows that these bytes complete: tuples of bytes or Python values, None for NULL, DEFAULT for the ``default`` marker.

        Raises:
            PostgresError: the data is wrong (22P04, 22021, 22P02 …), with ``where`` as PostgreSQL gives it. The rows of this call are lost,
                and every later call raises the same error.
            LocalProtocolError: after :meth:`finish`.
        """
        _check_open(self._finished)
        return self._core.feed(data)

    def finish(self) -> list[tuple[Any, ...]]:
        """No more bytes will come: the last row, if it has no line end. Raises as :meth:`feed`."""
        _check_open(self._finished)
        self._finished = True
        return self._core.finish()


def _check_open(finished: bool) -> None:
    if finished:
        raise LocalProtocolError("the COPY data has been finished")


def _encoding(name: str) -> str:
    folded = re.sub("[^0-9a-z]", "", name.lower())
    if folded in _ENCODINGS:
        return _ENCODINGS[folded]
    if re.fullmatch(_OTHER_ENCODINGS, folded):
        raise _unsupported(f'encoding "{name}" is not supported for COPY')
    raise _wrong('argument to option "encoding" must be a valid encoding name')


def _flags(option: str, chosen: Names | None, columns: tuple[str, ...]) -> tuple[bool, ...]:
    if chosen == "*":
        return (True,) * len(columns)
    for name in chosen or ():
        if name not in columns:
            raise postgres_error("42P10", f'{option} column "{name}" not referenced by COPY')
    return tuple(name in (chosen or ()) for name in columns)


def _is_one_byte(text: str) -> bool:
    return len(text) == 1 and "\0" < text < "\x80"


def _check_text(text: str) -> None:
    """22021 for what cannot be in a string of PostgreSQL."""
    if "\0" in text:
        raise postgres_error("22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    try:
        text.encode()
    except UnicodeEncodeError:
        raise postgres_error("22021", "a lone surrogate cannot be encoded as UTF8") from None


def _unsupported(message: str) -> PostgresError:
    return postgres_error("0A000", message)


def _wrong(message: str) -> PostgresError:
    return postgres_error("22023", message)
