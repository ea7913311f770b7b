"""Native and pure prepare, hash and check every password alike."""

from __future__ import annotations

import hashlib
import stringprep
import sys

from hypothesis import given
from hypothesis import strategies as st

import pgwire_py._native as native
from pgwire_py._impl import pure

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
