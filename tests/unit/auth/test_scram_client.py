"""The client's side of SCRAM-SHA-256 against RFC 7677 and 5802, and hostile servers."""

from __future__ import annotations

import base64
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import _impl
from pgwire_py.auth import (
    MAX_MESSAGE_LENGTH,
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    ScramClient,
    ScramClientFinal,
    choose_mechanism,
)
from pgwire_py.errors import InvalidAuthorizationSpecification, LocalProtocolError, RemoteProtocolError
from tests.support.scram import (
    CLIENT_FINAL,
    CLIENT_FIRST,
    CLIENT_NONCE,
    PASSWORD,
    SERVER_FINAL,
    SERVER_FIRST,
    client_final,
)

CHANNEL = b"hash of a certificate"
SHORT = b"r=abcdef,s=QSXCR+Q6sek8bf92,i=1"


def answer(server_first: bytes = SERVER_FIRST, **options: int) -> tuple[bytes, ScramClientFinal]:
    return ScramClient(PASSWORD, CLIENT_NONCE, user="user", **options).first()[1].challenge(server_first)


class TestExchange:
    def test_rfc_7677(self) -> None:
        client_first, step = ScramClient(PASSWORD, CLIENT_NONCE, user="user").first()
        assert client_first == CLIENT_FIRST
        client_last, last = step.challenge(SERVER_FIRST)
        assert client_last == CLIENT_FINAL
        last.verify(SERVER_FINAL)

    def test_rfc_5802(self) -> None:
        """Its example is of SHA-1: the messages are the same up to the proof, and the referee's proof is the RFC's."""
        client_first, step = ScramClient("pencil", b"fyko+d2lbbFgONRv9qkxdawL", user="user").first()
        assert client_first == b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
        server_first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
        client_last, last = step.challenge(server_first)
        without_proof = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
        assert client_last.startswith(without_proof + b",p=")
        sha1, signature = client_final("pencil", client_first, server_first, algorithm="sha1")
        assert sha1 == without_proof + b",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        assert signature == b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="
        proof, signature = client_final("pencil", client_first, server_first)
        assert client_last == proof
        last.verify(signature)

    def test_postgresql_leaves_the_name_empty(self) -> None:
        assert ScramClient("x", b"abc").first()[0] == b"n,,n=,r=abc"

    def test_names_are_escaped(self) -> None:
        assert ScramClient("x", b"abc", user="a=b,ü").first()[0] == "n,,n=a=3Db=2Cü,r=abc".encode()

    def test_flags(self) -> None:
        assert ScramClient("x", b"abc", channel_binding=CHANNEL).first()[0] == b"y,,n=,r=abc"
        plus = ScramClient("x", b"abc", mechanism=SCRAM_SHA_256_PLUS, channel_binding=CHANNEL)
        client_first, step = plus.first()
        assert client_first == b"p=tls-server-end-point,,n=,r=abc"
        client_last, last = step.challenge(SHORT)
        header = b"p=tls-server-end-point,,"
        expected, signature = client_final("x", client_first, SHORT, header=header, channel=CHANNEL)
        assert client_last == expected
        last.verify(signature)

    def test_password_is_prepared(self) -> None:
        _, step = ScramClient("\u2168\u00ad", b"abc").first()
        assert step.challenge(SHORT)[0] == client_final("IX", b"n,,n=,r=abc", SHORT)[0]
        _, step = ScramClient(b"\xff", b"abc").first()
        assert step.challenge(SHORT)[0] != client_final("\ufffd", b"n,,n=,r=abc", SHORT)[0]

    def test_extensions_are_read_over(self) -> None:
        server_first = SERVER_FIRST + b",x=what"
        client_last, last = answer(server_first)
        expected, signature = client_final(PASSWORD, CLIENT_FIRST, server_first)
        assert client_last == expected
        last.verify(signature + b",x=more")

    def test_other_threads_run_meanwhile(self) -> None:
        """PBKDF2 lets go of the GIL: while it runs in another thread, a counter here moves."""
        counter, seen, done = [0], [], threading.Event()

        def derive() -> None:
            seen.append(counter[0])
            _impl.scram_salted_password(b"x", b"salt", 2_000_000)
            seen.append(counter[0])
            done.set()

        thread = threading.Thread(target=derive)
        thread.start()
        while not done.is_set():
            counter[0] += 1
        thread.join()
        assert seen[1] > seen[0]


