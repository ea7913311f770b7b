"""Who may log in from where, and how he proves who he is: the twin of PostgreSQL's ``pg_hba.conf`` (chapter 21.1).

The first rule that fits a connection decides; where none does, it is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, cast

from .interfaces import Network, interfaces
from .lines import Line, Token, read_lines, split_line
from .patterns import compiled, matches

__all__ = ["METHODS", "ClientInfo", "HostBasedRules", "HostRule"]

METHODS: Final = ("trust", "reject", "password", "md5", "scram-sha-256", "cert", "oauth")
"""Methods that this server has."""

_FOREIGN: Final = ("gss", "sspi", "ident", "peer", "pam", "bsd", "ldap", "radius")
_TYPES: Final = ("local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")
_FLAGS: Final = {"0": False, "1": True}


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What rules look at: ``address`` is None for a Unix-domain socket."""

    user: str
    database: str
    address: str | None = None
    encrypted: bool = False
    replication: bool = False

    def describe(self) -> str:
        """As PostgreSQL's messages name a connection."""
        host = "[local]" if self.address is None else self.address
        encryption = "SSL encryption" if self.encrypted else "no encryption"
        return f'host "{host}", user "{self.user}", database "{self.database}", {encryption}'


@dataclass(frozen=True, slots=True)
class HostRule:
    """One rule.

    Attributes:
        type: ``local``, ``host``, ``hostssl`` or ``hostnossl`` (``hostgssenc`` fits nothing, ``hostnogssenc`` everything).
        databases: names, ``all``, ``sameuser``, ``samerole`` (the database is a group that the user is in), ``replication``, or ``/`` and
            a regular expression; a :class:`Token` with ``quoted`` is a name whatever it looks like.
        users: names, ``all``, ``+group``, or ``/`` and a regular expression.
        address: ``all``, ``samehost``, ``samenet``, an IP address or a network; None for ``local``.
        method: one of :data:`METHODS`.
        mask: the network's mask, where ``address`` does not hold it.
        map: name of a user name map, for ``cert`` and ``oauth``.
        client_certificate: ``""``, ``"verify-ca"``, or ``"verify-full"``, which says that the certificate must be the user's.
        client_name: ``"CN"`` or ``"DN"``: which name in the certificate is the user's.
        issuer: of tokens, for ``oauth``; None: the server's own setting.
        scope: of tokens, for ``oauth``; None: the server's own setting.
        delegate_ident_mapping: ``oauth``: the validator alone says whether the token is good for the user.
        where: file and line.

    Raises:
        ValueError: the rule makes no sense.
    """

    type: str
    databases: str | Token | Sequence[str | Token]
    users: str | Token | Sequence[str | Token]
    address: str | None
    method: str
    mask: str | None = None
    map: str | None = None
    client_certificate: str = ""
    client_name: str = "CN"
    issuer: str | None = None
    scope: str | None = None
    delegate_ident_mapping: bool = False
    where: str = field(default="", compare=False)
    _network: Network | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        databases, users = _tokens(self.databases), _tokens(self.users)
        object.__setattr__(self, "databases", databases)
        object.__setattr__(self, "users", users)
        if self.type not in _TYPES:
            self._wrong(f'invalid connection type "{self.type}"')
        if not databases:
            self._wrong("end-of-line before database specification")
        if not users:
            self._wrong("end-of-line before role specification")
        for token in (*databases, *users):
            compiled(token.text, self.where)
        if self.type == "local":
            if self.address is not None or self.mask is not None:
                self._wrong("a local rule has no address")
        else:
            object.__setattr__(self, "_network", self._parse_address())
        self._check_method()

    def _wrong(self, problem: str) -> None:
        raise ValueError(f"{self.where}: {problem}" if self.where else problem)

    def _check_method(self) -> None:
        if self.method in _FOREIGN:
            self._wrong(f'invalid authentication method "{self.method}": not supported by this server')
        if self.method not in METHODS:
            self._wrong(f'invalid authentication method "{self.method}"')
        if self.method == "cert":
            if self.type != "hostssl":
                self._wrong("cert authentication is only supported on hostssl connections")
            if self.client_certificate not in ("", "verify-full"):
                self._wrong('clientcert only accepts "verify-full" when using "cert" authentication')
            object.__setattr__(self, "client_certificate", "verify-full")
        if self.client_certificate not in ("", "verify-ca", "verify-full"):
            self._wrong(f'invalid value for clientcert: "{self.client_certificate}"')
        if self.client_certificate and self.type != "hostssl":
            self._wrong('clientcert can only be configured for "hostssl" rows')
        if self.client_name not in ("CN", "DN"):
            self._wrong(f'invalid value for clientname: "{self.client_name}"')
        if self.map is not None and self.method not in ("cert", "oauth"):
            self._wrong('authentication option "map" is only valid for authentication methods cert and oauth')
        for name in ("issuer", "scope", "delegate_ident_mapping"):
            if getattr(self, name) and self.method != "oauth":
                self._wrong(f'authentication option "{name}" is only valid for authentication methods oauth')
        if self.map and self.delegate_ident_mapping:
            self._wrong('"map" cannot be used together with "delegate_ident_mapping"')

    def _parse_address(self) -> Network | None:
        """Version, address and mask; None for a keyword."""
        address = self.address
        if address is None:
            self._wrong("end-of-line before IP address specification")
            return None
        if address in ("all", "samehost", "samenet"):
            return None
        text, slash, length = address.partition("/")
        ip = _ip(text)
        if ip is None:
            if slash:
                self._wrong(f'specifying both host name and CIDR mask is invalid: "{address}"')
            self._wrong(f'"{address}" is no IP address; host names are not supported')
            return None
        if slash:
            if not (length.isascii() and length.isdigit() and int(length) <= ip.max_prefixlen):
                self._wrong(f'invalid CIDR mask in address "{address}"')
            if self.mask is not None:
                self._wrong(f'a mask twice: "{address}" and "{self.mask}"')
            bits = int(length)
            return ip.version, int(ip), ((1 << bits) - 1) << (ip.max_prefixlen - bits)
        if self.mask is None:
            self._wrong("end-of-line before netmask specification")
        mask = _ip(self.mask or "")
        if mask is None:
            self._wrong(f'invalid IP mask "{self.mask}"')
            return None
        if mask.version != ip.version:
            self._wrong("IP address and mask do not match")
        return ip.version, int(ip), int(mask)

    # -- reading -----------------------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str) -> HostRule:
        """A rule as a line of ``pg_hba.conf``; raises ValueError."""
        line = split_line(text)
        if line is None:
            raise ValueError("an empty line is no rule")
        return cls.from_line(line)

    @classmethod
    def from_line(cls, line: Line) -> HostRule:
        """From the fields of a line; raises ValueError with its place in front."""
        fields = iter(line.fields)
        kind = _single(line, next(fields), "connection type").text
        if kind not in _TYPES:
            line.wrong(f'invalid connection type "{kind}"')
        databases = _next(line, fields, "database specification")
        users = _next(line, fields, "role specification")
        address: str | None = None
        mask: str | None = None
        if kind != "local":
            token = _single(line, _next(line, fields, "IP address specification"), "host address")
            address = token.text
            keyword = not token.quoted and address in ("all", "samehost", "samenet")
            if not keyword and "/" not in address and _ip(address) is not None:
                mask = _single(line, _next(line, fields, "netmask specification"), "netmask").text
            elif token.quoted and address in ("all", "samehost", "samenet"):
                line.wrong(f'"{address}" is no IP address; host names are not supported')
        method = _single(line, _next(line, fields, "authentication method"), "authentication type").text
        options = _options(line, fields, kind)
        return cls(kind, databases, users, address, method, mask, where=line.where, **options)  # type: ignore[arg-type]

    @property
    def trusts_strangers(self) -> bool:
        """Whether it lets people from other machines in without any proof."""
        if self.method != "trust" or self.client_certificate or self.type in ("local", "hostgssenc"):
            return False
        if self._network is None:
            return self.address != "samehost"
        version, address, mask = self._network
        if version == 4:
            return not (mask >> 24 == 0xFF and address >> 24 == 127)
        return not (mask == (1 << 128) - 1 and address == 1)

    # -- matching ----------------------------------------------------------------------------------------------------

    def fits(self, client: ClientInfo, groups: Mapping[str, Iterable[str]]) -> bool:
        """Whether the rule is about this connection."""
        if not self._fits_channel(client):
            return False
        for token in cast("tuple[Token, ...]", self.databases):  # no any(): it is asked at every login
            if _is_database(token, client, groups):
                break
        else:
            return False
        for token in cast("tuple[Token, ...]", self.users):  # noqa: SIM110
            if _is_user(token, client.user, groups):
                return True
        return False

    def _fits_channel(self, client: ClientInfo) -> bool:
        if client.address is None or self.type == "local":
            return client.address is None and self.type == "local"
        if self.type == "hostgssenc":
            return False
        if (self.type == "hostssl" and not client.encrypted) or (self.type == "hostnossl" and client.encrypted):
            return False
        if self.address == "all":
            return True
        ip = _ip(client.address)
        if ip is None:
            return False
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if self._network is not None:
            return _within(ip, self._network)
        ones = (1 << ip.max_prefixlen) - 1
        own = interfaces()
        return any(_within(ip, (v, address, ones if self.address == "samehost" else mask)) for v, address, mask in own)


