"""Random conversations: whatever a frontend may send and a backend may answer, in any order of delivery, both ends agree in the end."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pgwire_py import messages as m
from pgwire_py.connection import FrontendConnection
from pgwire_py.errors import LocalProtocolError, RemoteProtocolError
from pgwire_py.state import AHEAD, ANSWERS, ASYNCHRONOUS, BACKEND, FIRST, FRONTEND, IGNORED, Phase, Step, kind_of
from pgwire_py.testing import ConnectionPair
from tests.support.phases import BACKEND_SAMPLES

READING = (Phase.COPY_IN, Phase.EXTENDED_COPY_IN, Phase.COPY_BOTH_IN)
HARMLESS = (m.Sync, m.Flush)
COPYING = (m.Query, m.Execute, m.Sync, m.Flush, m.CopyData, m.CopyDone, m.CopyFail)
COPY_RESPONSES = (m.CopyInResponse, m.CopyOutResponse, m.CopyBothResponse)


class Conversation:
    """Two actors that know only what is legal, and a network that delivers when it likes."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.copying = random.random() < 0.5
        self.pair = ConnectionPair()
        self.pair.start()
        self.sent: list[object] = []
        self.open = False
        self.copies = self.heard = 0
        self.both = False
        self.step = Step.DONE
        self.wires: dict[str, bytes] = {"to_backend": b"", "to_frontend": b""}

    def run(self, turns: int) -> None:
        for _ in range(turns):
            actions = (self.take, self.take, self.answer, self.answer, self.deliver, self.deliver)
            self.random.choice((self.ask, *actions) if self.copying else (self.ask, self.ask, self.ask, *actions))()
        self.end()

    # -- the frontend ------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        frontend = self.pair.frontend
        legal = [
            kind for kind in (*FRONTEND[frontend.phase], *AHEAD.get(frontend.phase, ())) if kind is not m.Terminate
        ]
        if self.copies != self.heard:  # what it would send if it knew is an error during COPY, in PostgreSQL too
            legal = [kind for kind in legal if kind in HARMLESS and not self.both]
        if self.copying:
            legal = [kind for kind in legal if kind in COPYING]
        if legal:
            try:
                self.send(self.random.choice(legal))
            except LocalProtocolError as error:
                if "behind this COPY must come a Sync" not in str(error):
                    raise

    def send(self, kind: Any) -> None:
        number = len(self.sent)
        message = {
            m.Query: m.Query(str(number)),
            m.FunctionCall: m.FunctionCall(number, (), (), 0),
            m.Parse: m.Parse(str(number), ""),
            m.Bind: m.Bind(str(number)),
            m.Describe: m.Describe(self.random.choice("SP"), str(number)),
            m.Execute: m.Execute(str(number)),
            m.Close: m.Close("S", str(number)),
            m.CopyData: m.CopyData(b"x"),
            m.CopyFail: m.CopyFail("no"),
        }.get(kind, kind)
        message = message() if isinstance(message, type) else message
        self.pair.frontend.send(message)
        self.sent.append(message)

    # -- the backend -------------------------------------------------------------------------------------------------

    def take(self) -> None:
        """The backend takes a message, if it has answered the one before."""
        backend = self.pair.backend
        reading = backend.phase in (*READING, Phase.COPY_BOTH)
        if self.step is not Step.DONE and not reading:
            return
        event = backend.next_event()
        assert not isinstance(event, RemoteProtocolError), event
        if event is not None and kind_of(event) in FIRST:
            self.current = event
            self.step = FIRST[kind_of(event)]
            self.open = self.open or not isinstance(event, HARMLESS)

    def answer(self) -> None:
        backend = self.pair.backend
        kinds = [kind for kind in BACKEND[backend.phase] if kind in ASYNCHRONOUS or kind in ANSWERS[self.step]]
        if self.step is not Step.DONE and type(self.current) in (m.Query, m.Execute):
            behind = self.sent[self.sent.index(self.current) + 1 :]
            if not all(isinstance(message, HARMLESS) for message in behind):
                kinds = [kind for kind in kinds if kind is not m.CopyInResponse]
            if behind:
                kinds = [kind for kind in kinds if kind is not m.CopyBothResponse]
        if not self.open and self.step is Step.COMMIT:  # there is nothing whose commit could fail
            kinds.remove(m.ErrorResponse)
        answers = [kind for kind in kinds if kind not in ASYNCHRONOUS]
        if answers and self.random.random() < 0.9:
            copies = [kind for kind in answers if kind in COPY_RESPONSES]
            self.tell(self.random.choice(copies if self.copying and copies else answers))
        elif kinds:
            self.tell(self.random.choice(kinds))

    def tell(self, kind: Any) -> None:
        self.pair.backend.send(BACKEND_SAMPLES[kind])
        if kind in (m.CopyInResponse, m.CopyBothResponse):
            self.copies += 1
            self.both = kind is m.CopyBothResponse
        self.open = self.open and kind not in (m.ReadyForQuery, m.ErrorResponse)
        if kind not in ASYNCHRONOUS:
            self.step = ANSWERS[self.step][kind]

    # -- the network -------------------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Some of the bytes that are under way."""
        for wire, sender, receiver in (
            ("to_backend", self.pair.frontend, self.pair.backend),
            ("to_frontend", self.pair.backend, self.pair.frontend),
        ):
            data = self.wires[wire] + bytes(sender.data_to_send())
            size = self.random.randint(0, len(data))
            receiver.receive_data(data[:size])
            self.wires[wire] = data[size:]
        self.hear()

    def hear(self) -> None:
        frontend: FrontendConnection = self.pair.frontend
        for event in frontend.events():
            assert not isinstance(event, RemoteProtocolError), event
            self.heard += isinstance(event, (m.CopyInResponse, m.CopyBothResponse))
            if type(event) in ASYNCHRONOUS:
                assert frontend.request is None
            else:
                assert any(frontend.request is message for message in self.sent)

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Everything is delivered and answered as briefly as can be; then both must be idle."""
        frontend, backend = self.pair.frontend, self.pair.backend
        for _ in range(10 * len(self.sent) + 100):
            for wire, sender, receiver in (("to_backend", frontend, backend), ("to_frontend", backend, frontend)):
                receiver.receive_data(self.wires[wire] + bytes(sender.data_to_send()))
                self.wires[wire] = b""
            self.hear()
            if backend.phase in READING or backend.phase is Phase.COPY_BOTH:
                if frontend.phase is backend.phase:
                    self.send(m.CopyDone)
                self.take()
            elif self.step is not Step.DONE:
                kinds = [kind for kind in ANSWERS[self.step] if kind in BACKEND[backend.phase]]
                ends = (m.ReadyForQuery, m.CommandComplete, m.NoData, m.CopyDone)
                self.tell(next((kind for kind in ends if kind in kinds), kinds[0]))
            elif backend.pending:
                self.take()
            elif frontend.phase in (Phase.EXTENDED, Phase.SKIPPING) or backend.phase is Phase.EXTENDED:
                self.send(m.Sync)
            elif frontend.phase is backend.phase is Phase.IDLE and not frontend.requests:
                break
        assert (frontend.phase, backend.phase, frontend.requests, backend.pending) == (Phase.IDLE, Phase.IDLE, (), 0)
        self.send(m.Query)
        (query,) = self.pair.backend_receives()
        self.pair.backend.send(m.EmptyQueryResponse())
        self.pair.backend.send(m.ReadyForQuery("E"))
        assert self.pair.frontend_receives() == [m.EmptyQueryResponse(), m.ReadyForQuery("E")]
        assert (query, frontend.request, frontend.transaction_status) == (self.sent[-1], self.sent[-1], "E")


@settings(max_examples=400)
@given(st.randoms(use_true_random=False), st.integers(10, 120))
def test_both_ends_agree(random: Random, turns: int) -> None:
    Conversation(random).run(turns)


def test_what_is_ignored_is_harmless() -> None:
    """What the conversations above rely on."""
    assert IGNORED[Phase.COPY_IN] == IGNORED[Phase.EXTENDED_COPY_IN] == set(HARMLESS)
