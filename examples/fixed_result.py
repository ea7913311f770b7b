"""A PostgreSQL port in ten lines: every query gets the same two rows. Run it with a port number, 5433 if none is given."""

import asyncio
import sys

import pgwire_py as pg


async def answer(query: pg.Query) -> pg.Result:
    return pg.Result(columns=[pg.Column("n", pg.INT4), pg.Column("word", pg.TEXT)], rows=[(1, "one"), (2, "two")])


async def main(port: int) -> None:
    async with pg.Server(answer, port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
