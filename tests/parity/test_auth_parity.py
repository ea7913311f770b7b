"""Native and pure prepare, hash and check every password alike."""

from __future__ import annotations

import hashlib
import hmac
import stringprep
import sys
from base64 import b64encode
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

import pgwire_py._native as native
from pgwire_py._impl import pure
from pgwire_py.errors import RemoteProtocolError

KEYS = st.binary(min_size=32, max_size=32)
# Letters of both directions, signs, spaces, marks, and what is mapped, prohibited or unassigned.
CHARACTERS = st.sampled_from(
    "a1 .\u00a0\u00aa\u00ad\u200b\u0301\u0323\u0627\u05d0\u0645\u1112\u1161\u11ab\ufb01\u2168\u0221\ue000\u0340\U0002f868"
)


def test_every_code_point() -> None:
    """Alone, between Latin letters, and between Arabic ones, where its direction decides."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        for text in (char, f"a{char}\u00aa", f"\u0627{char}\u00b2\u0627"):
            password = text.encode("utf-8", "surrogatepass")
            prepared = native.prepare_password(password)
            assert prepared == pure.prepare_password(password), hex(code)
            if stringprep.in_table_a1(char):
                assert prepared == password
                break  # most of them; the longer texts are prohibited by the same table


@given(st.text() | st.text(CHARACTERS))
def test_texts(text: str) -> None:
    password = text.encode("utf-8", "surrogatepass")
    assert native.prepare_password(password) == pure.prepare_password(password)


@given(st.binary() | st.text(CHARACTERS).map(str.encode).flatmap(lambda text: st.binary(max_size=2).map(text.__add__)))
def test_bytes(password: bytes) -> None:
    assert native.prepare_password(password) == pure.prepare_password(password)


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(1, 50))
def test_salted_passwords(password: bytes, salt: bytes, iterations: int) -> None:
    salted = native.scram_salted_password(password, salt, iterations)
    assert salted == pure.scram_salted_password(password, salt, iterations)
    assert salted == hashlib.pbkdf2_hmac("sha256", password, salt, iterations)


@given(KEYS, st.binary(max_size=1000), KEYS)
def test_keys_and_proofs(key: bytes, message: bytes, other: bytes) -> None:
    keys = native.scram_keys(key)
    assert keys == pure.scram_keys(key)
    proof = native.scram_client_proof(keys[0], message)
    assert proof == pure.scram_client_proof(keys[0], message)
    for core in (native, pure):
        assert core.scram_check_proof(keys[1], message, proof) is True
        assert core.scram_check_proof(keys[1], message, other) is False
    assert native.scram_server_signature(key, message) == pure.scram_server_signature(key, message)


@given(st.binary(), st.binary(), st.binary(max_size=8))
def test_md5(password: bytes, user: bytes, salt: bytes) -> None:
    stored = native.md5_password(password, user)
    assert stored == pure.md5_password(password, user)
    assert native.md5_response(stored, salt) == pure.md5_response(stored, salt)


Outcome = tuple[object, ...]


def _outcome(function: Callable[..., object], *args: object) -> Outcome:
    try:
        return ("returned", function(*args))
    except RemoteProtocolError as error:
        return ("refused", str(error), vars(error))
    except ValueError as error:
        return ("raised", str(error))


# Pieces of messages, right ones and wrong ones.
_GIVEN = (
    b"n y p=tls-server-end-point p=tls-unique p= p a=me n= n=user r=abc r= m=x x=1 c=biws c=bixz r=abcS3rver r 1=2 p=x"
)
PIECES = st.sampled_from([*_GIVEN.split(), b"", b"r=a b", b"\0", b"p=\xff", b"\xc3\xa4=1"])
MESSAGES = st.lists(PIECES | st.binary(max_size=5), max_size=6).map(b",".join) | st.binary(max_size=20)


@given(MESSAGES, st.booleans(), st.none() | st.binary(max_size=40), st.binary(max_size=20), st.integers(-1, 2**33))
@example(b"n,,n=,r=" + b"a" * 1016, False, None, b"salt", 4096)
@example(b"n,,n=,r=" + b"a" * 1017, False, None, b"salt", 4096)
@example(b"p=tls-server-end-point,,n=,r=abc", True, b"\x01" * 32, b"salt", 4096)
@example(b"y,,n=,r=abc,x=1", False, b"", b"salt", 4096)
def test_first_messages_of_a_client(
    message: bytes, plus: bool, binding: bytes | None, salt: bytes, iterations: int
) -> None:
    args = (message, plus, binding, salt, iterations, b"S3rver")
    assert _outcome(native.scram_server_first, *args) == _outcome(pure.scram_server_first, *args)


@given(MESSAGES, st.booleans(), KEYS, st.binary(max_size=44) | KEYS.map(b64encode))
@example(b"c=biws,r=abcS3rver", False, bytes(32), b"A" * 44)
@example(b"c=biws,r=abcS3rver", False, bytes(32), b"A" * 42 + b"==")
@example(b"c=biws,r=abcS3rver", False, bytes(32), b"A" * 42 + b"B=")
@example(b"c=biws,r=abcS3rver", False, bytes(32), b"=" + b"A" * 43)
@example(b"c=biws,r=abcS3rver,p=1", False, bytes(32), b"A" * 43 + b"=")
@example(b"c=biws,r=abcS3rveR", False, bytes(32), b"A" * 43 + b"=")
@example(b"c=bixz,r=abcS3rver", True, bytes(32), b"A" * 43 + b"=")
def test_last_messages_of_a_client(message: bytes, bound: bool, key: bytes, proof: bytes) -> None:
    args = (message + b",p=" + proof, b"biws", bound, b"abcS3rver", b"signed,", key, key)
    assert _outcome(native.scram_server_final, *args) == _outcome(pure.scram_server_final, *args)


@given(KEYS, st.binary(max_size=100), st.sampled_from([b"", b",x=1"]))
def test_right_and_wrong_proofs(key: bytes, signed: bytes, more: bytes) -> None:
    client_key, stored_key, server_key = pure.scram_keys(key)
    without_proof = b"c=biws,r=abcS3rver" + more
    proof = b64encode(pure.scram_client_proof(client_key, signed + without_proof))
    signature = b"v=" + b64encode(pure.scram_server_signature(server_key, signed + without_proof))
    for core in (native, pure):
        args = (b"biws", False, b"abcS3rver", signed)
        assert core.scram_server_final(without_proof + b",p=" + proof, *args, stored_key, server_key) == signature
        assert core.scram_server_final(without_proof + b",p=" + proof, *args, server_key, server_key) is None
        for keys in ((key[:-1], key), (key, key + b"1")):
            assert _outcome(core.scram_server_final, b"", *args, *keys)[0] == "raised"


@given(st.binary(max_size=150), st.binary(max_size=100))
def test_salts_of_nobody(secret: bytes, user: bytes) -> None:
    salt = native.scram_mock_salt(secret, user)
    assert salt == pure.scram_mock_salt(secret, user)
    assert salt == hmac.digest(secret, b"salt" + user, "sha256")[:16]
