"""Every name of the pure core, in one module."""

from .arrow import ArrowEncoder, arrow_columns
from .arrow_decoder import ArrowBatch, ArrowDecoder, ArrowStream, ArrowTable
from .builder import MessageBuilder
from .copy import CopyDecoder, CopyEncoder
from .frame_scanner import FrameScanner
from .frames import FrameDecoder
from .framing import BackendDecoder, FrontendDecoder
from .gathering import Gatherer, Gathering, Pending
from .lexer import split_statements, tokenize
from .md5 import md5_password, md5_response
from .messages import encode_message
from .record import Record
from .relay import Relay
from .replication import decode_replication, encode_replication
from .responder import Responder
from .row_decoder import RowDecoder
from .rows import RowEncoder
from .saslprep import prepare_password
from .scram import (
    scram_check_proof,
    scram_client_proof,
    scram_keys,
    scram_mock_salt,
    scram_salted_password,
    scram_server_signature,
)
from .scram_server import scram_server_final, scram_server_first
from .socket_io import SocketIO
from .types import TextStyle
from .values import decode_values, encode_value

__all__ = [
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
