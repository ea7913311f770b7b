"""The server's side of SCRAM-SHA-256 against RFC 7677, a referee, and hostile messages."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import _impl
from pgwire_py.auth import (
    MAX_MESSAGE_LENGTH,
    SCRAM_SHA_256,
    SCRAM_SHA_256_PLUS,
    ScramServer,
    ScramServerFinal,
    ScramVerifier,
    new_nonce,
)
from pgwire_py.errors import InvalidPassword, LocalProtocolError, RemoteProtocolError
from tests.support.scram import (
    CLIENT_FINAL,
    CLIENT_FIRST,
    PASSWORD,
    SALT,
    SERVER_FINAL,
    SERVER_FIRST,
    SERVER_NONCE,
    client_final,
)

VERIFIER = ScramVerifier.from_password(PASSWORD, SALT)
CHANNEL = b"hash of a certificate"
PLUS_FIRST = b"p=tls-server-end-point,,n=,r=abc"
PLUS_HEADER = b"p=tls-server-end-point,,"


def begin(client_first: bytes = CLIENT_FIRST, verifier: ScramVerifier = VERIFIER) -> ScramServerFinal:
    return ScramServer(verifier, SERVER_NONCE, user="user").first(client_first)[1]


def begin_plus(client_first: bytes = PLUS_FIRST) -> tuple[bytes, ScramServerFinal]:
    return ScramServer(VERIFIER, SERVER_NONCE, mechanism=SCRAM_SHA_256_PLUS, channel_binding=CHANNEL).first(
        client_first
    )


class TestExchange:
    def test_rfc_7677(self) -> None:
        server_first, exchange = ScramServer(VERIFIER, SERVER_NONCE).first(CLIENT_FIRST)
        assert server_first == SERVER_FIRST
        assert exchange.final(CLIENT_FINAL) == SERVER_FINAL

    def test_the_referee_agrees_with_the_rfc(self) -> None:
        assert client_final(PASSWORD, CLIENT_FIRST, SERVER_FIRST) == (CLIENT_FINAL, SERVER_FINAL)

    def test_client_that_could_do_channel_binding(self) -> None:
        client_first = b"y,,n=,r=abc"
        server_first, exchange = ScramServer(VERIFIER, SERVER_NONCE).first(client_first)
        answer, expected = client_final(PASSWORD, client_first, server_first, header=b"y,,")
        assert b"c=eSws," in answer
        assert exchange.final(answer) == expected

    def test_header_may_not_change_between_messages(self) -> None:
        client_first = b"y,,n=,r=abc"
        server_first, exchange = ScramServer(VERIFIER, SERVER_NONCE).first(client_first)
        with pytest.raises(RemoteProtocolError, match="channel-binding attribute"):
            exchange.final(client_final(PASSWORD, client_first, server_first, header=b"n,,")[0])

    def test_extensions_are_read_over(self) -> None:
        client_first = b"n,,n=,r=abc,x=what,y="
        server_first, exchange = ScramServer(VERIFIER, SERVER_NONCE).first(client_first)
        answer, expected = client_final(PASSWORD, client_first, server_first)
        assert exchange.final(answer) == expected

    def test_wrong_password(self) -> None:
        server_first, exchange = ScramServer(VERIFIER, SERVER_NONCE, user="ada").first(CLIENT_FIRST)
        with pytest.raises(InvalidPassword, match='password authentication failed for user "ada"') as caught:
            exchange.final(client_final("Pencil", CLIENT_FIRST, server_first)[0])
        assert (caught.value.sqlstate, caught.value.severity) == ("28P01", "FATAL")

    @given(st.integers(0, 31), st.integers(1, 255))
    def test_any_changed_byte_of_the_proof_fails(self, index: int, change: int) -> None:
        head, proof = CLIENT_FINAL.split(b",p=")
        changed = bytearray(base64.b64decode(proof))
        changed[index] ^= change
        with pytest.raises(InvalidPassword):
            begin().final(head + b",p=" + base64.b64encode(changed))

    def test_a_stored_verifier_costs_no_pbkdf2(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rounds: list[int] = []
        derive = _impl.scram_salted_password

        def counted(password: bytes, salt: bytes, iterations: int) -> bytes:
            rounds.append(iterations)
            return derive(password, salt, iterations)

        monkeypatch.setattr(_impl, "scram_salted_password", counted)
        verifier = ScramVerifier.parse(VERIFIER.format())
        _, exchange = ScramServer(verifier, SERVER_NONCE).first(CLIENT_FIRST)
        assert exchange.final(CLIENT_FINAL) == SERVER_FINAL
        _, exchange = ScramServer(ScramVerifier.mock("eve", b"secret"), SERVER_NONCE).first(CLIENT_FIRST)
        with pytest.raises(InvalidPassword):
            exchange.final(CLIENT_FINAL)
        assert rounds == []
        assert ScramVerifier.from_password(PASSWORD, SALT) == VERIFIER
        assert rounds == [4096]


class TestSteps:
    def test_each_is_taken_once(self) -> None:
        step = ScramServer(VERIFIER, SERVER_NONCE)
        _, last = step.first(CLIENT_FIRST)
        with pytest.raises(LocalProtocolError, match="ScramServer was taken already"):
            step.first(CLIENT_FIRST)
        assert last.final(CLIENT_FINAL) == SERVER_FINAL
        with pytest.raises(LocalProtocolError, match="ScramServerFinal was taken already"):
            last.final(CLIENT_FINAL)

    def test_failure_uses_it_up_too(self) -> None:
        step = ScramServer(VERIFIER, SERVER_NONCE)
        with pytest.raises(RemoteProtocolError):
            step.first(b"")
        with pytest.raises(LocalProtocolError):
            step.first(CLIENT_FIRST)
        last = begin()
        with pytest.raises(InvalidPassword):
            last.final(CLIENT_FINAL.replace(b"p=d", b"p=e"))
        with pytest.raises(LocalProtocolError):
            last.final(CLIENT_FINAL)


class TestChannelBinding:
    def test_bound(self) -> None:
        server_first, exchange = begin_plus()
        answer, expected = client_final(PASSWORD, PLUS_FIRST, server_first, header=PLUS_HEADER, channel=CHANNEL)
        assert exchange.final(answer) == expected

    @pytest.mark.parametrize("channel", [b"", b"hash of another one", CHANNEL + b"x"])
    def test_bound_to_another_channel(self, channel: bytes) -> None:
        server_first, exchange = begin_plus()
        answer, _ = client_final(PASSWORD, PLUS_FIRST, server_first, header=PLUS_HEADER, channel=channel)
        with pytest.raises(RemoteProtocolError, match="SCRAM channel binding check failed") as caught:
            exchange.final(answer)
        assert (caught.value.sqlstate, caught.value.fatal) == ("28000", True)

    def test_list_of_mechanisms_was_shortened(self) -> None:
        with pytest.raises(RemoteProtocolError, match="thinks that the server does not, but it does") as caught:
            ScramServer(VERIFIER, SERVER_NONCE, channel_binding=CHANNEL).first(b"y,,n=,r=abc")
        assert (caught.value.sqlstate, caught.value.fatal) == ("28000", True)

    def test_client_that_cannot_bind_may_go_without(self) -> None:
        server_first, exchange = ScramServer(VERIFIER, SERVER_NONCE, channel_binding=CHANNEL).first(CLIENT_FIRST)
        assert server_first == SERVER_FIRST
        assert exchange.final(CLIENT_FINAL) == SERVER_FINAL

    @pytest.mark.parametrize("flag", [b"n", b"y"])
    def test_plus_without_data(self, flag: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="there is no channel-binding data"):
            begin_plus(flag + b",,n=,r=abc")

    def test_data_without_plus(self) -> None:
        with pytest.raises(RemoteProtocolError, match="there is channel-binding data"):
            begin(PLUS_FIRST)

    @pytest.mark.parametrize("kind", [b"tls-unique", b"x", b"tls-server-end-point2"])
    def test_other_types(self, kind: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match=f'unsupported SCRAM channel-binding type "{kind.decode()}"'):
            begin_plus(b"p=" + kind + b",,n=,r=abc")

    @pytest.mark.parametrize("flag", [b"p", b"p=", b"p=a b", b"p=\xff", b"p=" + b"x" * 65, b"n=x", b"pp=x"])
    def test_malformed_flag(self, flag: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="malformed SCRAM message"):
            begin_plus(flag + b",,n=,r=abc")

    def test_our_own_mistakes(self) -> None:
        with pytest.raises(ValueError, match="binding data"):
            ScramServer(VERIFIER, SERVER_NONCE, mechanism=SCRAM_SHA_256_PLUS)
        with pytest.raises(ValueError, match="no SCRAM mechanism"):
            ScramServer(VERIFIER, SERVER_NONCE, mechanism="SCRAM-SHA-1")
        assert ScramServer(VERIFIER, SERVER_NONCE, mechanism=SCRAM_SHA_256)


class TestHostile:
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
        with pytest.raises(RemoteProtocolError, match=r"malformed SCRAM message: .* in client-first-message") as caught:
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
            CLIENT_FINAL.replace(b",p=", b",p=x,p="),
            CLIENT_FINAL + b",x=behind",
            CLIENT_FINAL + b"\0",
            CLIENT_FINAL[:-8] + b"=",
            CLIENT_FINAL[:-8],
            CLIENT_FINAL.replace(b"p=d", b"p=!"),
            CLIENT_FINAL.replace(b"p=d", b"p=\xff"),
            CLIENT_FINAL.rpartition(b",p=")[0] + b",p=",
            CLIENT_FINAL + b"A" * MAX_MESSAGE_LENGTH,
        ],
    )
    def test_malformed_final_message(self, message: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match=r"malformed SCRAM message: .* in client-final-message") as caught:
            begin().final(message)
        assert (caught.value.sqlstate, caught.value.fatal) == ("08P01", True)

    @given(st.binary(max_size=200))
    def test_no_bytes_raise_anything_else(self, junk: bytes) -> None:
        for message in (junk, b"n,,n=," + junk, b"n,,n=,r=" + junk):
            with suppress(RemoteProtocolError):
                begin(message)
        for message in (junk, b"p=" + junk, PLUS_HEADER + junk):
            with suppress(RemoteProtocolError):
                begin_plus(message)
        for message in (junk, CLIENT_FINAL[:-44] + junk, b"c=biws," + junk):
            with pytest.raises((RemoteProtocolError, InvalidPassword)):
                begin().final(message)

    @pytest.mark.parametrize("nonce", [b"", b"a,b", b"a b", b"x" * 257, b"\xff"])
    def test_nonces_are_checked(self, nonce: bytes) -> None:
        with pytest.raises(ValueError, match="nonce"):
            ScramServer(VERIFIER, nonce)

    def test_new_nonces(self) -> None:
        assert new_nonce() != new_nonce()
        assert len(base64.b64decode(new_nonce())) == 18
