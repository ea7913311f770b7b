"""Work that clients can cancel, and that cleans up then: Ctrl-C in psql. Run it with a port number.

work; select
"""

import asyncio
import sys

import pgwire_py as pg


class Works(pg.Handler):
    def __init__(self) -> None:
        self.running = 0
        self.cancelled = 0

    async def query(self, query: pg.Query) -> pg.Result:
        if query.sql == "work" and not query.describing:
            self.running += 1
            try:
                await asyncio.sleep(3600)  # raises CancelledError where it is cancelled, or the client has left
            finally:
                self.running -= 1
        columns = [pg.Column("running", pg.INT4), pg.Column("cancelled", pg.INT4)]
        return pg.Result(columns=columns, rows=[(self.running, self.cancelled)])

    def cancel(self, session: pg.Session) -> bool:
        self.cancelled += 1
        session.notice("NOTICE", "00000", "cleaning up")
        return False  # True would leave the statement to end by itself


async def main(port: int) -> None:
    async with pg.Server(Works(), port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
