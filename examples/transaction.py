"""Transactions over a dictionary: BEGIN works on a copy, COMMIT puts it in place, a conflict is 40001. Run it with a port number.

put colour red; get colour; begin; savepoint s; rollback to s; commit
"""

import asyncio
import sys

import pgwire_py as pg
from pgwire_py.errors import SerializationFailure, SQLSyntaxError

Data = dict[str, str]


class Store(pg.Handler):
    def __init__(self) -> None:
        self.data: Data = {}
        self.open: dict[pg.Session, tuple[Data, Data]] = {}  # what the transaction began with, and its copy
        self.savepoints: dict[pg.Session, list[tuple[str, Data]]] = {}

    async def query(self, query: pg.Query) -> pg.Result:
        assert query.session is not None
        data = self.open[query.session][1] if query.session in self.open else dict(self.data)
        match query.sql.split():
            case ["get", key]:
                rows = [(data[key],)] if key in data else []
                return pg.Result(columns=[pg.Column("value", pg.TEXT)], rows=rows)
            case ["put", key, value]:
                if query.session in self.open:
                    data[key] = value
                else:  # a transaction of its own
                    self.data = {**self.data, key: value}
                return pg.Result(tag="PUT")
        raise SQLSyntaxError("get KEY, or put KEY VALUE")

    async def transaction(self, session: pg.Session, action: str, name: str = "", read_only: bool = False) -> None:
        if action == "begin":
            self.open[session] = self.data, dict(self.data)
            self.savepoints[session] = []
            return
        began, data = self.open[session]
        marks = self.savepoints[session]
        if action == "savepoint":
            marks.append((name, dict(data)))
        elif action in ("release", "rollback_to"):
            position = max(index for index, (mark, _) in enumerate(marks) if mark == name)
            if action == "rollback_to":
                self.open[session] = began, dict(marks[position][1])
            del marks[position + (action == "rollback_to") :]
        else:
            self.closed(session)
            if action == "commit" and data != began:
                if began is not self.data:
                    raise SerializationFailure("another transaction was faster", hint="Try again.")
                self.data = data

    def closed(self, session: pg.Session) -> None:
        self.open.pop(session, None)
        self.savepoints.pop(session, None)


async def main(port: int) -> None:
    async with pg.Server(Store(), port=port) as server:
        print(f'psql "postgresql://postgres@127.0.0.1:{server.port}/any"', flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5433))
