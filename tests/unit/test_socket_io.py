"""SocketIO: bytes queued and sent, received, time that is over, the end of a stream, signals."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from pgwire_py.errors import FrameError

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_sends_what_is_queued_and_receives_what_comes(core: Any, pair: Pair) -> None:
    io, (_, other) = core.SocketIO(pair[0]), pair
    assert (io.write(b"ab"), io.write(bytearray(b"c")), io.write(memoryview(b"de")), io.pending) == (2, 3, 5, 5)
    assert io.pump(None, False) is None
    assert (io.pending, other.recv(100)) == (0, b"abcde")
    other.send(b"answer")
    assert io.pump(None, True) == b"answer"
    assert io.received == 6
    io.write(b"more")
    other.send(b"at once")
    assert io.pump(5.0, True) == b"at once"
    assert other.recv(100) == b"more"


USUAL = b"2\0\0\0\4D\0\0\0\x0e\0\1\0\0\0\4\0\0\0\7C\0\0\0\x0dSELECT 1\0Z\0\0\0\5T"


def test_a_question_and_its_answer(core: Any, pair: Pair) -> None:
    io, (_, other) = core.SocketIO(pair[0]), pair
    frames, rows = core.FrameDecoder(max_message_length=1000), core.RowDecoder([23], [1], ["n"])
    other.send(USUAL)
    assert io.ask(b"question", frames, rows) == ([(7,)], b"SELECT 1", "T")
    assert (other.recv(100), io.received, io.asking) == (b"question", 0, False)
    other.send(USUAL[:-6] + b"N\0\0\0\5\0" + USUAL[-6:])
    assert [tag for tag, _ in io.ask(b"", frames, rows)] == ["2", "D", "C", "N", "Z"]
    assert io.received == 0
    other.send(USUAL[:20])  # a part: nobody has looked at it
    assert io.ask(b"", frames, rows) == USUAL[:20]
    assert (io.received, frames.buffered) == (20, 0)
    other.send(USUAL[:1] + b"\0\0\0\1" + USUAL[5:])
    with pytest.raises(FrameError):
        io.ask(b"", frames, rows)
    other.close()
    assert io.ask(b"", frames, rows) == b""
    assert not io.asking


def test_time_that_is_over(core: Any, pair: Pair) -> None:
    io = core.SocketIO(pair[0])
    for timeout in (0.01, 0, -1.0):
        assert io.pump(timeout, True) is None
    pair[1].send(b"x")
    assert io.pump(0.0, True) == b"x"
    pair[1].send(b"y")
    assert io.pump(1e300, True) == b"y"


def test_the_end_of_the_stream(core: Any, pair: Pair) -> None:
    io, (_, other) = core.SocketIO(pair[0]), pair
    other.send(b"last words")
    other.close()
    io.write(b"into the void")
    assert io.pump(None, True) == b"last words"  # where nothing more is taken, what was sent before is still read
    assert io.pending == 0
    with suppress(ConnectionResetError):  # the other end did not read everything
        assert io.pump(None, True) == b""


def test_both_ends_send_much(core: Any, pair: Pair) -> None:
    """Neither waits for the other to read first."""
    io, (_, other) = core.SocketIO(pair[0]), pair
    size = 8_000_000
    read: list[int] = []

    def echo() -> None:
        other.sendall(bytes(size))
        left = size
        while left:
            left -= len(other.recv(65_536))
        read.append(size)
        other.sendall(b"!")

    thread = threading.Thread(target=echo)
    thread.start()
    io.write(b"x" * size)
    came = 0
    while came < size + 1:
        came += len(io.pump(30.0, True))
    thread.join()
    assert (came, read, io.pending, io.received) == (size + 1, [size], 0, size + 1)


def test_a_closed_socket_is_refused(core: Any) -> None:
    one, other = socket.socketpair()
    one.close()
    other.close()
    with pytest.raises((OSError, ValueError)):
        core.SocketIO(one)


def test_other_threads_run_while_one_waits(core: Any, pair: Pair) -> None:
    io, (_, other) = core.SocketIO(pair[0]), pair
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(io.pump(None, True)))
    thread.start()
    assert sum(range(100_000)) == 4999950000
    other.send(b"now")
    thread.join()
    assert found == [b"now"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals on this system")
def test_a_signal_handler_runs_while_waiting_and_its_exception_loses_nothing(core: Any, pair: Pair) -> None:
    io, (_, other) = core.SocketIO(pair[0]), pair
    calls: list[int] = []

    def handler(number: int, frame: Any) -> None:
        calls.append(number)
        if len(calls) == 1:
            raise KeyError("from the handler")
        if len(calls) == 2:
            other.send(b"after the signal")

    def waiting(timeout: float | None) -> None:
        if timeout is None:
            io.ask(b"", core.FrameDecoder(), None)
        io.pump(timeout, True)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        io.write(b"sent")
        for timeout in (None, 30.0):
            calls.clear()
            signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
            with pytest.raises(KeyError, match="from the handler"):
                waiting(timeout)
            assert timeout is not None or io.asking
            assert io.pump(timeout, True) == b"after the signal"
            assert not io.asking
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert other.recv(100) == b"sent"
            io.write(b"sent")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
