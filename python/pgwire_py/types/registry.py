"""The codecs that a connection uses: those of users and extensions in layers over the built-in ones, which are never copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from .._impl import RowEncoder, TextStyle, decode_values, encode_value
from .._impl.pure.types import BadValue
from .._impl.value_errors import decode_failure, encode_failure
from ..errors import postgres_error
from ..oids import ELEMENT_OF, TYPES
from .codec import BINARY, FORMATS, TEXT, Alias, Codec, UserCodec, check_depth
from .rows import EncodesRows, RowConverter

_BYTEA, _TEXT = 17, 25
_RAW = 0
"""As which bytes are written that are ready."""


class TypeRegistry:
    """Codecs by OID and by name, in layers.

    A type is looked for in this registry and then in those it lies over; what none of them knows is read and written by the built-in
    codecs, in one native call for a whole batch. A codec from a registry costs a Python call for each value.

    A codec by name takes effect as soon as the OID of that name is known: by :meth:`add_type` or one of the ``register_`` methods.
    The names ``hstore``, ``citext``, ``ltree``, ``lquery``, ``ltxtquery`` and ``vector`` have codecs already.

    Args:
        parent: the registry to lie over; what is added to it later counts too. None: the built-in types.
    """

    def __init__(self, parent: TypeRegistry | None = None) -> None:
        self.parent = parent
        self._names: dict[int, str] = {}
        self._oids: dict[str, int] = {}
        self._types: dict[int, Codec | Alias] = {}
        """What the ``register_`` methods made."""
        self._users: dict[int | str, UserCodec] = {}
        self._style: TextStyle | None = None

    def scoped(self) -> TypeRegistry:
        """A new registry over this one: what is set there does not change this one."""
        return TypeRegistry(self)

    def styled(self, style: TextStyle) -> TypeRegistry:
        """A registry over this one that prints and reads text by a style: what a server does for a session's settings."""
        made = TypeRegistry(self)
        made._style = style
        return made

    # What is known.

    def add_type(self, name: str, oid: int, *, array_oid: int = 0) -> None:
        """Tells the OID that a type name has in this database, and that of its arrays.

        Raises:
            ValueError: no name, or an OID that is none.
        """
        if not name or not 0 < oid < 1 << 32 or not 0 <= array_oid < 1 << 32:
            raise ValueError(f"no type: name {name!r}, OID {oid}, OID of its arrays {array_oid}")
        self._names[oid] = name
        self._oids[name] = oid
        if array_oid:
            self._types[array_oid] = _array(oid)

    def register_enum(self, name: str, oid: int, labels: Iterable[str] | None = None, *, array_oid: int = 0) -> None:
        """An enum type: its values are ``str``. Labels, if given, are checked; without, values pass as text at native speed."""
        from .composites import EnumCodec

        self.add_type(name, oid, array_oid=array_oid)
        self._types[oid] = Alias(_TEXT) if labels is None else EnumCodec(name, frozenset(labels))

    def register_domain(self, name: str, oid: int, base: int | str, *, array_oid: int = 0) -> None:
        """A domain: its values are those of the base type, which is given by OID or name."""
        found = self._oid(base)
        self.add_type(name, oid, array_oid=array_oid)
        self._types[oid] = Alias(found)

    def register_composite(
        self, name: str, oid: int, fields: Iterable[tuple[str, int | str]], *, array_oid: int = 0
    ) -> None:
        """A composite type by its columns in order, each with the OID or name of its type.

        Tuples, lists and mappings by column name are encoded; decoded are named tuples (:func:`record_class`).
        """
        from .composites import CompositeCodec

        found = tuple((field, self._oid(type)) for field, type in fields)
        self.add_type(name, oid, array_oid=array_oid)
        self._types[oid] = CompositeCodec(name, found)

    def register_range(
        self,
        name: str,
        oid: int,
        subtype: int | str,
        *,
        array_oid: int = 0,
        multirange: tuple[str, int] | None = None,
        multirange_array_oid: int = 0,
    ) -> None:
        """A range type over a type given by OID or name; ``multirange`` is the name and OID of its multirange type.

        The type's canonical form, if it has one, is PostgreSQL's business: ranges are sent as they are.
        """
        from .composites import MultirangeCodec, RangeCodec

        codec = RangeCodec(name, self._oid(subtype))
        self.add_type(name, oid, array_oid=array_oid)
        self._types[oid] = codec
        if multirange is not None:
            self.add_type(*multirange, array_oid=multirange_array_oid)
            self._types[multirange[1]] = MultirangeCodec(multirange[0], codec)

    def set_codec(
        self,
        type: int | str,
        *,
        encoder: Callable[[Any], Any],
        decoder: Callable[[Any], Any],
        format: Literal["text", "binary"] = "text",
    ) -> None:
        """Reads and writes a type's values by functions, instead of the codec it has.

        NULL is None and reaches neither. What the functions raise passes through to whoever encodes or decodes.

        Args:
            type: OID or name. A name need not be known yet.
            encoder: makes a ``str`` of a value for the text format, ``bytes`` for the binary one.
            decoder: makes a value of the same.
            format: the format that the functions speak; values in the other one are refused with 0A000 until that one is set too.

        Raises:
            ValueError: a format there is not.
        """
        if format not in FORMATS:
            raise ValueError(f"the format of a codec is 'text' or 'binary', not {format!r}")
        name = type if isinstance(type, str) else self.name(type) or str(type)
        self._users.setdefault(type, UserCodec(name)).functions[FORMATS[format]] = (encoder, decoder)

    def reset_codec(self, type: int | str) -> None:
        """Takes back what :meth:`set_codec` set in this registry."""
        self._users.pop(type, None)

    # Looking up.

    def name(self, oid: int) -> str | None:
        """The name of a type; None if it is not known."""
        found = self._names.get(oid)
        if found is not None or self.parent is None:
            return found or (TYPES[oid].name if oid in TYPES else None)
        return self.parent.name(oid)

    def oid(self, name: str) -> int | None:
        """The OID of a type name; None if it is not known."""
        found = self._oids.get(name)
        if found is not None:
            return found
        return _BUILT_IN.get(name) if self.parent is None else self.parent.oid(name)

    def _oid(self, type: int | str) -> int:
        found = type if isinstance(type, int) else self.oid(type)
        if found is None:
            raise ValueError(f"the OID of type {type!r} is not known: add_type tells it")
        return found

    def format(self, oid: int) -> int:
        """The format to ask for values of a type in: 1 (binary), or 0 (text) where only a codec for text is set, for it or a part of it."""
        waiting = [oid]
        for part in waiting:  # which grows
            codec = self._resolved(part)
            if isinstance(codec, UserCodec):
                if BINARY not in codec.functions:
                    return TEXT
            else:
                waiting += [inner for inner in getattr(codec, "parts", ()) if inner not in waiting]
        return BINARY

    def _resolve(self, oid: int) -> Codec | int:
        """The codec of a type, or the OID of the built-in type whose codec it has."""
        for _ in range(MAX_ALIASES):
            found = self._find(oid, self.name(oid))
            if found is None:
                # Arrays of a built-in type that got another codec are read and written with it too.
                element = ELEMENT_OF.get(oid)
                return oid if element is None or self._resolve(element) == element else _array(element)
            if not isinstance(found, Alias):
                return found
            oid = found.oid
        raise BadValue("54001", f"type {oid} is a domain over more than {MAX_ALIASES} others")

    def _find(self, oid: int, name: str | None) -> Codec | Alias | None:
        found: Codec | Alias | None = self._users.get(oid) or (self._users.get(name) if name else None)
        found = found or self._types.get(oid)
        if found is None and self.parent is not None:
            return self.parent._find(oid, name)
        if found is None and name is not None and oid not in TYPES:
            from .extensions import EXTENSIONS

            return EXTENSIONS.get(name)
        return found

    # Single values.

    def encode(self, oid: int, format: int, value: object) -> bytes | None:
        """One value in text (0) or binary (1) format, without a length; None stays None.

        Raises:
            PostgresError: the value does not fit; with PostgreSQL's SQLSTATE.
        """
        try:
            return self.encode_part(oid, format, value, 0)
        except BadValue as bad:
            raise encode_failure(bad.sqlstate, bad.message, None, None, oid, value, self.name(oid)) from None

    def decode(self, oid: int, format: int, data: bytes | None) -> Any:
        """The Python value of bytes in a format; None stays None.

        Raises:
            PostgresError: the bytes are no value of the type; with PostgreSQL's SQLSTATE.
        """
        return self.decode_values([oid], [format], [data])[0]

    def encode_part(self, oid: int, format: int, value: object, depth: int) -> bytes | None:
        """For codecs of values that have parts: one value that lies within ``depth`` others."""
        check_depth(depth)
        if value is None:
            return None
        codec = self._resolve(oid)
        if isinstance(codec, int):
            return encode_value(codec, format, value, self._style)
        _check_format(format)
        return codec.encode(self, format, value, depth)

    def decode_part(self, oid: int, format: int, data: bytes | None, depth: int) -> Any:
        """For codecs of values that have parts: one value that lies within ``depth`` others."""
        check_depth(depth)
        if data is None:
            return None
        codec = self._resolve(oid)
        if isinstance(codec, int):
            return decode_values([codec], [format], [data], self._style)[0]
        _check_format(format)
        return codec.decode(self, format, data, depth)

    # Batches.

    def decode_values(
        self, types: Sequence[int], formats: Sequence[int], values: Sequence[bytes | None]
    ) -> tuple[Any, ...]:
        """The Python values of a row or of Bind's parameters; one native call for all of built-in types.

        Args:
            types: OIDs, one for each value.
            formats: one code for each value, one for all, or none for text (Protocol 55.2.3).
            values: bytes, None for NULL.

        Raises:
            PostgresError: bytes that are no value of their type, or counts that do not fit together.
        """
        codecs = [self._resolved(oid) for oid in types]
        custom = [number for number, codec in enumerate(codecs) if not isinstance(codec, int)]
        if not custom:
            plain = [codec for codec in codecs if isinstance(codec, int)]
            return decode_values(plain, formats, values, self._style)
        # The bytes of other types pass through the native call as they are.
        every = list(formats) * len(types) if len(formats) == 1 else list(formats) or [TEXT] * len(types)
        if len(every) != len(types) or len(values) != len(types):
            return decode_values(types, formats, values)  # it says what is wrong
        shown = list(every)
        for number in custom:
            _check_format(every[number])
            shown[number] = BINARY
        plain = [codec if isinstance(codec, int) else _BYTEA for codec in codecs]
        decoded = list(decode_values(plain, shown, values, self._style))
        for number in custom:
            data: Any = decoded[number]
            if data is not None:
                codec: Any = codecs[number]
                try:
                    decoded[number] = codec.decode(self, every[number], data, 0)
                except BadValue as bad:
                    name = self.name(types[number])
                    raise decode_failure(bad.sqlstate, bad.message, number + 1, types[number], data, name) from None
        return tuple(decoded)

    def row_encoder(self, types: Sequence[int], formats: Sequence[int]) -> EncodesRows:
        """What encodes rows of these types as DataRow messages, as ``RowEncoder`` does: the native one itself for built-in types.

        Codecs are looked up once, here.

        Raises:
            PostgresError: formats that do not fit.
        """
        codecs = [self._resolved(oid) for oid in types]
        plain = [codec if isinstance(codec, int) else _RAW for codec in codecs]
        encoder = RowEncoder(plain, formats, style=self._style)
        every = list(formats) * len(types) if len(formats) == 1 else list(formats) or [TEXT] * len(types)
        custom = {
            number: (types[number], every[number], codec)
            for number, codec in enumerate(codecs)
            if not isinstance(codec, int)
        }
        return RowConverter(self, encoder, custom) if custom else encoder

    def _resolved(self, oid: int) -> Codec | int:
        try:
            return self._resolve(oid)
        except BadValue as bad:
            raise postgres_error(bad.sqlstate, bad.message) from None


MAX_ALIASES = 64
"""Domains over domains that are followed."""

_BUILT_IN = {info.name: info.oid for info in TYPES.values()}


def _array(element: int) -> Codec:
    """Most connections meet no such type: its codecs are imported with the first."""
    from .composites import ArrayCodec

    return ArrayCodec(element)


def _check_format(format: int) -> None:
    if format not in (TEXT, BINARY):
        raise postgres_error("22023", f"unsupported format code: {format}")
