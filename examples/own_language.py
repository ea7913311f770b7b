"""A language of your own: GET and PUT over tables of numbers and texts, parsed once, with typed parameters. Run it with a port number.

put colour $1 $2; get colour; get colour $1
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pgwire_py as pg
from pgwire_py.errors import SQLSyntaxError, UndefinedFunction, UndefinedTable


@dataclass(frozen=True)
class Statement:
    """What Parse makes of a text, and Execute gets."""

    verb: str
    table: str
    parameters: tuple[int, ...]


class Parser(pg.QueryParser[Statement]):
    async def parse(self, sql: str, parameter_types: Sequence[int], session: pg.Session) -> Statement:
        match sql.lower().split():
            case ["get", table]:
                return Statement("get", table, ())
            case ["get", table, "$1"]:
                return Statement("get", table, (pg.INT4,))
            case ["put", table, "$1", "$2"]:
                return Statement("put", table, (pg.INT4, pg.TEXT))
        raise SQLSyntaxError("get TABLE, get TABLE $1, or put TABLE $1 $2")

    def parameter_types(self, statement: Statement) -> Sequence[int]:
        return statement.parameters

    def columns(self, statement: Statement) -> Sequence[pg.Column] | None:
        return [pg.Column("key", pg.INT4), pg.Column("value", pg.TEXT)] if statement.verb == "get" else None


class Store(pg.Handler):
    parser = Parser()

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, str]] = {"colour": {1: "red", 2: "green"}}

    async def query(self, query: pg.Query) -> pg.Result:
        statement: Statement = query.parsed
        table = self.tables[statement.table]
        if statement.verb == "put":
            key, value = query.parameters
            table[key] = value
            return pg.Result(tag="PUT 1")
        rows = pg.ResultBuilder(self.parser.columns(statement) or ())
        for key, value in sorted(table.items()):
            if query.parameters in ((), (key,)):
                rows.add(key, value=value)
        return rows.result()

    def error(self, session: pg.Session | None, error: pg.PostgresError) -> pg.PostgresError | None:
        if isinstance(error.__cause__, KeyError):
            return UndefinedTable(f"there is no table {error.__cause__}", hint=f"There is {', '.join(self.tables)}.")
        return None

    async def function_call(
        self,
        session: pg.Session,
        oid: int,
        arguments: Sequence[bytes | None],
        formats: Sequence[int],
        result_format: int,
    ) -> bytes | None:
        if oid != 1:
            raise UndefinedFunction(f"there is no function {oid}")
        count = sum(map(len, self.tables.values()))
        return count.to_bytes(4, "big") if result_format else str(count).encode()


async def main(port: int) -> None:
    async with pg.Server(Store(), port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
