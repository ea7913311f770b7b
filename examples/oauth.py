"""Bearer tokens instead of passwords. Run it with a port number; it prints a token for ada, as her issuer would give her one.

A server of yours asks the issuer, or checks the issuer's signature with its public key; here issuer and server share a secret. Tokens
are passwords: let them come over TLS only.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time

import pgwire_py as pg
from pgwire_py.auth import OAuth

SECRET = secrets.token_bytes(32)


def issue(subject: str, seconds: float = 600) -> str:
    """A token: what it says, and that the issuer says so."""
    claims = json.dumps({"sub": subject, "exp": time.time() + seconds}).encode()
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (claims, _signature(claims)))


def _signature(claims: bytes) -> bytes:
    return hmac.digest(SECRET, claims, hashlib.sha256)


async def validate(token: str, user: str, database: str, address: str | None) -> str | None:
    """Whose token it is; None where it is none of ours, or too old."""
    try:
        claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    except ValueError:
        return None
    if not hmac.compare_digest(_signature(claims), signature):
        return None
    content = json.loads(claims)
    return str(content["sub"]) if content["exp"] > time.time() else None


async def answer(query: pg.Query) -> pg.Result:
    user = query.session.user if query.session else None
    return pg.Result(columns=[pg.Column("you", pg.TEXT)], rows=[(user,)])


async def main(port: int) -> None:
    oauth = OAuth("https://issuer.example", "openid sql", validate)
    async with pg.Server(answer, port=port, auth="oauth", oauth=oauth) as server:
        print(f"token: {issue('ada')}")
        print(f"postgresql://ada@127.0.0.1:{server.port}/any", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