class TestSteps:
    def test_each_is_taken_once(self) -> None:
        client = ScramClient(PASSWORD, CLIENT_NONCE, user="user")
        _, step = client.first()
        with pytest.raises(LocalProtocolError, match="ScramClient was taken already"):
            client.first()
        _, last = step.challenge(SERVER_FIRST)
        with pytest.raises(LocalProtocolError, match="ScramClientFirst was taken already"):
            step.challenge(SERVER_FIRST)
        last.verify(SERVER_FINAL)
        with pytest.raises(LocalProtocolError, match="ScramClientFinal was taken already"):
            last.verify(SERVER_FINAL)

    def test_failure_uses_it_up_too(self) -> None:
        _, step = ScramClient(PASSWORD, CLIENT_NONCE).first()
        with pytest.raises(RemoteProtocolError):
            step.challenge(b"")
        with pytest.raises(LocalProtocolError):
            step.challenge(SERVER_FIRST)
        _, last = answer()
        with pytest.raises(RemoteProtocolError):
            last.verify(b"v=")
        with pytest.raises(LocalProtocolError):
            last.verify(SERVER_FINAL)


class TestHostile:
    @pytest.mark.parametrize(
        "message",
        [
            b"",
            SERVER_FIRST[:-4],
            SERVER_FIRST.replace(b"i=4096", b"i=0"),
            SERVER_FIRST.replace(b"i=4096", b"i=-1"),
            SERVER_FIRST.replace(b"i=4096", b"i=+4096"),
            SERVER_FIRST.replace(b"i=4096", b"i=04096"),
            SERVER_FIRST.replace(b"i=4096", b"i=4096x"),
            SERVER_FIRST.replace(b"i=4096", b"i=99999999999"),
            SERVER_FIRST.replace(b",i=4096", b""),
            SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s="),
            SERVER_FIRST.replace(b"gQ==", b"gQ="),
            SERVER_FIRST.replace(b"s=W", b"s=!"),
            SERVER_FIRST.replace(b"s=W", b"s=\xff"),
            SERVER_FIRST.replace(b"r=r", b"r=x"),
            SERVER_FIRST.replace(b"r=rOpr", b"r=rO r"),
            SERVER_FIRST.replace(b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", b""),
            SERVER_FIRST.replace(b"r=rOprNGfwEbeRWgbNEkqO", b"r="),
            b"s=W22ZaJ0SNY7soEsUEjb6gQ==," + SERVER_FIRST,
            SERVER_FIRST + b",garbage",
            SERVER_FIRST + b"\0",
            SERVER_FIRST + b"," + b"x=" + b"y" * MAX_MESSAGE_LENGTH,
        ],
    )
    def test_malformed_server_first(self, message: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match=r"malformed SCRAM message: .* in server-first-message") as caught:
            answer(message)
        assert (caught.value.sqlstate, caught.value.fatal) == ("08P01", True)

    def test_extension_that_must_be_understood(self) -> None:
        with pytest.raises(RemoteProtocolError, match="unsupported SCRAM extension") as caught:
            answer(b"m=ext," + SERVER_FIRST)
        assert caught.value.sqlstate == "0A000"

    @pytest.mark.parametrize("count", [10_000_001, 2_147_483_647, 2_147_483_648, 9_999_999_999])
    def test_too_many_iterations(self, count: int) -> None:
        with pytest.raises(RemoteProtocolError, match=f"asks for {count} SCRAM iterations; between 1 and 10000000"):
            answer(SERVER_FIRST.replace(b"4096", b"%d" % count))

    def test_bounds_of_iterations_are_parameters(self) -> None:
        assert answer(min_iterations=4096, max_iterations=4096)[0] == CLIENT_FINAL
        for bounds in ({"min_iterations": 4097}, {"max_iterations": 4095}):
            with pytest.raises(RemoteProtocolError, match="4096 SCRAM iterations"):
                answer(**bounds)
        for wrong in ({"min_iterations": 0}, {"max_iterations": 2**31}, {"min_iterations": 3, "max_iterations": 2}):
            with pytest.raises(ValueError, match="iterations"):
                answer(**wrong)

    @pytest.mark.parametrize(
        "message",
        [
            b"",
            b"v=",
            b"v",
            SERVER_FINAL[:-1],
            SERVER_FINAL[:-4],
            SERVER_FINAL + b"\0",
            SERVER_FINAL + b",",
            SERVER_FINAL.replace(b"v=", b"x="),
            b"v=" + b"A" * MAX_MESSAGE_LENGTH,
        ],
    )
    def test_malformed_server_final(self, message: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match=r"malformed SCRAM message: .* in server-final-message") as caught:
            answer()[1].verify(message)
        assert (caught.value.sqlstate, caught.value.fatal) == ("08P01", True)

    @given(st.integers(0, 31), st.integers(1, 255))
    def test_any_changed_byte_of_the_signature_fails(self, index: int, change: int) -> None:
        _, last = ScramClient("x", b"abc").first()[1].challenge(SHORT)
        _, signature = client_final("x", b"n,,n=,r=abc", SHORT)
        changed = bytearray(base64.b64decode(signature[2:]))
        changed[index] ^= change
        with pytest.raises(RemoteProtocolError, match="does not know the password") as caught:
            last.verify(b"v=" + base64.b64encode(changed))
        assert (caught.value.sqlstate, caught.value.fatal) == ("28000", True)

    def test_server_refuses(self) -> None:
        with pytest.raises(InvalidAuthorizationSpecification, match="refused the login: invalid-proof") as caught:
            answer()[1].verify(b"e=invalid-proof")
        assert caught.value.sqlstate == "28000"

    @given(st.binary(max_size=200))
    def test_no_bytes_raise_anything_else(self, junk: bytes) -> None:
        for message in (junk, b"r=abcdef,s=" + junk, b"r=abc" + junk + b",s=QUJD,i=1", b"r=abcd,s=QUJD,i=" + junk):
            with suppress(RemoteProtocolError):
                ScramClient("x", b"abc", max_iterations=9).first()[1].challenge(message)
        for message in (junk, b"v=" + junk, b"e=" + junk):
            _, last = ScramClient("x", b"abc").first()[1].challenge(SHORT)
            with pytest.raises((RemoteProtocolError, InvalidAuthorizationSpecification)):
                last.verify(message)

    def test_our_own_mistakes(self) -> None:
        for nonce in (b"", b"a,b", b"x" * 257):
            with pytest.raises(ValueError, match="nonce"):
                ScramClient("x", nonce)
        with pytest.raises(ValueError, match="binding data"):
            ScramClient("x", b"abc", mechanism=SCRAM_SHA_256_PLUS)
        with pytest.raises(ValueError, match="no SCRAM mechanism"):
            ScramClient("x", b"abc", mechanism="SCRAM-SHA-1")
        for user in ("a\0b", "ü" * 128):
            with pytest.raises(ValueError, match="user name"):
                ScramClient("x", b"abc", user=user)


class TestChoice:
    BOTH = (SCRAM_SHA_256_PLUS, SCRAM_SHA_256)

    def test_best(self) -> None:
        assert choose_mechanism(self.BOTH, CHANNEL) == SCRAM_SHA_256_PLUS
        assert choose_mechanism(self.BOTH, CHANNEL, require=True) == SCRAM_SHA_256_PLUS
        assert choose_mechanism(self.BOTH, None) == SCRAM_SHA_256
        assert choose_mechanism((SCRAM_SHA_256,), CHANNEL) == SCRAM_SHA_256

    @pytest.mark.parametrize(
        ("offered", "channel", "reason"),
        [
            ((SCRAM_SHA_256,), CHANNEL, "does not offer it"),
            (BOTH, None, "there is none for this connection"),
        ],
    )
    def test_required_and_not_to_be_had(self, offered: tuple[str, ...], channel: bytes | None, reason: str) -> None:
        with pytest.raises(RemoteProtocolError, match=f"channel binding is required, but .*{reason}") as caught:
            choose_mechanism(offered, channel, require=True)
        assert caught.value.sqlstate == "28000"

    @pytest.mark.parametrize("offered", [(), ("OAUTHBEARER",), (SCRAM_SHA_256_PLUS,)])
    def test_none(self, offered: tuple[str, ...]) -> None:
        with pytest.raises(RemoteProtocolError, match="none of the server's SASL mechanisms") as caught:
            choose_mechanism(offered, None)
        assert caught.value.sqlstate == "0A000"
