"""MessageBuilder: the bytes of encode_message, the shortest format codes, any buffer as value and target, all or nothing."""

from __future__ import annotations

import array
import mmap
from collections.abc import Callable
from typing import Any

import pytest

from pgwire_py import messages as m
from pgwire_py.errors import LocalProtocolError

Build = Callable[[Any], Any]

SAME: list[tuple[Build, Any]] = [
    (
        lambda b: b.startup({"user": "me", "database": "größe"}),
        m.StartupMessage(0x30000, {"user": "me", "database": "größe"}),
    ),
    (lambda b: b.startup({}, 0x30002), m.StartupMessage(0x30002, {})),
    (lambda b: b.ssl_request(), m.SSLRequest()),
    (lambda b: b.gssenc_request(), m.GSSENCRequest()),
    (lambda b: b.cancel_request(-5, b"1234"), m.CancelRequest(-5, b"1234")),
    (lambda b: b.password("geheim"), m.PasswordMessage(b"geheim")),
    (lambda b: b.password(bytearray(b"md5")), m.PasswordMessage(b"md5")),
    (lambda b: b.sasl_initial_response("SCRAM-SHA-256", b"n,,"), m.SASLInitialResponse("SCRAM-SHA-256", b"n,,")),
    (lambda b: b.sasl_initial_response("X"), m.SASLInitialResponse("X", None)),
    (lambda b: b.sasl_response("c=biws"), m.SASLResponse(b"c=biws")),
    (lambda b: b.query("select 'ü'"), m.Query("select 'ü'")),
    (lambda b: b.parse("s", "select $1", (25, 2**32 - 1)), m.Parse("s", "select $1", (25, 2**32 - 1))),
    (lambda b: b.parse("", ""), m.Parse("", "")),
    (lambda b: b.bind(), m.Bind()),
    (lambda b: b.bind("p", "s", ["a", None]), m.Bind("p", "s", (), (b"a", None))),
    (lambda b: b.bind("", "", (b"a", None)), m.Bind("", "", (1,), (b"a", None))),
    (lambda b: b.bind("", "", (None, "a", b"b")), m.Bind("", "", (0, 0, 1), (None, b"a", b"b"))),
    (lambda b: b.bind("", "", (None, None)), m.Bind("", "", (), (None, None))),
    (lambda b: b.bind(result_formats=(1, 1, 1)), m.Bind(result_formats=(1,))),
    (lambda b: b.bind(result_formats=[0, 0]), m.Bind()),
    (lambda b: b.bind(result_formats=(1, 0)), m.Bind(result_formats=(1, 0))),
    (lambda b: b.bind(parameters=(b"1", "2"), parameter_formats=()), m.Bind("", "", (), (b"1", b"2"))),
    (lambda b: b.bind(parameters=(b"1", "2"), parameter_formats=(1,)), m.Bind("", "", (1,), (b"1", b"2"))),
    (lambda b: b.bind(parameters=(b"1", "2"), parameter_formats=(0, 1)), m.Bind("", "", (0, 1), (b"1", b"2"))),
    (lambda b: b.bind(parameters=(b"1", None), parameter_formats=(0, 1)), m.Bind("", "", (), (b"1", None))),
    (lambda b: b.bind(parameters=(None,) * 65_535), m.Bind("", "", (), (None,) * 65_535)),
    (lambda b: b.bind_rows(b"D\0\0\0\x0b\0\1\0\0\0\1a", b"p\0s\0\0\0", b"\0\0", b""), m.Bind("p", "s", (), (b"a",))),
    (lambda b: b.describe_statement("s"), m.Describe("S", "s")),
    (lambda b: b.describe_portal(), m.Describe("P", "")),
    (lambda b: b.execute("p", 2**31 - 1), m.Execute("p", 2**31 - 1)),
    (lambda b: b.execute(), m.Execute()),
    (lambda b: b.close_statement("s"), m.Close("S", "s")),
    (lambda b: b.close_portal("p"), m.Close("P", "p")),
    (lambda b: b.function_call(5, (b"x", None, b"y"), result_format=1), m.FunctionCall(5, (1,), (b"x", None, b"y"), 1)),
    (lambda b: b.function_call(5, ["x"], argument_formats=[1]), m.FunctionCall(5, (1,), (b"x",), 0)),
    (lambda b: b.copy_data(b"1\t2\n"), m.CopyData(b"1\t2\n")),
    (lambda b: b.copy_data(b"x" * 100_000), m.CopyData(b"x" * 100_000)),
    (lambda b: b.copy_done(), m.CopyDone()),
    (lambda b: b.copy_fail("no"), m.CopyFail("no")),
    (lambda b: b.flush(), m.Flush()),
    (lambda b: b.sync(), m.Sync()),
    (lambda b: b.terminate(), m.Terminate()),
]

