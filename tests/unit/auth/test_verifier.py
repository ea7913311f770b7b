"""Verifiers: PostgreSQL's stored form, mock ones for users that do not exist, clear-text passwords checked."""

from __future__ import annotations

import base64

import pytest

from pgwire_py.auth import ScramServer, ScramVerifier
from pgwire_py.errors import InvalidPassword
from tests.support.scram import CLIENT_FINAL, CLIENT_FIRST, PASSWORD, SALT, SERVER_NONCE, client_final

VERIFIER = ScramVerifier.from_password(PASSWORD, SALT)
SECRET = b"a secret of the server's"


class TestMock:
    def test_salt_is_stable_for_a_name_and_a_server(self) -> None:
        salt = ScramVerifier.mock("ada", SECRET).salt
        assert salt == ScramVerifier.mock("ada", SECRET).salt
        assert len(salt) == 16
        assert salt != ScramVerifier.mock("bob", SECRET).salt
        assert salt != ScramVerifier.mock("ada", b"another").salt

    def test_has_the_iterations_of_the_others(self) -> None:
        mock = ScramVerifier.mock("ada", SECRET, 10_000)
        assert ScramServer(mock, SERVER_NONCE).first(CLIENT_FIRST)[0].endswith(b",i=10000")

    def test_looks_like_a_user_and_always_fails(self) -> None:
        mock = ScramVerifier.mock("ada", SECRET)
        server_first, exchange = ScramServer(mock, SERVER_NONCE).first(CLIENT_FIRST)
        assert server_first.endswith(b",i=4096")
        with pytest.raises(InvalidPassword):
            exchange.final(client_final(PASSWORD, CLIENT_FIRST, server_first)[0])

    def test_fails_even_against_the_right_proof(self) -> None:
        doomed = ScramVerifier(4096, SALT, VERIFIER.stored_key, VERIFIER.server_key, doomed=True)
        with pytest.raises(InvalidPassword):
            ScramServer(doomed, SERVER_NONCE).first(CLIENT_FIRST)[1].final(CLIENT_FINAL)


class TestVerifier:
    STORED = (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    """Of the RFC's password and salt, as PostgreSQL writes it."""

    def test_stored_form(self) -> None:
        assert VERIFIER.format() == self.STORED
        assert ScramVerifier.parse(self.STORED) == VERIFIER

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "pencil",
            STORED[:-1],
            STORED + "=",
            STORED.replace("256", "1"),
            STORED.replace("4096", "0"),
            STORED.replace("4096", "-1"),
            STORED.replace("4096", "9999999999"),
            STORED.replace("4096", "4096x"),
            STORED.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
            STORED.replace("wfPL", ""),
            STORED + "\n",
            STORED.replace("WG5d", "WG5"),
            STORED.replace("WG5d", "W=5d"),
        ],
    )
    def test_malformed_stored_form(self, text: str) -> None:
        with pytest.raises(ValueError, match="SCRAM") as caught:
            ScramVerifier.parse(text)
        assert "WG5d" not in str(caught.value)

    def test_fresh_salts(self) -> None:
        one, two = ScramVerifier.generate("x", 1), ScramVerifier.generate("x", 1)
        assert one.salt != two.salt
        assert len(one.salt) == 16

    @pytest.mark.parametrize("iterations", [0, -1, 2**31])
    def test_iterations_are_bounded(self, iterations: int) -> None:
        with pytest.raises(ValueError, match="iterations"):
            ScramVerifier.from_password("x", SALT, iterations)

    def test_no_secret_in_repr(self) -> None:
        for shown in (repr(VERIFIER), str(VERIFIER)):
            for secret in (VERIFIER.salt, VERIFIER.stored_key, VERIFIER.server_key):
                assert repr(secret) not in shown
                assert base64.b64encode(secret).decode() not in shown

    def test_fits_a_clear_text_password(self) -> None:
        assert VERIFIER.fits(PASSWORD)
        assert VERIFIER.fits(PASSWORD.encode())
        assert not VERIFIER.fits("Pencil")
        doomed = ScramVerifier(4096, SALT, VERIFIER.stored_key, VERIFIER.server_key, doomed=True)
        assert not doomed.fits(PASSWORD)

    def test_same_password_typed_in_two_ways(self) -> None:
        composed = ScramVerifier.from_password("caf\u00e9", SALT, 1)
        assert composed == ScramVerifier.from_password("cafe\u0301", SALT, 1)
        assert composed.fits("caf\u00e9".encode())
