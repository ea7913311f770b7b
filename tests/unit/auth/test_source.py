"""pgwire_py.auth.source: verifiers from functions, and those of users who do not exist."""

from __future__ import annotations

import pytest

from pgwire_py.auth import (
    Md5Verifier,
    ScramVerifier,
    UsersFile,
    UsersFunction,
    md5_password,
    md5_response,
    parse_verifier,
)

SECRET = bytes(32)
SCRAM = ScramVerifier.from_password("lovelace", b"salt", 10)
MD5 = md5_password("lovelace", "ada")


async def test_functions(caplog: pytest.LogCaptureFixture) -> None:
    async def later(user: str, database: str) -> str | None:
        return MD5 if (user, database) == ("ada", "app") else None

    assert await UsersFunction(lambda user, database: SCRAM).verifier("ada", "app") is SCRAM
    assert await UsersFunction(lambda user, database: SCRAM.format()).verifier("ada", "app") == SCRAM
    assert await UsersFunction(later).verifier("ada", "app") == Md5Verifier(MD5)
    assert await UsersFunction(later).verifier("ada", "other") is None
    assert await UsersFunction(lambda user, database: "lovelace").verifier("ada", "app") is None
    assert "'ada' cannot log in" in caplog.text
    assert "lovelace" not in caplog.text


def test_stored_forms() -> None:
    assert parse_verifier(SCRAM.format()) == SCRAM
    assert parse_verifier(MD5) == Md5Verifier(MD5)
    for text in ("", "md5", "md5" + "x" * 32, MD5 + "0", "lovelace"):
        with pytest.raises(ValueError, match=r"verifier|MD5") as caught:
            parse_verifier(text)
        assert not text or text in ("md5",) or text not in str(caught.value)


def test_md5() -> None:
    verifier = Md5Verifier(MD5)
    assert MD5 not in repr(verifier)
    assert verifier.fits("lovelace", "ada")
    assert not verifier.fits("lovelace", "bob")
    assert verifier.check(b"salt", md5_response(MD5, b"salt"))
    assert not verifier.check(b"salt", md5_response(MD5, b"tlas"))
    assert not verifier.check(b"salt", b"")


def test_nobody() -> None:
    scram, md5 = (UsersFunction(lambda user, database: None, iterations=7, md5=kind) for kind in (False, True))
    verifier = scram.mock("eve", SECRET)
    assert isinstance(verifier, ScramVerifier)
    assert (verifier.iterations, verifier.doomed) == (7, True)
    assert verifier == scram.mock("eve", SECRET) != scram.mock("eve", SECRET[1:] + b"1")
    mock = md5.mock("eve", SECRET)
    assert isinstance(mock, Md5Verifier)
    assert mock == md5.mock("eve", SECRET) != md5.mock("ada", SECRET)
    assert not mock.check(b"salt", md5_response(mock.stored, b"salt"))
    assert not mock.fits("", "eve")


async def test_users_file_with_md5(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("users") / "users"
    path.write_text(f'"ada" "{MD5}"\n"bob" "{MD5}"\n"eve" "{SCRAM.format()}"\n')
    path.chmod(0o600)
    users = UsersFile(path)
    assert users.md5
    assert users.iterations == 10
    assert await users.verifier("ada", "app") == Md5Verifier(MD5)
    assert await users.verifier("eve", "app") == SCRAM
