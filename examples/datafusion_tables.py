"""DataFusion behind a PostgreSQL port: a table in memory. Run it with a port number, 5433 if none is given."""

import asyncio
import sys

import pyarrow as pa

import pgwire_py as pg
from pgwire_py.engines.datafusion import DataFusionEngine

STARS = pa.table({"name": ["Sirius", "Vega", "Deneb"], "magnitude": [-1.46, 0.03, 1.25]})


async def main(port: int) -> None:
    engine = DataFusionEngine({"stars": STARS})  # or paths of Parquet files, or a SessionContext of yours
    async with pg.Server(engine, port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any" -c "select * from stars"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
