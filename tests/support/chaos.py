"""The clients of a chaos run: sessions that connect, query, cancel, vanish, copy and err at random, and a ledger of what was acknowledged.

``python -m tests.support.chaos URI CONTROL ENGINE --seconds S --seed N --sessions N`` prints a report as JSON. The server is one of
``watched_server.py``. The time is divided into rounds; between them nobody is connected, the ledger is compared to the table, and what
the server holds is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from .chaos_clients import COPY, DRIVERS, Client, Entry, GivenUp, cut_transport, sqlstate_of
from .raw import SYNC, bind, execute, message, parse, query, startup
from .watched_server import Held, ask

ROUNDS: Final = 5
RAW_SHARE: Final = 0.2
"""Part of the sessions that are raw sockets, which never say good-bye."""
MAX_SURPRISES: Final = 20
QUIET: Final = 600
"""Times, five in a second, that a server is asked, when everybody is gone, whether it has let go of what it held."""

OVERLOADED: Final = ("did not end within 30 seconds", "not taken in time")
"""What our client says when a cancellation takes the server longer than it waits: it gives the connection up."""
EXPECTED: Final = frozenset(
    {
        "57014",  # cancelled
        "42601",  # syntax error
        "42P01",  # no such table
        "42703",  # no such column
        "55P03",  # SQLite: another session writes
        "40001",  # DuckDB: another session has written it
        "25P02",  # the transaction has failed
    }
)

STUCK: Final = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
    "duckdb": "select sum(a.i * b.i) from range(10000000) a(i), range(10000000) b(i)",
}
MANY: Final = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n limit 20000) select i, 'row ' || i as word from n",
    "duckdb": "select i, 'row ' || i as word from range(1, 20001) t(i)",
}
WRONG: Final = ("selec 1", "select * from missing", "select missing from ledger", "insert into missing values (1)")


@dataclass
class Ledger:
    """What the table must hold: transactions by number, each with its entries and how it ended.

    ``never``: it was not committed; ``perhaps``: the commit was sent, and no answer came; ``acknowledged``.
    """

    entries: dict[int, list[Entry]] = field(default_factory=dict)
    outcome: dict[int, str] = field(default_factory=dict)
    last: int = 0

    def transaction(self, rng: random.Random, count: int) -> tuple[int, list[Entry]]:
        """Entries of a new transaction, which is not committed yet."""
        self.last += 1
        made = [
            (self.last, n, rng.randrange(-(1 << 40), 1 << 40), "x" * rng.randrange(30) + f"é{n}") for n in range(count)
        ]
        self.entries[self.last] = made
        self.outcome[self.last] = "never"
        return self.last, made

    def faults(self, rows: list[tuple[Any, ...]]) -> list[str]:
        """What is wrong with the table's rows."""
        found: dict[int, list[Entry]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(row)  # type: ignore[arg-type]
        faults = []
        for number, entries in self.entries.items():
            outcome, there = self.outcome[number], sorted(found.pop(number, []))
            if (outcome == "never" and there) or (outcome == "acknowledged" and _checksum(there) != _checksum(entries)):
                faults.append(f"transaction {number} of {len(entries)} entries, {outcome}: {len(there)} are there")
            elif outcome == "perhaps" and there and _checksum(there) != _checksum(entries):
                faults.append(f"transaction {number} of {len(entries)} entries is there in part: {len(there)}")
        faults += [f"transaction {number} was never made: {len(there)} entries" for number, there in found.items()]
        return faults


def _checksum(entries: list[Entry]) -> tuple[int, int]:
    """How many they are, and a checksum of what they say."""
    return len(entries), zlib.crc32(repr([tuple(entry) for entry in entries]).encode())


@dataclass
class Chaos:
    """One run against one server."""

    uri: str
    engine: str
    ledger: Ledger = field(default_factory=Ledger)
    acts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    until: float = 0.0

    def surprise(self, what: str, error: BaseException | None = None) -> None:
        """Something happened that must not."""
        self.errors["surprise"] += 1
        if len(self.surprises) < MAX_SURPRISES:
            trace = "".join(traceback.format_exception(type(error), error, error.__traceback__)) if error else ""
            self.surprises.append(f"{what}\n{trace}")

    async def session(self, number: int, rng: random.Random) -> None:
        """Connect, act, leave or vanish, again and again until the round ends."""
        raw = rng.random() < RAW_SHARE
        while time.monotonic() < self.until:
            name = "raw" if raw else rng.choice(DRIVERS).__name__
            try:
                await (_RawSession(self, rng).run() if raw else _Session(self, rng, name).run())
            except Exception as error:
                refused = (
                    "53300" if sqlstate_of(error) == "53300" else ""
                )  # who has vanished keeps his place for a while
                overloaded = "gave up" if any(told in str(error) for told in OVERLOADED) else ""
                if refused or overloaded:
                    self.errors[refused or overloaded] += 1
                    await asyncio.sleep(1.0)
                else:
                    self.surprise(f"session {number} ({name})", error)


class _Session:
    """One session of a driver, from its login to its end."""

    def __init__(self, chaos: Chaos, rng: random.Random, driver: str) -> None:
        self._chaos = chaos
        self._rng = rng
        self._driver = next(kind for kind in DRIVERS if kind.__name__ == driver)
        self._client: Client

    async def run(self) -> None:
        chaos, rng = self._chaos, self._rng
        begun = time.monotonic()
        self._client = await self._driver.connect(chaos.uri)
        chaos.slowest["login"] = max(chaos.slowest.get("login", 0.0), round(time.monotonic() - begun, 1))
        chaos.acts["login"] += 1
        try:
            for _ in range(rng.randrange(1, 12)):
                if time.monotonic() >= chaos.until:
                    break
                act = rng.choices(list(_ACTS), weights=[weight for _, weight in _ACTS.values()])[0]
                chaos.acts[act] += 1
                if rng.random() < 0.04:
                    await self._vanish_during(act)
                    return
                begun = time.monotonic()
                try:
                    await _ACTS[act][0](self)
                except Exception as error:
                    await self._expected(error)
                chaos.slowest[act] = max(chaos.slowest.get(act, 0.0), round(time.monotonic() - begun, 1))
            await self._client.close()
        except BaseException:
            self._client.vanish(reset=True)
            raise

    async def _expected(self, error: Exception) -> None:
        """An error of the server that is documented; the session goes on, out of its transaction."""
        code = sqlstate_of(error)
        if isinstance(error, GivenUp):
            code = "given up"
        elif code not in EXPECTED:
            raise error
        self._chaos.errors[str(code)] += 1
        await self._client.rows("rollback")

    async def _vanish_during(self, act: str) -> None:
        self._chaos.acts["vanish"] += 1
        acting = asyncio.ensure_future(_ACTS[act][0](self))
        await asyncio.wait([acting], timeout=self._rng.random() * 0.02)
        self._client.vanish(reset=self._rng.random() < 0.5)
        done, _ = await asyncio.wait([acting], timeout=5.0)
        if not done:  # a driver may take long to notice
            acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)

    # -- what a session does -----------------------------------------------------------------------------------------

    async def echo(self) -> None:
        """An answer that belongs to this question and no other."""
        word, number = f"{id(self)}", self._rng.randrange(1 << 30)
        rows = await self._client.rows(f"select '{word}' as word, cast($1 as bigint) + 1 as n", number)
        if [tuple(row) for row in rows] != [(word, number + 1)]:
            self._chaos.surprise(f"asked for {word}, {number + 1}: {rows}")

    async def read(self) -> None:
        """A result of many rows."""
        rows = await self._client.rows(MANY[self._chaos.engine])
        if len(rows) != 20000 or tuple(rows[-1]) != (20000, "row 20000"):
            self._chaos.surprise(f"{len(rows)} rows instead of 20000")

    async def write(self) -> None:
        """One entry, committed by itself."""
        ledger = self._chaos.ledger
        number, entries = ledger.transaction(self._rng, 1)
        ledger.outcome[number] = "perhaps"
        try:
            await self._insert(entries[0])
        except Exception as error:
            if sqlstate_of(error) is not None:
                ledger.outcome[number] = "never"
            raise
        ledger.outcome[number] = "acknowledged"

    async def _insert(self, entry: Entry) -> None:
        sql = "insert into ledger (grp, n, amount, note) values ($1, $2, $3, $4)"
        await self._client.rows(sql, *entry)

    async def transact(self) -> None:
        """Several entries, committed or rolled back."""
        ledger, rng = self._chaos.ledger, self._rng
        number, entries = ledger.transaction(rng, rng.randrange(1, 6))
        await self._client.rows("begin")
        for entry in entries:
            await self._insert(entry)
            if rng.random() < 0.1:
                await self.echo()
        if rng.random() < 0.3:
            await self._client.rows("rollback")
        else:
            await self._commit(number)

    async def _commit(self, number: int) -> None:
        ledger = self._chaos.ledger
        ledger.outcome[number] = "perhaps"
        try:
            await self._client.rows("commit")
        except Exception as error:
            if sqlstate_of(error) is not None:
                ledger.outcome[number] = "never"
            raise
        ledger.outcome[number] = "acknowledged"

    async def copy_in(self) -> None:
        """Entries by COPY, committed by itself, or given up in the middle."""
        ledger, rng = self._chaos.ledger, self._rng
        number, entries = ledger.transaction(rng, rng.randrange(1, 40))
        fail = rng.random() < 0.3
        if not fail:
            ledger.outcome[number] = "perhaps"
        try:
            await self._client.copy_in(entries, fail=fail)
        except Exception as error:
            if sqlstate_of(error) is not None:
                ledger.outcome[number] = "never"
            raise
        if fail:
            self._chaos.surprise("a COPY that was given up has succeeded")
        ledger.outcome[number] = "acknowledged"

    async def copy_out(self) -> None:
        """Rows by COPY."""
        if await self._client.copy_out(f"copy ({MANY[self._chaos.engine]}) to stdout") < 20000 * 10:
            self._chaos.surprise("a COPY to the client came in part")

    async def err(self) -> None:
        """What is wrong is an error, and no more."""
        try:
            await self._client.rows(self._rng.choice(WRONG))
        except Exception as error:
            if sqlstate_of(error) not in EXPECTED:
                raise
            self._chaos.errors[str(sqlstate_of(error))] += 1
        else:
            self._chaos.surprise("a wrong statement has succeeded")
        await self.echo()

    async def fail_in_transaction(self) -> None:
        """A transaction that an error ends: nothing of it stays."""
        _, entries = self._chaos.ledger.transaction(self._rng, 1)
        await self._client.rows("begin")
        await self._insert(entries[0])
        await self._client.rows(self._rng.choice(WRONG))

    async def cancel(self) -> None:
        """A statement without an end, cancelled."""
        async with _stuck:
            code = await self._client.interrupted(STUCK[self._chaos.engine], self._rng.random() * 0.2)
        if code != "57014":
            self._chaos.surprise("a statement without an end has ended")
        self._chaos.errors["57014"] += 1
        await self.echo()

    async def cancel_reading(self) -> None:
        """A cancel somewhere around a result: before it, in it, behind it."""
        code = await self._client.interrupted(MANY[self._chaos.engine], self._rng.random() * 0.05)
        self._chaos.errors["57014"] += code is not None
        await self.echo()


