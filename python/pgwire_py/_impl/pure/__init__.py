"""The core in pure Python: the fallback where no native module exists, and the referee of the native one."""

from .arrow import ArrowEncoder as ArrowEncoder
from .arrow import arrow_columns as arrow_columns
from .framing import BackendDecoder as BackendDecoder
from .framing import FrontendDecoder as FrontendDecoder
from .lexer import split_statements as split_statements
from .lexer import tokenize as tokenize
from .messages import encode_message as encode_message
from .rows import RowEncoder as RowEncoder
from .values import decode_values as decode_values
from .values import encode_value as encode_value
