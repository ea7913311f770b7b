"""``pgwire-py ping``: whether a server takes connections, by exit status as pg_isready tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import click

from ..client.connecting import connect_wire
from ..client.driver import AsyncioDriver
from ..client.errors import ConnectFailed, ConnectionLost, InterfaceError
from ..client.settings import connect_settings
from ..errors import PgWireError, PostgresError
from .run import run_loop

__all__ = ["run_ping"]

ACCEPTING, REJECTING, NO_RESPONSE = range(3)
_TEXTS = ("accepting connections", "rejecting connections", "no response")
_CANNOT_CONNECT_NOW = "57P03"
"""Starting up, shutting down, recovering."""


def run_ping(uri: str, timeout: float, quiet: bool) -> int:
    """Ask; the exit status.

    Raises:
        ConnectionOptionError: the URI is none.
    """
    settings = connect_settings(uri)
    status = NO_RESPONSE

    async def ask() -> None:
        nonlocal status
        try:
            wired = await asyncio.wait_for(connect_wire(AsyncioDriver(), settings), timeout)
        except (PgWireError, OSError, asyncio.TimeoutError, EOFError) as error:
            status = _judged([error])
        else:
            wired.wire.transport.abort()
            status = ACCEPTING

    run_loop(ask())
    if not quiet:
        where = ",".join(host.socket_path if host.local else f"{host.host}:{host.port}" for host in settings.hosts)
        click.echo(f"{where} - {_TEXTS[status]}")
    return status


def _judged(errors: Iterable[BaseException]) -> int:
    """A server that refuses somebody accepts connections; one that says it cannot now does not."""
    found = NO_RESPONSE
    for error in errors:
        if isinstance(error, ConnectFailed):
            found = min(found, _judged(failure for _, failure in error.attempts))
        elif isinstance(error, PostgresError):
            found = min(found, REJECTING if error.sqlstate == _CANNOT_CONNECT_NOW else ACCEPTING)
        elif isinstance(error, InterfaceError) and not isinstance(error, ConnectionLost) and not _without_tls(error):
            found = ACCEPTING  # it asked for a password that there is not, or is of another kind than wanted
    return found


def _without_tls(error: InterfaceError) -> bool:
    return "TLS" in str(error)
