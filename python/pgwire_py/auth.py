"""Authentication: SCRAM-SHA-256's server side as pure arithmetic, and where the users come from.

Two halves. :class:`ScramVerifier` and :class:`ScramServer` are RFC 5802 and RFC 7677 with PostgreSQL's habits (Protocol
55.3.1): no socket, no clock and no randomness in them; salts and nonces are arguments, and each step of the exchange
is a type of its own, so that none can be skipped. :class:`AuthSource` says which verifier a user has;
:class:`UsersFile` reads them from a file.

Rules: no secret enters a repr, a log line or an error text; what is compared with a secret is compared in constant
time; an unknown user gets the same answers as a known one with a wrong password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import os
import re
import stat
import stringprep
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import NoReturn

from .errors import InvalidPassword, RemoteProtocolError

__all__ = [
    "DEFAULT_ITERATIONS",
    "SCRAM_SHA_256",
    "AuthSource",
    "ScramServer",
    "ScramServerFinal",
    "ScramVerifier",
    "UsersFile",
    "new_server_nonce",
    "saslprep",
    "users_file_line",
]

SCRAM_SHA_256 = "SCRAM-SHA-256"
"""The SASL mechanism's name (RFC 7677)."""

DEFAULT_ITERATIONS = 4096
"""PBKDF2 rounds of a new verifier: PostgreSQL's ``scram_iterations`` default."""

MAX_MESSAGE_LENGTH = 1024
"""Longest SASL message taken from a client, in bytes: PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH."""

MAX_ITERATIONS = 2**31 - 1
MAX_USERS_FILE_BYTES = 16 * 1024 * 1024

_KEY_LENGTH = 32
_SALT_LENGTH = 16
_NONCE_LENGTH = 18

