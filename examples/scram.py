"""Passwords from anywhere: an AuthSource of one's own. Run it with a port number; the user is ada, her password lovelace."""

import asyncio
import sys

import pgwire_py as pg
from pgwire_py.auth import AuthSource, ScramVerifier


class Accounts(AuthSource):
    def __init__(self) -> None:
        self.verifiers = {"ada": ScramVerifier.generate("lovelace")}  # keep verifiers, not passwords

    async def verifier(self, user: str, database: str) -> ScramVerifier | None:
        return self.verifiers.get(user)


async def answer(query: pg.Query) -> pg.Result:
    user = query.session.user if query.session else None
    return pg.Result(columns=[pg.Column("you", pg.TEXT)], rows=[(user,)])


async def main(port: int) -> None:
    async with pg.Server(answer, port=port, auth=Accounts()) as server:
        print(f'psql "postgresql://ada:lovelace@127.0.0.1:{server.port}/any"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
