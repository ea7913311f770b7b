"""COPY into a list and out of it, for psql's \\copy and drivers; both ways for clients that ask. Run it with a port number.

\\copy stars from stars.csv (format csv)
\\copy stars to stars.bin (format binary)
"""

import asyncio
import sys

import pgwire_py as pg

COLUMNS = [pg.Column("name", pg.TEXT), pg.Column("magnitude", pg.FLOAT8)]
stars: list[tuple[str, float]] = []


async def receive(rows: pg.CopyReader) -> None:
    kept = []
    async for name, magnitude in rows:  # the client waits while nobody reads
        if magnitude is None:
            raise pg.PostgresError(f"{name} has no magnitude", sqlstate="23502")  # told with the line
        kept.append((name, magnitude))
    stars.extend(kept)  # all of them or none


async def converse(stream: pg.CopyStream) -> None:
    """Both send as they like: the client names, the server magnitudes."""
    known = dict(stars)
    async for name in stream:
        await stream.send(str(known.get(name.decode(), "unknown")).encode())


async def answer(query: pg.Query) -> pg.Result | pg.CopyIn | pg.CopyOut | pg.CopyBoth:
    if query.sql == "converse":
        return pg.CopyBoth(converse)
    copy = query.copy
    if copy is None:
        return pg.Result(columns=[pg.Column("count", pg.INT8)], rows=[(len(stars),)])
    if copy.direction == "FROM":
        return pg.CopyIn(receive, COLUMNS, copy.options, table="stars")
    return pg.CopyOut(COLUMNS, iter(stars), copy.options)


async def main(port: int) -> None:
    async with pg.Server(answer, port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
