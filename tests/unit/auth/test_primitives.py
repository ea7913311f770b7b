"""The arithmetic itself against the vectors of tests/vectors/auth.json, which ``cargo test`` reads too, and against its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from pgwire_py.auth import ScramVerifier, check_md5_response, md5_password, md5_response, saslprep
from tests.vectors import load


def vectors(section: str) -> list[dict[str, Any]]:
    return load(section, "auth.json")


def unhex(vector: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


@pytest.mark.parametrize("vector", vectors("pbkdf2"))
def test_salted_password(core: Any, vector: dict[str, Any]) -> None:
    password, salt, key = unhex(vector, "password", "salt", "key")
    assert core.scram_salted_password(password, salt, vector["iterations"]) == key


@pytest.mark.parametrize("vector", vectors("scram"))
def test_exchange(core: Any, vector: dict[str, Any]) -> None:
    salt, salted, proof, signature = unhex(vector, "salt", "salted_password", "proof", "server_signature")
    client_key, stored_key, server_key = unhex(vector, "client_key", "stored_key", "server_key")
    message = vector["auth_message"].encode()
    assert core.scram_salted_password(vector["password"].encode(), salt, vector["iterations"]) == salted
    assert core.scram_keys(salted) == (client_key, stored_key, server_key)
    assert core.scram_client_proof(client_key, message) == proof
    assert core.scram_check_proof(stored_key, message, proof) is True
    assert core.scram_check_proof(stored_key, message + b"x", proof) is False
    assert core.scram_check_proof(stored_key, message, proof[:-1] + bytes([proof[-1] ^ 1])) is False
    assert core.scram_server_signature(server_key, message) == signature
    assert ScramVerifier(vector["iterations"], salt, stored_key, server_key).format() == vector["verifier"]


@pytest.mark.parametrize("iterations", [0, -1, 2**31, 2**32 + 1, -(2**64), 2**64 + 1])
def test_iterations_are_bounded(core: Any, iterations: int) -> None:
    with pytest.raises(ValueError, match=f"iterations must be between 1 and 2147483647, not {iterations}$"):
        core.scram_salted_password(b"x", b"salt", iterations)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_have_32_bytes(core: Any, length: int) -> None:
    wrong, right = bytes(length), bytes(32)
    for call in (
        lambda: core.scram_keys(wrong),
        lambda: core.scram_client_proof(wrong, b""),
        lambda: core.scram_check_proof(wrong, b"", right),
        lambda: core.scram_check_proof(right, b"", wrong),
        lambda: core.scram_server_signature(wrong, b""),
    ):
        with pytest.raises(ValueError, match=f"have 32 bytes, not {length}$"):
            call()


@pytest.mark.parametrize("vector", vectors("saslprep"), ids=lambda vector: vector["note"])
def test_prepared_password(core: Any, vector: dict[str, Any]) -> None:
    given, prepared = unhex(vector, "given", "prepared")
    assert core.prepare_password(given) == prepared


def test_prepared_text() -> None:
    assert saslprep("\u2168\u00ad") == "IX"
    lone = chr(0xD800) + "\u00aa"
    assert saslprep(lone) == lone


@pytest.mark.parametrize("vector", vectors("md5"))
def test_md5(core: Any, vector: dict[str, Any]) -> None:
    password, user, salt = unhex(vector, "password", "user", "salt")
    stored, response = vector["stored"], vector["response"].encode()
    assert core.md5_password(password, user) == stored.encode()
    assert core.md5_response(stored.encode(), salt) == response
    assert md5_password(password, user.decode()) == md5_password(password.decode(), user.decode()) == stored
    assert md5_response(stored, salt) == response
    assert check_md5_response(stored, salt, response)
    assert not check_md5_response(stored, salt, response[:-1])
    assert not check_md5_response(stored, salt, response.replace(b"md5", b"MD5"))
    assert not check_md5_response(stored, bytes([salt[0] ^ 1, *salt[1:]]), response)


@pytest.mark.parametrize("stored", ["", "hunter2", "md5" + "0" * 31, "md5" + "0" * 33, "MD5" + "0" * 32])
def test_md5_stored_form(core: Any, stored: str) -> None:
    for call in (lambda: core.md5_response(stored.encode(), b"salt"), lambda: md5_response(stored, b"salt")):
        with pytest.raises(ValueError, match=r"^not an MD5 password as PostgreSQL stores it$"):
            call()


def test_md5_bounds() -> None:
    with pytest.raises(ValueError, match="not an MD5 password"):
        md5_response("md5" + "A" * 32, b"salt")
    for salt in (b"", b"abc", b"abcde"):
        with pytest.raises(ValueError, match="an MD5 salt has 4 bytes"):
            md5_response("md5" + "0" * 32, salt)
