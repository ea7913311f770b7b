"""client_encoding: names, texts, and the messages and values that hold them."""

from __future__ import annotations

import struct

import pytest

import pgwire_py as pg
from pgwire_py import messages as m
from pgwire_py import oids, wire
from pgwire_py.errors import PostgresError
from pgwire_py.server.coding import Codings
from pgwire_py.server.encodings import Encoding, FrameRecoder, encoding_of, find_encoding, recode_message
from tests.support import raw

LATIN1 = Encoding("LATIN1")


@pytest.mark.parametrize(
    ("spelling", "found"),
    [
        ("utf8", ("UTF8", True)),
        ("Unicode", ("UTF8", True)),
        ("SQL_ASCII", ("SQL_ASCII", True)),
        ("iso 8859-1", ("LATIN1", True)),
        ("ISO_8859_9", ("LATIN5", True)),
        ("iso_8859_5", ("ISO_8859_5", True)),
        ("abc", ("WIN1258", True)),
        ("windows-1250", ("WIN1250", True)),
        ("ShiftJIS", ("SJIS", False)),
        ("EUC_JIS_2004", ("EUC_JIS_2004", False)),
        ("latin11", None),
        ("", None),
    ],
)
def test_names(spelling: str, found: tuple[str, bool] | None) -> None:
    assert find_encoding(spelling) == found


def test_what_is_not_recoded() -> None:
    assert encoding_of("UTF8") is encoding_of("SQL_ASCII") is None


def test_characters_that_one_side_lacks() -> None:
    assert LATIN1.to_utf8(b"gr\xfcn") == "grün".encode()
    assert LATIN1.from_utf8("grün".encode()) == b"gr\xfcn"
    with pytest.raises(
        PostgresError, match=r'0xe2 0x82 0xac in encoding "UTF8" has no equivalent in encoding "LATIN1"'
    ) as caught:
        LATIN1.from_utf8("5 €".encode())
    assert caught.value.sqlstate == "22P05"
    with pytest.raises(PostgresError, match=r'0x81 in encoding "WIN1252" has no equivalent in encoding "UTF8"'):
        Encoding("WIN1252").to_utf8(b"a\x81")


def test_messages() -> None:
    field = m.FieldDescription("größe", 1, 2, 25, -1, -1, 0)
    for message in (
        m.RowDescription((field, field)),
        m.ErrorResponse({"M": "ö", "C": "22000"}),
        m.ParameterStatus("ä", "ü"),
    ):
        recoded = recode_message(wire.encode_message(message), LATIN1.from_utf8)
        assert len(recoded) == int.from_bytes(recoded[1:5], "big") + 1
        assert recode_message(recoded, LATIN1.to_utf8) == wire.encode_message(message)
        assert b"\xc3" not in recoded


FRAMES = (
    raw.message("Q", b"select '\xe9'\0")
    + raw.message("P", b"\xe9\0select '\xfc'\0" + struct.pack("!HI", 1, 0xE9E9))
    + raw.message("B", b"p\xe9\0s\0" + b"\0\0\0\1\0\0\0\1\xe9\0\0")
    + raw.message("D", b"S\xe9\0")
    + raw.message("E", b"\xe9\0\0\0\0\xe9")
    + raw.message("d", b"\xe9" * 5)
    + raw.message("C", b"P\xe9\0")
    + raw.SYNC
)


def test_binary_parts_of_messages_stay() -> None:
    told = recode_message(
        wire.encode_message(m.NotificationResponse(0xFFEEDD, "caf\u00e9", "\u00fc")), LATIN1.from_utf8
    )
    assert told == b"A\0\0\0\x0f\0\xff\xee\xddcaf\xe9\0\xfc\0"
    for message in (m.BackendKeyData(200, b"\xff" * 4), m.FunctionCallResponse(b"\xc3\xa9"), m.CopyData(b"\xff\xc3")):
        data = wire.encode_message(message)
        assert recode_message(data, LATIN1.from_utf8) == data


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_frames_in_chunks_of_any_size(size: int) -> None:
    recoder = FrameRecoder(LATIN1, 10_000, lambda: 0)
    got = b"".join(recoder.feed(FRAMES[at : at + size]) for at in range(0, len(FRAMES), size))
    assert recoder.idle
    decoder = wire.FrontendDecoder()
    decoder.startup = False
    query, parse, bind, describe, execute, data, close, sync = decoder.feed(got)
    assert (query.query, parse.statement, parse.query, parse.parameter_types) == (
        "select 'é'",
        "é",
        "select 'ü'",
        (0xE9E9,),
    )
    assert (bind.portal, bind.parameters) == ("pé", (b"\xe9",))
    assert (describe.name, execute.portal, execute.max_rows, close.name) == ("é", "é", 0xE9, "é")
    assert (data.data, sync) == (b"\xe9" * 5, m.Sync())


def test_frames_that_pass_as_they_are() -> None:
    large = raw.message("Q", b"\xe9" * 200)
    assert FrameRecoder(LATIN1, 100, lambda: 0).feed(large) == large
    assert FrameRecoder(LATIN1, 100, lambda: 3).feed(b"\xe9") == b"\xe9"
    broken = FrameRecoder(Encoding("WIN1252"), 100, lambda: 0).feed(raw.message("Q", b"\x81\xc3\xa9\0"))
    assert broken == raw.message("Q", b"\xff\xff\xff\0")


def test_rows_and_parameters() -> None:
    coding = Codings().find(("ISO, MDY", "postgres", "UTC", "1", "hex", "LATIN1"))
    types = (oids.TEXT, oids.INT4, oids.TEXT_ARRAY, oids.JSONB, oids.BYTEA)
    encoder, shared = coding.row_encoder(types, (1,))
    assert shared
    data, count = encoder.encode(
        [("é", 0x7F80FF, ["ü", None, "x"], '"ö"', b"\xe9"), ("a", None, None, None, None)], 0, 1000
    )
    assert count == 2
    (row, _) = pg.RowDecoder((oids.BYTEA,) * 5, (1,)).decode(data)
    assert (row[0], row[1], row[3], row[4]) == (b"\xe9", b"\0\x7f\x80\xff", b'\1"\xf6"', b"\xe9")
    assert coding.decode_values(types, (1,), row) == ("é", 0x7F80FF, ["ü", None, "x"], '"ö"', b"\xe9")
    assert coding.decode_values(types[:3], (), (b"\xe9", b"1", b"{\xfc}")) == ("é", 1, ["ü"])
    for malformed in (b"\xff", b"\xff" * 11, b"\xff" * 12, b"\0\0\0\1" + b"\xff" * 40):
        with pytest.raises(PostgresError):
            coding.decode_values((oids.TEXT_ARRAY,), (1,), (malformed,))


def test_codings_are_shared_and_bounded() -> None:
    codings = Codings()
    plain = ("ISO, MDY", "postgres", "UTC", "1", "hex", "UTF8")
    assert codings.find(plain) is codings.default
    berlin = codings.find(("ISO, MDY", "postgres", "Europe/Berlin", "1", "hex", "UTF8"))
    assert codings.find(("ISO, MDY", "postgres", "Europe/Berlin", "1", "hex", "UTF8")) is berlin
    for number in range(200):
        codings.find(
            (
                "ISO, MDY",
                "postgres",
                f"<+{number % 24:02}:{number // 24:02}>-{number % 24:02}:{number // 24:02}",
                "1",
                "hex",
                "UTF8",
            )
        )
    assert len(codings._made) <= 64
