"""Connection strings: URIs and keyword/value strings, read as libpq reads them (PostgreSQL 34.1.1).

Pure text: no environment, no files. ``settings.py`` adds those.
"""

from __future__ import annotations

from typing import Final

from .errors import ConnectionOptionError

__all__ = ["ENVIRONMENT", "KEYWORDS", "parse_dsn"]

ENVIRONMENT: Final[dict[str, str]] = {
    "servicefile": "PGSERVICEFILE",
    "service": "PGSERVICE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "dbname": "PGDATABASE",
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "client_encoding": "PGCLIENTENCODING",
    "options": "PGOPTIONS",
    "application_name": "PGAPPNAME",
    "sslmode": "PGSSLMODE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslcompression": "PGSSLCOMPRESSION",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcertmode": "PGSSLCERTMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "sslcrldir": "PGSSLCRLDIR",
    "sslsni": "PGSSLSNI",
    "requirepeer": "PGREQUIREPEER",
    "require_auth": "PGREQUIREAUTH",
    "min_protocol_version": "PGMINPROTOCOLVERSION",
    "max_protocol_version": "PGMAXPROTOCOLVERSION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME",
    "gsslib": "PGGSSLIB",
    "gssdelegation": "PGGSSDELEGATION",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "load_balance_hosts": "PGLOADBALANCEHOSTS",
}
"""Keyword → environment variable (PostgreSQL 34.15)."""

KEYWORDS: Final = frozenset(ENVIRONMENT) | {
    "fallback_application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "sslpassword",
    "sslkeylogfile",
    "replication",
    "scram_client_key",
    "scram_server_key",
    "oauth_issuer",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_scope",
    "authtype",
}
"""Every keyword that libpq knows (PostgreSQL 34.1.2)."""

_SCHEMES = ("postgresql://", "postgres://")
_SPACE = " \t\n\r\v\f"


def parse_dsn(dsn: str) -> dict[str, str]:
    """Keywords and values of a connection string.

    Args:
        dsn: ``postgresql://user:password@host:port/dbname?keyword=value``, with several ``host:port`` separated by commas, or
            ``keyword=value keyword='other value'``.

    Raises:
        ConnectionOptionError: it is neither, or has a keyword that libpq does not know. No value is quoted in the message.
    """
    for scheme in _SCHEMES:
        if dsn.startswith(scheme):
            return _parse_uri(dsn, len(scheme))
    return _parse_keywords(dsn)


def _parse_uri(uri: str, start: int) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = uri[start:]
    user_end = _first_of(rest, "@/")
    if rest[user_end : user_end + 1] == "@":
        user, _, password = rest[:user_end].partition(":")
        _store(found, "user", user)
        _store(found, "password", password)
        rest = rest[user_end + 1 :]
    hosts, ports = [], []
    while True:
        host, port, rest = _host_and_port(rest)
        hosts.append(host)
        ports.append(port)
        if not rest.startswith(","):
            break
        rest = rest[1:]
    _store(found, "host", ",".join(hosts))
    _store(found, "port", ",".join(ports))
    path, question, query = rest.partition("?")
    _store(found, "dbname", path[1:])
    if question:
        _read_query(found, query)
    return found


def _host_and_port(rest: str) -> tuple[str, str, str]:
    """Host, port, and what follows them."""
    if rest.startswith("["):
        end = rest.find("]")
        if end < 0:
            raise ConnectionOptionError('a URI\'s IPv6 address has no closing "]"')
        if end == 1:
            raise ConnectionOptionError("a URI's IPv6 address is empty")
        host, rest = rest[1:end], rest[end + 1 :]
        if rest and rest[0] not in ":/?,":
            raise ConnectionOptionError(f'unexpected character "{rest[0]}" behind a URI\'s IPv6 address')
    else:
        end = _first_of(rest, ":/?,")
        host, rest = rest[:end], rest[end:]
    if not rest.startswith(":"):
        return host, "", rest
    end = _first_of(rest, "/?,")
    return host, rest[1:end], rest[end:]


def _read_query(found: dict[str, str], query: str) -> None:
    for part in query.removesuffix("&").split("&") if query else ():
        raw_name, equals, raw_value = part.partition("=")
        if not equals:
            raise ConnectionOptionError(f'missing "=" in URI query parameter "{raw_name[:64]}"')
        if "=" in raw_value:
            raise ConnectionOptionError(f'extra "=" in URI query parameter "{raw_name[:64]}"')
        name, value = _decoded(raw_name), _decoded(raw_value)
        if (name, value) == ("ssl", "true"):
            name, value = "sslmode", "require"  # as JDBC writes it
        if name not in KEYWORDS:
            raise ConnectionOptionError(f'invalid URI query parameter: "{name[:64]}"')
        found[name] = value


def _store(found: dict[str, str], name: str, raw: str) -> None:
    if raw:
        found[name] = _decoded(raw)


def _decoded(text: str) -> str:
    """Percent-decoding; spaces around are dropped, others refused (libpq 17 and later)."""
    text = text.strip(_SPACE)
    if any(letter in _SPACE for letter in text):
        raise ConnectionOptionError("a space within a URI: write %20")
    parts = text.split("%")
    raw = parts[0].encode("utf-8", "surrogateescape")
    for part in parts[1:]:
        try:
            byte = bytes.fromhex(part[:2])
        except ValueError:
            byte = b""
        if len(byte) != 1 or len(part) < 2 or part[:2] != part[:2].strip():
            raise ConnectionOptionError("invalid percent-encoded token in a URI")
        if byte == b"\0":
            raise ConnectionOptionError("forbidden value %00 in a URI")
        raw += byte + part[2:].encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "surrogateescape")


def _first_of(text: str, letters: str) -> int:
    return next((place for place, letter in enumerate(text) if letter in letters), len(text))


def _parse_keywords(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    place = _skip_space(text, 0)
    while place < len(text):
        start = place
        while place < len(text) and text[place] != "=" and text[place] not in _SPACE:
            place += 1
        name = text[start:place]
        place = _skip_space(text, place)
        if text[place : place + 1] != "=":
            raise ConnectionOptionError(f'missing "=" after "{name[:64]}" in connection info string')
        value, place = _value(text, _skip_space(text, place + 1))
        if name not in KEYWORDS:
            raise ConnectionOptionError(f'invalid connection option "{name[:64]}"')
        found[name] = value
        place = _skip_space(text, place)
    return found


def _value(text: str, place: int) -> tuple[str, int]:
    """A value and the place behind it; a backslash makes the next character an ordinary one, within quotes and without."""
    quoted = text[place : place + 1] == "'"
    place += quoted
    made = []
    while place < len(text):
        letter = text[place]
        place += 1
        if letter == "\\":
            made.append(text[place : place + 1])
            place += 1
        elif (quoted and letter == "'") or (not quoted and letter in _SPACE):
            return "".join(made), place
        else:
            made.append(letter)
    if quoted:
        raise ConnectionOptionError("unterminated quoted string in connection info string")
    return "".join(made), place


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place