WRONG: list[tuple[Build, str]] = [
    (lambda b: b.query("a\0b"), "Query: a text holds a NUL"),
    (lambda b: b.query(b"select"), "Query: expected str, not bytes"),
    (lambda b: b.query("\ud800"), "Query: a text cannot be encoded as UTF-8"),
    (lambda b: b.parse("s", "select", (2**32,)), "Parse: an integer does not fit UInt32"),
    (lambda b: b.parse("s", "select", {1}), "Parse: expected a tuple or list, not set"),
    (lambda b: b.bind(None), "Bind: expected str, not NoneType"),
    (lambda b: b.bind(parameters=(5,)), "Bind: expected str or a buffer, not int"),
    (lambda b: b.bind(parameters=("\ud800",)), "Bind: a text cannot be encoded as UTF-8"),
    (lambda b: b.bind(parameters=(memoryview(b"abcd")[::2],)), "Bind: a buffer is not contiguous"),
    (lambda b: b.bind(parameters=(None,) * 65_536), "Bind: 65536 values, at most 65535 fit"),
    (lambda b: b.bind(parameters=(None,) * 3, parameter_formats=(0, 1)), "Bind: 2 format codes for 3 values"),
    (lambda b: b.bind(parameter_formats=(0, 1)), "Bind: 2 format codes for 0 values"),
    (lambda b: b.bind(result_formats=(2,)), "Bind: a format code must be 0 or 1"),
    (lambda b: b.bind(result_formats=(-1,)), "Bind: a format code must be 0 or 1"),
    (lambda b: b.bind(result_formats=(1,) * 65_536), "Bind: 65536 values, at most 65535 fit"),
    (lambda b: b.bind(result_formats=("1",)), "Bind: expected int, not str"),
    (lambda b: b.bind_rows(b"D\0\0\0\6\0\0D\0\0\0\7\0\0", b"", b"", b""), "Bind: rows must be whole DataRow messages"),
    (lambda b: b.bind_rows(b"D\0\0\0\5\0\0", b"", b"", b""), "Bind: rows must be whole DataRow messages"),
    (lambda b: b.bind_rows(b"d\0\0\0\6\0\0", b"", b"", b""), "Bind: rows must be whole DataRow messages"),
    (lambda b: b.describe_portal(5), "Describe: expected str, not int"),
    (lambda b: b.close_statement("\0"), "Close: a text holds a NUL"),
    (lambda b: b.execute("", 2**31), "Execute: an integer does not fit Int32"),
    (lambda b: b.function_call(-1), "FunctionCall: an integer does not fit UInt32"),
    (lambda b: b.function_call(1, result_format=7), "FunctionCall: a format code must be 0 or 1"),
    (lambda b: b.copy_data(None), "CopyData: expected str or a buffer, not NoneType"),
    (lambda b: b.copy_fail("\0"), "CopyFail: a text holds a NUL"),
    (lambda b: b.password(b"a\0"), "PasswordMessage: a text holds a NUL"),
    (lambda b: b.cancel_request(1, b"123"), "CancelRequest: the secret key must have 4 to 256 bytes"),
    (lambda b: b.startup({"": "x"}), "StartupMessage: a parameter has no name"),
    (lambda b: b.startup([("user", "me")]), "StartupMessage: expected a dict, not list"),
    (lambda b: b.sasl_initial_response("\0"), "SASLInitialResponse: a text holds a NUL"),
]


@pytest.mark.parametrize(("build", "message"), SAME, ids=lambda value: "" if callable(value) else type(value).__name__)
def test_the_bytes_are_those_of_the_message(core: Any, build: Build, message: Any) -> None:
    builder = core.MessageBuilder()
    assert build(builder) is builder
    assert builder.take() == core.encode_message(message)


@pytest.mark.parametrize(("build", "text"), WRONG, ids=[text for _, text in WRONG])
def test_bad_use_leaves_the_builder_as_it_was(core: Any, build: Build, text: str) -> None:
    builder = core.MessageBuilder().query("select 1")
    before = bytes(builder.buffer)
    with pytest.raises(LocalProtocolError) as caught:
        build(builder)
    assert str(caught.value) == text
    assert builder.buffer == before
    assert builder.sync().take() == before + b"S\0\0\0\4"


def test_a_batch_is_chained(core: Any) -> None:
    builder = core.MessageBuilder()
    builder.parse("", "select $1", (23,)).bind(parameters=(b"\0\0\0\1",), result_formats=(1,)).execute().sync()
    expected = [m.Parse("", "select $1", (23,)), m.Bind("", "", (1,), (b"\0\0\0\1",), (1,)), m.Execute(), m.Sync()]
    assert builder.buffer == b"".join(map(core.encode_message, expected))
    assert len(builder) == len(builder.buffer)
    assert core.FrameDecoder().feed(builder.take())[-1] == ("S", b"")
    assert len(builder) == 0


