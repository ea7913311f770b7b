"""``pgwire-py proxy``: its addresses, and running it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .run import listen_problem, on_signals, run_loop

if TYPE_CHECKING:
    from ..proxy import Upstream, Watcher
    from ..server.tls import ServerTls

__all__ = ["find_upstream", "run_proxy", "split_address"]


def split_address(text: str) -> tuple[str, int]:
    """``host:port``, ``[address]:port`` or ``:port`` (every address).

    Raises:
        click.UsageError: it is none of these.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise click.UsageError(f"--listen: {text} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def find_upstream(uri: str, sslmode: str | None, sslrootcert: Path | None) -> Upstream:
    """The upstream of the options.

    Raises:
        click.UsageError: it is given wrongly.
    """
    from ..proxy import Upstream

    try:
        upstream = Upstream.parse(uri)
    except ValueError as error:
        raise click.UsageError(f"--upstream: {error}") from None
    if sslmode is not None:
        upstream = dataclasses.replace(upstream, sslmode=sslmode)
    if sslrootcert is not None:
        upstream = dataclasses.replace(upstream, sslrootcert=str(sslrootcert))
    return upstream


def run_proxy(
    upstream: Upstream,
    *,
    host: str,
    port: int,
    tls: ServerTls | None,
    shows: bool,
    record: Path | None,
    max_connections: int,
) -> None:
    """Forward until SIGINT or SIGTERM, or until nobody reads what is printed.

    Raises:
        click.ClickException: the address cannot be listened on, or a file not be read or written.
    """
    from ..proxy import Printer, Proxy, Recorder

    stop = asyncio.Event()

    def show(line: str) -> None:
        try:
            click.echo(line)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # there is nothing to flush at the end
            stop.set()

    watchers: list[Watcher] = [Printer(show)] if shows else []
    if record is not None:
        if not record.parent.is_dir():
            raise click.UsageError(f"--record: {record.parent} is not a folder")
        watchers.append(Recorder(record))
    try:
        proxy = Proxy(upstream, host=host, port=port, tls=tls, watchers=watchers, max_connections=max_connections)
    except OSError as error:
        raise click.UsageError(f"--upstream-sslrootcert: {error.strerror or error}") from None

    async def serve() -> None:
        on_signals(stop.set)
        try:
            await proxy.start()
        except OSError as error:
            raise click.ClickException(listen_problem(error, host, port, "--listen HOST:PORT")) from error
        shown = f"[{host}]" if ":" in host else host or "127.0.0.1"
        click.echo(f"Forwarding postgresql://{shown}:{proxy.port} to {upstream}.\nCtrl-C ends the proxy.")
        await stop.wait()
        await proxy.close()

    run_loop(serve())
