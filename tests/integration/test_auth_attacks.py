"""Clients that try to come in where they may not, or to learn what they may not; on both event loops."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest

import pgwire_py as pg
from pgwire_py.auth import HostBasedRules
from pgwire_py.engines.base import EngineSession, SessionContext
from pgwire_py.engines.sqlite import SqliteEngine
from tests.support.hosted import LOOPS, hosted
from tests.support.raw import query, startup

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=LOOPS)
def new_loop(request: pytest.FixtureRequest) -> NewLoop:
    return LOOPS[request.param]


class Counting(SqliteEngine):
    """Counts who came in."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.connected: list[str] = []

    def connect(self, context: SessionContext) -> EngineSession:
        self.connected.append(context.user)
        return super().connect(context)


@pytest.mark.parametrize("options", [{"auth": HostBasedRules(["local all all trust"])}, {"require_ssl": True}])
def test_who_resets_before_he_is_accepted_is_not_local(new_loop: NewLoop, options: dict[str, Any]) -> None:
    """His socket has bytes to read and, with uvloop, no address any more, as those of Unix-domain sockets have none."""
    engine = Counting()
    with hosted(engine, new_loop, **options) as it:
        with it.stalled():
            for _ in range(5):
                client = socket.create_connection(("127.0.0.1", it.server.port))
                client.sendall(startup({"user": "eve", "database": "app"}) + query("select 1"))
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
        deadline = time.monotonic() + 20
        while it.ask(lambda: len(it.server._protocols)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert engine.connected == []
