"""How to connect, put together from a connection string, keyword arguments, a service file, the environment and a password file.

What is said earlier in this order wins (PostgreSQL 34.1.2, 34.15, 34.16, 34.17).
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .dsn import ENVIRONMENT, KEYWORDS, parse_dsn
from .errors import ConnectionOptionError

if TYPE_CHECKING:
    from .oauth import OAuthToken

__all__ = ["ConnectSettings", "Host", "check_values", "connect_settings"]

DEFAULT_PORT: Final = 5432
SOCKET_DIRECTORIES: Final = ("/run/postgresql", "/var/run/postgresql", "/var/pgsql_socket", "/private/tmp", "/tmp")

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslcertmode": ("disable", "allow", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
    "gssencmode": ("disable", "prefer"),
    "min_protocol_version": ("3.0", "3.2", "latest"),
    "max_protocol_version": ("3.0", "3.2", "latest"),
    "sslsni": ("0", "1"),
    "keepalives": ("0", "1"),
}
_DEFAULTS: Final = {
    "sslmode": "prefer",
    "sslnegotiation": "postgres",
    "sslcertmode": "allow",
    "channel_binding": "prefer",
    "target_session_attrs": "any",
    "load_balance_hosts": "disable",
    "min_protocol_version": "3.0",
    "max_protocol_version": "3.0",
    "sslsni": "1",
    "keepalives": "1",
}
VERSIONS: Final = {"3.0": 0x00030000, "3.2": 0x00030002, "latest": 0x00030002}
METHODS: Final = frozenset({"password", "md5", "scram-sha-256", "none", "gss", "sspi", "oauth"})
"""What ``require_auth`` may name."""


@dataclass(frozen=True)
class Host:
    """One place to connect to; ``host`` beginning with ``/`` or ``@`` is a Unix socket's directory or abstract name."""

    host: str
    port: int
    hostaddr: str = ""
    password: str | None = field(default=None, repr=False)

    @property
    def local(self) -> bool:
        """Whether it is a Unix socket."""
        return not self.hostaddr and self.host.startswith(("/", "@"))

    @property
    def socket_path(self) -> str:
        """The socket's path; an abstract one begins with NUL."""
        name = self.host if self.host.startswith("/") else "\0" + self.host[1:]
        return f"{name}/.s.PGSQL.{self.port}"


@dataclass(frozen=True)
class ConnectSettings:
    """Everything that connecting needs. ``values`` has the keywords of libpq that are not attributes of their own."""

    hosts: tuple[Host, ...]
    user: str
    database: str
    values: Mapping[str, str] = field(repr=False)
    server_settings: Mapping[str, str] = field(default_factory=dict)
    oauth_token: OAuthToken | None = field(default=None, repr=False)

    def __getitem__(self, keyword: str) -> str:
        """The value of a keyword, its default if there is none, else an empty text."""
        return self.values.get(keyword) or _DEFAULTS.get(keyword, "")

    @property
    def timeout(self) -> float | None:
        """Seconds for each host, from ``connect_timeout``; None is no limit."""
        seconds = _number(self["connect_timeout"] or "0", "connect_timeout")
        return max(seconds, 2) if seconds > 0 else None

    @property
    def versions(self) -> tuple[int, int]:
        """Lowest and highest protocol version."""
        return VERSIONS[self["min_protocol_version"]], VERSIONS[self["max_protocol_version"]]

    def startup_parameters(self) -> dict[str, str]:
        """What StartupMessage carries."""
        parameters = {"user": self.user, "database": self.database, "client_encoding": "UTF8"}
        for keyword in ("options", "replication"):
            if self[keyword]:
                parameters[keyword] = self[keyword]
        name = self["application_name"] or self["fallback_application_name"]
        if name:
            parameters["application_name"] = name
        return {**parameters, **self.server_settings}


