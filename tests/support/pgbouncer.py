"""PgBouncer before PostgreSQL: an installed one, or else Debian's package, unpacked into ``.cache`` without being installed.

What cannot be had raises: nothing is skipped for want of it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .postgres import CACHE, _unprivileged_owner, fetching, free_port

USUAL_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
LIBRARIES = re.compile(r"Depends: (libc-?ares\S*|libevent\S*)")
"""Packages that PgBouncer needs and few machines have; their names differ by release."""
DEADLINE = 30.0
"""Seconds; only one that never starts takes that long."""


@dataclass(frozen=True)
class Pooler:
    """Where a PgBouncer listens, its output so far, and what it is."""

    host: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    version: str


@dataclass(frozen=True)
class Program:
    """PgBouncer, and where libraries of its own are."""

    path: str
    libraries: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **({"LD_LIBRARY_PATH": self.libraries} if self.libraries else {})}


def find_pgbouncer() -> Program:
    """PgBouncer.

    Raises:
        RuntimeError: there is none, and apt-get is not there to fetch it with, or failed.
    """
    places = os.pathsep.join([os.environ.get("PATH", ""), *USUAL_PLACES])
    installed = shutil.which("pgbouncer", path=places)
    if installed is not None:
        return Program(installed)
    directory = CACHE / "pgbouncer"
    with fetching():
        if not (directory / "ready").exists():
            _fetch(directory)
    libraries = ":".join(str(path) for path in sorted((directory / "usr" / "lib").glob("*-linux-gnu*")))
    return Program(str(directory / "usr" / "sbin" / "pgbouncer"), libraries)


def _fetch(directory: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise RuntimeError("the tests need PgBouncer: install it, or have apt-get, which has a package of it")
    shutil.rmtree(directory, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="pgwire-apt-", dir="/tmp") as packed:
        os.chmod(packed, 0o777)  # apt-get fetches as a user of its own
        found = _download(packed)
        if found.returncode and os.geteuid() == 0:  # the lists of packages may be missing or old
            _apt("/", "apt-get", "update", "-q")
            found = _download(packed)
        if found.returncode:
            raise RuntimeError(f"the tests need PgBouncer, and apt-get could not fetch it:\n{found.stderr[-500:]}")
        for package in Path(packed).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, directory], check=True, capture_output=True)
    (directory / "ready").touch()


def _download(directory: str) -> subprocess.CompletedProcess[str]:
    needed = LIBRARIES.findall(_apt(directory, "apt-cache", "depends", "pgbouncer").stdout)
    return _apt(directory, "apt-get", "download", "-q", "pgbouncer", *needed)


def _apt(directory: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory, timeout=300)


@contextmanager
def running_pgbouncer(
    host: str, port: int, mode: str, *, user: str = "postgres", **settings: object
) -> Iterator[Pooler]:
    """PgBouncer before the PostgreSQL at this address.

    Args:
        mode: ``session``, ``transaction`` or ``statement``.
        user: the superuser that everybody is towards PostgreSQL, in its database ``postgres``.
        **settings: more lines of its section ``[pgbouncer]``.
    """
    program = find_pgbouncer()
    owner = _unprivileged_owner()
    identity = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    directory = Path(tempfile.mkdtemp(prefix="pgwire-pgbouncer-", dir="/tmp"))
    try:
        own_port = free_port()
        every = {
            "listen_addr": "127.0.0.1",
            "listen_port": own_port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": mode,
            "admin_users": user,
            **settings,
        }
        target = f"* = host={host} port={port} user={user} dbname=postgres"
        lines = "\n".join(f"{name} = {value}" for name, value in every.items())
        (directory / "pgbouncer.ini").write_text(f"[databases]\n{target}\n[pgbouncer]\n{lines}\n")
        if owner is not None:
            for path in (directory, directory / "pgbouncer.ini"):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        log = directory / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [program.path, "pgbouncer.ini"],
                stdout=output, stderr=subprocess.STDOUT, cwd=directory, env=program.environment, **identity,  # type: ignore[call-overload]
            )  # fmt: skip
        try:
            _wait(process, log)
            yield Pooler("127.0.0.1", own_port, log, process, _version(program))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _version(program: Program) -> str:
    command = [program.path, "--version"]
    text = subprocess.run(command, env=program.environment, capture_output=True, text=True, check=True).stdout
    return text.partition("\n")[0]


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while True:
        text = log.read_text(errors="replace")
        if re.search(r"process up", text):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"PgBouncer did not start:\n{text}")
        time.sleep(0.02)
