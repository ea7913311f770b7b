from typing import Any, final

from ._impl.interface import Buffer
from .sql import Statement, Token

__all__ = [
    "FrontendDecoder",
    "encode_message",
    "split_statements",
    "tokenize",
]

@final
class FrontendDecoder:
    startup: bool
    max_startup_length: int
    max_message_length: int
    password_kind: str
    def __new__(cls, max_startup_length: int = 10_000, max_message_length: int = 65_535) -> FrontendDecoder: ...
    @property
    def buffered(self) -> int: ...
    def feed(self, data: Buffer) -> list[Any]: ...

def encode_message(message: object) -> bytes: ...
def split_statements(sql: str) -> list[Statement]: ...
def tokenize(sql: str) -> list[Token]: ...