def connect_settings(
    dsn: str | None = None,
    *,
    server_settings: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    **keywords: Any,
) -> ConnectSettings:
    """Puts together how to connect.

    Args:
        dsn: a connection string, see :func:`parse_dsn`.
        server_settings: run-time parameters of the session.
        environ: environment variables; default ``os.environ``.
        **keywords: keywords of libpq; ``host``, ``hostaddr`` and ``port`` may be lists; None counts as not given.

    Raises:
        ConnectionOptionError: a keyword there is not, a value that it does not have, or a service that is not defined.
    """
    environ = os.environ if environ is None else environ
    given = parse_dsn(dsn) if dsn else {}
    for name, value in keywords.items():
        if value is None:
            continue
        if name not in KEYWORDS:
            raise ConnectionOptionError(f'invalid connection option "{name[:64]}"')
        given[name] = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    service = given.get("service") or environ.get("PGSERVICE")
    found = {**_from_environment(environ)}
    if service:
        found.update(_read_service(service, given.get("servicefile") or environ.get("PGSERVICEFILE"), environ))
    found.update(given)
    if found.get("sslrootcert") == "system" and "sslmode" not in found:
        found["sslmode"] = "verify-full"
    check_values(found)
    user = found.get("user") or _login_name()
    database = found.get("dbname") or user
    hosts = tuple(_with_password(host, user, database, found, environ) for host in _hosts(found))
    return ConnectSettings(hosts, user, database, found, dict(server_settings or {}))


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[variable] for name, variable in ENVIRONMENT.items() if environ.get(variable)}


def check_values(found: Mapping[str, str]) -> None:
    """Values that can be refused before anything is tried."""
    for name, choices in _CHOICES.items():
        if found.get(name) and found[name] not in choices:
            raise ConnectionOptionError(
                f'invalid {name} value: "{found[name][:64]}" (it is one of {", ".join(choices)})'
            )
    for name in ("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"):
        if found.get(name):
            _number(found[name], name)
    mode = found.get("sslmode") or "prefer"
    if found.get("sslrootcert") == "system" and mode != "verify-full":
        raise ConnectionOptionError(f'weak sslmode "{mode}" may not be used with sslrootcert=system (use verify-full)')
    if found.get("sslnegotiation") == "direct" and mode in ("disable", "allow", "prefer"):
        raise ConnectionOptionError(f'weak sslmode "{mode}" may not be used with sslnegotiation=direct')
    lowest = VERSIONS[found.get("min_protocol_version") or "3.0"]
    if lowest > VERSIONS[found.get("max_protocol_version") or "3.2"]:
        raise ConnectionOptionError("min_protocol_version is above max_protocol_version")
    encoding = found.get("client_encoding")
    if encoding and encoding.lower().replace("-", "").replace("_", "") not in ("auto", "utf8", "unicode"):
        raise ConnectionOptionError(f'client_encoding "{encoding[:64]}": the client speaks UTF8 only')
    for method in filter(None, found.get("require_auth", "").split(",")):
        if method.removeprefix("!") not in METHODS:
            raise ConnectionOptionError(f'invalid require_auth value: "{method[:64]}"')


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConnectionOptionError(f'invalid integer value "{text[:64]}" for connection option "{name}"') from None


def _login_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise ConnectionOptionError("no user name: neither given nor known to the system") from None


def _hosts(found: Mapping[str, str]) -> Iterator[Host]:
    """Hosts, addresses and ports side by side (PostgreSQL 34.1.1.3)."""
    names = found.get("host", "").split(",") if found.get("host") else []
    addresses = found.get("hostaddr", "").split(",") if found.get("hostaddr") else []
    if names and addresses and len(names) != len(addresses):
        raise ConnectionOptionError(f"could not match {len(names)} host names to {len(addresses)} hostaddr values")
    count = max(len(names), len(addresses), 1)
    ports = found.get("port", "").split(",")
    if len(ports) not in (1, count):
        raise ConnectionOptionError(f"could not match {len(ports)} port numbers to {count} hosts")
    ports = ports * count if len(ports) == 1 else ports
    for number in range(count):
        port = _number(ports[number].strip() or str(DEFAULT_PORT), "port")
        if not 0 < port < 65536:
            raise ConnectionOptionError(f"invalid port number: {port}")
        address = addresses[number] if addresses else ""
        name = names[number] if names else ""
        yield Host(name or address or _default_host(port), port, address)


