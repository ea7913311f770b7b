"""pgwire_py's proxy under test: ``python -m benchmarks.servers.proxy_server UPSTREAM_PORT [--loop asyncio|uvloop]`` prints its port."""

from __future__ import annotations

import argparse
import asyncio

from pgwire_py.proxy import Proxy


async def serve(upstream: int) -> None:
    async with Proxy(f"postgresql://127.0.0.1:{upstream}?sslmode=disable", port=0) as proxy:
        print(proxy.port, flush=True)
        await proxy.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream", type=int)
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    options = parser.parse_args()
    if options.loop == "uvloop":
        import uvloop

        uvloop.install()
    asyncio.run(serve(options.upstream))


if __name__ == "__main__":
    main()
