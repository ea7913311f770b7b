"""SCRAM worked out once more from RFC 5802 §3 with nothing of pgwire_py: the referee of the exchange's tests, for any hash."""

from __future__ import annotations

import base64
import hashlib
import hmac

# RFC 7677 §3
PASSWORD = "pencil"
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
CLIENT_NONCE = b"rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def client_final(
    password: str,
    client_first: bytes,
    server_first: bytes,
    *,
    header: bytes = b"n,,",
    channel: bytes = b"",
    algorithm: str = "sha256",
) -> tuple[bytes, bytes]:
    """A client's last message, and the server's answer that it then expects."""
    nonce, salt, iterations = (part[2:] for part in server_first.split(b",")[:3])
    salted = hashlib.pbkdf2_hmac(algorithm, password.encode(), base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", algorithm)
    without_proof = b"c=" + base64.b64encode(header + channel) + b",r=" + nonce
    message = client_first[len(header) :] + b"," + server_first + b"," + without_proof
    signature = hmac.digest(hashlib.new(algorithm, client_key).digest(), message, algorithm)
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    answer = hmac.digest(hmac.digest(salted, b"Server Key", algorithm), message, algorithm)
    return without_proof + b",p=" + base64.b64encode(proof), b"v=" + base64.b64encode(answer)
