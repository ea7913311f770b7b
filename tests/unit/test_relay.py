"""FrameScanner and Relay: where messages end in any chunking, bytes from socket to socket, targets that are full, ends of streams."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import struct
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from select import select
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py.errors import FrameError
from pgwire_py.proxy.relaying import Relaying
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


Stopped = list[tuple[int, "bytes | None"]]


class Ends:
    """Two pairs of sockets, what comes to whose inner ones a relay passes on, and what came out of it so far."""

    def __init__(self, core: Any, pair: Callable[[], tuple[socket.socket, socket.socket]]) -> None:
        self.client, self.front = pair()
        self.server, self.back = pair()
        for one in (self.client, self.server, self.front, self.back):
            one.setblocking(False)
        self.came = {self.client: bytearray(), self.server: bytearray()}
        self.relay = core.Relay()
        self.scanner = core.FrameScanner(10 * MEGABYTE)
        self.answers = core.FrameScanner(10 * MEGABYTE)
        self.relay.add(self.front.fileno(), self.back.fileno(), self.scanner)
        self.relay.add(self.back.fileno(), self.front.fileno(), self.answers)

    def step(self, *targets: socket.socket) -> Stopped:
        """Wait until the relay has something to do, something comes out or a target takes more; what stopped."""
        ready, writable, _ = select([self.relay, *self.came], targets, [], WAIT)
        assert ready or writable, "nothing happens"
        stopped: Stopped = self.relay.run() if self.relay in ready else []
        for one in list(self.came):
            with suppress(BlockingIOError):
                while piece := one.recv(MEGABYTE):
                    self.came[one] += piece
                del self.came[one]  # the end
        return stopped

    def until_stopped(self) -> Stopped:
        while not (stopped := self.step()):
            pass
        return stopped

    def take(self, one: socket.socket, size: int) -> bytes:
        """So much of what comes out there, while nothing stops."""
        while len(self.came[one]) < size:
            assert self.step() == []
        came = bytes(self.came[one])
        self.came[one].clear()
        return came

    def go_on(self, rest: bytes) -> None:
        """Write to the server what it did not take at first, and read from the client again, as who runs a relay does."""
        while rest:
            with suppress(BlockingIOError):
                rest = rest[self.back.send(rest) :]
            self.step(*[self.back][: len(rest)])
        self.relay.add(self.front.fileno(), self.back.fileno(), self.scanner)

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
        piece = STREAM[start : start + 1]
        ends.client.send(piece)
        ends.server.send(piece)
        assert ends.take(ends.server, 1) == piece
        assert ends.take(ends.client, 1) == piece
    assert (ends.scanner.last, ends.scanner.partial) == ("Z", False)
    assert ends.relay.run() == []
    assert not select([ends.relay], [], [], 0)[0]


@linux
def test_a_full_target(ends: Ends) -> None:
    """What it does not take comes back; nothing more is read."""
    sent, data = 0, b"d\0\0\xff\xff" + bytes(range(256)) * 255 + bytes(251)
    del ends.came[ends.server]  # which does not read
    stopped: Stopped = []
    while not stopped:
        with suppress(BlockingIOError):
            sent += ends.client.send(data[sent % len(data) :])
        stopped = ends.relay.run()
    ((source, rest),) = stopped
    assert source == ends.front.fileno()
    assert rest
    assert len(rest) <= 256 * 1024
    ends.server.send(b"Z\0\0\0\5I")  # the other way is free
    assert ends.take(ends.client, 6) == b"Z\0\0\0\5I"
    ends.came[ends.server] = bytearray()
    ends.go_on(rest)
    assert ends.take(ends.server, sent) == (data * (sent // len(data) + 1))[:sent]


@linux
def test_much_that_is_there_at_once(ends: Ends) -> None:
    """Nothing is left behind when nothing more comes."""
    body = random.Random(1).randbytes(4 * MEGABYTE)
    left = memoryview(b"d" + struct.pack("!i", len(body) + 4) + body)
    while left or len(ends.came[ends.server]) < len(body) + 5:
        with suppress(BlockingIOError):
            while left:
                left = left[ends.client.send(left) :]
        for source, rest in ends.step():
            assert source == ends.front.fileno()
            assert rest
            ends.go_on(rest)
    assert ends.came[ends.server][5:] == body
    assert (ends.scanner.last, ends.scanner.partial) == ("d", False)


@linux
def test_data_beside_the_stream(core: Any) -> None:
    """Urgent data end a receive early; what is behind them passes on all the same."""
    ends = Ends(core, tcp_pair)
    try:
        ends.client.send(STREAM[:3])
        ends.client.send(b"!", socket.MSG_OOB)
        ends.client.send(STREAM[3:])
        assert ends.take(ends.server, len(STREAM)) == STREAM
    finally:
        ends.close()


@linux
def test_ends_of_streams(ends: Ends) -> None:
    ends.client.send(STREAM)
    ends.client.shutdown(socket.SHUT_WR)
    assert ends.until_stopped() == [(ends.front.fileno(), b"")]
    assert ends.take(ends.server, len(STREAM)) == STREAM
    ends.server.send(STREAM)  # the other way goes on
    assert ends.take(ends.client, len(STREAM)) == STREAM
    del ends.came[ends.client]
    ends.client.close()
    stopped: Stopped = []
    while not stopped:
        with suppress(BlockingIOError):  # the relay may be slower than this loop
            ends.server.send(STREAM)
        stopped = ends.relay.run()
    ((source, rest),) = stopped
    assert source == ends.back.fileno()
    assert rest  # nobody takes it any more
    assert rest == STREAM * (len(rest) // len(STREAM))


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
    assert ends.take(ends.server, len(STREAM)) == STREAM
    ends.client.send(STREAM + b"Q\0\0\0\3")
    assert ends.until_stopped() == [(ends.front.fileno(), None)]
    assert ends.relay.run() == []
    assert not ends.came[ends.server]
    with pytest.raises(FrameError, match="message of type 81"):
        ends.scanner.scan(b"")


@linux
def test_who_is_removed_is_left_alone(ends: Ends) -> None:
    assert ends.relay.remove(ends.front.fileno()) == b""
    ends.client.send(STREAM)
    assert select([ends.front], [], [], WAIT)[0]
    assert ends.relay.run() == []
    assert ends.front.recv(100) == STREAM
    with pytest.raises(KeyError):
        ends.relay.remove(ends.front.fileno())
    with pytest.raises(FileExistsError):
        ends.relay.add(ends.back.fileno(), ends.front.fileno(), ends.answers)
    with pytest.raises(OSError, match="Bad file descriptor"):
        ends.relay.add(-1, ends.front.fileno(), ends.answers)


@linux
def test_who_is_removed_before_it_is_told_that_it_stopped(ends: Ends) -> None:
    """What came is passed on, or given back, or still to be read."""
    left = memoryview(message := b"d" + struct.pack("!i", 8 * MEGABYTE + 4) + random.Random(2).randbytes(8 * MEGABYTE))
    del ends.came[ends.server]  # which does not read
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            left = left[ends.client.send(left) :]
    rest = ends.relay.remove(ends.front.fileno())
    assert ends.relay.run() == []
    ends.came[ends.server] = bytearray()
    ends.go_on(rest)
    while left or len(ends.came[ends.server]) < len(message):
        with suppress(BlockingIOError):
            left = left[ends.client.send(left) :]
        for _, again in ends.step():
            assert again
            ends.go_on(again)
    assert ends.came[ends.server] == message
    assert (ends.scanner.last, ends.scanner.partial) == ("d", False)


@linux
def test_a_fork_leaves_it_alone(ends: Ends) -> None:
    child = os.fork()
    if not child:
        ends.relay.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    ends.client.send(STREAM)
    assert ends.take(ends.server, len(STREAM)) == STREAM


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


@linux
def test_a_relay_that_is_lost_ends_before_the_sockets_do() -> None:
    """Nobody closed the proxy, and the garbage collector finds all of it at once."""
    loop = asyncio.new_event_loop()
    relaying: Any = Relaying(loop)
    relay, ended = relaying._relay, []

    class Socket:
        relaying: Any

        def __del__(self) -> None:
            try:
                relay.fileno()
            except ValueError:
                ended.append(True)
            else:
                ended.append(False)

    relaying.socket = Socket()
    relaying.socket.relaying = relaying
    loop.close()
    del relaying, loop
    gc.collect()
    assert ended == [True]
