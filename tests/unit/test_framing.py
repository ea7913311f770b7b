"""The decoder's framing: chunking, start-up hand-over, bounds, hostile bytes."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgwire_py import messages as m
from pgwire_py.errors import RemoteProtocolError
from tests import vectors
from tests.support import IMPLEMENTATIONS, core_module

STARTUP = m.StartupMessage(0x30000, {"user": "me", "database": "größe"})
SESSION: list[Any] = [
    STARTUP,
    m.PasswordMessage(b"secret"),
    m.Query("select 'ü'"),
    m.Parse("s", "select $1", (25,)),
    m.Bind("", "s", (1,), (b"x" * 300, None, b""), (0,)),
    m.Describe("P", ""),
    m.Execute("", 5),
    m.Close("S", "s"),
    m.Flush(),
    m.Sync(),
    m.CopyData(b"\0" * 5_000),
    m.CopyDone(),
    m.CopyFail("no"),
    m.FunctionCall(1, (), (None,), 0),
    m.Terminate(),
]


def _chunks(data: bytes, seed: int) -> list[bytes]:
    choose = random.Random(seed)
    cuts = sorted(choose.choices(range(len(data) + 1), k=choose.randrange(60)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _feed_all(decoder: Any, chunks: list[bytes]) -> list[Any]:
    return [item for chunk in chunks for item in decoder.feed(chunk)]


def test_whole_session_in_one_feed(core: Any) -> None:
    decoder = core.FrontendDecoder()
    assert decoder.startup
    assert decoder.feed(b"".join(map(core.encode_message, SESSION))) == SESSION
    assert not decoder.startup
    assert decoder.buffered == 0


def test_byte_by_byte(core: Any) -> None:
    data = b"".join(map(core.encode_message, SESSION))
    decoder = core.FrontendDecoder()
    assert _feed_all(decoder, [data[at : at + 1] for at in range(len(data))]) == SESSION


@pytest.mark.parametrize("seed", range(50))
def test_random_chunks(core: Any, seed: int) -> None:
    data = b"".join(map(core.encode_message, SESSION))
    decoder = core.FrontendDecoder()
    assert _feed_all(decoder, _chunks(data, seed)) == SESSION
    assert decoder.buffered == 0


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_kinds_of_buffer(core: Any, wrap: Any) -> None:
    decoder = core.FrontendDecoder()
    assert decoder.feed(wrap(b"".join(map(core.encode_message, SESSION)))) == SESSION


@pytest.mark.parametrize("wrong", ["text", 5, None, [1]])
def test_not_a_buffer(core: Any, wrong: Any) -> None:
    with pytest.raises(TypeError):
        core.FrontendDecoder().feed(wrong)


@pytest.mark.parametrize("request_", [m.SSLRequest(), m.GSSENCRequest(), m.CancelRequest(1, b"abcd")], ids=repr)
def test_stops_behind_a_request(core: Any, request_: Any) -> None:
    decoder = core.FrontendDecoder()
    rest = core.encode_message(STARTUP) + core.encode_message(m.Sync())
    assert decoder.feed(core.encode_message(request_) + rest) == [request_]
    assert decoder.startup
    assert decoder.buffered == len(rest)
    assert decoder.feed(b"") == [STARTUP, m.Sync()]
    assert decoder.feed(b"") == []


def test_requests_one_per_feed(core: Any) -> None:
    decoder = core.FrontendDecoder()
    both = core.encode_message(m.GSSENCRequest()) + core.encode_message(m.SSLRequest())
    assert decoder.feed(both + core.encode_message(STARTUP)[:9]) == [m.GSSENCRequest()]
    assert decoder.feed(b"") == [m.SSLRequest()]
    assert decoder.feed(core.encode_message(STARTUP)[9:]) == [STARTUP]


@pytest.mark.parametrize("version", [0x20000, 0x40000, 0x30002, 80877105, 0xFFFFFFFF])
def test_versions_are_not_judged(core: Any, version: int) -> None:
    message = m.StartupMessage(version, {"user": "me"})
    assert core.FrontendDecoder().feed(core.encode_message(message)) == [message]


@pytest.mark.parametrize("version", [0x20000, 80877105])
def test_foreign_layout_of_another_major_version(core: Any, version: int) -> None:
    packet = (12).to_bytes(4, "big") + version.to_bytes(4, "big") + b"\xff\0\xff\xff"
    assert core.FrontendDecoder().feed(packet) == [m.StartupMessage(version, {})]


def test_repeated_parameter_last_one_wins(core: Any) -> None:
    packet = b"\0\0\0\x15\0\3\0\0a\x001\0b\x002\0a\x003\0\0"
    assert core.FrontendDecoder().feed(packet) == [m.StartupMessage(0x30000, {"a": "3", "b": "2"})]


def test_malformed_body_does_not_end_the_stream(core: Any) -> None:
    decoder = core.FrontendDecoder()
    decoder.startup = False
    bad = RemoteProtocolError("invalid string in message", tag="Q", message_name="Query", offset=5)
    assert decoder.feed(b"Q\0\0\0\5xS\0\0\0\4Q\0\0\0\4") == [bad, m.Sync(), bad]


def test_nothing_after_a_fatal_error(core: Any) -> None:
    decoder = core.FrontendDecoder()
    decoder.startup = False
    fatal = RemoteProtocolError("invalid frontend message type 0", fatal=True, tag="\0", offset=0)
    assert decoder.feed(b"S\0\0\0\4\0\0\0\0\0S\0\0\0\4") == [m.Sync(), fatal]
    assert decoder.feed(b"S\0\0\0\4") == []
    assert decoder.buffered == 0


def test_bounds_are_judged_before_the_body_comes(core: Any) -> None:
    decoder = core.FrontendDecoder(max_startup_length=100, max_message_length=50_000)
    error = RemoteProtocolError("invalid length of startup packet", fatal=True, message_name="StartupMessage", offset=0)
    assert decoder.feed((101).to_bytes(4, "big")) == [error]
    decoder = core.FrontendDecoder(max_message_length=50_000)
    decoder.startup = False
    assert decoder.feed(b"Q" + (50_000).to_bytes(4, "big")) == []
    decoder = core.FrontendDecoder(max_message_length=50_000)
    decoder.startup = False
    error = RemoteProtocolError("invalid message length", fatal=True, tag="Q", message_name="Query", offset=1)
    assert decoder.feed(b"Q" + (50_001).to_bytes(4, "big")) == [error]


@pytest.mark.parametrize("tag", b"DECHSXcf")
def test_small_messages_have_a_small_bound(core: Any, tag: int) -> None:
    for length, refused in [(10_000, False), (10_001, True)]:
        decoder = core.FrontendDecoder()
        decoder.startup = False
        items = decoder.feed(bytes([tag]) + length.to_bytes(4, "big"))
        assert [(str(item), item.fatal, item.tag, item.offset) for item in items] == (
            [("invalid message length", True, chr(tag), 1)] if refused else []
        )


def test_bound_can_be_raised(core: Any) -> None:
    decoder = core.FrontendDecoder()
    decoder.startup = False
    assert decoder.max_message_length == 65_535
    decoder.max_message_length = 2**30
    message = m.Query("x" * 3_000_000)
    data = core.encode_message(message)
    assert _feed_all(decoder, [data[at : at + 1_000] for at in range(0, len(data), 1_000)]) == [message]


def test_password_kind(core: Any) -> None:
    decoder = core.FrontendDecoder()
    assert decoder.password_kind == "password"
    with pytest.raises(ValueError, match="password_kind must be 'password', 'sasl_initial', 'sasl_response' or 'gss'"):
        decoder.password_kind = "md5"


def test_a_claimed_length_takes_no_memory(core: Any) -> None:
    decoder = core.FrontendDecoder(max_message_length=2**30)
    decoder.startup = False
    decoder.feed(b"B" + (2**30).to_bytes(4, "big"))
    assert decoder.buffered == 5
    assert sys.getsizeof(decoder) <= 200


@given(st.binary(max_size=200), st.booleans(), st.sampled_from(["password", "sasl_initial", "sasl_response", "gss"]))
def test_hostile_bytes_raise_nothing(data: bytes, startup: bool, kind: str) -> None:
    for core in map(core_module, IMPLEMENTATIONS):
        whole, chopped = core.FrontendDecoder(), core.FrontendDecoder()
        for decoder in (whole, chopped):
            decoder.startup, decoder.password_kind = startup, kind
        items = whole.feed(data)
        while rest := whole.feed(b""):
            items += rest
        singles = _feed_all(chopped, [data[at : at + 1] for at in range(len(data))])
        assert singles == items
        assert [item.fatal for item in items if isinstance(item, RemoteProtocolError)][:-1].count(True) == 0


def test_mutated_messages_raise_nothing(core: Any) -> None:
    choose = random.Random(7)
    for vector in vectors.load("frontend"):
        raw = bytes.fromhex(vector["hex"])
        for _ in range(200):
            mutated = bytearray(raw)
            for _ in range(choose.randrange(1, 4)):
                mutated[choose.randrange(len(mutated))] = choose.randrange(256)
            assert isinstance(vectors.decoder_for(core, vector["class"]).feed(bytes(mutated)), list)
