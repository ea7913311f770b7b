"""Servers that do not keep to the protocol, or go away at any byte: a precise error, a closed connection, no hang."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import pgwire_py as pg
from tests.support.postgres import Cluster

LOGGED_IN = b"R\0\0\0\x08\0\0\0\0" + b"K\0\0\0\x0c\0\0\0\1\0\0\0\2" + b"Z\0\0\0\5I"
DESCRIBED = (
    b"1\0\0\0\4t\0\0\0\6\0\0" + b"T\0\0\0\x1a\0\1n\0" + bytes(6) + b"\0\0\0\x17\0\4\xff\xff\xff\xff\0\1Z\0\0\0\5I"
)
ROW = b"D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7"
END = b"C\0\0\0\x0dSELECT 1\0"
READY = b"Z\0\0\0\5I"

LIES = {
    "nothing": b"",
    "an unknown tag": b"!\0\0\0\4",
    "a length below four": b"2\0\0\0\3",
    "a length beyond all bounds": b"D\x7f\xff\xff\xff",
    "a long message that is short": b"Z\0\1\0\0",
    "rows before BindComplete": ROW,
    "a row with too many columns": b"2\0\0\0\4D\0\0\0\x12\0\2\0\0\0\4\0\0\0\7\xff\xff\xff\xff" + END + READY,
    "a row with a length that lies": b"2\0\0\0\4D\0\0\0\x0e\0\1\0\0\0\5\0\0\0\7" + END + READY,
    "BindComplete twice": b"2\0\0\0\0042\0\0\0\4",
    "ready without an end": b"2\0\0\0\4" + READY,
    "an unknown status": b"2\0\0\0\4" + ROW + END + b"Z\0\0\0\5Q",
    "a tag without its end": b"2\0\0\0\4" + ROW + b"C\0\0\0\x0cSELECT 1" + READY,
    "an error that is malformed": b"E\0\0\0\5x",
    "a login again": b"R\0\0\0\x08\0\0\0\0",
    "COPY both": b"2\0\0\0\4W\0\0\0\7\0\0\0",
    "an answer too much": b"2\0\0\0\4" + ROW + END + READY + END,
}


@asynccontextmanager
async def _liar(answer: bytes) -> AsyncIterator[int]:
    """A server that logs everybody in, describes one statement, and answers its run with these bytes before it closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in (LOGGED_IN, DESCRIBED, answer):
            await reader.read(10_000)
            writer.write(part)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _ask(port: int) -> list[Any]:
    """The rows, and then what a second statement on the connection raises."""
    conn = await pg.connect(host="127.0.0.1", port=port, user="u", sslmode="disable")
    try:
        return await conn.fetch("select 7")
    finally:
        await asyncio.sleep(0.02)
        with pytest.raises(pg.ConnectionLost):
            await conn.fetch("select 7")
        assert conn.is_closed()


@pytest.mark.parametrize("answer", LIES.values(), ids=LIES.keys())
async def test_lies(answer: bytes) -> None:
    async with _liar(answer) as port:
        with pytest.raises((pg.RemoteProtocolError, pg.ConnectionLost)):
            await asyncio.wait_for(_ask(port), 10)


async def test_cut_at_any_byte() -> None:
    answer = b"2\0\0\0\4" + ROW + END + READY
    for length in range(len(answer)):
        async with _liar(answer[:length]) as port:
            with pytest.raises(pg.ConnectionLost):
                await asyncio.wait_for(_ask(port), 10)


async def test_one_byte_at_a_time(cluster: Cluster) -> None:
    """A proxy that passes on byte by byte changes nothing."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_server = await asyncio.open_connection(cluster.host, cluster.port)
        await asyncio.gather(pump(reader, to_server), pump(there, writer))

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    conn = await pg.connect(host="127.0.0.1", port=port, user="postgres", sslmode="disable")
    assert await conn.fetch("select n, 'x' as t from generate_series(1, 50) n") == [(n, "x") for n in range(1, 51)]
    async with conn.pipeline() as pipeline:
        found = [pipeline.fetchval("select $1::int", n) for n in range(5)]
    assert [one.result() for one in found] == [0, 1, 2, 3, 4]
    await conn.close()
    server.close()
