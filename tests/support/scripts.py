"""Scripts of statements that run on several servers, and what these answer."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.raw import Message, RawClient, query

Step = str | bytes
"""SQL text for the simple protocol, or bytes of messages that end in a ReadyForQuery."""


def shown(message: Message) -> str:
    """What servers are compared by: also the text of errors and notices, the channel and payload of notifications."""
    if message.tag in "EN":
        fields = message.fields
        codes = "M" if fields["C"] == "42P01" else "MDHP"  # each engine has more to say of a table that does not exist
        return " ".join([str(message), *(f"{code}={fields[code]}" for code in codes if code in fields)])
    if message.tag == "A":
        channel, payload = message.body[4:-1].decode("utf-8", "backslashreplace").split("\0")
        return f"A {channel} {payload}"
    if message.tag == "T":
        return f"T {[(name, code) for name, _, code in message.columns]}"
    return str(message)


def answers(client: RawClient, steps: Sequence[Step]) -> list[str]:
    """Every answer to every step, each step before its own."""
    found: list[str] = []
    for step in steps:
        client.send(query(step) if isinstance(step, str) else step)
        found += [f"-- {step!r}", *map(shown, client.until_ready())]
    return found
