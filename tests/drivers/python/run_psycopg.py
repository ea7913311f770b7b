"""The workload by psycopg 3, with `$1` placeholders."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import workload
from psycopg.types.json import Json
from workload import Answer, Step


class Driver:
    def __init__(self, given: workload.Arguments) -> None:
        self.given = given
        self.connection = self.connect(given.plain)

    def connect(self, url: str) -> Any:
        return psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor)

    def values(self, params: list[tuple[str, Any]]) -> list[Any]:
        parsed = [workload.parsed(kind, value) for kind, value in params]
        return [Json(value, workload.compact) if isinstance(value, dict) else value for value in parsed]

    def login(self, step: Step) -> Answer:
        with self.connect(self.given.login(step)) as connection:
            return {"rows": workload.shown_rows(connection.execute("select current_user").fetchall())}

    def simple(self, step: Step) -> Answer:
        self.connection.execute(step["sql"])
        return {"done": True}

    def several(self, step: Step) -> Answer:
        cursor = self.connection.execute(step["sql"])
        results = []
        while True:
            results.append(workload.shown_rows(cursor.fetchall()) if cursor.description else [])
            if not cursor.nextset():
                return {"results": results}

    def query(self, step: Step) -> Answer:
        cursor = self.connection.execute(step["sql"], self.values(step["params"]))
        return workload.table([column.name for column in cursor.description], cursor.fetchall())

    def execute(self, step: Step) -> Answer:
        return {"count": self.connection.execute(step["sql"], self.values(step["params"])).rowcount}

    def prepared(self, step: Step) -> Answer:
        results = []
        for params in step["sets"]:
            cursor = self.connection.execute(step["sql"], self.values(params), prepare=True, binary=True)
            results.append(workload.shown_rows(cursor.fetchall()))
        return {"each": results}

    def nested(self, step: Step) -> Answer:
        with self.connection.transaction():
            self.connection.execute(step["outer"])
            with self.connection.transaction():
                self.connection.execute(step["inner"])
                raise psycopg.Rollback
            self.connection.execute(step["after"])
        return {"done": True}

    def batch(self, step: Step) -> Answer:
        cursors = [self.connection.cursor() for _ in step["sets"]]
        with self.connection.pipeline():
            for cursor, params in zip(cursors, step["sets"], strict=True):
                cursor.execute(step["sql"], self.values(params))
        return {"count": sum(cursor.rowcount for cursor in cursors)}

    def describe(self, step: Step) -> Answer:
        cursor = self.connection.execute(f"select * from {step['table']} where false")
        return {"types": [[column.name, column.type_display.partition("(")[0]] for column in cursor.description]}

    def copy_in(self, step: Step) -> Answer:
        cursor = self.connection.cursor()
        with cursor.copy(f"copy {step['table']} ({', '.join(step['columns'])}) from stdin (format csv)") as copy:
            copy.write(step["data"])
        return {"count": cursor.rowcount}

    copy_bad = copy_in

    def copy_rows(self, step: Step) -> Answer:
        cursor = self.connection.cursor()
        with cursor.copy(f"copy {step['table']} ({', '.join(step['columns'])}) from stdin (format binary)") as copy:
            copy.set_types(step["types"])
            for row in step["rows"]:
                copy.write_row(self.values(list(zip(step["types"], row, strict=True))))
        return {"count": cursor.rowcount}

    def copy_out(self, step: Step) -> Answer:
        with self.connection.cursor().copy(f"copy ({step['query']}) to stdout (format csv)") as copy:
            return {"text": b"".join(bytes(part) for part in copy).decode()}

    def notify(self, step: Step) -> Answer:
        self.connection.execute(f"listen {step['channel']}")
        with self.connect(self.given.plain) as other:
            other.execute("select pg_notify($1, $2)", [step["channel"], step["payload"]])
        payload = next(self.connection.notifies(timeout=60, stop_after=1)).payload
        self.connection.execute(f"unlisten {step['channel']}")
        return {"payload": payload}

    def sum(self, step: Step) -> Answer:
        return workload.sums(self.connection.execute(step["sql"], binary=True).fetchall())

    def portions(self, step: Step) -> Answer:
        with self.connection.transaction(), psycopg.RawServerCursor(self.connection, "w_named") as cursor:
            cursor.itersize = step["size"]
            cursor.execute(step["sql"])
            return workload.sums(cursor)

    def first(self, step: Step) -> Answer:
        with self.connection.transaction(), psycopg.RawServerCursor(self.connection, "w_named") as cursor:
            cursor.execute(step["sql"])
            return {"rows": workload.shown_rows(cursor.fetchmany(step["size"]))}

    def echo(self, step: Step) -> Answer:
        echo = workload.echo(step)
        answer: Answer = echo.send(self.connection.execute(step["sql"], [next(echo)]).fetchone()[0])
        return answer

    def cancel(self, step: Step) -> Answer:
        def cancel() -> None:
            with self.connect(self.given.plain) as other:
                while other.execute(step["watch"], [self.connection.info.backend_pid]).fetchone() != (1,):
                    time.sleep(0.01)
            self.connection.cancel_safe()

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            return self.query({**step, "params": []})
        finally:
            thread.join()

    def timeout(self, step: Step) -> Answer:
        self.connection.execute(f"set statement_timeout = {step['milliseconds']}")
        try:
            return self.query({**step, "params": []})
        finally:
            self.connection.execute("set statement_timeout = 0")


def state(error: psycopg.Error) -> str | None:
    """The SQLSTATE; libpq tells none of a login that failed."""
    return error.sqlstate or ("28P01" if "password authentication failed" in str(error) else None)


def main() -> None:
    given = workload.arguments()
    driver = Driver(given)
    for step in given.steps:
        try:
            answer = getattr(driver, step["do"])(step)
        except psycopg.Error as error:
            if state(error) is None:
                raise
            answer = {"error": state(error)}
        workload.tell(step, answer)
    driver.connection.close()


main()
