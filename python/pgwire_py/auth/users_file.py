"""Users in PgBouncer's userlist.txt format."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Awaitable

from .._impl.scram_text import SCRAM_SHA_256
from .source import AuthSource, Verifier, parse_verifier
from .verifier import DEFAULT_ITERATIONS, ScramVerifier

__all__ = ["UsersFile", "users_file_line"]

MAX_USERS_FILE_BYTES = 16 * 1024 * 1024
MAX_CLEAR_PASSWORDS = 1_000

_log = logging.getLogger("pgwire_py.auth")


class UsersFile(AuthSource):
    """Users in PgBouncer's userlist.txt format: ``"user" "secret"`` per line, ``;`` or ``#`` before a comment.

    A secret is a verifier or an MD5 password as PostgreSQL stores it (``pgwire-py hash-password`` prints such lines), or a
    clear-text password; a quote inside quotes is written twice. Who has an MD5 password can use the methods ``md5`` and
    ``password``, not ``scram-sha-256``. The file is read again when it changes; a change that cannot be
    read is logged and the users stay as they were. All users may use every database.

    Clear-text passwords are hashed when the file is read, not at a login: how long a login takes must not tell who exists.
    ``iterations`` and ``md5`` are what most of the users have.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is malformed (the message names file and line), or there is no user in the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._verifiers: dict[str, Verifier] = {}
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

    async def verifier(self, user: str, database: str) -> Verifier | None:
        """The verifier of ``user``, or None; ``database`` does not matter."""
        return self._look_up(user)

    def find(self, user: str, database: str) -> Verifier | Awaitable[Verifier | None] | None:
        """As :meth:`verifier`, which a subclass may have its own of."""
        overridden = type(self).verifier is not UsersFile.verifier
        return self.verifier(user, database) if overridden else self._look_up(user)

    def _look_up(self, user: str) -> Verifier | None:
        self._reload_if_changed()
        return self._verifiers.get(user)

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
        clear = sum(not _is_verifier(secret) for secret in passwords.values())
        if clear > MAX_CLEAR_PASSWORDS:
            raise ValueError(
                f"{self.path}: {clear} clear-text passwords, more than {MAX_CLEAR_PASSWORDS}; store verifiers"
                " (pgwire-py hash-password)"
            )
        # Whose secret did not change keeps the verifier: a user's salt must not differ from one login to the next.
        self._verifiers = {
            user: self._verifiers[user] if self._passwords.get(user) == secret else _verifier_of(secret)
            for user, secret in passwords.items()
        }
        self._passwords = passwords
        scram = [verifier for verifier in self._verifiers.values() if isinstance(verifier, ScramVerifier)]
        self.md5 = len(scram) * 2 < len(self._verifiers)
        counted = Counter(verifier.iterations for verifier in scram)
        self.iterations = counted.most_common(1)[0][0] if counted else DEFAULT_ITERATIONS


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
    if _is_verifier(secret):
        try:
            parse_verifier(secret)
        except ValueError as error:
            return str(error)
    return None


def _verifier_of(secret: str) -> Verifier:
    return parse_verifier(secret) if _is_verifier(secret) else ScramVerifier.generate(secret)


def _is_verifier(secret: str) -> bool:
    return secret.startswith(SCRAM_SHA_256 + "$") or _MD5_SECRET.fullmatch(secret) is not None


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
