"""docs/reference/messages.md names every message there is, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pgwire_py import messages
from pgwire_py._impl import BackendDecoder, FrontendDecoder, encode_message
from pgwire_py._impl.pure import framing
from tests import vectors

REFERENCE = Path(__file__).parents[1] / "docs" / "reference" / "messages.md"
PARTS = {"FieldDescription"}
"""Classes that are part of a message."""


def _table() -> list[dict[str, str]]:
    """The rows of all tables of messages, by the name of the column."""
    rows = []
    for line in REFERENCE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) == 6:
            rows.append(dict(zip(["class", "tag", "direction", "version", "phase", "vector"], cells, strict=True)))
    return rows


def _vectors() -> dict[str, dict[str, Any]]:
    """Every named entry of every file of vectors."""
    found: dict[str, dict[str, Any]] = {}
    for path in Path(vectors.__file__).parent.glob("*.json"):
        for section in json.loads(path.read_text(encoding="utf-8")).values():
            for entry in section:
                if "name" in entry:
                    assert entry["name"] not in found
                    found[entry["name"]] = entry
    return found


def _class(row: dict[str, str]) -> str:
    return row["class"].strip("`")


def test_every_message_is_in_the_table() -> None:
    names = [_class(row) for row in _table()]
    assert len(names) == len(set(names))
    assert set(names) == set(messages.__all__) - PARTS


def test_every_message_of_the_table_has_its_vectors() -> None:
    known = _vectors()
    for row in _table():
        named = re.findall(r"`([^`]+)`", row["vector"])
        assert named, row
        assert all(row.values()), row
        assert {known[name]["class"] for name in named} == {_class(row)}
        directions = {"F": "frontend", "B": "backend"}
        assert [directions[it] for it in row["direction"].split(", ")] == [name.split("/")[0] for name in named]


def test_tags_of_the_table() -> None:
    """The tag, and an authentication request's code, are what the vector begins with."""
    known = _vectors()
    for row in _table():
        raw = bytes.fromhex(known[re.findall(r"`([^`]+)`", row["vector"])[0]]["hex"])
        tag = re.match(r"`(.)`(?: (\d+))?", row["tag"])
        if tag is None:
            assert row["tag"] == "none" or _class(row) == "EncryptionResponse"
            continue
        assert raw[:1] == tag[1].encode(), row
        if tag[2]:
            assert int.from_bytes(raw[5:9], "big") == int(tag[2]), row


def test_bounds() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for line in (
        f"`FrontendDecoder.max_startup_length`, {FrontendDecoder().max_startup_length:,} |",
        f"`FrontendDecoder.max_message_length`, {FrontendDecoder().max_message_length:,};",
        f"CopyDone and CopyFail {framing.SMALL_MESSAGE_LIMIT:,} at most |",
        f"`BackendDecoder.max_message_length`, {BackendDecoder().max_message_length:,} |",
        f"NegotiateProtocolVersion | {framing.AUTHENTICATION_LIMIT:,} at most |",
        f"other messages | {framing.SMALL_ANSWER_LIMIT:,} at most |",
        f"{6 + 4 * 65_535:,} at most: 65,535 parameters |",
    ):
        assert line in text


def test_every_vector_has_the_name_of_its_class() -> None:
    for section in ("frontend", "backend"):
        for entry in vectors.load(section):
            assert re.fullmatch(rf"{section}/{entry['class']}(-\d+)?", entry["name"])
            assert encode_message(vectors.message(entry)) == bytes.fromhex(entry["hex"])
