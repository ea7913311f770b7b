"""A login with pgwire_py's client side of SCRAM on a raw socket."""

from __future__ import annotations

import struct

from pgwire_py.auth import ScramClient, choose_mechanism, new_nonce
from tests.support.raw import Message, RawClient, message, startup

OK, MD5, SASL, SASL_CONTINUE, SASL_FINAL = 0, 5, 10, 11, 12
"""Codes of the Authentication messages (Protocol 55.7)."""


class Login:
    """The messages of a login as our client would send them, on a socket of ours."""

    def __init__(self, client: RawClient, user: str) -> None:
        self.client = client
        self.server_first = b""
        client.send(startup({"user": user, "database": "postgres"}))

    def authentication(self, code: int) -> bytes:
        """The data of the Authentication message of this kind, which must come next."""
        answer = self.client.receive()
        assert answer is not None
        return self.data(answer, code)

    @staticmethod
    def data(answer: Message, code: int) -> bytes:
        """The data of an answer, which must be an Authentication message of this kind."""
        assert (answer.tag, answer.body[:4]) == ("R", struct.pack("!i", code)), (answer, answer.body)
        return answer.body[4:]

    def scram(
        self, password: str, *, mechanism: str | None = None, channel_binding: bytes | None = None
    ) -> tuple[str, str]:
        """The mechanism chosen, and how it ended: ReadyForQuery or an error, as a short text."""
        offered = [name.decode() for name in self.authentication(SASL).split(b"\0") if name]
        chosen = mechanism or choose_mechanism(offered, channel_binding)
        client = ScramClient(password, new_nonce(), mechanism=chosen, channel_binding=channel_binding)
        client_first, answering = client.first()
        name = chosen.encode() + b"\0"
        self.client.send(message("p", name + struct.pack("!i", len(client_first)) + client_first))
        answer = self.client.receive()
        assert answer is not None
        if answer.tag == "E":
            return chosen, str(answer)
        self.server_first = self.data(answer, SASL_CONTINUE)
        client_final, verifying = answering.challenge(self.server_first)
        self.client.send(message("p", client_final))
        answer = self.client.receive()
        assert answer is not None
        if answer.tag == "E":
            return chosen, str(answer)
        verifying.verify(self.data(answer, SASL_FINAL))
        self.authentication(OK)
        return chosen, str(self.client.until_ready()[-1])
