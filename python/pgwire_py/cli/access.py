"""``serve``'s options about who may come in: users, rules, maps, tokens, certificates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from ..auth import HostBasedRules, IdentMap, OAuth, UsersFile
    from ..server.tls import ServerTls

__all__ = ["Access", "load_access", "load_tls"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in: arguments of :class:`~pgwire_py.server.Server`."""

    auth: HostBasedRules | str
    users: UsersFile | None
    ident: IdentMap | None
    oauth: OAuth | None
    mock_secret: bytes | None

    @property
    def trusts_strangers(self) -> bool:
        """Whether people from other machines get in without any proof."""
        if isinstance(self.auth, str):
            return self.auth == "trust"
        return any(rule.trusts_strangers for rule in self.auth.rules)

    @property
    def description(self) -> str:
        """For people."""
        if isinstance(self.auth, str):
            return "SCRAM-SHA-256" if self.auth == "scram-sha-256" else self.auth
        return f"{self.auth.path}:"


def load_access(
    *,
    auth: str | None,
    hba: Path | None,
    ident: Path | None,
    users: Path | None,
    mock_secret: Path | None,
    oauth: tuple[str | None, str | None, str | None],
    tls: ServerTls | None,
) -> Access:
    """Read the files and check that the options go together.

    Raises:
        click.UsageError: a file is missing, unreadable or malformed, or an option lacks another one.
    """
    from ..auth import HostBasedRules, IdentMap, UsersFile, load_mock_secret

    if auth is not None and hba is not None:
        raise click.UsageError("--auth and --hba are one too many: the rules say how clients prove who they are")
    if auth is None:
        auth = "trust" if users is None else "scram-sha-256"
    if hba is None and auth in ("trust", "reject", "cert", "oauth") and users is not None:
        raise click.UsageError(f"--users is for methods with passwords, not for {auth}")
    if hba is None and auth in ("password", "md5", "scram-sha-256") and users is None:
        raise click.UsageError(f"--auth {auth} needs --users FILE; pgwire-py hash-password makes its lines")
    access = Access(
        auth=auth if hba is None else _load("--hba", hba, HostBasedRules.load),
        users=None if users is None else _load("--users", users, UsersFile),
        ident=None if ident is None else _load("--ident", ident, IdentMap.load),
        oauth=_oauth(*oauth),
        mock_secret=None if mock_secret is None else _load("--mock-secret", mock_secret, load_mock_secret),
    )
    _check(access, tls)
    return access


def load_tls(
    certificate: Path | None, key: Path | None, passphrase: Path | None, authorities: Path | None, version: str
) -> ServerTls | None:
    """A server's certificate, or None where none was given.

    Raises:
        click.UsageError: a file is missing or no PEM file of its kind, or the key is not the certificate's.
    """
    if certificate is None:
        for option, value in (("--tls-key", key), ("--tls-passphrase", passphrase), ("--tls-ca", authorities)):
            if value is not None:
                raise click.UsageError(f"{option} needs --tls-cert")
        return None
    import ssl

    from ..server.tls import ServerTls

    secret = None if passphrase is None else _load("--tls-passphrase", passphrase, _first_line)
    for option, path in (("--tls-cert", certificate), ("--tls-key", key), ("--tls-ca", authorities)):
        if path is not None:
            _load(option, path, lambda each: each.open("rb").close())
    minimum = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    try:
        return ServerTls(certificate, key, passphrase=secret, client_ca=authorities, minimum_version=minimum)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--tls-cert, --tls-key, --tls-ca: {error}") from None


def _load(option: str, path: Path, load: Callable[[Path], T]) -> T:
    try:
        return load(path)
    except OSError as error:
        raise click.UsageError(f"{option}: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline(4_096).rstrip("\r\n")


def _oauth(issuer: str | None, scope: str | None, validator: str | None) -> OAuth | None:
    given = [value for value in (issuer, scope, validator) if value is not None]
    if not given:
        return None
    if issuer is None or scope is None or validator is None:
        raise click.UsageError("--oauth-issuer, --oauth-scope and --oauth-validator belong together")
    from ..auth import OAuth

    module, _, name = validator.partition(":")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(f"--oauth-validator: cannot load {validator}: {error}") from None
    return OAuth(issuer, scope, function)


def _check(access: Access, tls: ServerTls | None) -> None:
    from ..server.authentication import Authentication

    try:
        Authentication(access.auth, access.users, access.ident, access.oauth, access.mock_secret, tls)
    except ValueError as error:
        hints = {
            "users": "--users FILE",
            "client_ca": "--tls-cert FILE --tls-ca FILE",
            "oauth=": "--oauth-issuer, --oauth-scope, --oauth-validator",
        }
        options = next((option for word, option in hints.items() if word in str(error)), "")
        raise click.UsageError(f"{error}: {options}" if options else str(error)) from None
