"""Bytes ⇄ messages as JSON, read by pytest through this package and by ``cargo test``.

Bytes are written as ``{"hex": …}``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from pgwire_py import messages

STARTUP_CLASSES = frozenset({"StartupMessage", "SSLRequest", "GSSENCRequest", "CancelRequest"})
PASSWORD_KINDS = {"SASLInitialResponse": "sasl_initial", "SASLResponse": "sasl_response", "GSSResponse": "gss"}


def load(section: str, file: str = "messages.json") -> list[dict[str, Any]]:
    """One section of messages.json (``frontend``, ``backend``, ``errors`` of a frontend, ``backend_errors``) or
    auth.json (``pbkdf2``, ``scram``, ``saslprep``, ``md5``) or copy.json (``decode``, ``encode``: bytes as text, a character per byte)."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    return cast(list[dict[str, Any]], json.loads(text)[section])


def message(vector: dict[str, Any]) -> Any:
    """The message object that a vector describes."""
    fields = {name: _value(value) for name, value in vector["fields"].items()}
    if vector["class"] == "RowDescription":
        fields["fields"] = tuple([messages.FieldDescription(*field) for field in fields["fields"]])
    return getattr(messages, vector["class"])(**fields)


def decoder_for(core: Any, class_name: str) -> Any:
    """A decoder in the state in which a message of this class may come."""
    decoder = core.FrontendDecoder()
    decoder.startup = class_name in STARTUP_CLASSES
    decoder.password_kind = PASSWORD_KINDS.get(class_name, "password")
    return decoder


def backend_decoder_for(core: Any, class_name: str) -> Any:
    """A backend's decoder in the state in which a message of this class may come."""
    decoder = core.BackendDecoder()
    decoder.encryption_response = class_name == "EncryptionResponse"
    return decoder


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"]) if value.keys() == {"hex"} else value
    if isinstance(value, list):
        return tuple([_value(item) for item in value])
    return value
