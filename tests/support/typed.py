"""Many values through ``select $1::T`` in one round trip: what a real PostgreSQL makes of parameters in both formats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from . import raw
from .raw import RawClient

TEXT, BINARY = 0, 1


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
            found = Failure(message.fields["C"], message.fields["M"])
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
