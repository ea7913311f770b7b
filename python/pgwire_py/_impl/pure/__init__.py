"""The core in pure Python: the fallback where no native module exists, and the referee of the native one."""

from .framing import FrontendDecoder as FrontendDecoder
from .lexer import split_statements as split_statements
from .lexer import tokenize as tokenize
from .messages import encode_message as encode_message
