"""Nobody comes in without TLS and a password: SCRAM-SHA-256, bound to the certificate, by rules as in pg_hba.conf.

Run it with a port number, a certificate and its key; the user is ada, her password lovelace. To make a certificate for this machine:

openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout server.key -out server.crt
"""

import asyncio
import sys

import pgwire_py as pg
from pgwire_py.auth import HostBasedRules, ScramVerifier, UsersFunction
from pgwire_py.server.tls import ServerTls

RULES = HostBasedRules(
    [
        "hostssl all all all scram-sha-256",
        "host    all all all reject",
    ]
)
ACCOUNTS = {"ada": ScramVerifier.generate("lovelace").format()}  # what a table of yours would hold


async def find(user: str, database: str) -> str | None:
    return ACCOUNTS.get(user)


async def answer(query: pg.Query) -> pg.Result:
    return pg.Result(
        columns=[pg.Column("secret", pg.TEXT)], rows=[("the Analytical Engine weaves algebraic patterns",)]
    )


async def main(port: int, certificate: str, key: str) -> None:
    tls = ServerTls(certificate, key)
    async with pg.Server(answer, port=port, auth=RULES, users=UsersFunction(find), tls=tls) as server:
        where = f"localhost:{server.port}/any?sslmode=verify-full&sslrootcert={certificate}&channel_binding=require"
        print(f'psql "postgresql://ada:lovelace@{where}"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
