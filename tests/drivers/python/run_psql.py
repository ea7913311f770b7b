"""The workload by psql: one process that is sent each step and a mark to read to, with PREPARE and EXECUTE for parameters."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import workload
from workload import Answer, Step

FIELD, RECORD, NULL, MARK = "\x05", "\x06", "\x02", "\x03"
PSQL = [os.environ["PSQL"], "-X", "-A", "-F", FIELD, "-R", RECORD, "-P", f"null={NULL}"]
ERROR = re.compile(r"^ERROR:  (\w{5})$", re.MULTILINE)
FOOTER = re.compile(r"\(\d+ rows?\)$")
TYPES = {
    "integer": "int4",
    "bigint": "int8",
    "double precision": "float8",
    "boolean": "bool",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}

Rows = list[list[Any]]


class Refused(Exception):
    """An error of the server; the argument is its SQLSTATE."""


class Driver:
    def __init__(self, given: workload.Arguments) -> None:
        self.given = given
        self.names = (f"w_statement_{number}" for number in itertools.count())
        environment = {**os.environ, "PGCLIENTENCODING": "UTF8"}
        self.process = subprocess.Popen(
            [*PSQL, "-q", "-v", "VERBOSITY=sqlstate", given.plain],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        )  # fmt: skip

    def other(self, *options: str, url: str = "") -> subprocess.CompletedProcess[str]:
        command = [*PSQL, "-t", *options, url or self.given.plain]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def run(self, text: str) -> tuple[str, int]:
        """What psql prints, and the number of rows of the last statement."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{text}\n\\echo {MARK} :ROW_COUNT\n")
        self.process.stdin.flush()
        lines: list[str] = []
        state = None
        for line in self.process.stdout:
            error = ERROR.match(line)
            if line.startswith(MARK):
                if state is not None:
                    raise Refused(state)
                return "".join(lines), int(line.split()[1])
            if error is not None:
                state = error[1]
            elif not line.startswith("NOTICE:"):
                lines.append(line)
        raise RuntimeError(f"psql ended after {text[:100]}")

    def prepare(self, sql: str, params: Sequence[tuple[str, Any]]) -> str:
        name = next(self.names)
        types = f"({', '.join(kind for kind, _ in params)})" if params else ""
        self.run(f"prepare {name}{types} as {sql};")
        return name

    def call(self, name: str, params: Sequence[tuple[str, Any]]) -> str:
        values = ", ".join(literal(kind, value) for kind, value in params)
        return f"execute {name}({values})" if params else f"execute {name}"

    def types(self, sql: str) -> list[tuple[str, str]]:
        """Names and types of the columns, by ``\\gdesc``."""
        text, _ = self.run(f"{sql} \\gdesc")
        return [(name, TYPES.get(kind, kind)) for name, kind in tables(text)[0][1]]

    def login(self, step: Step) -> Answer:
        done = self.other("-c", "select current_user", url=self.given.login(step))
        if "password authentication failed" in done.stderr:
            raise Refused("28P01")  # psql tells no state of a failed login
        assert done.returncode == 0, done.stderr
        return {"rows": [[done.stdout.strip()]]}

    def simple(self, step: Step) -> Answer:
        self.run(step["sql"].replace("; ", "\\; ") + ";")  # in one message
        return {"done": True}

    def several(self, step: Step) -> Answer:
        text, _ = self.run("\\set QUIET off\n" + step["sql"].replace("; ", "\\; ") + ";\n\\set QUIET on")
        return {"results": [rows for _, rows in tables(text)]}

    def query(self, step: Step) -> Answer:
        columns = self.types(step["sql"])
        if step["params"]:
            text, _ = self.run(self.call(self.prepare(step["sql"], step["params"]), step["params"]) + ";")
        else:
            text, _ = self.run(step["sql"] + ";")
        names, rows = tables(text)[0]
        found = [[shown(kind, value) for (_, kind), value in zip(columns, row, strict=True)] for row in rows]
        return workload.table(names, found)

    def execute(self, step: Step) -> Answer:
        _, count = self.run(self.call(self.prepare(step["sql"], step["params"]), step["params"]) + ";")
        return {"count": count}

    def prepared(self, step: Step) -> Answer:
        name = self.prepare(step["sql"], step["sets"][0])
        return {"each": [tables(self.run(self.call(name, params) + ";")[0])[0][1] for params in step["sets"]]}

    def nested(self, step: Step) -> Answer:
        self.run(f"begin; {step['outer']}; savepoint w_inner; {step['inner']};")
        try:
            for sql in ("rollback to w_inner", step["after"], "commit"):
                self.run(f"{sql};")
        except Refused:
            self.run("rollback;")
            raise
        return {"done": True}

    def batch(self, step: Step) -> Answer:
        name = self.prepare(step["sql"], step["sets"][0])
        calls = "\\; ".join(self.call(name, params) for params in step["sets"])
        text, _ = self.run(f"\\set QUIET off\n{calls};")
        self.run("\\set QUIET on")
        return {"count": sum(int(line.split()[-1]) for line in text.splitlines())}

    def describe(self, step: Step) -> Answer:
        _, rows = tables(self.run(f"\\d {step['table']}\n")[0], footer=False)[0]
        return {"types": [[row[0], TYPES.get(row[1], row[1].partition("(")[0])] for row in rows if len(row) > 1]}

    def copy_in(self, step: Step) -> Answer:
        columns = ", ".join(step["columns"])
        _, count = self.run(f"\\copy {step['table']} ({columns}) from stdin (format csv)\n{step['data']}\\.")
        return {"count": count}

    copy_bad = copy_in

    def copy_out(self, step: Step) -> Answer:
        return {"text": self.run(f"\\copy ({step['query']}) to stdout (format csv)")[0]}

    def notify(self, step: Step) -> Answer:
        self.run(f"listen {step['channel']};")
        self.other("-c", f"notify {step['channel']}, '{step['payload']}'")
        heard = None
        while heard is None:  # psql tells of notifications after each query
            heard = re.search(r'payload "(.*)" received', self.run("select 1;")[0])
        self.run(f"unlisten {step['channel']};")
        return {"payload": heard[1]}

    def sum(self, step: Step) -> Answer:
        _, rows = tables(self.run(step["sql"] + ";")[0])[0]
        return workload.sums([[int(row[0])] for row in rows])

    def portions(self, step: Step) -> Answer:
        self.run(f"\\set FETCH_COUNT {step['size']}")
        answer = self.sum(step)
        self.run("\\set FETCH_COUNT 0")
        return answer

    def echo(self, step: Step) -> Answer:
        echo = workload.echo(step)
        name = self.prepare(step["sql"], [("text", "")])
        _, rows = tables(self.run(self.call(name, [("text", next(echo))]) + ";")[0])[0]
        answer: Answer = echo.send(rows[0][0])
        return answer

    def cancel(self, step: Step) -> Answer:
        # A process of its own: psql ends with the statement that is cancelled.
        command = [*PSQL, "-t", "-v", "VERBOSITY=sqlstate", "-c", "select pg_backend_pid()", "-c", step["sql"]]
        with subprocess.Popen(
            [*command, self.given.plain], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            pid = process.stdout.readline().strip()
            while self.other("-c", step["watch"].replace("$1", pid)).stdout.strip() != "1":
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, printed = process.communicate()
        found = ERROR.search(printed)
        assert found is not None, printed
        raise Refused(found[1])

    def timeout(self, step: Step) -> Answer:
        self.run(f"set statement_timeout = {step['milliseconds']};")
        try:
            self.run(step["sql"] + ";")
        finally:
            self.run("set statement_timeout = 0;")
        return {"done": True}


def literal(kind: str, value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        elements = ", ".join(literal(kind[:-2], each) for each in value)
        return f"array[{elements}]::{kind}"
    text = value.replace("'", "''")
    return f"'\\x{text}'" if kind == "bytea" else f"'{text}'"


def tables(text: str, *, footer: bool = True) -> list[tuple[list[str], Rows]]:
    """Column names and rows of each result; nothing of a statement that has none, for which there is its tag."""
    found: list[tuple[list[str], Rows]] = []
    for line in text.removesuffix("\n").split("\n"):
        records = line.split(RECORD)
        if footer and not FOOTER.match(records.pop()):
            found.append(([], []))
            continue
        rows = [[None if field == NULL else field for field in record.split(FIELD)] for record in records]
        heading = next(number for number, row in enumerate(rows) if footer or len(row) > 1)
        found.append((rows[heading], rows[heading + 1 :]))  # type: ignore[arg-type]
    return found


def shown(kind: str, text: str | None) -> Any:
    """psql's text of a value as the workload writes it."""
    if text is None:
        return None
    if kind == "bool":
        return "true" if text == "t" else "false"
    if kind == "bytea":
        return text[2:]
    if kind in ("timestamp", "timestamptz"):
        whole, _, fraction = text.removesuffix("+00").partition(".")
        return f"{whole.replace(' ', 'T')}.{fraction:0<3}{'Z' if kind == 'timestamptz' else ''}"
    if kind.endswith("[]"):
        elements = re.findall(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)', text)
        return [re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in elements]
    return text


def main() -> None:
    given = workload.arguments()
    driver = Driver(given)
    for step in given.steps:
        work = getattr(driver, step["do"], None)
        try:
            answer = work(step) if work else workload.UNSUPPORTED
        except Refused as error:
            answer = {"error": error.args[0]}
        workload.tell(step, answer)
    assert driver.process.stdin is not None
    driver.process.stdin.close()
    driver.process.wait()


main()
