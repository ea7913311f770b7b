"""A result without end, of which clients take as much as they want. Run it with a port number.

begin; declare p cursor for select; fetch 10 p; move 1000 p; fetch p; commit
"""

import asyncio
import sys
from collections.abc import Iterator
from itertools import count

import pgwire_py as pg


def primes() -> Iterator[tuple[int, int]]:
    """Number and value of every prime; computed as the client reads."""
    found: list[int] = []
    for candidate in count(2):
        if all(candidate % prime for prime in found if prime * prime <= candidate):
            found.append(candidate)
            yield len(found), candidate


async def answer(query: pg.Query) -> pg.Result:
    return pg.Result(columns=[pg.Column("number", pg.INT8), pg.Column("prime", pg.INT8)], rows=primes())


async def main(port: int) -> None:
    async with pg.Server(answer, port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
