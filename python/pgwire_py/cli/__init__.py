"""The command ``pgwire-py``: what it understands. What it does is in the modules beside this one.

Rules: nothing heavy is imported before a command needs it, so that ``--help`` and completion are quick; whatever is
wrong is said in one line on stderr; exit status 2 for a wrong option or source, 1 for what fails later, 0 after
a clean end.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from .limits import limit_options

__all__ = ["cli", "main"]

_FILE = click.Path(path_type=Path)
_LOG_LEVELS = ("debug", "info", "warning", "error")


class _OneLineErrors(click.Group):
    """A group whose errors are one line on stderr."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        status: Any = 0
        try:
            status = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.Abort:
            click.echo("pgwire-py: interrupted", err=True)
            status = 130
        except click.ClickException as error:
            click.echo("pgwire-py: " + " ".join(error.format_message().split()), err=True)
            status = error.exit_code
        sys.exit(status if isinstance(status, int) else 0)


@click.group(
    cls=_OneLineErrors,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="pgwire-py", prog_name="pgwire-py", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Put data behind a PostgreSQL port, and ask what is behind one.

    \b
    pgwire-py serve                      a demo data set
    pgwire-py serve sales.duckdb         a DuckDB or SQLite database
    pgwire-py serve exports/             a folder of Parquet, CSV or JSON
    pgwire-py query URI "select 1"       a statement's result as a table, CSV, JSON, Arrow or Parquet
    pgwire-py ping URI                   whether a server takes connections
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--engine",
    type=click.Choice(["sqlite", "duckdb", "datafusion", "polars", "gluesql"]),
    help="Which engine; otherwise the source decides.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=5433, show_default=True, help="TCP port; 0 picks a free one."
)
@click.option("--unix-socket", metavar="DIR", type=click.Path(path_type=Path), help="Listen in this folder as well.")
@click.option(
    "--auth",
    type=click.Choice(["trust", "reject", "password", "md5", "scram-sha-256", "cert", "oauth"]),
    help="How all clients prove who they are.  [default: scram-sha-256 with --users, else trust]",
)
@click.option("--hba", metavar="FILE", type=_FILE, help="Rules as in pg_hba.conf, in place of --auth.")
@click.option(
    "--ident", metavar="FILE", type=_FILE, help="User name maps as in pg_ident.conf, for certificates and tokens."
)
@click.option(
    "--users",
    metavar="FILE",
    type=_FILE,
    help='Users for the methods with passwords: lines "user" "secret" as pgwire-py hash-password prints them.',
)
@click.option(
    "--mock-secret",
    metavar="FILE",
    type=_FILE,
    help="Keeps what hides which users exist over restarts; made if missing.",
)
@click.option("--oauth-issuer", metavar="URL", help="The authorization server, for oauth.")
@click.option("--oauth-scope", metavar="TEXT", help="What tokens must be good for, for oauth.")
@click.option("--oauth-validator", metavar="MODULE:NAME", help="The coroutine function that checks tokens, for oauth.")
@click.option("--tls-cert", metavar="FILE", type=_FILE, help="Certificate chain (PEM); turns TLS on.")
@click.option(
    "--tls-key", metavar="FILE", type=_FILE, help="Private key (PEM), where it is not in the certificate's file."
)
@click.option("--tls-passphrase", metavar="FILE", type=_FILE, help="File whose first line is the key's passphrase.")
@click.option("--tls-ca", metavar="FILE", type=_FILE, help="Authorities (PEM) of client certificates.")
@click.option(
    "--tls-min-version", type=click.Choice(["1.2", "1.3"]), default="1.2", show_default=True, help="Oldest TLS version."
)
@click.option("--require-tls", is_flag=True, help="Refuse clients that come over TCP without TLS.")
@click.option("--read-only", is_flag=True, help="Refuse every change to the data.")
@limit_options
@click.option(
    "--log-level", type=click.Choice(_LOG_LEVELS), default="warning", show_default=True, help="What to log on stderr."
)
@click.option("--insecure", is_flag=True, help="Allow trust authentication beyond this machine.")
def serve(
    *,
    sources: tuple[Path, ...],
    engine: str | None,
    host: str,
    port: int,
    unix_socket: Path | None,
    auth: str | None,
    hba: Path | None,
    ident: Path | None,
    users: Path | None,
    mock_secret: Path | None,
    oauth_issuer: str | None,
    oauth_scope: str | None,
    oauth_validator: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_passphrase: Path | None,
    tls_ca: Path | None,
    tls_min_version: str,
    require_tls: bool,
    read_only: bool,
    log_level: str,
    insecure: bool,
    **limits: Any,
) -> None:
    """Serve data to PostgreSQL clients.

    SOURCE is a SQLite file (.sqlite, .sqlite3, .db), a DuckDB file (.duckdb, .ddb, .db), or any number of Parquet, CSV
    and JSON files and of folders of them, each file a view or table of its name. Without a SOURCE a demo data set is served.
    --engine gluesql takes a folder of JSON files (.json, .jsonl), and writes changes into them.

    The PostgreSQL address to connect to is printed. Ctrl-C or SIGTERM ends the server; SIGHUP reads certificates, rules and maps
    again.
    """
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    from .access import load_access, load_tls
    from .options import check_address
    from .run import Plan, run
    from .source import find_source

    tls = load_tls(tls_cert, tls_key, tls_passphrase, tls_ca, tls_min_version)
    access = load_access(
        auth=auth,
        hba=hba,
        ident=ident,
        users=users,
        mock_secret=mock_secret,
        oauth=(oauth_issuer, oauth_scope, oauth_validator),
        tls=tls,
    )
    if require_tls and tls is None:
        raise click.UsageError("--require-tls needs --tls-cert")
    beyond = check_address(host, port, unix_socket, trust=access.trusts_strangers, insecure=insecure)
    run(
        Plan(
            source=find_source(sources, engine),
            host=host,
            port=port,
            unix_socket=unix_socket,
            access=access,
            tls=tls,
            require_tls=require_tls,
            may_trust_strangers=insecure or not beyond,
            read_only=read_only,
            limits=limits,
        )
    )


