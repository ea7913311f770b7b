"""Options of ``serve`` that bound what clients take, and defaults of run-time parameters; each is an argument of the Server's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

__all__ = ["limit_options"]

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS: Final = click.IntRange(0, 2**31 - 1)


def _parameters(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Names and values of ``-c NAME=VALUE``."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"expected NAME=VALUE, not {text!r}", context, option)
        found[name] = value
    return found


_OPTIONS: Final = (
    click.option(
        "--max-connections", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Sessions at a time."
    ),
    click.option("--max-connections-per-user", type=click.IntRange(1), help="The same for each user."),
    click.option("--max-connections-per-address", type=click.IntRange(1), help="The same for each client address."),
    click.option(
        "--max-starting", type=click.IntRange(1), default=1000, show_default=True, help="Clients not yet logged in."
    ),
    click.option(
        "--startup-timeout",
        metavar="SECONDS",
        type=click.FloatRange(0, min_open=True),
        default=60.0,
        show_default=True,
        help="For a client to log in.",
    ),
    click.option(
        "--max-message-length",
        metavar="BYTES",
        type=click.IntRange(1024, 2**30 - 1),
        default=2**30 - 1,
        show_default=True,
        help="Longest message of a client.",
    ),
    click.option(
        "--tcp-keepalives-idle",
        metavar="SECONDS",
        type=_SECONDS,
        default=0,
        help="Without traffic, until the system asks whether a client is still there.  [default: the system's]",
    ),
    click.option(
        "--tcp-keepalives-interval",
        metavar="SECONDS",
        type=_SECONDS,
        default=0,
        help="Until it asks again.  [default: the system's]",
    ),
    click.option(
        "--tcp-keepalives-count",
        type=_SECONDS,
        default=0,
        help="Unanswered questions that end a connection.  [default: the system's]",
    ),
    click.option(
        "-c",
        "parameters",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_parameters,
        help="Default of a run-time parameter of all sessions, as statement_timeout=30s; may be repeated.",
    ),
)


def limit_options(command: F) -> F:
    """Decorates a command, which gets the options as keywords of :class:`~pgwire_py.server.Server`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
