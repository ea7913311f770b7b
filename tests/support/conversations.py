"""What tests of the two ends, joined without sockets, say and hear."""

from __future__ import annotations

from typing import Any

from pgwire_py import messages as m
from pgwire_py.errors import RemoteProtocolError
from pgwire_py.state import Phase
from pgwire_py.testing import ConnectionPair
from tests.support.phases import COLUMN

DESCRIPTION = m.RowDescription((COLUMN,))
ROW = m.DataRow((b"1",))
SELECT_1 = m.CommandComplete("SELECT 1")
READY = m.ReadyForQuery("I")
COPY_IN = m.CopyInResponse(0, (0,))
COPY_OUT = m.CopyOutResponse(0, (0,))
COPY_BOTH = m.CopyBothResponse(0, ())
DATA = m.CopyData(b"1\n")
DONE = m.CopyDone()
NOTICE = m.NoticeResponse({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "well"})


def phases(pair: ConnectionPair) -> tuple[Phase, Phase]:
    return pair.frontend.phase, pair.backend.phase


def ask(pair: ConnectionPair, *messages: object) -> list[Any]:
    for message in messages:
        pair.frontend.send(message)
    return pair.backend_receives()


def tell(pair: ConnectionPair, *messages: object) -> list[Any]:
    for message in messages:
        pair.backend.send(message)
    return pair.frontend_receives()


def tell_requests(pair: ConnectionPair, *messages: object) -> list[tuple[object, object]]:
    """As ``tell``, each event with the request that it answers."""
    for message in messages:
        pair.backend.send(message)
    pair.frontend.receive_data(pair.backend.data_to_send())
    return [(event, pair.frontend.request) for event in pair.frontend.events()]


def only_error(events: list[Any]) -> RemoteProtocolError:
    (error,) = events
    assert isinstance(error, RemoteProtocolError)
    assert error.fatal
    return error