@cli.command()
@click.option("--upstream", metavar="URI", required=True, help="The server to forward to: postgresql://host:port.")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:6432", show_default=True, help="Port 0 picks one.")
@click.option("--print", "print_", is_flag=True, help="Print each message on stdout.")
@click.option(
    "--record", metavar="FILE", type=_FILE, help="Write the first session to FILE, the next to FILE-2, and so on."
)
@click.option(
    "--upstream-sslmode",
    type=click.Choice(["disable", "prefer", "require", "verify-ca", "verify-full"]),
    help="TLS to the server, as in libpq.  [default: prefer]",
)
@click.option("--upstream-sslrootcert", metavar="FILE", type=_FILE, help="Authorities (PEM) that verify-… trusts.")
@click.option("--tls-cert", metavar="FILE", type=_FILE, help="Certificate chain (PEM); offers TLS to clients.")
@click.option(
    "--tls-key", metavar="FILE", type=_FILE, help="Private key (PEM), where it is not in the certificate's file."
)
@click.option("--max-connections", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="At a time.")
@click.option(
    "--log-level", type=click.Choice(_LOG_LEVELS), default="warning", show_default=True, help="What to log on stderr."
)
def proxy(
    *,
    upstream: str,
    listen: str,
    print_: bool,
    record: Path | None,
    upstream_sslmode: str | None,
    upstream_sslrootcert: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    max_connections: int,
    log_level: str,
) -> None:
    """Forward connections to a PostgreSQL server, and show them.

    Clients log in to the server: name and password pass through. In what is printed or recorded, passwords are left out of logins; SQL
    and rows are as they are.
    """
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    from .access import load_tls
    from .proxy import find_upstream, run_proxy, split_address

    host, port = split_address(listen)
    run_proxy(
        find_upstream(upstream, upstream_sslmode, upstream_sslrootcert),
        host=host,
        port=port,
        tls=load_tls(tls_cert, tls_key, None, None, "1.2"),
        shows=print_,
        record=record,
        max_connections=max_connections,
    )


@cli.command("hash-password")
@click.argument("user", required=False)
@click.option(
    "--iterations", type=click.IntRange(1, 10_000_000), default=4096, show_default=True, help="PBKDF2 rounds."
)
def hash_password(user: str | None, iterations: int) -> None:
    """Ask for a password and print a users-file line with its SCRAM-SHA-256 verifier.

    The password itself is not in the line. USER is asked for where it is not given.
    """
    from ..auth import ScramVerifier, users_file_line

    if user is None:
        user = str(click.prompt("User", err=True))
    password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    try:
        line = users_file_line(user, ScramVerifier.generate(password, iterations).format())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(line)


_FORMATS = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".arrow": "arrow", ".parquet": "parquet"}


@cli.command()
@click.argument("uri")
@click.argument("sql")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", *_FORMATS.values()]),
    help="What to write.  [default: by the file's name, else table]",
)
@click.option("-o", "--output", metavar="FILE", type=_FILE, help="Write there instead of on stdout.")
@click.option("-v", "--param", "parameters", metavar="VALUE", multiple=True, help="Value of $1, the next of $2, …")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=60, show_default=True, help="Seconds to connect in."
)
def query(
    *, uri: str, sql: str, format_: str | None, output: Path | None, parameters: tuple[str, ...], timeout: float
) -> int:
    """Run a statement on a PostgreSQL server and print its result.

    URI is an address or keyword/value string as psql takes it; "" goes by the PG* variables. SQL is one statement; "-" reads it from
    stdin. Values of parameters are given as text, and stand for themselves: nothing in them is SQL.

    \b
    table    aligned, wide values cut
    csv      as COPY writes it, with the columns' names
    json     one array of objects; jsonl: an object on each line
    arrow    an Arrow IPC stream, and parquet a Parquet file: with pgwire-py[arrow]

    Ctrl-C cancels the statement. Exit status: 0, 1 for an error of the server, 2 for wrong options.
    """
    from .query import Query, run_query

    if sql == "-":
        sql = sys.stdin.read()
    chosen = format_ or _FORMATS.get(output.suffix.lower() if output else "", "table")
    return run_query(Query(uri, sql, parameters, chosen, output, timeout))


class _WrongPing(click.UsageError):
    exit_code = 3


class _PingCommand(click.Command):
    """Exit status 3 for wrong options, as pg_isready has it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _WrongPing(error.message, error.ctx) from None


@cli.command(cls=_PingCommand)
@click.argument("uri", default="")
@click.option(
    "-t", "--timeout", type=click.FloatRange(0, min_open=True), default=3, show_default=True, help="Seconds to wait."
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing.")
def ping(*, uri: str, timeout: float, quiet: bool) -> int:
    """Ask whether a PostgreSQL server takes connections.

    Exit status: 0 it does, 1 it rejects them (it starts up or shuts down), 2 no response, 3 wrong options. No password is needed.
    """
    from ..client.errors import ConnectionOptionError
    from .ping import run_ping

    try:
        return run_ping(uri, timeout, quiet)
    except ConnectionOptionError as error:
        raise _WrongPing(str(error)) from None


def main() -> None:
    """Entry point of ``pgwire-py`` and ``python -m pgwire_py``."""
    cli(prog_name="pgwire-py")
