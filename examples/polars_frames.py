"""Polars frames behind a PostgreSQL port. Run it with a port number, 5433 if none is given."""

import asyncio
import sys

import polars as pl

import pgwire_py as pg
from pgwire_py.engines.polars import PolarsEngine

STARS = pl.DataFrame({"name": ["Sirius", "Vega", "Deneb"], "magnitude": [-1.46, 0.03, 1.25]})


async def main(port: int) -> None:
    engine = PolarsEngine({"stars": STARS, "bright": STARS.lazy().filter(pl.col("magnitude") < 1)})
    async with pg.Server(engine, port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any" -c "select * from bright"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
