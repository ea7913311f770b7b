"""Measuring one slice: rate, processor time of a server's process tree, memory."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from .clients import connect, logins
from .contenders import Contender
from .errors import BenchmarkError
from .scram_clients import scram_logins


@dataclass(frozen=True)
class Sample:
    """One slice: events per second, and microseconds of the server's processor time per event."""

    rate: float
    cpu_us: float


def tree(root: psutil.Process) -> list[psutil.Process]:
    """A process and its descendants."""
    return [root, *root.children(recursive=True)]


def cpu_seconds(root: psutil.Process) -> float:
    """User and system time of a process tree so far, with that of children that have ended and been waited for."""
    total = 0.0
    for process in tree(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def memory_bytes(root: psutil.Process) -> int:
    """Memory of a process tree, a page that several processes map counted once (PSS; RSS where there is no PSS)."""
    total = 0
    for process in tree(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                total += process.memory_full_info().pss
            except (AttributeError, psutil.AccessDenied):
                total += process.memory_info().rss
    return total


def pgbench(
    program: Path,
    scratch: Path,
    contender: Contender,
    sql: str,
    mode: str,
    clients: int,
    seconds: int,
    *,
    tls: bool = False,
) -> Sample:
    """A slice of pgbench on one thread; the processor time includes that of the clients' logins."""
    script = scratch / "script.sql"
    script.write_text(sql + ";\n")
    command = [program, "-n", "-f", script, "-M", mode, "-j", 1, "-c", clients, "-T", seconds]
    command += ["-h", "127.0.0.1", "-p", contender.port, "-U", "bench", "postgres"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    environment.update(PGSSLMODE="require" if tls else "disable", PGGSSENCMODE="disable")
    before = cpu_seconds(contender.tree)
    try:
        done = subprocess.run(
            [str(word) for word in command],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=seconds + 60,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"pgbench -M {mode} -c {clients} on {contender.name} hangs") from error
    spent = cpu_seconds(contender.tree) - before
    contender.check_alive()
    count = re.search(r"transactions actually processed: (\d+)", done.stdout)
    rate = re.search(r"tps = ([\d.]+) \(without initial connection time\)", done.stdout)
    failed = re.search(r"failed transactions: (\d+)", done.stdout)
    if done.returncode or not count or not rate or int(count[1]) == 0 or (failed and int(failed[1])):
        output = (done.stdout + done.stderr)[-2_000:]
        raise BenchmarkError(f"pgbench -M {mode} -c {clients} on {contender.name} failed ({sql}):\n{output}")
    return Sample(float(rate[1]), spent / int(count[1]) * 1e6)


def login_slice(contender: Contender, seconds: float) -> Sample:
    """A slice of logins, four at a time."""
    before, start = cpu_seconds(contender.tree), time.perf_counter()
    count = logins(contender.port, seconds)
    elapsed = time.perf_counter() - start
    contender.check_alive()
    return Sample(count / elapsed, (cpu_seconds(contender.tree) - before) / count * 1e6)


def scram_slice(contender: Contender, seconds: float) -> Sample:
    """A slice of SCRAM-SHA-256 logins, four at a time."""
    before, start = cpu_seconds(contender.tree), time.perf_counter()
    count = scram_logins(contender.port, seconds)
    elapsed = time.perf_counter() - start
    contender.check_alive()
    return Sample(count / elapsed, (cpu_seconds(contender.tree) - before) / count * 1e6)


def idle_memory(contender: Contender, connections: int) -> float:
    """Bytes that an idle connection costs the server: the growth from the 20th on, past what first use costs."""
    warm = 20
    opened = []
    try:
        for _ in range(warm):
            opened.append(connect(contender.port))
        before = settled_memory(contender)
        for _ in range(connections):
            opened.append(connect(contender.port))
        return (settled_memory(contender) - before) / connections
    finally:
        for connection in opened:
            connection.close()


def settled_memory(contender: Contender) -> int:
    """Memory once it has stopped growing, or after 3 seconds."""
    last = memory_bytes(contender.tree)
    for _ in range(10):
        time.sleep(0.3)
        now = memory_bytes(contender.tree)
        if now <= last:
            break
        last = now
    contender.check_alive()
    return last
