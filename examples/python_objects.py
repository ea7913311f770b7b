"""The objects of a running program as tables: SQL over what they hold at that moment. Run it with a port number.

select name, sum(price * quantity) from customer join booking on customer.id = booking.customer group by name
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any, get_type_hints

import pgwire_py as pg
from pgwire_py.engines.base import Capabilities, Engine, EngineResult, EngineSession, Relation, SessionContext
from pgwire_py.engines.sqlite import SqliteEngine
from pgwire_py.errors import ReadOnlySQLTransaction
from pgwire_py.sql import Statement

TYPES = {int: "bigint", float: "double precision", str: "text", bool: "boolean", datetime: "timestamptz"}


@dataclass
class Customer:
    id: int
    name: str
    since: datetime


@dataclass
class Booking:
    customer: int
    item: str
    price: float
    quantity: int
    paid: bool = False


class ObjectEngine(Engine):
    """Tables of dataclass instances.

    Args:
        tables: a dataclass, whose name in lower case is the table's → what gives its instances.
    """

    name = "objects"
    capabilities = Capabilities(transactions=False, savepoints=False)

    def __init__(self, tables: dict[type, Callable[[], Iterable[Any]]]) -> None:
        self.tables = tables

    def connect(self, context: SessionContext) -> EngineSession:
        return ObjectSession(self.tables, context)


class ObjectSession(EngineSession):
    """A database in memory for each session: before a query, the tables that it names are filled."""

    def __init__(self, tables: dict[type, Callable[[], Iterable[Any]]], context: SessionContext) -> None:
        self._engine = SqliteEngine(":memory:")
        self._connection = self._engine.open()
        self._session = self._engine.connect(context)
        self._tables = {kind.__name__.lower(): (kind, objects) for kind, objects in tables.items()}
        for name, (kind, _) in self._tables.items():
            types = get_type_hints(kind)
            columns = ", ".join(f'"{field.name}" {TYPES[types[field.name]]}' for field in fields(kind))
            self._connection.execute(f'create table "{name}" ({columns})')

    def describe(self, statement: Statement, parameter_types: Sequence[int]) -> pg.Description:
        return self._session.describe(statement, parameter_types)

    def execute(
        self, statement: Statement, parameters: Sequence[object], description: pg.Description | None
    ) -> EngineResult:
        if statement.keywords[:1] not in (("SELECT",), ("WITH",), ("VALUES",)):
            raise ReadOnlySQLTransaction("the objects can only be read")
        for name, (kind, objects) in self._tables.items():
            if name in statement.words:
                self._fill(name, [field.name for field in fields(kind)], objects())
        return Rows(self._session.execute(statement, parameters, description))

    def _fill(self, name: str, columns: list[str], objects: Iterable[Any]) -> None:
        self._connection.execute(f'delete from "{name}"')
        sink = self._session.copy_in((name,), None)
        sink.write([tuple(getattr(each, column) for column in columns) for each in objects])
        sink.finish()

    def relations(self) -> Sequence[Relation]:
        return self._session.relations()

    def cancel(self) -> None:
        self._session.cancel()

    def close(self) -> None:
        self._session.close()
        self._connection.close()
        self._engine.close()


class Rows(EngineResult):
    """A result read to its end: the tables may be filled anew before the client has read it."""

    def __init__(self, result: EngineResult) -> None:
        self.columns = result.columns
        self._rows: list[Sequence[object]] = []
        while rows := result.fetch(1000):
            self._rows += rows
        result.close()

    def fetch(self, max_rows: int) -> Sequence[Sequence[object]]:
        rows, self._rows = self._rows[:max_rows], self._rows[max_rows:]
        return rows


async def main(port: int) -> None:
    customers = [
        Customer(1, "Ada", datetime(1815, 12, 10, tzinfo=timezone.utc)),
        Customer(2, "Grace", datetime.now(timezone.utc)),
    ]
    bookings = [Booking(1, "loom", 100.0, 1), Booking(1, "card", 0.25, 4), Booking(2, "moth", 1.5, 2)]

    async def book() -> None:
        """The program goes on meanwhile."""
        while True:
            await asyncio.sleep(1)
            bookings.append(Booking(2, "nanosecond", 0.3, 1))

    engine = ObjectEngine({Customer: lambda: customers, Booking: lambda: list(bookings)})
    async with pg.Server(engine, port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any"', flush=True)
        task = asyncio.create_task(book())
        try:
            await server.serve_forever()
        finally:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
