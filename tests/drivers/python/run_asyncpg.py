"""The workload by asyncpg."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from typing import Any

import asyncpg
import workload
from workload import Answer, Step


class Undo(Exception):
    """Rolls a nested transaction back."""


class Driver:
    def __init__(self, given: workload.Arguments, connection: Any) -> None:
        self.given = given
        self.connection = connection

    def values(self, params: list[tuple[str, Any]]) -> list[Any]:
        return [workload.parsed(kind, value) for kind, value in params]

    async def login(self, step: Step) -> Answer:
        tls: Any = ssl.create_default_context(cafile=self.given.ca) if step["tls"] else False
        connection = await asyncpg.connect(self.given.url, password=step.get("password", "secret"), ssl=tls)
        try:
            return {"rows": workload.shown_rows(await connection.fetch("select current_user"))}
        finally:
            await connection.close()

    async def simple(self, step: Step) -> Answer:
        await self.connection.execute(step["sql"])
        return {"done": True}

    async def query(self, step: Step) -> Answer:
        rows = await self.connection.fetch(step["sql"], *self.values(step["params"]))
        return workload.table(list(rows[0].keys()) if rows else [], rows)

    async def execute(self, step: Step) -> Answer:
        tag = await self.connection.execute(step["sql"], *self.values(step["params"]))
        return {"count": int(tag.split()[-1])}

    async def prepared(self, step: Step) -> Answer:
        statement = await self.connection.prepare(step["sql"])
        return {"each": [workload.shown_rows(await statement.fetch(*self.values(params))) for params in step["sets"]]}

    async def nested(self, step: Step) -> Answer:
        async with self.connection.transaction():
            await self.connection.execute(step["outer"])
            try:
                async with self.connection.transaction():
                    await self.connection.execute(step["inner"])
                    raise Undo
            except Undo:
                pass
            await self.connection.execute(step["after"])
        return {"done": True}

    async def batch(self, step: Step) -> Answer:
        await self.connection.executemany(step["sql"], [self.values(params) for params in step["sets"]])
        return {"count": len(step["sets"])}  # asyncpg tells no counts

    async def describe(self, step: Step) -> Answer:
        statement = await self.connection.prepare(f"select * from {step['table']}")
        return {"types": [[column.name, column.type.name] for column in statement.get_attributes()]}

    async def copy_in(self, step: Step) -> Answer:
        source = io.BytesIO(step["data"].encode())
        tag = await self.connection.copy_to_table(step["table"], source=source, columns=step["columns"], format="csv")
        return {"count": int(tag.split()[-1])}

    copy_bad = copy_in

    async def copy_rows(self, step: Step) -> Answer:
        rows = [self.values(list(zip(step["types"], row, strict=True))) for row in step["rows"]]
        tag = await self.connection.copy_records_to_table(step["table"], records=rows, columns=step["columns"])
        return {"count": int(tag.split()[-1])}

    async def copy_out(self, step: Step) -> Answer:
        output = io.BytesIO()
        await self.connection.copy_from_query(step["query"], output=output, format="csv")
        return {"text": output.getvalue().decode()}

    async def notify(self, step: Step) -> Answer:
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def listener(_connection: Any, _pid: int, _channel: str, payload: str) -> None:
            heard.set_result(payload)

        await self.connection.add_listener(step["channel"], listener)
        other = await asyncpg.connect(self.given.plain)
        await other.execute("select pg_notify($1, $2)", step["channel"], step["payload"])
        await other.close()
        payload = await asyncio.wait_for(heard, 60)
        await self.connection.remove_listener(step["channel"], listener)
        return {"payload": payload}

    async def sum(self, step: Step) -> Answer:
        return workload.sums(await self.connection.fetch(step["sql"]))

    async def portions(self, step: Step) -> Answer:
        async with self.connection.transaction():
            cursor = self.connection.cursor(step["sql"], prefetch=step["size"])
            return workload.sums([row async for row in cursor])

    async def first(self, step: Step) -> Answer:
        async with self.connection.transaction():
            cursor = await self.connection.cursor(step["sql"])
            return {"rows": workload.shown_rows(await cursor.fetch(step["size"]))}

    async def echo(self, step: Step) -> Answer:
        echo = workload.echo(step)
        answer: Answer = echo.send(await self.connection.fetchval(step["sql"], next(echo)))
        return answer

    async def cancel(self, step: Step) -> Answer:
        async def cancel() -> None:
            other = await asyncpg.connect(self.given.plain)
            pid = self.connection.get_server_pid()
            while await other.fetchval(step["watch"], pid) != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await other.fetchval("select pg_cancel_backend($1)", pid)
            await other.close()

        task = asyncio.create_task(cancel())
        try:
            return await self.query({**step, "params": []})
        finally:
            await task

    async def timeout(self, step: Step) -> Answer:
        await self.connection.execute(f"set statement_timeout = {step['milliseconds']}")
        try:
            return await self.query({**step, "params": []})
        finally:
            await self.connection.execute("set statement_timeout = 0")


async def main() -> None:
    given = workload.arguments()
    driver = Driver(given, await asyncpg.connect(given.plain))
    await driver.connection.set_type_codec("json", schema="pg_catalog", encoder=workload.compact, decoder=json.loads)
    for step in given.steps:
        work = getattr(driver, step["do"], None)
        try:
            answer = await work(step) if work else workload.UNSUPPORTED
        except asyncpg.PostgresError as error:
            answer = {"error": error.sqlstate}
        workload.tell(step, answer)
    await driver.connection.close()


asyncio.run(main())
