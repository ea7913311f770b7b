"""Runs a server until it is told to stop: with ``proxy.py`` all of the command line that knows the layers below."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from .source import Source

if TYPE_CHECKING:
    from ..engines.base import Engine
    from ..server import Server
    from ..server.tls import ServerTls
    from .access import Access

__all__ = ["Plan", "listen_problem", "on_signals", "run", "run_loop"]

_ENDING = (signal.SIGINT, signal.SIGTERM)
_SIGNALS = (*_ENDING, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))

log = logging.getLogger("pgwire_py.cli")

CLOSE_TIMEOUT = 10.0
"""Seconds that running queries get to end after the first Ctrl-C or SIGTERM; a second one ends them at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that ``serve`` was told, checked."""

    source: Source
    host: str
    port: int
    unix_socket: Path | None
    access: Access
    tls: ServerTls | None
    require_tls: bool
    may_trust_strangers: bool
    read_only: bool
    limits: dict[str, Any]
    """More arguments of the Server's."""


def run(plan: Plan) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        click.ClickException: the source cannot be opened or the address not listened on.
    """
    engine = _open_engine(plan)
    try:
        run_loop(_serve(plan, engine))
    finally:
        engine.close()


def _open_engine(plan: Plan) -> Engine:
    source = plan.source
    try:
        if source.kind == "sqlite":
            from ..engines.sqlite import SqliteEngine

            return SqliteEngine(source.paths[0], read_only=plan.read_only)
        if source.engine == "datafusion":
            from ..engines.datafusion import DataFusionEngine

            return DataFusionEngine.from_files(source.paths, read_only=plan.read_only)
        if source.engine == "polars":
            from ..engines.polars import PolarsEngine

            return PolarsEngine.from_files(source.paths, read_only=plan.read_only)
        if source.engine == "gluesql":
            from ..engines.gluesql import GlueSQLEngine

            return GlueSQLEngine.from_folder(source.paths[0], read_only=plan.read_only)
        from ..engines.duckdb import DuckDBEngine

        if source.kind == "duckdb":
            return DuckDBEngine(source.paths[0], read_only=plan.read_only)
        if source.kind == "files":
            return DuckDBEngine.from_files(source.paths, read_only=plan.read_only)
        from ..demo import connect

        return DuckDBEngine(connect(), read_only=plan.read_only)
    except ImportError as error:
        raise click.ClickException(f"to serve {source.description}: {error}") from error
    except Exception as error:  # every engine has exceptions of its own
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise click.ClickException(f"cannot open {source.description}: {reason}") from error


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """As asyncio.run, on uvloop where that is installed; signals are handled afterwards as they were before."""
    loop = _new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(_restoring_signals(main))
    finally:
        try:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


async def _restoring_signals(main: Coroutine[Any, Any, None]) -> None:
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        await main
    finally:
        loop = asyncio.get_running_loop()  # uvloop forgets no handler unless it runs
        for number, handler in handlers.items():
            if signal.getsignal(number) == handler:  # as always in a thread, which must not touch it
                continue
            with suppress(NotImplementedError):  # Windows
                loop.remove_signal_handler(number)
            if handler is not None:  # None: it was not Python's
                signal.signal(number, handler)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(plan: Plan, engine: Engine) -> None:
    from ..errors import PostgresError
    from ..server import Server
    from ..server.parameter_values import ROWS, is_custom_name

    for name in plan.limits["parameters"]:
        if name.lower() not in ROWS and not is_custom_name(name):
            raise click.UsageError(f'-c: unrecognized configuration parameter "{name}"')
    interrupts = 0
    stop, hurry = asyncio.Event(), asyncio.Event()

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        (stop if interrupts == 1 else hurry).set()

    on_signals(interrupt)
    try:
        server = Server(
            engine,
            host=plan.host,
            port=plan.port,
            unix_socket_directory=plan.unix_socket,
            auth=plan.access.auth,
            users=plan.access.users,
            ident=plan.access.ident,
            oauth=plan.access.oauth,
            mock_secret=plan.access.mock_secret,
            tls=plan.tls,
            require_ssl=plan.require_tls,
            **plan.limits,
        )
    except (ValueError, PostgresError) as error:
        raise click.UsageError(str(error)) from error
    try:
        await server.start()
    except (OSError, ValueError) as error:
        raise click.ClickException(listen_problem(error, plan.host, plan.port, "--port")) from error
    _on_hangup(lambda: _reload(plan, server))
    click.echo(_banner(plan, server.port))
    serving = asyncio.ensure_future(server.serve_forever())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        await _close(server, hurry)
        serving.cancel()
    await asyncio.gather(serving, stopping, return_exceptions=True)
    if not serving.cancelled() and (failure := serving.exception()) is not None:
        raise click.ClickException(f"the server failed: {failure}") from failure


async def _close(server: Server, hurry: asyncio.Event) -> None:
    click.echo("Closing; press Ctrl-C again to end running queries at once.", err=True)
    closing = asyncio.ensure_future(server.close(timeout=CLOSE_TIMEOUT))
    hurrying = asyncio.ensure_future(hurry.wait())
    await asyncio.wait({closing, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not closing.done():
        for session in list(server.sessions.values()):
            session.cancel()
    await closing


def on_signals(callback: Callable[[], None]) -> None:
    """Call it at each SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        try:
            loop.add_signal_handler(number, callback)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback) and None)