_stuck = asyncio.Semaphore(4)
"""Statements without an end at a time: each takes a processor."""

_ACTS: Final[dict[str, tuple[Callable[[_Session], Awaitable[None]], int]]] = {
    "echo": (_Session.echo, 8),
    "read": (_Session.read, 2),
    "write": (_Session.write, 4),
    "transact": (_Session.transact, 4),
    "copy in": (_Session.copy_in, 3),
    "copy out": (_Session.copy_out, 2),
    "err": (_Session.err, 3),
    "fail in transaction": (_Session.fail_in_transaction, 2),
    "cancel": (_Session.cancel, 1),
    "cancel reading": (_Session.cancel_reading, 2),
}


class _RawSession:
    """A socket that vanishes where no driver would, after it has sent something, read something, or neither."""

    def __init__(self, chaos: Chaos, rng: random.Random) -> None:
        self._chaos = chaos
        self._rng = rng

    async def run(self) -> None:
        chaos, rng = self._chaos, self._rng
        address = urlsplit(chaos.uri)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        chaos.acts["raw"] += 1
        try:
            login = startup({"user": "raw", "database": "test", "statement_timeout": "2s"})
            kind = rng.choice(["start", *["acts"] * 9])
            data = login + b"".join([self._act() for _ in range(rng.randrange(1, 6))]) if kind == "acts" else login
            data = data[: rng.randrange(len(data) + 1)] if rng.random() < 0.3 else data
            if rng.random() < 0.05:
                data = rng.randbytes(rng.randrange(1, 200))
            for start in range(0, len(data), 1000):
                writer.write(data[start : start + 1000])
                await writer.drain()
            if rng.random() < 0.7:
                await asyncio.wait_for(self._read(reader), rng.random() * 0.3)
        except (asyncio.TimeoutError, TimeoutError, ConnectionError):
            pass
        finally:
            cut_transport(writer.transport, reset=rng.random() < 0.5)
        await asyncio.sleep(rng.random() * 0.5)  # the others want their turn, too

    async def _read(self, reader: asyncio.StreamReader) -> None:
        for _ in range(self._rng.randrange(1, 20)):
            if not await reader.read(self._rng.choice([1, 100, 65536])):
                return

    def _act(self) -> bytes:
        """Messages, some of them without their end. What they write is not committed, or nobody hears of it."""
        rng, chaos = self._rng, self._chaos
        number, entries = chaos.ledger.transaction(rng, 2)
        values = ", ".join(f"({g}, {n}, {amount}, '{note}')" for g, n, amount, note in entries)
        insert = f"insert into ledger (grp, n, amount, note) values {values}"
        many = MANY[chaos.engine]
        kind = rng.randrange(9)
        if kind == 0 and rng.random() < 0.3:  # SQLite has others wait
            return query(f"begin; {insert}")
        if kind in (0, 1):
            chaos.ledger.outcome[number] = "perhaps"
            return query(f"rollback; begin; {insert}; commit")
        if kind == 2:
            return query(many) * rng.randrange(1, 5)
        if kind == 3:
            batch = parse(many) + bind() + execute("", 100)
            return batch + (SYNC if rng.random() < 0.5 else b"")
        if kind == 4:
            return query(STUCK[chaos.engine]) if rng.random() < 0.05 else query("select 1")
        if kind == 5:
            rows = b"".join("\t".join(map(str, entry)).encode() + b"\n" for entry in entries)
            return query(COPY) + message("d", rows)  # neither CopyDone nor CopyFail
        if kind == 6:
            return query(f"declare c cursor with hold for {many}; fetch 10 from c")
        if kind == 7:
            return parse("select $1", f"s{rng.randrange(3)}") + message("D", b"Ss1\0")
        return query("listen chaos; notify chaos, 'news'") + query(rng.choice(WRONG))


