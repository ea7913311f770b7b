"""Serves a function on a port of its own choice, as a user of the python-function engine does; prints the URI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pgwire_py as pg

NUMBERS = [pg.Column("n", pg.INT4), pg.Column("square", pg.INT8)]


async def answer(query: pg.Query) -> pg.Result:
    """Commands by their first word: what the tests of this engine ask for."""
    command, *rest = query.sql.split() or [""]
    if command == "numbers":
        return pg.Result(columns=NUMBERS, rows=squares(int(rest[0])))
    if command == "echo":
        columns = [pg.Column(f"p{i + 1}", oid) for i, oid in enumerate(query.parameter_types)]
        return pg.Result(columns=columns, rows=[query.parameters])
    if command == "insert":
        return pg.Result(affected=3)
    if command == "tag":
        return pg.Result(tag="SOMETHING DONE")
    if command == "misfit":
        return pg.Result(columns=[pg.Column("n", pg.INT4)], rows=[(1,), ("not a number",), (3,)])
    if command == "ragged":
        return pg.Result(columns=NUMBERS, rows=[(1, 1), (2,)])
    if command == "nonsense":
        return 42  # type: ignore[return-value]
    if not query.describing:
        if command == "wait":
            await asyncio.sleep(600)
        if command == "fail":
            raise pg.PostgresError(
                "bound to fail", sqlstate="P0001", detail="on purpose", hint="ask otherwise", position=6
            )
        if command == "raise":
            raise ValueError("a bug in the handler")
    return pg.Result(columns=[pg.Column("word", pg.TEXT)], rows=[("hello",)])


def squares(count: int) -> Iterator[tuple[int, int]]:
    """A generator: rows are made as the client reads them."""
    for n in range(1, count + 1):
        yield n, n * n


async def main() -> None:
    server = pg.Server(answer, host="127.0.0.1", port=0)
    await server.start()
    print(f"postgresql://tester@127.0.0.1:{server.port}/test", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
