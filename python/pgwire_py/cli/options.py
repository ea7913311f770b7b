"""Checks of ``serve``'s options that need a look at the machine: addresses, users, certificates."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import ssl

    from ..auth import UsersFile

__all__ = ["check_address", "load_users", "tls_context"]

_MAX_SOCKET_PATH = 103
"""Longest path of a Unix-domain socket, in bytes, that every usual system takes."""


def check_address(host: str, port: int, unix_socket: Path | None, *, trust: bool, insecure: bool) -> None:
    """Refuse addresses that cannot or should not be listened on.

    Raises:
        click.UsageError: ``trust`` beyond loopback without ``insecure``, an unknown host, or an unusable socket folder.
    """
    if trust and not insecure and not _is_loopback(host):
        raise click.UsageError(
            f"with trust authentication anyone who reaches {host or 'this machine'} gets the data;"
            " use --auth scram-sha-256 --users FILE, or --insecure if that is what you want"
        )
    if unix_socket is not None:
        if not unix_socket.is_dir():
            raise click.UsageError(f"--unix-socket: {unix_socket} is not a folder")
        if not os.access(unix_socket, os.W_OK | os.X_OK):
            raise click.UsageError(f"--unix-socket: no permission to write in {unix_socket}")
        if len(os.fsencode(unix_socket / f".s.PGSQL.{port or 65535}")) > _MAX_SOCKET_PATH:
            raise click.UsageError(f"--unix-socket: the path of {unix_socket} is too long for a socket")


def _is_loopback(host: str) -> bool:
    if not host:
        return False  # every address of the machine
    try:
        return ip_address(host).is_loopback
    except ValueError:
        pass
    import socket

    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise click.UsageError(f"--host: cannot find the address of {host}") from None
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def load_users(path: Path) -> UsersFile:
    """Read the users file.

    Raises:
        click.UsageError: it is missing, unreadable, malformed or empty.
    """
    from ..auth import UsersFile

    try:
        return UsersFile(path)
    except OSError as error:
        raise click.UsageError(f"--users: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise click.UsageError(f"--users: {error}") from None


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """A server's TLS context, or None where no certificate was given.

    Raises:
        click.UsageError: a file is missing or no PEM file of its kind, or the key is not the certificate's.
    """
    if certificate is None:
        if key is not None:
            raise click.UsageError("--tls-key needs --tls-cert")
        return None
    import ssl

    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if path is not None:
            try:
                path.open("rb").close()
            except OSError as error:
                raise click.UsageError(f"{option}: cannot read {path}: {error.strerror}") from None

    def no_passphrase() -> str:
        raise click.UsageError(f"--tls-key: {key or certificate} is encrypted; give a key without a passphrase")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise click.UsageError(f"--tls-key: {key or certificate} is not the key of {certificate}") from None
        if key is None:
            raise click.UsageError(
                f"--tls-cert: {certificate} must hold a certificate and its key in PEM, or give --tls-key"
            ) from None
        raise click.UsageError(
            f"--tls-cert, --tls-key: {certificate} and {key} must be a certificate and its key in PEM"
        ) from None
    return context