async def _quiet(control: int, tasks: int) -> Held:
    """What the server holds when it has let go of everybody, and has no more than so many tasks."""
    for _ in range(QUIET):
        held = await asyncio.to_thread(ask, control)
        if not (held.connections or held.sessions or held.session_threads) and held.tasks <= tasks:
            break
        await asyncio.sleep(0.2)
    return held


async def run(uri: str, control: int, engine: str, seconds: float, seed: int, sessions: int) -> dict[str, Any]:
    """One run; the report says what was done, what went wrong, and what the server held after each round."""
    chaos = Chaos(uri, engine)
    tasks = ask(control).tasks
    first = await DRIVERS[0].connect(uri)
    await first.rows("create table ledger (grp bigint, n integer, amount bigint, note text)")
    await first.close()
    held = [await _quiet(control, tasks)]
    faults: list[str] = []
    logins = []
    begun = time.monotonic()
    for round_number in range(ROUNDS):
        until = begun + seconds * (round_number + 1) / ROUNDS  # what one takes longer, the next is shorter
        chaos.until = max(until, time.monotonic() + seconds / ROUNDS / 2)
        await asyncio.gather(*(chaos.session(n, random.Random(f"{seed}-{round_number}-{n}")) for n in range(sessions)))
        held.append(await _quiet(control, tasks))
        logins.append(chaos.acts["login"] + chaos.acts["raw"])
        reader = await DRIVERS[0].connect(uri)
        rows = await reader.rows("select grp, n, amount, note from ledger")
        await reader.close()
        faults += [f"round {round_number}: {fault}" for fault in chaos.ledger.faults(rows)]
    outcomes = Counter(chaos.ledger.outcome.values())
    return {
        "held": [one._asdict() for one in held],
        "logins": logins,
        "acts": dict(chaos.acts),
        "slowest": chaos.slowest,
        "errors": dict(chaos.errors),
        "transactions": dict(outcomes),
        "rows": len(rows),
        "faults": faults[:MAX_SURPRISES],
        "surprises": chaos.surprises,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("control", type=int)
    parser.add_argument("engine", choices=list(STUCK))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=200)
    given = parser.parse_args()
    report = asyncio.run(run(given.uri, given.control, given.engine, given.seconds, given.seed, given.sessions))
    json.dump(report, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