def test_a_bind_for_each_row(core: Any) -> None:
    rows = core.RowEncoder([23, 25], [1, 1]).encode([(1, "a"), (2, None)], 0, 1000)[0]
    execute = core.MessageBuilder().execute().take()
    made = core.MessageBuilder().bind_rows(rows, b"\0s\0\0\1\0\1", b"\0\1\0\1", execute)
    expected = core.MessageBuilder()
    for values in ([b"\0\0\0\1", b"a"], [b"\0\0\0\2", None]):
        expected.bind("", "s", values, parameter_formats=(1, 1), result_formats=(1,)).execute()
    # The shortest form is another: one code for all.
    assert made.take() == expected.take()
    assert made.bind_rows(b"", b"x", b"y", b"z").take() == b""
    with pytest.raises(TypeError):
        made.bind_rows(bytearray(rows), b"", b"", b"")


def test_values_from_any_buffer(core: Any) -> None:
    class Words(bytearray):
        pass

    with mmap.mmap(-1, 8) as mapped:
        mapped[:] = b"mmmmmmmm"
        values: list[Any] = [
            b"bytes",
            bytearray(b"array"),
            memoryview(b"xviewx")[1:5],
            memoryview(array.array("i", [1, 2])),
            memoryview(b"abcdef").cast("B", (2, 3)),
            array.array("d", [1.5]),
            array.array("d"),
            Words(b"words"),
            mapped,
        ]
        builder = core.MessageBuilder().bind(parameters=values)
        raw = tuple(bytes(memoryview(value)) for value in values)
        assert builder.take() == core.encode_message(m.Bind("", "", (1,), raw))
        for value in values:
            assert builder.copy_data(value).take()[5:] == bytes(memoryview(value))
    # Nothing holds the values any longer: a bytearray can grow again.
    values[1] += b"!"


def test_a_bytearray_of_the_caller_grows(core: Any) -> None:
    buffer = bytearray(b"before")
    builder = core.MessageBuilder(buffer)
    assert builder.buffer is buffer
    builder.sync()
    assert buffer == b"beforeS\0\0\0\4"
    buffer.clear()
    assert builder.flush().take() == b"H\0\0\0\4"
    assert buffer == b""
    for wrong in (b"bytes", memoryview(bytearray(5)), 5):
        with pytest.raises(TypeError, match="buffer must be a bytearray"):
            core.MessageBuilder(wrong)


@pytest.mark.parametrize("size", [5, 100_000])
def test_a_buffer_in_use_is_left_alone(core: Any, size: int) -> None:
    builder = core.MessageBuilder().sync()
    with memoryview(builder.buffer) as view:
        with pytest.raises(LocalProtocolError, match=r"^CopyData: the buffer is in use elsewhere$"):
            builder.copy_data(bytes(size))
        with pytest.raises(LocalProtocolError, match=r"^CopyData: the buffer is in use elsewhere$"):
            builder.copy_data(view)
        for empty in (builder.take, builder.clear):
            with pytest.raises(LocalProtocolError, match=r"^the buffer is in use elsewhere$"):
                empty()
    with pytest.raises(LocalProtocolError, match=r"^CopyData: the buffer is in use elsewhere$"):
        builder.copy_data(builder.buffer)
    assert builder.take() == b"S\0\0\0\4"


def test_write_into_any_writable_buffer(core: Any) -> None:
    builder = core.MessageBuilder().sync().flush()
    target = bytearray(b"." * 14)
    assert builder.write_into(target, 2) == 12
    assert target == b"..S\0\0\0\4H\0\0\0\4.."
    words = array.array("i", [0, 0, 0])
    assert builder.write_into(words) == 10
    assert words.tobytes() == b"S\0\0\0\4H\0\0\0\4\0\0"
    with mmap.mmap(-1, 20) as mapped:
        assert builder.write_into(mapped, 10) == 20
        assert mapped[10:] == builder.buffer
    assert core.MessageBuilder().write_into(bytearray()) == 0
    assert len(builder) == 10


@pytest.mark.parametrize("offset", [-1, 6, 15, 2**62])
def test_write_into_a_buffer_too_small(core: Any, offset: int) -> None:
    target = bytearray(10)
    with pytest.raises(LocalProtocolError, match=rf"^5 bytes do not fit at offset {offset} of 10$"):
        core.MessageBuilder().sync().write_into(target, offset)
    assert target == bytes(10)


@pytest.mark.parametrize("target", [b"bytes", memoryview(b"bytes"), memoryview(bytearray(20))[::2], "text", None, 5])
def test_write_into_what_is_not_writable(core: Any, target: Any) -> None:
    with pytest.raises(LocalProtocolError, match="the target must be a writable contiguous buffer"):
        core.MessageBuilder().sync().write_into(target)


def test_write_into_its_own_buffer(core: Any) -> None:
    builder = core.MessageBuilder(bytearray(b"abcdef"))
    assert builder.write_into(builder.buffer) == 6
    with pytest.raises(LocalProtocolError, match="6 bytes do not fit at offset 1 of 6"):
        builder.write_into(builder.buffer, 1)