class HostBasedRules:
    """Rules in their order.

    Args:
        rules: :class:`HostRule`, or texts as in ``pg_hba.conf``.
        groups: members by group's name, for ``+group`` and ``samerole``; a server has no roles of its own.

    Raises:
        ValueError: a rule is malformed, or there is none.
    """

    def __init__(self, rules: Sequence[HostRule | str], *, groups: Mapping[str, Iterable[str]] | None = None) -> None:
        self.path: str | None = None
        self.groups: Mapping[str, Iterable[str]] = groups or {}
        self.rules: tuple[HostRule, ...] = tuple(
            rule if isinstance(rule, HostRule) else HostRule.parse(rule) for rule in rules
        )
        if not self.rules:
            raise ValueError("no rules: nobody could log in")

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, groups: Mapping[str, Iterable[str]] | None = None) -> HostBasedRules:
        """Read a file in the form of ``pg_hba.conf``.

        Raises:
            OSError: it cannot be read.
            ValueError: a line is malformed (the message names file and line), or there is no rule.
        """
        it = cls(_read(os.fspath(path)), groups=groups)
        it.path = os.fspath(path)
        return it

    def reload(self) -> None:
        """Read the file again, for logins from now on; raises as :meth:`load`, and the rules stay as they were then."""
        if self.path is not None:
            self.rules = _read(self.path)

    def __repr__(self) -> str:
        return f"HostBasedRules({self.path!r})" if self.path is not None else f"HostBasedRules({list(self.rules)!r})"

    def find(self, client: ClientInfo) -> HostRule | None:
        """The first rule that fits, or None."""
        for rule in self.rules:
            if rule.fits(client, self.groups):
                return rule
        return None


