"""The core in pure Python: the fallback where no native module exists, and the referee of the native one."""

from .rows import RowEncoder as RowEncoder
from .values import decode_values as decode_values
from .values import encode_value as encode_value