_log = logging.getLogger("pgwire_py.auth")


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """What a server keeps of a password (RFC 5802 §3): enough to check it, not enough to log in with it.

    Attributes:
        iterations: PBKDF2 rounds.
        salt: as many bytes as its maker chose; PostgreSQL takes 16.
        stored_key: SHA-256 of the client key, 32 bytes.
        server_key: what the server proves itself with, 32 bytes.
        doomed: True for the mock verifier of an unknown user, against which no proof is right.
    """

    iterations: int
    salt: bytes = field(repr=False)
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    doomed: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.iterations <= MAX_ITERATIONS:
            raise ValueError(f"SCRAM iterations must be between 1 and {MAX_ITERATIONS}, not {self.iterations}")
        if not self.salt:
            raise ValueError("a SCRAM salt must not be empty")
        if len(self.stored_key) != _KEY_LENGTH or len(self.server_key) != _KEY_LENGTH:
            raise ValueError(f"SCRAM keys have {_KEY_LENGTH} bytes")

    @classmethod
    def from_password(cls, password: str, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
        """Derive the verifier of a clear-text password (RFC 5802 §3); its work grows with ``iterations``."""
        if not 1 <= iterations <= MAX_ITERATIONS:
            raise ValueError(f"SCRAM iterations must be between 1 and {MAX_ITERATIONS}, not {iterations}")
        text = saslprep(password).encode("utf-8", "surrogatepass")
        salted = hashlib.pbkdf2_hmac("sha256", text, salt, iterations)
        return cls(iterations, salt, _sha256(_hmac(salted, b"Client Key")), _hmac(salted, b"Server Key"))

    @classmethod
    def generate(cls, password: str, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
        """As :meth:`from_password`, with 16 random bytes of salt."""
        return cls.from_password(password, os.urandom(_SALT_LENGTH), iterations)

    @classmethod
    def mock(cls, user: str, secret: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
        """The verifier of a user that does not exist: always the same salt for a name, and no password fits.

        Args:
            user: the name that the client gave.
            secret: random bytes that the server made when it started and tells nobody.
            iterations: those of the real users, so that the answer looks like theirs.
        """
        name = user.encode("utf-8", "surrogatepass")
        salt = _hmac(secret, b"salt" + name)[:_SALT_LENGTH]
        return cls(iterations, salt, _hmac(secret, b"stored" + name), _hmac(secret, b"server" + name), doomed=True)

    @classmethod
    def parse(cls, text: str) -> ScramVerifier:
        """Read the form that PostgreSQL stores: ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``.

        Raises:
            ValueError: it is not of that form. The text is not quoted in the message.
        """
        match = _STORED_FORM.fullmatch(text)
        if match is None:
            raise ValueError("not a SCRAM-SHA-256 verifier")
        try:
            salt, stored_key, server_key = (_from_base64(part) for part in match.group(2, 3, 4))
        except binascii.Error:
            raise ValueError("a SCRAM-SHA-256 verifier with wrong base64") from None
        return cls(int(match.group(1)), salt, stored_key, server_key)

    def format(self) -> str:
        """The form that PostgreSQL stores and :meth:`parse` reads. Treat it as a secret."""
        salt, stored_key, server_key = (
            _base64(part).decode() for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"{SCRAM_SHA_256}${self.iterations}:{salt}${stored_key}:{server_key}"


_STORED_FORM = re.compile(r"SCRAM-SHA-256\$([0-9]{1,10}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")


class ScramServer:
    """The server's side of SCRAM-SHA-256 without channel binding: the first step.

    First ``server_first, exchange = ScramServer.first(client_first, verifier, nonce)``, then
    ``server_final = exchange.final(client_final)``.
    """

    @staticmethod
    def first(
        client_first: bytes, verifier: ScramVerifier, server_nonce: bytes, *, user: str | None = None
    ) -> tuple[bytes, ScramServerFinal]:
        """Answer client-first-message.

        The user name inside the message is ignored, as PostgreSQL does: the one of StartupMessage counts.

        Args:
            client_first: what SASLInitialResponse carried.
            verifier: the user's, or :meth:`ScramVerifier.mock`.
            server_nonce: printable ASCII without comma, fresh for every login (:func:`new_server_nonce`).
            user: for the text of the error that a wrong password gets.

        Returns:
            server-first-message, and the step that takes the client's answer to it.

        Raises:
            RemoteProtocolError: the message is malformed (08P01), or asks for what is not offered (0A000).
        """
        if not _is_nonce(server_nonce):
            raise ValueError("a server nonce is printable ASCII without comma")
        gs2_header, bare = _split_gs2_header(_checked(client_first))
        attributes = _attributes(bare)
        if attributes[0][0] == b"m":
            raise RemoteProtocolError("client requires an unsupported SCRAM extension", "0A000", fatal=True)
        if len(attributes) < 2 or attributes[0][0] != b"n" or attributes[1][0] != b"r":
            _malformed("expected user name and nonce in client-first-message")
        client_nonce = attributes[1][1]
        if not _is_nonce(client_nonce):
            _malformed("non-printable characters in nonce")
        nonce = client_nonce + server_nonce
        server_first = b"r=%s,s=%s,i=%d" % (nonce, _base64(verifier.salt), verifier.iterations)
        return server_first, ScramServerFinal(verifier, gs2_header, nonce, bare + b"," + server_first, user)


@dataclass(frozen=True, slots=True)
class ScramServerFinal:
    """The second and last step; made by :meth:`ScramServer.first` only."""

    _verifier: ScramVerifier = field(repr=False)
    _gs2_header: bytes = field(repr=False)
    _nonce: bytes = field(repr=False)
    _auth_prefix: bytes = field(repr=False)
    _user: str | None

    def final(self, client_final: bytes) -> bytes:
        """Check client-final-message and return server-final-message, with which the server proves itself.

        Raises:
            RemoteProtocolError: the message is malformed, or does not belong to this exchange (08P01).
            InvalidPassword: the proof is wrong, or the user does not exist.
        """
        attributes = _attributes(_checked(client_final))
        if len(attributes) < 3 or [name for name, _ in (attributes[0], attributes[1], attributes[-1])] != [
            b"c",
            b"r",
            b"p",
        ]:
            _malformed("expected channel binding, nonce and proof in client-final-message")
        if attributes[0][1] != _base64(self._gs2_header):
            _malformed("unexpected channel-binding attribute in client-final-message")
        if not hmac.compare_digest(attributes[1][1], self._nonce):
            _malformed("nonce does not match")
        proof_text = attributes[-1][1]
        try:
            proof = _from_base64(proof_text)
        except binascii.Error:
            proof = b""
        if len(proof) != _KEY_LENGTH:
            _malformed("malformed proof in client-final-message")

        auth_message = self._auth_prefix + b"," + client_final[: -len(b",p=" + proof_text)]
        signature = _hmac(self._verifier.stored_key, auth_message)
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        matches = hmac.compare_digest(_sha256(client_key), self._verifier.stored_key)
        if not matches or self._verifier.doomed:
            whose = "" if self._user is None else f' for user "{self._user}"'
            raise InvalidPassword(f"password authentication failed{whose}", severity="FATAL")
        return b"v=" + _base64(_hmac(self._verifier.server_key, auth_message))


def new_server_nonce() -> bytes:
    """A fresh server nonce: 18 random bytes in base64, as PostgreSQL makes them."""
    return _base64(os.urandom(_NONCE_LENGTH))


def saslprep(password: str) -> str:
    """Normalise a password by SASLprep (RFC 4013), as PostgreSQL does on both ends.

    A password that the profile prohibits, or that would become empty, comes back as it was.
    """
    if password.isascii():
        return password
    # U+200B is in both tables; PostgreSQL makes it a space, and looks for what is prohibited before it normalises.
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else "" if stringprep.in_table_b1(char) else char for char in password
    )
    if not mapped or any(stringprep.in_table_a1(char) or _is_prohibited(char) for char in mapped):
        return password
    if any(stringprep.in_table_d1(char) for char in mapped):  # right-to-left text: RFC 3454 §6
        ends_right_to_left = stringprep.in_table_d1(mapped[0]) and stringprep.in_table_d1(mapped[-1])
        if not ends_right_to_left or any(stringprep.in_table_d2(char) for char in mapped):
            return password
    return unicodedata.normalize("NFKC", mapped)


def _is_prohibited(char: str) -> bool:
    """RFC 4013 §2.3."""
    return (
        stringprep.in_table_c12(char)
        or stringprep.in_table_c21_c22(char)
        or stringprep.in_table_c3(char)
        or stringprep.in_table_c4(char)
        or stringprep.in_table_c5(char)
        or stringprep.in_table_c6(char)
        or stringprep.in_table_c7(char)
        or stringprep.in_table_c8(char)
        or stringprep.in_table_c9(char)
    )


def _checked(message: bytes) -> bytes:
    if len(message) > MAX_MESSAGE_LENGTH:
        _malformed(f"longer than {MAX_MESSAGE_LENGTH} bytes")
    if b"\0" in message:
        _malformed("NUL in the message")
    return message


def _split_gs2_header(message: bytes) -> tuple[bytes, bytes]:
    """gs2-header and client-first-message-bare (RFC 5802 §7)."""
    if message[:2] == b"p=":
        _malformed("SCRAM-SHA-256 without channel binding was selected, but the message includes channel-binding data")
    if message[:2] not in (b"n,", b"y,"):
        _malformed("unexpected channel-binding flag")
    if message[2:4] == b"a=":
        raise RemoteProtocolError("client uses authorization identity, but it is not supported", "0A000", fatal=True)
    if message[2:3] != b",":
        _malformed("expected a comma after the channel-binding flag")
    return message[:3], message[3:]


def _attributes(message: bytes) -> list[tuple[bytes, bytes]]:
    """Name and value of each ``x=value`` between commas; at least one."""
    attributes = []
    for part in message.split(b","):
        if part[1:2] != b"=" or not part[:1].isalpha():
            _malformed("attribute expected")
        attributes.append((part[:1], part[2:]))
    return attributes


def _malformed(detail: str) -> NoReturn:
    raise RemoteProtocolError(f"malformed SCRAM message: {detail}", fatal=True)


def _is_nonce(text: bytes) -> bool:
    return bool(text) and all(0x21 <= byte <= 0x7E and byte != 0x2C for byte in text)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data)


def _from_base64(text: str | bytes) -> bytes:
    """The bytes of strict base64; raises binascii.Error for anything else. Python 3.10 alone would allow too much padding."""
    if len(text) % 4:
        raise binascii.Error("wrong length")
    return base64.b64decode(text, validate=True)


class AuthSource(ABC):
    """Where a server that asks for SCRAM-SHA-256 finds its users: a file, a table, a directory service."""

    @abstractmethod
    async def verifier(self, user: str, database: str) -> ScramVerifier | None:
        """The verifier of ``user`` for ``database``, or None where there is no such user (who then gets a mock one)."""


class UsersFile(AuthSource):
    """Users in PgBouncer's userlist.txt format: ``"user" "secret"`` per line, ``;`` or ``#`` before a comment.

    A secret is a verifier as PostgreSQL stores it (``pgwire-py hash-password`` prints such lines), or a clear-text
    password; a quote inside quotes is written twice. The file is read again when it changes; a change that cannot be
    read is logged and the users stay as they were. All users may use every database.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is malformed (the message names file and line), or there is no user in the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._verifiers: dict[str, ScramVerifier] = {}
        self._passwords: dict[str, str] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._load()
        if not self.users:
            raise ValueError(f"{self.path}: no users in the file")

    def __repr__(self) -> str:
        return f"UsersFile({self.path!r})"

    @property
    def users(self) -> tuple[str, ...]:
        """The names in the file, in its order."""
        return tuple(self._passwords)

    async def verifier(self, user: str, database: str) -> ScramVerifier | None:
        """The verifier of ``user``, or None; ``database`` does not matter."""
        self._reload_if_changed()
        found = self._verifiers.get(user)
        if found is None and user in self._passwords:
            found = self._verifiers[user] = _verifier_of(self._passwords[user])
        return found

    def _reload_if_changed(self) -> None:
        try:
            if self._stamp != _stamp(os.stat(self.path)):
                self._load()
        except (OSError, ValueError) as error:
            _log.error("users file not read again, users stay as they were: %s", error)

    def _load(self) -> None:
        with open(self.path, "rb") as file:
            status = os.fstat(file.fileno())
            self._stamp = _stamp(status)  # before parsing: a bad file is reported once, not at every login
            if os.name == "posix" and status.st_mode & stat.S_IROTH:
                _log.warning("users file %s can be read by everyone; chmod 600 it", self.path)
            data = file.read(MAX_USERS_FILE_BYTES + 1)
        if len(data) > MAX_USERS_FILE_BYTES:
            raise ValueError(f"{self.path}: larger than {MAX_USERS_FILE_BYTES} bytes")
        passwords = _parse_users(data, self.path)
        # Whose secret did not change keeps the verifier: a user's salt must not differ from one login to the next.
        self._verifiers = {
            user: verifier
            for user, verifier in self._verifiers.items()
            if passwords.get(user) == self._passwords.get(user)
        }
        self._passwords = passwords


_USERS_LINE = re.compile(r'\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"\s*(?:[;#].*)?')
_MD5_SECRET = re.compile(r"md5[0-9a-f]{32}")


def _parse_users(data: bytes, path: str) -> dict[str, str]:
    """User → secret; a secret that starts as a verifier is one."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad_line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{bad_line}: not UTF-8") from None
    passwords: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip()[0] in ";#":
            continue
        match = _USERS_LINE.fullmatch(line.rstrip("\r"))
        if match is None:
            raise ValueError(f'{path}:{number}: expected "user" "secret"')
        user, secret = (part.replace('""', '"') for part in match.groups())
        problem = _problem(user, secret)
        if user in passwords:
            problem = "this user has a line already"
        if problem:
            raise ValueError(f"{path}:{number}: {problem}")
        passwords[user] = secret
    return passwords


def users_file_line(user: str, secret: str) -> str:
    """The line of a users file for ``user``; :class:`UsersFile` reads it back.

    Raises:
        ValueError: a name or secret that a line cannot hold.
    """
    problem = _problem(user, secret)
    if problem:
        raise ValueError(problem)
    return " ".join('"' + text.replace('"', '""') + '"' for text in (user, secret))


def _problem(user: str, secret: str) -> str | None:
    if not user:
        return "empty user name"
    if not secret:
        return "empty secret"
    if not {"\0", "\n", "\r"}.isdisjoint(user + secret):
        return "NUL or line end inside a name or secret"
    if _MD5_SECRET.fullmatch(secret):
        return "an MD5 hash cannot serve SCRAM-SHA-256; use a verifier or the password"
    if secret.startswith(SCRAM_SHA_256 + "$"):
        try:
            ScramVerifier.parse(secret)
        except ValueError as error:
            return str(error)
    return None


def _verifier_of(secret: str) -> ScramVerifier:
    return ScramVerifier.parse(secret) if secret.startswith(SCRAM_SHA_256 + "$") else ScramVerifier.generate(secret)


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