def _read(path: str) -> tuple[HostRule, ...]:
    rules = tuple(HostRule.from_line(line) for line in read_lines(path))
    if not rules:
        raise ValueError(f"{path}: no rules: nobody could log in")
    return rules


def _tokens(values: str | Token | Sequence[str | Token]) -> tuple[Token, ...]:
    if isinstance(values, Token):
        return (values,)
    if isinstance(values, str):
        return (Token(values),)
    return tuple(value if isinstance(value, Token) else Token(value) for value in values)


def _next(line: Line, fields: Iterator[tuple[Token, ...]], what: str) -> tuple[Token, ...]:
    found = next(fields, None)
    if found is None:
        line.wrong(f"end-of-line before {what}")
    return found


def _single(line: Line, values: tuple[Token, ...], what: str) -> Token:
    if len(values) > 1:
        line.wrong(f"multiple values specified for {what}")
    return values[0]


def _options(line: Line, fields: Iterator[tuple[Token, ...]], kind: str) -> dict[str, object]:
    names = {
        "map": "map",
        "clientcert": "client_certificate",
        "clientname": "client_name",
        "issuer": "issuer",
        "scope": "scope",
    }
    options: dict[str, object] = {}
    for token in [token for values in fields for token in values]:
        name, equals, value = token.text.partition("=")
        if not equals:
            line.wrong(f"authentication option not in name=value format: {token.text}")
        if name in ("clientcert", "clientname") and kind != "hostssl":
            line.wrong(f'{name} can only be configured for "hostssl" rows')
        if name == "clientcert" and value not in ("verify-ca", "verify-full"):
            line.wrong(f'invalid value for clientcert: "{value}"')
        if name == "delegate_ident_mapping":
            if value not in _FLAGS:
                line.wrong(f'invalid value for delegate_ident_mapping: "{value}"')
            options[name] = _FLAGS[value]
        elif name in names:
            options[names[name]] = value
        else:
            line.wrong(f'unrecognized authentication option name: "{name}"')
    return options


def _is_database(token: Token, client: ClientInfo, groups: Mapping[str, Iterable[str]]) -> bool:
    name, quoted = token
    if client.replication:
        return name == "replication" and not quoted
    if not quoted:
        if name == "all":
            return True
        if name == "sameuser":
            return client.database == client.user
        if name in ("samerole", "samegroup"):
            return _is_member(client.user, client.database, groups)
        if name == "replication":
            return False
    expression = compiled(name)
    if expression is not None:
        return matches(expression, client.database) is not None
    return name == client.database


def _is_user(token: Token, user: str, groups: Mapping[str, Iterable[str]]) -> bool:
    name, quoted = token
    if not quoted:
        if name.startswith("+"):
            return _is_member(user, name[1:], groups)
        if name == "all":
            return True
    expression = compiled(name)
    if expression is not None:
        return matches(expression, user) is not None
    return name == user


def _is_member(user: str, group: str, groups: Mapping[str, Iterable[str]]) -> bool:
    return user == group or user in groups.get(group, ())


def _within(ip: IPv4Address | IPv6Address, network: Network) -> bool:
    version, address, mask = network
    return ip.version == version and (int(ip) ^ address) & mask == 0


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
