"""Zones and styles without a server: what a TextStyle takes, and the edges of a zone's table."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pgwire_py import oids
from pgwire_py.server.posix_zones import parse_posix
from pgwire_py.server.zones import find_zone

MOMENT = datetime(2024, 7, 1, 12, 30, tzinfo=timezone.utc)


def shown(core: Any, value: object, oid: int = oids.TIMESTAMPTZ, **settings: Any) -> str:
    text = core.encode_value(oid, 0, value, core.TextStyle(**settings))
    return str(text, "utf-8")


@pytest.mark.parametrize(
    "settings",
    [
        {"dates": "iso"},
        {"order": "DYM"},
        {"intervals": "x"},
        {"float_digits": 4},
        {"float_digits": -16},
        {"bytea": "base64"},
        {"zone": ((), (), False, 0)},
        {"zone": (((0, 1),), ((0, "A"),), False, 0)},
        {"zone": (((5, 0), (5, 0)), ((0, "A"),), False, 0)},
        {"zone": (((0, 0), (9, 0)), ((0, "A"),), True, 0)},
        {"zone": ((), ((0, "A"),), True, 0)},
    ],
)
def test_what_is_no_style(core: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="wrong"):
        core.TextStyle(**settings)


def test_the_table_of_a_zone(core: Any) -> None:
    zone = (((1_000_000_000, 1), (1_700_000_000, 0)), ((3600, "AAA"), (-90 * 60, "BBB")), False, 0)
    assert shown(core, datetime(2001, 9, 9, 1, 46, 39, tzinfo=timezone.utc), zone=zone) == "2001-09-09 02:46:39+01"
    assert shown(core, datetime(2001, 9, 9, 1, 46, 40, tzinfo=timezone.utc), zone=zone) == "2001-09-09 00:16:40-01:30"
    assert shown(core, MOMENT, zone=zone, dates="Postgres", order="DMY") == "Mon 01 Jul 13:30:00 2024 AAA"
    assert (
        shown(core, MOMENT, zone=((), ((0, "A234567890123"),), False, 0), dates="SQL")
        == "07/01/2024 12:30:00 A234567890"
    )


def test_abbreviations_of_the_zone_are_read(core: Any) -> None:
    found = find_zone("America/New_York")
    assert found is not None
    style = core.TextStyle(zone=found.table(0))
    for text, hour in (
        ("2024-07-01 8:30 EDT", 12),
        ("2024-07-01 7:30 est", 12),
        ("2024-07-01 12:30 UTC", 12),
        ("2024-07-01 8:30", 12),
    ):
        (value,) = core.decode_values([oids.TIMESTAMPTZ], [0], [text.encode()], style)
        assert value == MOMENT.replace(hour=hour), text


def test_a_str_is_read_by_the_default_settings_whatever_the_style(core: Any) -> None:
    style = core.TextStyle(order="DMY", dates="German")
    assert core.encode_value(oids.DATE, 0, "2/1/2024", style) == b"01.02.2024"
    rows, _ = core.RowEncoder([oids.DATE], (), style=style).encode([("2/1/2024",)], 0, 100)
    assert rows.tobytes().endswith(b"01.02.2024") if isinstance(rows, memoryview) else rows.endswith(b"01.02.2024")


def test_rows_in_a_style_equal_single_values(core: Any) -> None:
    found = find_zone("Asia/Kolkata")
    assert found is not None
    style = core.TextStyle(
        dates="SQL", order="DMY", zone=found.table(0), float_digits=0, bytea="escape", intervals="iso_8601"
    )
    types = [oids.FLOAT8, oids.TIMESTAMPTZ, oids.TIMESTAMP, oids.BYTEA, oids.INT4, oids.FLOAT8_ARRAY, oids.TEXT]
    row = (1 / 3, MOMENT, datetime(2024, 7, 1), b"\xff\\", 7, [1 / 3], "x")
    rows, _ = core.RowEncoder(types, (), style=style).encode([row], 0, 1000)
    fields = [core.encode_value(oid, 0, value, style) for oid, value in zip(types, row, strict=True)]
    assert bytes(rows)[7:] == b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    assert fields[:4] == [b"0.333333333333333", b"01/07/2024 18:00:00 IST", b"01/07/2024 00:00:00", b"\\377\\\\"]


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/Sao_Paulo", "Asia/Tehran", "Antarctica/Troll", "Africa/Monrovia", "GMT"]
)
def test_zones_agree_with_zoneinfo(core: Any, name: str) -> None:
    found = find_zone(name.lower())
    assert found is not None
    assert found.name == name
    style = core.TextStyle(zone=found.table(0))
    for year in range(1890, 2450, 7):
        for month in (1, 4, 7, 11):
            moment = datetime(year, month, 3, 4, 5, 6, tzinfo=timezone.utc)
            local = moment.astimezone(ZoneInfo(name))
            text = core.encode_value(oids.TIMESTAMPTZ, 0, moment, style).decode()
            assert text.startswith(local.strftime("%Y-%m-%d %H:%M:%S")), (name, moment)


@pytest.mark.parametrize(
    "text", ["", "X", "ABC", "ABC1DEF,", "ABC1DEF,M1.1.1", "ABC1DEF,M13.1.1,M1.1.1", "ABC168", "ABC1DEF,J0,J5", "<AB1"]
)
def test_what_is_no_posix_zone(text: str) -> None:
    assert parse_posix(text) is None


def test_no_zone_of_that_name() -> None:
    for name in ("", "Nowhere", "../UTC", "/etc/localtime", "a" * 300, "Europe", "zone.tab", "A\0"):
        assert find_zone(name) is None, name
