"""Our client logs in to our server over a socket; who does not exist cannot be told from who does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import pgwire_py as pg
from pgwire_py.auth import SCRAM_SHA_256, ScramVerifier, UsersFile, users_file_line
from tests.support.hosted import Hosted, hosted
from tests.support.login import Login

ITERATIONS = 5000


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("users") / "users.txt"
    lines = [users_file_line(name, ScramVerifier.generate("lovelace", ITERATIONS).format()) for name in ("ada", "bob")]
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return path


@pytest.fixture
def server(users: Path) -> Iterator[Hosted]:
    async def answer(query: pg.Query) -> pg.Result:
        return pg.Result([pg.Column("n", pg.INT4)], [(1,)])

    with hosted(answer, auth=UsersFile(users)) as it:
        yield it


def login(server: Hosted, user: str, password: str) -> tuple[str, dict[bytes, bytes]]:
    """How it ended, and the attributes of server-first-message."""
    with server.connect() as client:
        attempt = Login(client, user)
        mechanism, outcome = attempt.scram(password)
        assert mechanism == SCRAM_SHA_256
        return outcome, {part[:1]: part[2:] for part in attempt.server_first.split(b",")}


def test_right_and_wrong(server: Hosted) -> None:
    assert login(server, "ada", "lovelace")[0] == "Z I"
    assert login(server, "ada", "Lovelace")[0] == "E 28P01 FATAL"
    assert login(server, "eve", "lovelace")[0] == "E 28P01 FATAL"


def test_unknown_users_look_like_known_ones(server: Hosted) -> None:
    known, unknown = ([login(server, user, "wrong")[1] for _ in range(2)] for user in ("ada", "eve"))
    for first, second in (known, unknown):
        assert first[b"s"] == second[b"s"]
        assert first[b"r"] != second[b"r"]
        assert first[b"i"] == second[b"i"] == str(ITERATIONS).encode()
        assert len(first[b"s"]) == len(known[0][b"s"])
        assert len(first[b"r"]) == len(second[b"r"]) == len(known[0][b"r"])
    assert login(server, "mallory", "wrong")[1][b"s"] != unknown[0][b"s"]
