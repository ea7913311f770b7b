"""The vectors of replication payloads: what PostgreSQL's programs put into CopyData, and malformed ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from pgwire_py.messages import replication


def load(section: str) -> list[dict[str, Any]]:
    """One section of replication.json: ``payloads`` or ``errors``."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    return cast(list[dict[str, Any]], json.loads(text)[section])


def payload(vector: dict[str, Any]) -> Any:
    """The payload object that a vector describes."""
    fields = {
        name: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
        for name, value in vector["fields"].items()
    }
    return getattr(replication, vector["class"])(**fields)
