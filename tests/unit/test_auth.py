"""pgwire_py.auth: SCRAM-SHA-256 against RFC 7677, hostile messages, verifiers, SASLprep, users files."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py.auth import (
    MAX_MESSAGE_LENGTH,
    ScramServer,
    ScramServerFinal,
    ScramVerifier,
    UsersFile,
    new_server_nonce,
    saslprep,
    users_file_line,
)
from pgwire_py.errors import InvalidPassword, RemoteProtocolError

# RFC 7677 §3
PASSWORD = "pencil"
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

VERIFIER = ScramVerifier.from_password(PASSWORD, SALT)
SECRET = b"a secret of the server's"


def begin(client_first: bytes = CLIENT_FIRST, verifier: ScramVerifier = VERIFIER) -> ScramServerFinal:
    return ScramServer.first(client_first, verifier, SERVER_NONCE, user="user")[1]


def client_final(password: str, client_first: bytes, server_first: bytes, *, header: bytes = b"n,,") -> bytes:
    """A client's last message, worked out here from RFC 5802 §3 and not with the code under test."""
    nonce, salt, iterations = (part[2:] for part in server_first.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    without_proof = b"c=" + base64.b64encode(header) + b",r=" + nonce
    message = client_first[len(header) :] + b"," + server_first + b"," + without_proof
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return without_proof + b",p=" + base64.b64encode(proof)


class TestExchange:
    def test_rfc_7677(self) -> None:
        server_first, exchange = ScramServer.first(CLIENT_FIRST, VERIFIER, SERVER_NONCE)
        assert server_first == SERVER_FIRST
        assert exchange.final(CLIENT_FINAL) == SERVER_FINAL

    def test_our_reading_of_a_client_agrees_with_the_rfc(self) -> None:
        assert client_final(PASSWORD, CLIENT_FIRST, SERVER_FIRST) == CLIENT_FINAL

    def test_client_that_could_do_channel_binding(self) -> None:
        client_first = b"y,,n=,r=abc"
        server_first, exchange = ScramServer.first(client_first, VERIFIER, SERVER_NONCE)
        answer = client_final(PASSWORD, client_first, server_first, header=b"y,,")
        assert b"c=eSws," in answer
        assert exchange.final(answer).startswith(b"v=")

    def test_header_may_not_change_between_messages(self) -> None:
        client_first = b"y,,n=,r=abc"
        server_first, exchange = ScramServer.first(client_first, VERIFIER, SERVER_NONCE)
        with pytest.raises(RemoteProtocolError, match="channel-binding attribute"):
            exchange.final(client_final(PASSWORD, client_first, server_first, header=b"n,,"))

    def test_extensions_are_read_over(self) -> None:
        client_first = b"n,,n=,r=abc,x=what,y="
        server_first, exchange = ScramServer.first(client_first, VERIFIER, SERVER_NONCE)
        assert exchange.final(client_final(PASSWORD, client_first, server_first)).startswith(b"v=")

    def test_wrong_password(self) -> None:
        server_first, exchange = ScramServer.first(CLIENT_FIRST, VERIFIER, SERVER_NONCE, user="ada")
        with pytest.raises(InvalidPassword, match='password authentication failed for user "ada"') as caught:
            exchange.final(client_final("Pencil", CLIENT_FIRST, server_first))
        assert (caught.value.sqlstate, caught.value.severity) == ("28P01", "FATAL")

    @given(st.integers(0, 31), st.integers(1, 255))
    def test_any_changed_byte_of_the_proof_fails(self, index: int, change: int) -> None:
        head, proof = CLIENT_FINAL.split(b",p=")
        changed = bytearray(base64.b64decode(proof))
        changed[index] ^= change
        with pytest.raises(InvalidPassword):
            begin().final(head + b",p=" + base64.b64encode(changed))

    @pytest.mark.parametrize(
        "message",
        [
            b"",
            b"n",
            b"n,",
            b"n,,",
            b"n,,n=user",
            b"n,,r=abc",
            b"n,,r=abc,n=user",
            b"n,,n=user,r=",
            b"n,,n=user,r=a\x7fb",
            b"n,,n=user,r=a b",
            b"n,,n=user,r=\xc3\xa9",
            b"n,,n=user,r=abc,",
            b"n,,n=user,r=abc,garbage",
            b"n,,n=us\x00er,r=abc",
            b"n,x,n=user,r=abc",
            b"x,,n=user,r=abc",
            b"p=tls-server-end-point,,n=user,r=abc",
            b"n,,n=user,r=" + b"a" * MAX_MESSAGE_LENGTH,
        ],
    )
    def test_malformed_first_message(self, message: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="malformed SCRAM message") as caught:
            begin(message)
        assert (caught.value.sqlstate, caught.value.fatal) == ("08P01", True)

    @pytest.mark.parametrize("message", [b"n,a=root,n=user,r=abc", b"n,,m=ext,n=user,r=abc"])
    def test_what_is_not_offered(self, message: bytes) -> None:
        with pytest.raises(RemoteProtocolError) as caught:
            begin(message)
        assert (caught.value.sqlstate, caught.value.fatal) == ("0A000", True)

    @pytest.mark.parametrize(
        "message",
        [
            b"",
            b"c=biws",
            CLIENT_FINAL.rpartition(b",p=")[0],
            CLIENT_FINAL.replace(b"c=biws", b"c=eSws"),
            CLIENT_FINAL.replace(b"c=biws", b"c="),
            CLIENT_FINAL.replace(b"c=biws,", b""),
            CLIENT_FINAL.replace(b",r=", b",r=x"),
            CLIENT_FINAL.replace(b"k0,p=", b",p="),
            CLIENT_FINAL + b",x=behind",
            CLIENT_FINAL + b"\0",
            CLIENT_FINAL[:-8] + b"=",
            CLIENT_FINAL[:-8],
            CLIENT_FINAL.replace(b"p=d", b"p=!"),
            CLIENT_FINAL.rpartition(b",p=")[0] + b",p=",
            CLIENT_FINAL + b"A" * MAX_MESSAGE_LENGTH,
        ],
    )
    def test_malformed_final_message(self, message: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="malformed SCRAM message") as caught:
            begin().final(message)
        assert (caught.value.sqlstate, caught.value.fatal) == ("08P01", True)

    @given(st.binary(max_size=200))
    def test_no_bytes_raise_anything_else(self, junk: bytes) -> None:
        for message in (junk, b"n,,n=," + junk, b"n,,n=,r=" + junk):
            with suppress(RemoteProtocolError):
                begin(message)
        exchange = begin()
        for message in (junk, CLIENT_FINAL[:-44] + junk, b"c=biws," + junk):
            with pytest.raises((RemoteProtocolError, InvalidPassword)):
                exchange.final(message)

    def test_nonces_of_the_server(self) -> None:
        assert new_server_nonce() != new_server_nonce()
        assert len(base64.b64decode(new_server_nonce())) == 18
        for nonce in (b"", b"a,b", b"a b"):
            with pytest.raises(ValueError, match="nonce"):
                ScramServer.first(CLIENT_FIRST, VERIFIER, nonce)


class TestMock:
    def test_salt_is_stable_for_a_name_and_a_server(self) -> None:
        salt = ScramVerifier.mock("ada", SECRET).salt
        assert salt == ScramVerifier.mock("ada", SECRET).salt
        assert len(salt) == 16
        assert salt != ScramVerifier.mock("bob", SECRET).salt
        assert salt != ScramVerifier.mock("ada", b"another").salt

    def test_looks_like_a_user_and_always_fails(self) -> None:
        mock = ScramVerifier.mock("ada", SECRET)
        server_first, exchange = ScramServer.first(CLIENT_FIRST, mock, SERVER_NONCE)
        assert server_first.endswith(b",i=4096")
        with pytest.raises(InvalidPassword):
            exchange.final(client_final(PASSWORD, CLIENT_FIRST, server_first))

    def test_fails_even_against_the_right_proof(self) -> None:
        doomed = ScramVerifier(4096, SALT, VERIFIER.stored_key, VERIFIER.server_key, doomed=True)
        with pytest.raises(InvalidPassword):
            begin(verifier=doomed).final(CLIENT_FINAL)


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
        exchange = begin()
        for shown in (repr(VERIFIER), str(VERIFIER), repr(exchange)):
            for secret in (VERIFIER.salt, VERIFIER.stored_key, VERIFIER.server_key):
                assert repr(secret) not in shown
                assert base64.b64encode(secret).decode() not in shown


class TestSaslprep:
    @pytest.mark.parametrize(
        ("given_", "prepared"),
        [
            ("", ""),
            ("plain ASCII ~ stays", "plain ASCII ~ stays"),
            ("a\tb", "a\tb"),
            ("I\u00adX", "IX"),  # the examples of RFC 4013 §3
            ("\u00aa", "a"),
            ("\u2168", "IX"),
            ("a\u00a0b", "a b"),
            ("a\u3000b", "a b"),
            ("a\u200bb", "a b"),  # this and the next as PostgreSQL 15 does
            ("\u0340\u00aa", "\u0340\u00aa"),
            ("n\u0303", "\u00f1"),
            ("\ufb01", "fi"),
            ("p\u00e4ssw\u00f6rd", "p\u00e4ssw\u00f6rd"),
            ("\u0645\u0631\u062d\u0628\u0627", "\u0645\u0631\u062d\u0628\u0627"),
        ],
    )
    def test_normalised(self, given_: str, prepared: str) -> None:
        assert saslprep(given_) == prepared

    @pytest.mark.parametrize(
        "prohibited",
        [
            "\u0007\u00aa",  # control character
            "\u0627\u0031\u00aa",  # right-to-left text that does not end as such
            "\u0627\u00aa\u0627",  # left-to-right letters inside it
            "\u00ad",  # nothing left
            "\u0221\u00aa",  # unassigned in Unicode 3.2
            "\ue000\u00aa",  # private use
            "\ufffd\u00aa",
            "\U000e0041\u00aa",  # tagging
            chr(0xD800) + "\u00aa",  # a lone surrogate
        ],
    )
    def test_prohibited_text_stays_as_it_was(self, prohibited: str) -> None:
        assert saslprep(prohibited) == prohibited

    def test_same_password_typed_in_two_ways(self) -> None:
        composed = ScramVerifier.from_password("caf\u00e9", SALT, 1)
        assert composed == ScramVerifier.from_password("cafe\u0301", SALT, 1)


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def look_up(source: UsersFile, user: str) -> ScramVerifier | None:
    return asyncio.run(source.verifier(user, "db"))


class TestUsersFile:
    def test_verifiers_and_passwords(self, tmp_path: Path) -> None:
        lines = f'''; a comment
# another
"ada" "{TestVerifier.STORED}"

  "grüß gott"\t"pass ""word"""  ; behind
"semi;colon#" "a;b#c"\r
'''
        users = UsersFile(write(tmp_path / "users", lines))
        assert users.users == ("ada", "grüß gott", "semi;colon#")
        assert look_up(users, "ada") == VERIFIER
        clear = look_up(users, "grüß gott")
        assert clear is not None
        assert clear == ScramVerifier.from_password('pass "word"', clear.salt)
        assert look_up(users, "grüß gott") is clear
        assert look_up(users, "ADA") is None
        assert look_up(users, "") is None

    def test_line_is_read_back(self, tmp_path: Path) -> None:
        line = users_file_line('a "quoted" name', VERIFIER.format())
        users = UsersFile(write(tmp_path / "users", line + "\n"))
        assert look_up(users, 'a "quoted" name') == VERIFIER

    @pytest.mark.parametrize("bad", ["a\nb", "", "a\0b", "a\rb"])
    def test_names_that_no_line_can_hold(self, bad: str) -> None:
        with pytest.raises(ValueError, match=r"name"):
            users_file_line(bad, "secret")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("ada secret", "expected"),
            ('"ada"', "expected"),
            ('"ada" "hunter2', "expected"),
            ('"ada" "hunter2" "more"', "expected"),
            ('"ada""hunter2"', "expected"),
            ('"" "hunter2"', "empty user name"),
            ('"ada" ""', "empty secret"),
            ('"ada" "hun\0ter2"', "NUL"),
            ('"ada" "md5d578fd92d91b5d6dd0cbf4ce5a3cd39a"', "MD5"),
            ('"ada" "SCRAM-SHA-256$4096:hunter2"', "verifier"),
            ('"bob" "hunter2"', "already"),
            (b'"\xff" "hunter2"', "UTF-8"),
        ],
    )
    def test_bad_line(self, tmp_path: Path, line: str | bytes, reason: str) -> None:
        data = b'; head\n"bob" "x"\n' + (line if isinstance(line, bytes) else line.encode()) + b"\n"
        path = write(tmp_path / "users", data)
        with pytest.raises(ValueError, match=reason) as caught:
            UsersFile(path)
        assert str(caught.value).startswith(f"{path}:3: ")
        message = str(caught.value).removeprefix(str(path))
        assert "hunter2" not in message
        assert "d578" not in message

    @pytest.mark.parametrize("text", ["", "\n", "; nobody\n"])
    def test_no_users(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ValueError, match="no users"):
            UsersFile(write(tmp_path / "users", text))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            UsersFile(tmp_path / "none")

    def test_read_again_when_changed(self, tmp_path: Path) -> None:
        path = write(tmp_path / "users", '"ada" "one"\n"bob" "two"\n')
        users = UsersFile(path)
        ada, bob = look_up(users, "ada"), look_up(users, "bob")
        write(path, '"ada" "one"\n"bob" "changed"\n"eve" "three"\n')
        assert look_up(users, "ada") is ada
        assert look_up(users, "bob") != bob
        assert look_up(users, "eve") is not None
        write(path, '"eve" "three"\n')
        assert look_up(users, "ada") is None

    @pytest.mark.parametrize("change", ["malformed", "missing"])
    def test_bad_change_keeps_the_users(self, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str) -> None:
        path = write(tmp_path / "users", '"ada" "one"\n')
        users = UsersFile(path)
        if change == "missing":
            path.unlink()
        else:
            write(path, '"ada" "hunter2\n')
        assert look_up(users, "ada") is not None
        assert "users stay as they were" in caplog.text
        assert "hunter2" not in caplog.text

    def test_world_readable(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, "pgwire_py.auth"):
            UsersFile(write(tmp_path / "private", '"ada" "one"\n', 0o600))
            assert not caplog.records
            if os.name == "posix":
                UsersFile(write(tmp_path / "open", '"ada" "one"\n', 0o644))
                assert "can be read by everyone" in caplog.text

    def test_repr(self, tmp_path: Path) -> None:
        users = UsersFile(write(tmp_path / "users", '"ada" "hunter2"\n'))
        assert "hunter2" not in repr(users)
        assert "hunter2" not in str(users)
