"""The workload by pg8000's native interface, with its named parameters in place of `$1`."""

from __future__ import annotations

import io
import re
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pg8000.native
import workload
from workload import Answer, Step


class Driver:
    def __init__(self, given: workload.Arguments) -> None:
        self.given = given
        self.connection = self.connect()

    def connect(self, password: str = "secret", tls: bool = False) -> Any:
        address = urlsplit(self.given.url)
        return pg8000.native.Connection(
            str(address.username), host=str(address.hostname), port=address.port or 5432, password=password,
            database=address.path[1:], application_name="workload",
            ssl_context=ssl.create_default_context(cafile=self.given.ca) if tls else False,
        )  # fmt: skip

    def run(self, sql: str, params: list[tuple[str, Any]]) -> Any:
        return self.connection.run(named(sql), **values(params))

    def login(self, step: Step) -> Answer:
        connection = self.connect(step.get("password", "secret"), step["tls"])
        try:
            return {"rows": workload.shown_rows(connection.run("select current_user"))}
        finally:
            connection.close()

    def simple(self, step: Step) -> Answer:
        self.connection.run(step["sql"])
        return {"done": True}

    def query(self, step: Step) -> Answer:
        rows = self.run(step["sql"], step["params"])
        return workload.table([column["name"] for column in self.connection.columns or []], rows)

    def execute(self, step: Step) -> Answer:
        self.run(step["sql"], step["params"])
        return {"count": self.connection.row_count}

    def prepared(self, step: Step) -> Answer:
        statement = self.connection.prepare(named(step["sql"]))
        results = [workload.shown_rows(statement.run(**values(params))) for params in step["sets"]]
        statement.close()
        return {"each": results}

    def nested(self, step: Step) -> Answer:
        for sql in ("begin", step["outer"], "savepoint w_inner", step["inner"]):
            self.connection.run(sql)
        try:
            for sql in ("rollback to w_inner", step["after"], "commit"):
                self.connection.run(sql)
        except pg8000.native.DatabaseError:
            self.connection.run("rollback")
            raise
        return {"done": True}

    def batch(self, step: Step) -> Answer:
        counts = []
        for params in step["sets"]:  # pg8000 sends them one by one
            self.run(step["sql"], params)
            counts.append(self.connection.row_count)
        return {"count": sum(counts)}

    def describe(self, step: Step) -> Answer:
        self.connection.run(f"select * from {step['table']} where false")
        columns = [(column["name"], column["type_oid"]) for column in self.connection.columns]
        sql = "select typname from pg_type where oid = :oid"
        return {"types": [[name, self.connection.run(sql, oid=oid)[0][0]] for name, oid in columns]}

    def copy_in(self, step: Step) -> Answer:
        sql = f"copy {step['table']} ({', '.join(step['columns'])}) from stdin (format csv)"
        self.connection.run(sql, stream=io.StringIO(step["data"]))
        return {"count": self.connection.row_count}

    copy_bad = copy_in

    def copy_out(self, step: Step) -> Answer:
        output = io.BytesIO()
        self.connection.run(f"copy ({step['query']}) to stdout (format csv)", stream=output)
        return {"text": output.getvalue().decode()}

    def notify(self, step: Step) -> Answer:
        self.connection.run(f"listen {step['channel']}")
        other = self.connect()
        other.run("select pg_notify(:channel, :payload)", channel=step["channel"], payload=step["payload"])
        other.close()
        while not self.connection.notifications:  # they are read with answers
            self.connection.run("select 1")
        _, _, payload = self.connection.notifications.popleft()
        self.connection.run(f"unlisten {step['channel']}")
        return {"payload": payload}

    def sum(self, step: Step) -> Answer:
        return workload.sums(self.connection.run(step["sql"]))

    def echo(self, step: Step) -> Answer:
        echo = workload.echo(step)
        answer: Answer = echo.send(self.connection.run(named(step["sql"]), p1=next(echo))[0][0])
        return answer

    def cancel(self, step: Step) -> Answer:
        pid = self.connection.run("select pg_backend_pid()")[0][0]

        def cancel() -> None:
            other = self.connect()
            while other.run(named(step["watch"]), p1=pid) != [[1]]:
                time.sleep(0.01)
            other.run("select pg_cancel_backend(:pid)", pid=pid)
            other.close()

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            return self.query({**step, "params": []})
        finally:
            thread.join()

    def timeout(self, step: Step) -> Answer:
        self.connection.run(f"set statement_timeout = {step['milliseconds']}")
        try:
            return self.query({**step, "params": []})
        finally:
            self.connection.run("set statement_timeout = 0")


def named(sql: str) -> str:
    return re.sub(r"\$(\d+)", r":p\1", sql)


def values(params: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = [workload.parsed(kind, value) for kind, value in params]
    return {
        f"p{number}": workload.compact(value) if isinstance(value, dict) else value
        for number, value in enumerate(parsed, 1)
    }


def main() -> None:
    given = workload.arguments()
    driver = Driver(given)
    for step in given.steps:
        work = getattr(driver, step["do"], None)
        try:
            answer = work(step) if work else workload.UNSUPPORTED
        except pg8000.native.DatabaseError as error:
            answer = {"error": error.args[0]["C"]}
        workload.tell(step, answer)
    driver.connection.close()


main()
