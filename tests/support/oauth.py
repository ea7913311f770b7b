"""A client that logs in with a bearer token, over the sans-IO core."""

from __future__ import annotations

import socket
from typing import Any

import pgwire_py as pg
from pgwire_py import messages as m
from pgwire_py.auth import OAUTHBEARER, oauth_client_first, read_oauth_failure


class OAuthClient:
    """A blocking client over FrontendConnection."""

    def __init__(self, port: int, user: str) -> None:
        self.connection = pg.FrontendConnection()
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.send(m.StartupMessage(3 << 16, {"user": user, "database": "app"}))

    def send(self, message: object) -> None:
        self.connection.send(message)
        self.socket.sendall(self.connection.data_to_send())

    def receive(self) -> Any:
        while (event := self.connection.next_event()) is None:
            self.connection.receive_data(self.socket.recv(65536))
        return event

    def log_in(self, token: str) -> str:
        """``in``, or where to get a token and the error that followed."""
        offer = self.receive()
        assert offer.mechanisms == (OAUTHBEARER,)
        self.send(m.SASLInitialResponse(OAUTHBEARER, oauth_client_first(token)))
        answer = self.receive()
        if isinstance(answer, m.AuthenticationOk):
            while not isinstance(self.receive(), m.ReadyForQuery):
                pass
            self.socket.close()
            return "in"
        failure = read_oauth_failure(answer.data)
        self.send(m.SASLResponse(b"\x01"))
        error = self.receive()
        self.socket.close()
        fields = dict(error.fields)
        return f"{failure.openid_configuration} {failure.scope}: {fields['C']} {fields['M']}"
