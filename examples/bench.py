"""How many times per second a server answers SELECT 1, prepared, with our own client.

Run it with a URI, and if you like connections and seconds: python examples/bench.py postgresql://postgres@127.0.0.1:5433/any 16 5
"""

import asyncio
import sys
import time
from contextlib import AsyncExitStack

import pgwire_py as pg


async def ask(connection: pg.Connection, seconds: float) -> float:
    """Ask again and again for so long; how many answers came per second."""
    statement = await connection.prepare("select 1")
    start = now = time.monotonic()
    answers = 0
    while answers == 0 or now < start + seconds:
        await statement.fetch()
        answers += 1
        now = time.monotonic()
    return answers / (now - start)


async def main(uri: str, count: int, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(await pg.connect(uri)) for _ in range(count)]
        rates = await asyncio.gather(*(ask(connection, seconds) for connection in connections))
        print(f"{pg.IMPLEMENTATION}: {count} connections, {sum(rates):,.0f} answers per second")


if __name__ == "__main__":
    uri, count, seconds = (*sys.argv[1:], *("", "1", "5")[len(sys.argv) - 1 :])
    asyncio.run(main(uri, int(count), float(seconds)))
