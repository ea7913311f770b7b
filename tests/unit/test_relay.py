"""FrameScanner and Relay: where messages end in any chunking, bytes from socket to socket, targets that are full, ends of streams."""

from __future__ import annotations

import random
import socket
import struct
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from select import select
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py.errors import FrameError
from tests.support import IMPLEMENTATIONS, core_module

STREAM = b"1\0\0\0\4D\0\0\0\x0dsome valuC\0\0\0\x0dSELECT 1\0Z\0\0\0\5I"
MEGABYTE = 1024 * 1024
WAIT = 60.0

linux = pytest.mark.skipif(sys.platform != "linux", reason="there is epoll on Linux only")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 64])
def test_the_last_message_and_whether_one_has_begun(core: Any, size: int) -> None:
    scanner, decoder = core.FrameScanner(100), core.FrameDecoder(max_message_length=100)
    last = ""
    for start in range(0, len(STREAM), size):
        piece = STREAM[start : start + size]
        scanner.scan(piece)
        last = ([last] + [tag for tag, _ in decoder.feed(piece)])[-1]
        assert (scanner.last, scanner.partial) == (last, decoder.buffered > 0)
    assert (scanner.last, scanner.partial) == ("Z", False)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@given(pieces=st.lists(st.binary(max_size=20) | st.sampled_from([STREAM, STREAM[:7], b"d\0\0\0\x0c", b"\xff\0\0\0\4"])))
def test_the_same_lengths_are_wrong_as_for_the_decoder(name: str, pieces: list[bytes]) -> None:
    core = core_module(name)
    scanner, decoder = core.FrameScanner(1000), core.FrameDecoder(max_message_length=1000)
    for piece in pieces:
        fault, found = _fault(decoder.feed, piece), _fault(scanner.scan, piece)
        assert found == fault
        if fault is not None:
            assert _fault(scanner.scan, b"") == fault
            return
        assert scanner.partial == (decoder.buffered > 0)


def _fault(take: Callable[[bytes], object], data: bytes) -> tuple[object, ...] | None:
    try:
        take(data)
    except FrameError as error:
        return str(error), error.tag, error.fatal, error.sqlstate
    return None


def test_nothing_is_kept_of_a_long_message(core: Any) -> None:
    scanner = core.FrameScanner(2**31 - 1)
    piece = memoryview(bytes(MEGABYTE))
    tracemalloc.start()
    try:
        scanner.scan(b"d\4\0\0\4")
        for _ in range(63):
            scanner.scan(piece)
        scanner.scan(bytearray(MEGABYTE - 1))
        assert (scanner.last, scanner.partial) == ("", True)
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()
    scanner.scan(b"\0" + STREAM[:5])
    assert (scanner.last, scanner.partial) == ("1", False)


def test_arguments(core: Any) -> None:
    for wrong in (-1, 2**31):
        with pytest.raises(ValueError, match="a length must be"):
            core.FrameScanner(wrong)
    with pytest.raises(TypeError):
        core.FrameScanner("long")
    with pytest.raises(TypeError):
        core.FrameScanner(5).scan("text")
    with pytest.raises(FrameError, match="at byte 17"):
        core.FrameScanner(4, 12).scan(b"1\0\0\0\4Z\0\0\0\5I")


class Ends:
    """Two pairs of sockets, what comes to whose inner ones a relay passes on."""

    def __init__(self, core: Any, pair: Callable[[], tuple[socket.socket, socket.socket]]) -> None:
        self.client, self.front = pair()
        self.server, self.back = pair()
        for one in (self.client, self.server, self.front, self.back):
            one.setblocking(False)
        self.core = core
        self.relay = core.Relay()
        self.scanner = core.FrameScanner(10 * MEGABYTE)
        self.answers = core.FrameScanner(10 * MEGABYTE)
        self.relay.add(self.front.fileno(), self.back.fileno(), self.scanner)
        self.relay.add(self.back.fileno(), self.front.fileno(), self.answers)

    def run(self) -> list[tuple[int, bytes | None]]:
        """Wait until there is something to do, and let it be done."""
        assert select([self.relay.fileno()], [], [], WAIT)[0], "nothing came"
        stopped: list[tuple[int, bytes | None]] = self.relay.run()
        return stopped

    def close(self) -> None:
        self.relay.close()
        for one in (self.client, self.server, self.front, self.back):
            one.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets of TCP, which are told of another way than those of Unix."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    return one, other


@pytest.fixture(params=[tcp_pair, socket.socketpair], ids=["tcp", "unix"])
def ends(request: pytest.FixtureRequest, core: Any) -> Iterator[Ends]:
    made = Ends(core, request.param)
    yield made
    made.close()


@linux
def test_what_comes_is_passed_on(ends: Ends) -> None:
    assert ends.relay.run() == []
    for start in range(len(STREAM)):
        ends.client.send(STREAM[start : start + 1])
        ends.server.send(STREAM[start : start + 1])
        assert ends.run() == []
        assert ends.server.recv(100) == STREAM[start : start + 1]
        assert ends.client.recv(100) == STREAM[start : start + 1]
    assert (ends.scanner.last, ends.scanner.partial) == ("Z", False)
    assert not select([ends.relay.fileno()], [], [], 0)[0]


