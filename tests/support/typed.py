"""Values through a real PostgreSQL and through both implementations: many of them in one round trip of ``select $1::T``."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from pgwire_py import oids
from pgwire_py._impl import pure
from pgwire_py.errors import PostgresError

from . import raw
from .raw import RawClient

TEXT, BINARY = 0, 1
# The pure wheel has no native core.
CORES: list[Any] = [
    importlib.import_module("pgwire_py._native") if importlib.util.find_spec("pgwire_py._native") else pure,
    pure,
]


class Server(NamedTuple):
    """A connection to a PostgreSQL of one version."""

    client: RawClient
    version: int


class Failure(NamedTuple):
    """What an ErrorResponse says."""

    sqlstate: str
    message: str


class Answer(NamedTuple):
    """A value as PostgreSQL sends it, or why it does not."""

    text: bytes | Failure
    binary: bytes | Failure


def ask(client: RawClient, type_name: str, oid: int, values: Sequence[tuple[int, bytes]]) -> list[Answer]:
    """PostgreSQL's text and binary format of parameters, each given as its format code and bytes."""
    parts = [raw.parse(f"select $1::{type_name}", types=[oid]), raw.SYNC]
    for code, data in values:
        for result in (TEXT, BINARY):
            parts += [raw.bind(data, formats=[code], result_formats=[result]), raw.execute(), raw.SYNC]
    client.send(*parts)
    answers = _outcomes(client, 1 + 2 * len(values))
    return [Answer(answers[at], answers[at + 1]) for at in range(1, len(answers), 2)]


def _outcomes(client: RawClient, count: int) -> list[bytes | Failure]:
    """The row or the error in front of each ReadyForQuery."""
    outcomes: list[bytes | Failure] = []
    found: bytes | Failure = b""
    while len(outcomes) < count:
        message = client.receive()
        assert message is not None, "the server closed the connection"
        if message.tag == "D":
            (value,) = message.row
            assert value is not None
            found = value
        elif message.tag == "E":
            # A message may quote a part of a character.
            fields = {part[:1]: part[1:].decode(errors="replace") for part in message.body.split(b"\0") if part}
            found = Failure(fields[b"C"], fields[b"M"])
        elif message.tag == "Z":
            outcomes.append(found)
            found = b""
    return outcomes


def run(client: RawClient, statements: Iterable[str]) -> None:
    """Runs statements that return nothing."""
    for statement in statements:
        client.send(raw.query(statement))
        failures = [answer.fields["M"] for answer in client.until_ready() if answer.tag == "E"]
        assert not failures, failures


def same(found: object, value: object) -> bool:
    """Equal and of one type, NaN included, with the sign of a zero and the zeros behind a decimal point."""
    return type(found) is type(value) and (repr(found) == repr(value) or (found == value and found != 0))


def encode(oid: int, code: int, value: object) -> bytes:
    """What both implementations write for a value."""
    data, other = (core.encode_value(oid, code, value) for core in CORES)
    assert isinstance(data, bytes)
    assert data == other
    return data


def decode(oid: int, code: int, data: bytes) -> object:
    """What both implementations read."""
    found, other = (core.decode_values([oid], [code], [data])[0] for core in CORES)
    assert same(found, other), (found, other)
    return cast(object, found)


def type_oid(name: str) -> int:
    return next(oid for oid, info in oids.TYPES.items() if info.name == name.strip('"'))


def outcome(oid: int, code: int, data: bytes) -> bytes | Failure:
    """What both implementations make of a parameter, in binary format."""
    outcomes: list[bytes | Failure] = []
    for core in CORES:
        try:
            (value,) = core.decode_values([oid], [code], [data])
            # Text is read the same way from a str, without the detour by a Python object: a timedelta has no months.
            outcomes.append(core.encode_value(oid, BINARY, data.decode() if code == TEXT else value) or b"")
        except PostgresError as error:
            outcomes.append(Failure(error.sqlstate, error.message))
    assert outcomes[0] == outcomes[1], data
    return outcomes[0]
