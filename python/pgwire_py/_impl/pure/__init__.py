"""The core in pure Python: the fallback where no native module exists, and the referee of the native one."""

from .arrow import ArrowEncoder as ArrowEncoder
from .arrow import arrow_columns as arrow_columns
from .builder import MessageBuilder as MessageBuilder
from .frames import FrameDecoder as FrameDecoder
from .framing import BackendDecoder as BackendDecoder
from .framing import FrontendDecoder as FrontendDecoder
from .lexer import split_statements as split_statements
from .lexer import tokenize as tokenize
from .md5 import md5_password as md5_password
from .md5 import md5_response as md5_response
from .messages import encode_message as encode_message
from .record import Record as Record
from .replication import decode_replication as decode_replication
from .replication import encode_replication as encode_replication
from .responder import Responder as Responder
from .row_decoder import RowDecoder as RowDecoder
from .rows import RowEncoder as RowEncoder
from .saslprep import prepare_password as prepare_password
from .scram import scram_check_proof as scram_check_proof
from .scram import scram_client_proof as scram_client_proof
from .scram import scram_keys as scram_keys
from .scram import scram_salted_password as scram_salted_password
from .scram import scram_server_signature as scram_server_signature
from .values import decode_values as decode_values
from .values import encode_value as encode_value