@linux
def test_a_full_target(ends: Ends) -> None:
    """What it does not take comes back; nothing more is read."""
    sent = 0
    data = b"d" + struct.pack("!i", 64 * 1024 - 1) + bytes(range(256)) * 256
    data = data[: 64 * 1024]
    stopped: list[tuple[int, bytes | None]] = []
    while not stopped:
        with suppress(BlockingIOError):
            sent += ends.client.send(data[sent % len(data) :])
        stopped = ends.run()
    ((source, rest),) = stopped
    assert source == ends.front.fileno()
    assert rest
    assert len(rest) <= 256 * 1024
    came = _hand_over(ends, rest)
    ends.relay.add(source, ends.back.fileno(), ends.scanner)
    while len(came) < sent:
        assert ends.run() == []
        came += _drain(ends.server)
    assert came == (data * (sent // len(data) + 1))[:sent]
    ends.server.send(b"Z\0\0\0\5I")
    assert ends.run() == []
    assert ends.client.recv(100) == b"Z\0\0\0\5I"


def _hand_over(ends: Ends, rest: bytes) -> bytes:
    """Write to the target what it did not take, as who runs a relay does; what came of it meanwhile."""
    came = b""
    while rest:
        with suppress(BlockingIOError):
            rest = rest[ends.back.send(rest) :]
        came += _drain(ends.server)
    return came


def _drain(one: socket.socket) -> bytes:
    pieces = []
    with suppress(BlockingIOError):
        while piece := one.recv(MEGABYTE):
            pieces.append(piece)
    return b"".join(pieces)


@linux
def test_much_that_is_there_at_once(ends: Ends) -> None:
    """Nothing is left behind when nothing more comes: each of the waits is for the relay alone."""
    body = random.Random(1).randbytes(4 * MEGABYTE)
    left, came = memoryview(b"d" + struct.pack("!i", len(body) + 4) + body), b""
    while left or len(came) < len(body) + 5:
        with suppress(BlockingIOError):
            while left:
                left = left[ends.client.send(left) :]
        for source, rest in ends.run():
            assert rest
            came += _hand_over(ends, rest)
            ends.relay.add(source, ends.back.fileno(), ends.scanner)
        came += _drain(ends.server)
    assert came[5:] == body
    assert (ends.scanner.last, ends.scanner.partial) == ("d", False)


@linux
def test_data_beside_the_stream(core: Any) -> None:
    """Urgent data end a receive early; what is behind them passes on all the same."""
    made = Ends(core, tcp_pair)
    try:
        made.client.send(STREAM[:3])
        made.client.send(b"!", socket.MSG_OOB)
        made.client.send(STREAM[3:])
        came = b""
        while len(came) < len(STREAM):
            assert made.run() == []
            came += _drain(made.server)
        assert came == STREAM
    finally:
        made.close()


@linux
def test_ends_of_streams(ends: Ends) -> None:
    ends.client.send(STREAM)
    ends.client.shutdown(socket.SHUT_WR)
    while not (stopped := ends.run()):
        pass
    assert stopped == [(ends.front.fileno(), b"")]
    assert ends.server.recv(100) == STREAM
    ends.server.send(STREAM)  # the other way goes on
    assert ends.run() == []
    assert ends.client.recv(100) == STREAM
    ends.server.send(STREAM)
    ends.client.close()
    while not (stopped := ends.run()):
        ends.server.send(STREAM)
    assert stopped == [(ends.back.fileno(), STREAM)]  # nobody takes it any more


@linux
def test_a_stream_that_is_reset(core: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, core_relay(core) as relay:
        peer = socket.create_connection(listener.getsockname())
        one, _ = listener.accept()
        with one, socket.socket() as other:
            one.setblocking(False)
            relay.add(one.fileno(), other.fileno(), core.FrameScanner(100))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            assert select([relay.fileno()], [], [], WAIT)[0]
            assert relay.run() == [(one.fileno(), b"")]


class core_relay:
    """A relay that is closed in the end."""

    def __init__(self, core: Any) -> None:
        self.relay = core.Relay()

    def __enter__(self) -> Any:
        return self.relay

    def __exit__(self, *_: object) -> None:
        self.relay.close()


@linux
def test_what_cannot_be_followed_is_not_passed_on(ends: Ends) -> None:
    ends.client.send(STREAM)
    assert ends.run() == []
    ends.client.send(STREAM + b"Q\0\0\0\3")
    assert ends.run() == [(ends.front.fileno(), None)]
    assert ends.server.recv(1000) == STREAM
    with pytest.raises(FrameError, match="message of type 81"):
        ends.scanner.scan(b"")


@linux
def test_who_is_removed_is_left_alone(ends: Ends) -> None:
    ends.client.send(STREAM)
    ends.relay.remove(ends.front.fileno())
    assert ends.relay.run() == []
    assert ends.front.recv(100) == STREAM
    with pytest.raises(KeyError):
        ends.relay.remove(ends.front.fileno())
    with pytest.raises(FileExistsError):
        ends.relay.add(ends.back.fileno(), ends.front.fileno(), ends.answers)
    with pytest.raises(OSError, match="Bad file descriptor"):
        ends.relay.add(-1, ends.front.fileno(), ends.answers)


@linux
def test_a_closed_relay(ends: Ends) -> None:
    ends.relay.close()
    ends.relay.close()
    calls: list[Callable[[], object]] = [
        ends.relay.fileno,
        ends.relay.run,
        lambda: ends.relay.remove(ends.front.fileno()),
        lambda: ends.relay.add(ends.front.fileno(), ends.back.fileno(), ends.scanner),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="closed"):
            call()
