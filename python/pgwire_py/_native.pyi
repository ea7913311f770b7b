from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, final

from ._impl.interface import Batch, Buffer, CopyPlan
from .sql import Statement, Token

__all__ = [
    "ArrowEncoder",
    "BackendDecoder",
    "CopyDecoder",
    "CopyEncoder",
    "FrontendDecoder",
    "Responder",
    "RowEncoder",
    "arrow_columns",
    "decode_values",
    "encode_message",
    "encode_value",
    "md5_password",
    "md5_response",
    "prepare_password",
    "read_statement",
    "scram_check_proof",
    "scram_client_proof",
    "scram_keys",
    "scram_salted_password",
    "scram_server_signature",
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

@final
class CopyEncoder:
    def __new__(cls, plan: CopyPlan) -> CopyEncoder: ...
    def encode(
        self, rows: Sequence[Sequence[object]], start: int, max_bytes: int
    ) -> tuple[bytes | memoryview, int]: ...
    def finish(self) -> bytes: ...

@final
class CopyDecoder:
    def __new__(cls, plan: CopyPlan) -> CopyDecoder: ...
    @property
    def ended(self) -> bool: ...
    def feed(self, data: Buffer) -> list[tuple[Any, ...]]: ...
    def finish(self) -> list[tuple[Any, ...]]: ...

@final
class Responder:
    outcome: Any
    def __new__(
        cls,
        function: Callable[[Any], Any],
        query_class: type,
        result_class: type,
        session: object,
        context: Context,
        event_loop: AbstractEventLoop,
        task: Task[Any],
        tails: tuple[bytes, ...],
        max_bytes: int,
    ) -> Responder: ...
    def answer(
        self,
        sql: str,
        parameters: tuple[object, ...],
        parameter_types: tuple[int, ...],
        columns: tuple[object, ...] | None,
        encoder: RowEncoder | None,
        head: bytes,
    ) -> bytes | memoryview | None: ...

def arrow_columns(schema: object) -> list[tuple[str, int]]: ...
def decode_values(
    types: Sequence[int], formats: Sequence[int], values: Sequence[bytes | None]
) -> tuple[object, ...]: ...
def encode_value(type_oid: int, format: int, value: object) -> bytes | None: ...
def encode_message(message: object) -> bytes: ...
def read_statement(decoder: FrontendDecoder, data: Buffer) -> str | Batch | None: ...
def split_statements(sql: str) -> list[Statement]: ...
def tokenize(sql: str) -> list[Token]: ...
def prepare_password(password: bytes) -> bytes: ...
def md5_password(password: bytes, user: bytes) -> bytes: ...
def md5_response(stored: bytes, salt: bytes) -> bytes: ...
def scram_salted_password(password: bytes, salt: bytes, iterations: int) -> bytes: ...
def scram_keys(salted_password: bytes) -> tuple[bytes, bytes, bytes]: ...
def scram_client_proof(client_key: bytes, auth_message: bytes) -> bytes: ...
def scram_check_proof(stored_key: bytes, auth_message: bytes, proof: bytes) -> bool: ...
def scram_server_signature(server_key: bytes, auth_message: bytes) -> bytes: ...
