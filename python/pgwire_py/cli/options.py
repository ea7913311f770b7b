"""Checks of ``serve``'s options that need a look at the machine: addresses and sockets."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

import click

__all__ = ["check_address"]

_MAX_SOCKET_PATH = 103
"""Longest path of a Unix-domain socket, in bytes, that every usual system takes."""


def check_address(host: str, port: int, unix_socket: Path | None, *, trust: bool, insecure: bool) -> bool:
    """Refuse addresses that cannot or should not be listened on.

    Returns:
        Whether other machines reach the address.

    Raises:
        click.UsageError: ``trust`` of everybody beyond loopback without ``insecure``, an unknown host, or an unusable socket folder.
    """
    beyond = not _is_loopback(host)
    if trust and not insecure and beyond:
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
    return beyond


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
