"""GlueSQL behind a PostgreSQL port. Run it with a port number, 5433 if none is given."""

import asyncio
import sys

import gluesql

import pgwire_py as pg
from pgwire_py.engines.gluesql import GlueSQLEngine


async def main(port: int) -> None:
    glue = gluesql.Glue(gluesql.SharedMemoryStorage())
    glue.query("create table stars (name text primary key, magnitude float)")
    glue.query("insert into stars values ('Sirius', -1.46), ('Vega', 0.03), ('Deneb', 1.25)")
    async with pg.Server(GlueSQLEngine(glue), port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any" -c "select * from stars"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
