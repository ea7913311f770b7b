"""A proxy that changes what passes. Run it with a port number and the URI of a PostgreSQL server; without one it brings its own."""

import asyncio
import sys
from contextlib import AsyncExitStack

import pgwire_py as pg
from pgwire_py.proxy import Frame, Proxy, ProxySession


async def echo(query: pg.Query) -> pg.Result:
    return pg.Result(columns=[pg.Column("query", pg.TEXT)], rows=[(query.sql,)])


def on_frontend(session: ProxySession, frame: Frame) -> pg.messages.Query | pg.messages.Parse | None:
    if frame.tag not in ("Q", "P"):
        return None  # forwarded as it is
    message = frame.decode()
    changed = message.query.replace("secret", "public")
    if frame.tag == "Q":
        return pg.messages.Query(changed)
    return pg.messages.Parse(message.statement, changed, message.parameter_types)


async def main(port: int, upstream: str | None) -> None:
    async with AsyncExitStack() as stack:
        if upstream is None:
            server = await stack.enter_async_context(pg.Server(echo, port=0))
            upstream = f"127.0.0.1:{server.port}"
        proxy = Proxy("postgresql://" + upstream.removeprefix("postgresql://"), port=port, on_frontend=on_frontend)
        await proxy.start()
        print(f'psql "postgresql://postgres@127.0.0.1:{proxy.port}/any"', flush=True)
        await proxy.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 6432, sys.argv[2] if len(sys.argv) > 2 else None))
