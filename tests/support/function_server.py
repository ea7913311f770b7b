"""Serves a function on a port of its own choice, as a user of the python-function engine does; prints the URI."""

from __future__ import annotations

import asyncio

import pgwire_py as pg


async def answer(query: pg.Query) -> pg.Result:
    """``numbers``: 1 to 5 with their squares; ``echo``: the parameters; ``wait``: sleeps; ``fail`` and ``raise``: go wrong."""
    command = query.sql.split(maxsplit=1)[0].lower() if query.sql else ""
    if command == "numbers":
        columns = [pg.Column("n", pg.INT4), pg.Column("square", pg.INT8)]
        return pg.Result(columns=columns, rows=[(n, n * n) for n in range(1, 6)])
    if command == "echo":
        columns = [pg.Column(f"p{i + 1}", pg.TEXT) for i in range(len(query.parameters))]
        return pg.Result(columns=columns, rows=[tuple(None if p is None else str(p) for p in query.parameters)])
    if command == "wait":
        await asyncio.sleep(600)
    if command == "fail":
        raise pg.PostgresError("this was bound to fail", sqlstate="P0001", detail="on purpose", hint="ask otherwise")
    if command == "raise":
        raise ValueError("a bug in the handler")
    return pg.Result(columns=[pg.Column("word", pg.TEXT)], rows=[("hello",)])


async def main() -> None:
    server = pg.Server(answer, host="127.0.0.1", port=0)
    await server.start()
    print(f"postgresql://tester@127.0.0.1:{server.port}/test", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
