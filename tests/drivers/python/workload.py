"""What the Python programs share: reading the workload, one JSON line per step, values as the workload writes them."""

from __future__ import annotations

import datetime as dt
import json
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Step = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Arguments:
    """``PROGRAM WORKLOAD URL CA``: the steps, a server to log in to with a password, the authority of its certificate."""

    steps: list[Step]
    url: str
    ca: str

    @property
    def plain(self) -> str:
        return f"{self.url}&sslmode=disable"

    def login(self, step: Step) -> str:
        """The URL that a step ``login`` asks for."""
        url = self.url.replace(":secret@", f":{step.get('password', 'secret')}@")
        return f"{url}&sslmode=verify-full&sslrootcert={self.ca}" if step["tls"] else f"{url}&sslmode=disable"


def arguments() -> Arguments:
    with open(sys.argv[1], encoding="utf-8") as file:
        return Arguments(json.load(file), sys.argv[2], sys.argv[3])


def tell(step: Step, answer: Answer) -> None:
    print(json.dumps({"step": step["name"], **answer}, ensure_ascii=False), flush=True)


PARSERS: dict[str, Callable[[str], Any]] = {
    "int4": int,
    "int8": int,
    "float8": float,
    "numeric": Decimal,
    "text": str,
    "bool": lambda text: text == "true",
    "bytea": bytes.fromhex,
    "date": dt.date.fromisoformat,
    "timestamp": dt.datetime.fromisoformat,
    "timestamptz": lambda text: dt.datetime.fromisoformat(text.replace("Z", "+00:00")),
    "json": json.loads,
    "uuid": uuid.UUID,
}


def parsed(kind: str, value: Any) -> Any:
    """A value of the workload as Python's."""
    if value is None:
        return None
    if kind.endswith("[]"):
        return [parsed(kind[:-2], each) for each in value]
    return PARSERS[kind](value)


def shown(value: Any) -> Any:
    """A value that a driver has read, as the workload writes it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if isinstance(value, dt.datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="milliseconds")
        if value.tzinfo is None:
            return text
        return value.astimezone(dt.timezone.utc).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dict):
        return compact(value)
    if isinstance(value, list):
        return [shown(each) for each in value]
    return str(value)


def compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def shown_rows(rows: Any) -> list[list[Any]]:
    return [[shown(value) for value in row] for row in rows]


def table(columns: list[str], rows: Any) -> Answer:
    """The answer to a query: names of columns and rows; no names where there are no rows."""
    found = shown_rows(rows)
    return {"columns": columns, "rows": found} if found else {"rows": []}


def sums(rows: Any) -> Answer:
    """The answer where there are many rows."""
    numbers = [row[0] for row in rows]
    return {"count": len(numbers), "sum": str(sum(numbers))}


def echo(step: Step) -> Iterator[Any]:
    """Yields the long text, is sent what came back, and yields the answer."""
    sent = step["repeat"] * step["times"]
    received = yield sent
    yield {"length": len(received.encode()), "same": received == sent}


UNSUPPORTED: Answer = {"unsupported": True}
