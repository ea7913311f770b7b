"""The one switch between the native core and the pure one.

``PGWIRE_PY_IMPL=native|pure`` decides; unset, native is taken where it loads. Asked-for native that cannot load raises with the reason.
Nothing else in the package imports ``_native``.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

_CHOICES = ("native", "pure")


def _choose() -> tuple[str, ModuleType]:
    wanted = os.environ.get("PGWIRE_PY_IMPL", "")
    if wanted not in ("", *_CHOICES):
        raise ImportError(f"PGWIRE_PY_IMPL must be 'native' or 'pure', not {wanted!r}")
    if wanted != "pure":
        try:
            return "native", import_module("pgwire_py._native")
        except ImportError as error:
            if wanted == "native":
                raise ImportError(f"PGWIRE_PY_IMPL=native, but the native core cannot be loaded: {error}") from error
    return "pure", import_module("pgwire_py._impl.pure")


IMPLEMENTATION, core = _choose()

if TYPE_CHECKING:
    from .pure import (
        ArrowBatch,
        ArrowDecoder,
        ArrowEncoder,
        ArrowStream,
        ArrowTable,
        BackendDecoder,
        CopyDecoder,
        CopyEncoder,
        FrameDecoder,
        FrameScanner,
        FrontendDecoder,
        Gatherer,
        Gathering,
        MessageBuilder,
        Pending,
        Record,
        Relay,
        Responder,
        RowDecoder,
        RowEncoder,
        SocketIO,
        TextStyle,
        arrow_columns,
        decode_replication,
        decode_values,
        encode_message,
        encode_replication,
        encode_value,
        md5_password,
        md5_response,
        prepare_password,
        scram_check_proof,
        scram_client_proof,
        scram_keys,
        scram_mock_salt,
        scram_salted_password,
        scram_server_final,
        scram_server_first,
        scram_server_signature,
        split_statements,
        tokenize,
    )
__all__ = [
    "IMPLEMENTATION",
    "ArrowBatch",
    "ArrowDecoder",
    "ArrowEncoder",
    "ArrowStream",
    "ArrowTable",
    "BackendDecoder",
    "CopyDecoder",
    "CopyEncoder",
    "FrameDecoder",
    "FrameScanner",
    "FrontendDecoder",
    "Gatherer",
    "Gathering",
    "MessageBuilder",
    "Pending",
    "Record",
    "Relay",
    "Responder",
    "RowDecoder",
    "RowEncoder",
    "SocketIO",
    "TextStyle",
    "arrow_columns",
    "decode_replication",
    "decode_values",
    "encode_message",
    "encode_replication",
    "encode_value",
    "md5_password",
    "md5_response",
    "prepare_password",
    "scram_check_proof",
    "scram_client_proof",
    "scram_keys",
    "scram_mock_salt",
    "scram_salted_password",
    "scram_server_final",
    "scram_server_first",
    "scram_server_signature",
    "split_statements",
    "tokenize",
]

if not TYPE_CHECKING:
    if not hasattr(core, "SocketIO"):  # the native core has it where sockets are POSIX's
        core.SocketIO = import_module(f"{__name__}.pure.socket_io").SocketIO
    if not hasattr(core, "Relay"):  # the native core has it where there is epoll
        core.Relay = import_module(f"{__name__}.pure.relay").Relay
    globals().update({name: getattr(core, name) for name in __all__[1:]})
