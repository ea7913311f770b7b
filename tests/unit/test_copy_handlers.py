"""COPY through handler functions: CopyIn, CopyOut and CopyBoth, on the loop and on a thread."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

import pgwire_py as pg
from pgwire_py.copy import CopyOptions
from pgwire_py.server.copy_streams import BlockingCopyReader, CopyReader, CopyStream
from tests.support.hosted import LOOPS, Hosted, hosted
from tests.support.raw import SYNC, RawClient, bind, describe, execute, message, parse, query

COLUMNS = [pg.Column("n", pg.INT4), pg.Column("word", pg.TEXT)]
DONE = message("c")


def data(payload: bytes) -> bytes:
    return message("d", payload)


class Store:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.chunks: list[bytes] = []
        self.errors: list[pg.PostgresError] = []

    async def answer(self, statement: pg.Query) -> Any:
        copy = statement.copy
        if statement.sql == "start both":
            return pg.CopyBoth(self.both, tag="STREAMED")
        if copy is None:
            return pg.Result(COLUMNS, self.rows)
        if copy.direction == "TO":
            return self.out(copy.name, copy.options)
        receive = getattr(self, copy.name)
        return pg.CopyIn(receive, COLUMNS, copy.options, table=copy.name)

    def out(self, name: str, options: CopyOptions) -> pg.CopyOut:
        async def later() -> AsyncIterator[tuple[int, str]]:
            for n in range(3):
                yield n, f"w{n}"

        async def pieces() -> AsyncIterator[bytes]:
            yield b"a\tb\n"
            yield b"c\td\n"

        def broken() -> Iterator[tuple[int, str]]:
            yield from ((n, "x" * 1000) for n in range(2000))
            raise pg.PostgresError("enough", sqlstate="P0001")

        if name == "pieces":
            return pg.CopyOut.raw(pieces(), 2, tag="COPY 2")
        if name == "arrow":
            return pg.CopyOut(None, pa.table({"n": pa.array([1, None], pa.int32()), "word": ["x", "y"]}), options)
        rows = {
            "listed": [(0, "w0"), (1, "w1"), (2, "w2")],
            "later": later(),
            "broken": broken(),
            "accents": [(1, "é")],
        }
        return pg.CopyOut(COLUMNS, rows[name], options)

    async def by_row(self, reader: CopyReader) -> None:
        async for row in reader:
            if row[1] == "bad":
                raise pg.PostgresError("a bad word", sqlstate="P0001")
            self.rows.append(row)

    async def by_batch(self, reader: CopyReader) -> int:
        async for batch in reader.batches():
            self.rows += batch
        return 1000

    async def by_chunk(self, reader: CopyReader) -> None:
        async for chunk in reader.chunks():
            self.chunks.append(chunk)

    async def lazy(self, reader: CopyReader) -> None:
        self.rows += (await reader.read_batch() or [])[:1]

    async def deaf(self, reader: CopyReader) -> None:
        try:
            async for row in reader:
                self.rows.append(row)
        except pg.PostgresError as error:
            self.errors.append(error)

    async def both(self, stream: CopyStream) -> None:
        async for chunk in stream:
            await stream.send(chunk.upper())
        await stream.send(b"bye")


@pytest.fixture(params=LOOPS)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Store, Hosted]]:
    store = Store()
    with hosted(store.answer, LOOPS[request.param]) as it:
        yield store, it


@pytest.fixture
def client(served: tuple[Store, Hosted]) -> Iterator[RawClient]:
    with served[1].client() as made:
        yield made


@pytest.mark.parametrize("name", ["listed", "later"])
def test_rows_out(client: RawClient, name: str) -> None:
    client.send(query(f"copy {name} to stdout"))
    answers = client.until_ready()
    assert [a.body for a in answers[:5]] == [b"\0\0\2\0\0\0\0", b"0\tw0\n", b"1\tw1\n", b"2\tw2\n", b""]
    assert str(answers[5]) == "C COPY 3"
    assert client.exchange(parse(f"copy {name} to stdout csv header"), describe("S"), bind(), execute(), SYNC) == [
        "1", "t", "n", "2", "H", "d", "d", "d", "d", "c", "C COPY 3", "Z I"]  # fmt: skip


def test_arrow_out(client: RawClient) -> None:
    client.send(query("copy arrow to stdout"))
    assert [a.body for a in client.until_ready()[1:3]] == [b"1\tx\n", b"\\N\ty\n"]
    client.send(query("copy arrow to stdout (format binary)"))
    answers = client.until_ready()
    assert answers[1].body.endswith(b"\0\2\0\0\0\4\0\0\0\1\0\0\0\1x")
    assert answers[3].body == b"\xff\xff"


@pytest.mark.parametrize(("name", "codec"), [("latin1", "latin-1"), ("latin2", "iso8859-2"), ("utf8", "utf-8")])
def test_data_are_in_the_clients_encoding(
    served: tuple[Store, Hosted], client: RawClient, name: str, codec: str
) -> None:
    client.exchange(query(f"set client_encoding to {name}"))
    line = "1\té\n".encode(codec)
    client.send(query("copy accents to stdout"))
    assert client.until_ready()[1].body == line
    client.send(query("copy accents to stdout (encoding 'utf8')"))
    assert client.until_ready()[1].body == "1\té\n".encode()
    assert client.exchange(query("copy by_row from stdin"), data(line), DONE) == ["G", "C COPY 1", "Z I"]
    assert client.exchange(query("copy by_chunk from stdin"), data(line), DONE)[1:] == ["C COPY 0", "Z I"]
    assert (served[0].rows, served[0].chunks) == ([(1, "é")], [line])


def test_raw_out(client: RawClient) -> None:
    client.send(query("copy pieces to stdout"))
    answers = client.until_ready()
    assert [a.body for a in answers[1:3]] == [b"a\tb\n", b"c\td\n"]
    assert str(answers[4]) == "C COPY 2"


def test_an_error_in_the_middle_of_data_out(client: RawClient) -> None:
    answers = client.exchange(query("copy broken to stdout"))
    assert answers[0] == "H"
    assert answers[-2:] == ["E P0001", "Z I"]
    assert client.exchange(query("copy listed to stdout"))[-2:] == ["C COPY 3", "Z I"]


@pytest.mark.parametrize(("name", "tag"), [("by_row", "COPY 2"), ("by_batch", "COPY 1000"), ("deaf", "COPY 2")])
def test_rows_in(served: tuple[Store, Hosted], client: RawClient, name: str, tag: str) -> None:
    answers = client.exchange(query(f"copy {name} from stdin csv"), *map(data, (b"1,on", b"e\n2,", b"\n")), DONE)
    assert answers == ["G", f"C {tag}", "Z I"]
    assert served[0].rows == [(1, "one"), (2, None)]


def test_chunks_in(served: tuple[Store, Hosted], client: RawClient) -> None:
    assert client.exchange(query("copy by_chunk from stdin"), data(b"any"), data(b"thing"), DONE)[1] == "C COPY 0"
    assert b"".join(served[0].chunks) == b"anything"


def test_what_a_handler_leaves_is_skipped(served: tuple[Store, Hosted], client: RawClient) -> None:
    block = b"".join(b"%d\tx\n" % n for n in range(10_000))
    answers = client.exchange(query("copy lazy from stdin"), *[data(block)] * 30, DONE, query("select 1"), ready=2)
    assert answers[0] == "G"
    assert answers[1].startswith("C COPY ")
    assert answers[-1] == "Z I"
    assert served[0].rows[0] == (0, "x")


def test_errors_in(served: tuple[Store, Hosted], client: RawClient) -> None:
    def failed(*parts: bytes) -> tuple[str, str]:
        client.send(*parts)
        (found,) = [answer.fields for answer in client.until_ready() if answer.tag == "E"]
        return found["C"], found["W"]

    assert failed(query("copy by_row from stdin"), data(b"1\tx\n2\tbad\n3\ty\n"), DONE) == (
        "P0001", "COPY by_row, line 2")  # fmt: skip
    assert failed(query("copy by_row from stdin"), data(b"1\tx\ny\tx\n"), DONE) == (
        "22P02", 'COPY by_row, line 2, column n: "y"')  # fmt: skip
    for name in ("by_row", "deaf"):
        code, where = failed(query(f"copy {name} from stdin"), data(b"1\tx\n"), message("f", b"why\0"))
        assert (code, where) == ("57014", f"COPY {name}, line 1")
    assert [error.sqlstate for error in served[0].errors] == ["57014"]
    assert client.exchange(query("select 1"))[-1] == "Z I"


def test_cancel_in(served: tuple[Store, Hosted], client: RawClient) -> None:
    client.send(query("copy by_row from stdin"), data(b"1\tx\n"))
    answer = client.receive()
    assert answer is not None
    assert answer.tag == "G"
    served[1].cancel(client)
    assert [str(a) for a in client.until_ready()] == ["E 57014", "Z I"]
    assert client.exchange(DONE, query("select 1"))[-1] == "Z I"


def test_both_ways(client: RawClient) -> None:
    client.send(query("start both"), data(b"one"))
    for expected in (("W", struct.pack("!bh", 0, 0)), ("d", b"ONE")):
        answer = client.receive()
        assert answer is not None
        assert (answer.tag, answer.body) == expected
    client.send(data(b"two"), DONE)
    answers = client.until_ready()
    assert [(a.tag, a.body) for a in answers[:3]] == [("d", b"TWO"), ("d", b"bye"), ("c", b"")]
    assert [str(a) for a in answers[3:]] == ["C STREAMED", "Z I"]


def on_a_thread(store: list[Any]) -> Callable[[pg.Query], Any]:
    def receive(reader: BlockingCopyReader) -> None:
        for row in reader:
            store.append(row)

    def answer(statement: pg.Query) -> Any:
        copy = statement.copy
        if copy is None:
            return pg.Result(COLUMNS, store)
        if copy.direction == "FROM":
            return pg.CopyIn(receive, COLUMNS, copy.options, table="t")
        return pg.CopyOut(COLUMNS, iter(store), copy.options)

    return answer


def test_on_a_thread() -> None:
    store: list[Any] = []
    with hosted(on_a_thread(store)) as it, it.client() as client:
        assert client.exchange(query("copy t from stdin"), data(b"1\tx\n2\ty\n"), DONE) == ["G", "C COPY 2", "Z I"]
        assert client.exchange(query("copy t to stdout")) == ["H", "d", "d", "c", "C COPY 2", "Z I"]
        assert client.exchange(query("copy t from stdin"), data(b"x\n"), DONE) == ["G", "E 22P04", "Z I"]
        client.send(query("copy t from stdin"), data(b"3\tz\n"))
        answer = client.receive()
        assert answer is not None
        it.cancel(client)
        assert [str(a) for a in client.until_ready()] == ["E 57014", "Z I"]
        with it.client() as leaving:
            leaving.send(query("copy t from stdin"), data(b"4\t"))
            assert leaving.receive() is not None
        assert client.exchange(DONE, query("copy t to stdout"))[-1] == "Z I"


def test_a_handler_with_a_syntax_of_its_own() -> None:
    async def answer(statement: pg.Query) -> pg.Result:
        return pg.Result(tag=statement.sql.upper())

    with hosted(answer) as it, it.client() as client:
        assert client.exchange(query("copy everything please")) == ["C COPY EVERYTHING PLEASE", "Z I"]
