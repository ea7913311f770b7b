from collections.abc import Sequence
from typing import Any, final

from ._impl.interface import Buffer
from .sql import Statement, Token

__all__ = [
    "ArrowEncoder",
    "BackendDecoder",
    "FrontendDecoder",
    "RowEncoder",
    "arrow_columns",
    "decode_values",
    "encode_message",
    "encode_value",
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

@final
class BackendDecoder:
    max_message_length: int
    encryption_response: bool
    def __new__(cls, max_message_length: int = 30_000) -> BackendDecoder: ...
    @property
    def buffered(self) -> int: ...
    def feed(self, data: Buffer) -> list[Any]: ...

@final
class RowEncoder:
    def __new__(cls, types: Sequence[int], formats: Sequence[int]) -> RowEncoder: ...
    def encode(
        self, rows: Sequence[Sequence[object]], start: int, max_bytes: int
    ) -> tuple[bytes | memoryview, int]: ...

@final
class ArrowEncoder:
    def __new__(cls, source: object, formats: Sequence[int]) -> ArrowEncoder: ...
    @property
    def columns(self) -> list[tuple[str, int]]: ...
    def encode(self, max_rows: int, max_bytes: int) -> tuple[bytes | memoryview, int, bool]: ...

def arrow_columns(schema: object) -> list[tuple[str, int]]: ...
def decode_values(
    types: Sequence[int], formats: Sequence[int], values: Sequence[bytes | None]
) -> tuple[object, ...]: ...
def encode_value(type_oid: int, format: int, value: object) -> bytes | None: ...
def encode_message(message: object) -> bytes: ...
def split_statements(sql: str) -> list[Statement]: ...
def tokenize(sql: str) -> list[Token]: ...
