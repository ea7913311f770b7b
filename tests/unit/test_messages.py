"""Bytes ⇄ messages: the vectors, and what cannot be encoded."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from pgwire_py import messages as m
from pgwire_py.errors import LocalProtocolError, RemoteProtocolError
from tests import vectors

MESSAGE_CLASSES = {name for name in m.__all__ if name != "FieldDescription"}


def _ids(section: str) -> list[str]:
    return [f"{vector.get('class', 'error')}-{vector['hex'][:40]}" for vector in vectors.load(section)]


@pytest.mark.parametrize("vector", vectors.load("frontend"), ids=_ids("frontend"))
def test_frontend_message(core: Any, vector: dict[str, Any]) -> None:
    raw, expected = bytes.fromhex(vector["hex"]), vectors.message(vector)
    decoder = vectors.decoder_for(core, vector["class"])
    assert decoder.feed(raw) == [expected]
    assert decoder.buffered == 0
    assert core.encode_message(expected) == raw


@pytest.mark.parametrize("vector", vectors.load("backend"), ids=_ids("backend"))
def test_backend_message(core: Any, vector: dict[str, Any]) -> None:
    raw, expected = bytes.fromhex(vector["hex"]), vectors.message(vector)
    decoder = vectors.backend_decoder_for(core, vector["class"])
    assert decoder.feed(raw) == [expected]
    assert decoder.buffered == 0
    assert core.encode_message(expected) == raw


@pytest.mark.parametrize("vector", vectors.load("errors"), ids=_ids("errors"))
def test_malformed_bytes(core: Any, vector: dict[str, Any]) -> None:
    decoder = core.FrontendDecoder()
    decoder.startup = vector["startup"]
    decoder.password_kind = vector["password_kind"]
    expected = _error(vector)
    items = decoder.feed(bytes.fromhex(vector["hex"]))
    assert items == [expected]
    assert repr(items[0]) == repr(expected)
    sync = b"S\0\0\0\4"
    assert decoder.feed(sync) == ([] if vector["fatal"] else [m.Sync()])


@pytest.mark.parametrize("vector", vectors.load("backend_errors"), ids=_ids("backend_errors"))
def test_malformed_bytes_of_a_backend(core: Any, vector: dict[str, Any]) -> None:
    decoder = core.BackendDecoder()
    decoder.encryption_response = vector["encryption_response"]
    expected = _error(vector)
    items = decoder.feed(bytes.fromhex(vector["hex"]))
    assert items == [expected]
    assert repr(items[0]) == repr(expected)
    if vector["message_name"]:
        assert str(items[0]).startswith(f"{vector['message_name']}: offset {vector['offset']}: ")
    no_data = b"n\0\0\0\4"
    assert decoder.feed(no_data) == ([] if vector["fatal"] else [m.NoData()])


def _error(vector: dict[str, Any]) -> RemoteProtocolError:
    fields = ("message", "sqlstate", "fatal", "tag", "message_name", "offset")
    return RemoteProtocolError(*[vector[field] for field in fields])


def test_every_class_has_a_vector() -> None:
    pinned = {vector["class"] for section in ("frontend", "backend") for vector in vectors.load(section)}
    assert pinned == MESSAGE_CLASSES


def test_decoded_messages_are_the_shared_classes(core: Any) -> None:
    decoders = [(vectors.decoder_for, vector) for vector in vectors.load("frontend")]
    decoders += [(vectors.backend_decoder_for, vector) for vector in vectors.load("backend")]
    for decoder_for, vector in decoders:
        [item] = decoder_for(core, vector["class"]).feed(bytes.fromhex(vector["hex"]))
        expected = vectors.message(vector)
        assert type(item) is type(expected)
        assert repr(item) == repr(expected)
        assert pickle.loads(pickle.dumps(item)) == expected
        assert dataclasses.replace(item) == expected
        for field in dataclasses.fields(item):
            assert type(getattr(item, field.name)) is type(getattr(expected, field.name))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (m.Query("a\0b"), "Query: a text holds a NUL"),
        (m.Query("\ud800"), "Query: a text cannot be encoded as UTF-8"),
        (m.Query(b"select"), "Query: expected str, not bytes"),  # type: ignore[arg-type]
        (m.StartupMessage(0x30000, {"": "x"}), "StartupMessage: a parameter has no name"),
        (m.StartupMessage(-1, {}), "StartupMessage: an integer does not fit UInt32"),
        (m.StartupMessage(0x30000, [("a", "b")]), "StartupMessage: expected a dict, not list"),  # type: ignore[arg-type]
        (m.CancelRequest(1, b"abc"), "CancelRequest: the secret key must have 4 to 256 bytes"),
        (m.BackendKeyData(1, bytes(257)), "BackendKeyData: the secret key must have 4 to 256 bytes"),
        (m.BackendKeyData(2**31, bytes(4)), "BackendKeyData: an integer does not fit Int32"),
        (m.PasswordMessage(b"a\0"), "PasswordMessage: a text holds a NUL"),
        (m.Bind(parameters=(None,) * 65_536), "Bind: 65536 values, at most 65535 fit"),
        (m.Bind(parameters=("x",)), "Bind: expected bytes, not str"),  # type: ignore[arg-type]
        (m.Bind(parameter_formats=(0,) * 65_536), "Bind: 65536 values, at most 65535 fit"),
        (m.Bind(result_formats=(32_768,)), "Bind: an integer does not fit Int16"),
        (m.Bind(parameters=b"x"), "Bind: expected a tuple or list, not bytes"),  # type: ignore[arg-type]
        (m.Parse("", "", (2**32,)), "Parse: an integer does not fit UInt32"),
        (m.Parse("", "", ("x",)), "Parse: expected int, not str"),  # type: ignore[arg-type]
        (m.Execute("", 10**400), "Execute: an integer does not fit Int32"),
        (m.Describe("X"), "Describe: expected one of the letters SP"),
        (m.Close(""), "Close: expected one of the letters SP"),
        (m.GSSResponse("x"), "GSSResponse: expected bytes, not str"),  # type: ignore[arg-type]
        (m.EncryptionResponse("E"), "EncryptionResponse: expected one of the letters SGN"),
        (m.AuthenticationMD5Password(b"abc"), "AuthenticationMD5Password: the salt must have 4 bytes"),
        (m.AuthenticationSASL(("A", "")), "AuthenticationSASL: a mechanism has no name"),
        (m.CopyInResponse(2, ()), "CopyInResponse: the COPY format must be 0 or 1"),
        (m.CopyOutResponse(-1, ()), "CopyOutResponse: the COPY format must be 0 or 1"),
        (m.CopyBothResponse(1 << 15, ()), "CopyBothResponse: an integer does not fit Int16"),
        (m.CopyInResponse(0, (32_768,)), "CopyInResponse: an integer does not fit Int16"),
        (m.FunctionCallResponse("x"), "FunctionCallResponse: expected bytes, not str"),  # type: ignore[arg-type]
        (m.ReadyForQuery("IT"), "ReadyForQuery: expected one of the letters ITE"),
        (m.ErrorResponse({"MM": "x"}), "ErrorResponse: a field code must be one ASCII character"),
        (m.NoticeResponse({"M": "a\0"}), "NoticeResponse: a text holds a NUL"),
        (m.RowDescription((("a", 0),)), "RowDescription: a field must be a FieldDescription"),  # type: ignore[arg-type]
        (
            m.RowDescription((m.FieldDescription("a", 0, 40_000, 0, 0, 0, 0),)),
            "RowDescription: an integer does not fit Int16",
        ),
        (m.NegotiateProtocolVersion(0x30000, ("a\0",)), "NegotiateProtocolVersion: a text holds a NUL"),
        (..., "ellipsis is not a message"),
        (None, "NoneType is not a message"),
        (m.FieldDescription("a", 0, 0, 0, 0, 0, 0), "FieldDescription is not a message"),
    ],
    ids=repr,
)
def test_what_cannot_be_encoded(core: Any, message: object, text: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        core.encode_message(message)
    assert str(caught.value) == text


def test_largest_counts(core: Any) -> None:
    message = m.Bind("", "", (0,) * 65_535, (None,) * 65_535, (1,) * 65_535)
    decoder = core.FrontendDecoder(max_message_length=2**30)
    decoder.startup = False
    assert decoder.feed(core.encode_message(message)) == [message]


def test_bytes_like_values_and_lists(core: Any) -> None:
    message = m.Bind("", "", [1], [bytearray(b"a"), memoryview(b"b")], [])  # type: ignore[arg-type]
    assert core.encode_message(message) == core.encode_message(m.Bind("", "", (1,), (b"a", b"b"), ()))