def _on_hangup(callback: Callable[[], None]) -> None:
    with suppress(NotImplementedError, AttributeError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, callback)


def _reload(plan: Plan, server: Server) -> None:
    """Read certificates, rules and maps again."""
    rules = plan.access.auth
    if not isinstance(rules, str) and rules.path is not None and not plan.may_trust_strangers:
        from ..auth import HostBasedRules

        with suppress(OSError, ValueError):  # told when they are read in earnest
            for rule in HostBasedRules.load(rules.path).rules:
                if rule.trusts_strangers:
                    log.error("%s trusts people from other machines: nothing read again (--insecure)", rule.where)
                    return
    if server.reload():
        log.warning("certificates, rules and maps were read again")


def listen_problem(error: OSError | ValueError, host: str, port: int, option: str) -> str:
    """What is said where an address cannot be listened on; ``option`` is the one that chooses the port."""
    where = f"{host}:{port}"
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        return f"{where} is in use; choose another {option} (0 picks a free one)"
    if code in (errno.EACCES, errno.EPERM):
        if 0 < port < 1024:
            return f"no permission to listen on {where}; ports below 1024 are for privileged users"
        return f"no permission to listen on {where}"
    if code == errno.EADDRNOTAVAIL:
        return f"cannot listen on {where}: {host} is not an address of this machine"
    return f"cannot listen on {where}: {getattr(error, 'strerror', None) or error}"


def _banner(plan: Plan, port: int) -> str:
    """What to paste to connect; passwords are never in it."""
    host = _WILDCARDS.get(plan.host, plan.host)
    user = plan.access.users.users[0] if plan.access.users is not None else "postgres"
    tls = "?sslmode=require" if plan.tls is not None else ""
    authority = f"[{host}]" if ":" in host else host
    uri = f"postgresql://{quote(user, safe='')}@{authority}:{port}/{quote(plan.source.database, safe='')}{tls}"
    access = " read-only" if plan.read_only else ""
    login = plan.access.description
    encryption = "no TLS" if plan.tls is None else "TLS"
    lines = [
        f"Serving {plan.source.description}{access}; {login} authentication, {encryption}.",
        "",
        f'  psql "{uri}"',
        f"  {uri}",
    ]
    if plan.unix_socket is not None:
        query = f"host={quote(str(plan.unix_socket.resolve()), safe='/')}&port={port}"
        lines.append(f"  postgresql://{quote(user, safe='')}@/{quote(plan.source.database, safe='')}?{query}")
    lines.append("")
    if plan.source.kind == "demo":
        lines.append("Try: select * from flight where crew is not null;  (Tables: agency, body, mission, landing.)")
    lines.append("Ctrl-C ends the server.")
    return "\n".join(lines)


_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}
