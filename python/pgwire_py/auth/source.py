"""Where a server finds the secrets of its users."""

from __future__ import annotations

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from .md5 import Md5Verifier
from .verifier import DEFAULT_ITERATIONS, ScramVerifier

__all__ = ["AuthSource", "UsersFunction", "Verifier", "parse_verifier", "stored_verifier"]

_log = logging.getLogger("pgwire_py.auth")

Verifier = ScramVerifier | Md5Verifier
"""What is kept of a password."""


def parse_verifier(text: str) -> Verifier:
    """Read what PostgreSQL has in ``pg_authid.rolpassword``.

    Raises:
        ValueError: it is neither a SCRAM-SHA-256 verifier nor an MD5 password. It is not quoted in the message.
    """
    if text.startswith("md5"):
        return Md5Verifier(text)
    return ScramVerifier.parse(text)


def stored_verifier(found: object, user: str) -> Verifier | None:
    """What a source found for ``user`` as a verifier. What is none (``!``, say) is logged without being quoted, and counts as nobody: a
    client must not see the difference.
    """
    if found is None or isinstance(found, Verifier):
        return found
    try:
        if isinstance(found, str):
            return parse_verifier(found)
        problem = f"{type(found).__name__} is no text"
    except ValueError as error:
        problem = str(error)
    _log.error("user %r cannot log in: what is stored of the password is no verifier: %s", user, problem)
    return None


class AuthSource(ABC):
    """A file, a table, a directory service."""

    iterations: int = DEFAULT_ITERATIONS
    """PBKDF2 rounds that a user who does not exist seems to have. Where it differs from the real ones, it tells who exists."""

    md5: bool = False
    """Whether a user who does not exist seems to have an MD5 password. Where some have one and some not, it tells something, too."""

    @abstractmethod
    async def verifier(self, user: str, database: str) -> Verifier | None:
        """The verifier of ``user`` for ``database``, or None where there is no such user (who then gets a mock one).

        A PostgresError is what the client is told; of any other exception he learns only that there was one.
        """

    def find(self, user: str, database: str) -> Verifier | Awaitable[Verifier | None] | None:
        """What the server calls: :meth:`verifier`, or its result where that takes no waiting, which spares each login a task."""
        return self.verifier(user, database)

    async def close(self) -> None:
        """Free what the source holds; called when the server closes."""

    def mock(self, user: str, secret: bytes) -> Verifier:
        """The verifier of a user who does not exist; no password fits."""
        return Md5Verifier.mock(user, secret) if self.md5 else ScramVerifier.mock(user, secret, self.iterations)


UserFunction = Callable[[str, str], "Verifier | str | Awaitable[Verifier | str | None] | None"]


class UsersFunction(AuthSource):
    """A function of user and database that returns a verifier, the text of one as PostgreSQL stores it, or None for nobody.

    Args:
        function: a coroutine function, or one that does not wait for anything: it runs in the event loop, in no task. How long it
            takes must not tell who exists.
        iterations: PBKDF2 rounds of the verifiers.
        md5: whether they are MD5 passwords.
    """

    def __init__(self, function: UserFunction, *, iterations: int = DEFAULT_ITERATIONS, md5: bool = False) -> None:
        self._function = function
        self.iterations = iterations
        self.md5 = md5

    async def verifier(self, user: str, database: str) -> Verifier | None:
        found = self._look_up(user, database)
        return await found if inspect.isawaitable(found) else found

    def find(self, user: str, database: str) -> Verifier | Awaitable[Verifier | None] | None:
        overridden = type(self).verifier is not UsersFunction.verifier
        return self.verifier(user, database) if overridden else self._look_up(user, database)

    def _look_up(self, user: str, database: str) -> Verifier | Awaitable[Verifier | None] | None:
        found = self._function(user, database)
        if found is None or isinstance(found, (ScramVerifier, Md5Verifier)):
            return found
        return self._awaited(found, user) if inspect.isawaitable(found) else stored_verifier(found, user)

    async def _awaited(self, found: Awaitable[Verifier | str | None], user: str) -> Verifier | None:
        return stored_verifier(await found, user)
