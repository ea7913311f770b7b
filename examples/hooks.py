"""Hooks before an engine, here SQLite: who comes in, what he is told, which errors he sees. Run it with a port number.

\\set VERBOSITY verbose
help; select 1/0; select sqlite_version()
"""

import asyncio
import sys
from collections.abc import Mapping

import pgwire_py as pg
from pgwire_py.engines.sqlite import SqliteEngine


class House(pg.Hooks):
    async def startup(self, session: pg.Session, parameters: Mapping[str, str]) -> None:
        if session.user == "root":
            raise pg.PostgresError("root may not log in here", sqlstate="28000")
        session.set_setting("application_name", parameters.get("application_name") or "somebody")
        session.notice("NOTICE", "00000", f"welcome, {session.user}")

    def server_parameters(self, session: pg.Session) -> Mapping[str, str]:
        return {"region": "north"}

    async def simple_query(self, session: pg.Session, sql: str) -> pg.Result | None:
        if sql.strip(" ;") != "help":
            return None  # the engine's
        return pg.Result(columns=[pg.Column("help", pg.TEXT)], rows=[("Ask Ada.",)])

    def error(self, session: pg.Session | None, error: pg.PostgresError) -> None:
        print(session.user if session else "nobody", error.sqlstate, error.message, flush=True)
        error.fields.setdefault("hint", "Say help.")

    def closed(self, session: pg.Session) -> None:
        print(session.user, "has left", flush=True)


async def main(port: int) -> None:
    async with pg.Server(SqliteEngine(":memory:"), hooks=House(), port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