def _default_host(port: int) -> str:
    """The directory of a Unix socket that exists, or localhost."""
    if sys.platform != "win32":
        for directory in SOCKET_DIRECTORIES:
            if Path(directory, f".s.PGSQL.{port}").exists():
                return directory
    return "localhost"


def _with_password(host: Host, user: str, database: str, found: Mapping[str, str], environ: Mapping[str, str]) -> Host:
    password: str | None = found.get("password")
    if password is None:
        path = found.get("passfile") or str(_home_file(environ, ".pgpass", "pgpass.conf"))
        password = _read_passfile(Path(path), host, database, user)
    return Host(host.host, host.port, host.hostaddr, password)


def _home_file(environ: Mapping[str, str], name: str, windows: str) -> Path:
    if sys.platform == "win32":
        return Path(environ.get("APPDATA", ""), "postgresql", windows)
    return Path(environ.get("HOME") or Path("~").expanduser(), name)


def _read_passfile(path: Path, host: Host, database: str, user: str) -> str | None:
    """The password of the first line that fits; None without such a line or file (PostgreSQL 34.16)."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None
        if sys.platform != "win32" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            text = f'password file "{path}" has group or world access; permissions should be u=rw (0600) or less'
            warnings.warn(text, stacklevel=2)
            return None
        lines = path.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    local = host.local and host.host in SOCKET_DIRECTORIES
    wanted = ("localhost" if local else host.host or host.hostaddr, str(host.port), database, user)
    for line in lines:
        if line.startswith("#"):
            continue
        fields = _split_escaped(line)
        if len(fields) >= 5 and all(
            raw == "*" or text == want for (raw, text), want in zip(fields[:4], wanted, strict=True)
        ):
            return fields[4][1]
    return None


def _split_escaped(line: str) -> list[tuple[str, str]]:
    """Fields between colons, as written and with backslashes taken off; the fifth reaches to the end."""
    fields: list[tuple[str, str]] = []
    raw, text, place = "", "", 0
    while place < len(line):
        letter = line[place]
        if letter == "\\" and place + 1 < len(line):
            raw += line[place : place + 2]
            text += line[place + 1]
            place += 2
            continue
        if letter == ":" and len(fields) < 4:
            fields.append((raw, text))
            raw = text = ""
        else:
            raw += letter
            text += letter
        place += 1
    return [*fields, (raw, text)]


def _read_service(service: str, file: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """The section of a service (PostgreSQL 34.17)."""
    paths = [Path(file) if file else _home_file(environ, ".pg_service.conf", ".pg_service.conf")]
    if file and not paths[0].is_file():
        raise ConnectionOptionError(f'service file "{file}" not found')
    if environ.get("PGSYSCONFDIR"):
        paths.append(Path(environ["PGSYSCONFDIR"], "pg_service.conf"))
    for path in paths:
        if path.is_file():
            found = _section(path, service)
            if found is not None:
                return found
    raise ConnectionOptionError(f'definition of service "{service[:64]}" not found')


def _section(path: Path, service: str) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    for number, line in enumerate(path.read_text("utf-8", "surrogateescape").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                break
            if line.startswith(f"[{service}]"):
                found = {}
        elif found is not None:
            name, equals, value = line.partition("=")
            if not equals or name not in KEYWORDS or name in ("service", "servicefile"):
                raise ConnectionOptionError(f'syntax error in service file "{path}", line {number}')
            found.setdefault(name, value)
    return found
