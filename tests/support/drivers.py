"""The programs of ``tests/drivers``: what they need is fetched and built once into ``.cache/drivers``, by each language's own client.

A toolchain that is missing raises; nothing is skipped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .certificates import make_certificates
from .postgres import Programs, running_cluster
from .psql import run_psql
from .servers import running_server, serve_command
from .targets import REFEREE, make_database

SOURCES = Path(__file__).resolve().parents[1] / "drivers"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "drivers"
WORKLOAD = SOURCES / "workload.json"
BUILD_DEADLINE = 600.0  # seconds
RUN_DEADLINE = 300.0  # seconds

Answers = dict[str, dict[str, Any]]
"""What a program printed: the name of each step, in order, and its answer."""


@dataclass(frozen=True)
class LoginServer:
    """A server that asks ``tester`` for a password with SCRAM-SHA-256, and offers TLS."""

    url: str
    authority: Path
    psql: str


@contextmanager
def login_server(name: str, programs: Programs, directory: Path) -> Iterator[LoginServer]:
    """PostgreSQL, or ours with the engine of this name."""
    certificates = make_certificates(directory)
    if name == REFEREE:
        files = {"server.crt": certificates.certificate.read_bytes(), "server.key": certificates.key.read_bytes()}
        hba = "host all tester 127.0.0.1/32 scram-sha-256\n"
        with running_cluster(programs, hba=hba, settings={"ssl": "on"}, files=files) as cluster:
            dsn = f"host={cluster.host} port={cluster.port} user={cluster.user} dbname={cluster.dbname}"
            made = run_psql(
                programs, dsn, "create role tester login password 'secret'", "create database test owner tester"
            )
            assert made.returncode == 0, made.stderr
            yield _at(cluster.port, certificates.authority, programs)
        return
    source = directory / f"data.{name}"
    make_database(source)
    users = directory / "users.txt"
    users.write_text('"tester" "secret"\n')
    users.chmod(0o600)
    command = serve_command(
        source, "--auth", "scram-sha-256", "--users", users,
        "--tls-cert", certificates.certificate, "--tls-key", certificates.key,
    )  # fmt: skip
    with running_server(command) as server:
        yield _at(server.port, certificates.authority, programs)


def _at(port: int, authority: Path, programs: Programs) -> LoginServer:
    url = f"postgresql://tester:secret@127.0.0.1:{port}/test?application_name=workload"
    return LoginServer(url, authority, programs.path("psql"))


def run_driver(command: Sequence[str | Path], server: LoginServer) -> Answers:
    """The answers of a program to every step.

    Raises:
        AssertionError: it failed, with what it printed last.
    """
    done = subprocess.run(
        [*command, WORKLOAD, server.url, server.authority],
        capture_output=True, text=True, check=False, timeout=RUN_DEADLINE, env={**os.environ, "TZ": "UTC", "PSQL": server.psql},
    )  # fmt: skip
    answers = {}
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        answers[answer.pop("step")] = answer
    assert done.returncode == 0, f"after {list(answers)[-1:]}:\n{done.stderr[-4000:]}"
    return answers


@dataclass(frozen=True)
class Driver:
    """How a driver's program is started, after ``prepare``."""

    command: Sequence[str | Path]
    prepare: Callable[[], None] = lambda: None


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time: what several need, one fetches and builds, and the others find."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(directory: Path, needs: str, *command: str | Path, **environment: str) -> None:
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"the drivers' tests need {command[0]}: install {needs}")
    done = subprocess.run(
        command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=BUILD_DEADLINE,
        env={**os.environ, **environment},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr)[-4000:]}")


def _digest(sources: Path) -> str:
    files = sorted(file for file in sources.rglob("*") if file.is_file())
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _built(name: str, build: Callable[[Path], None]) -> Callable[[], None]:
    """Copies the sources of a language into ``.cache`` and builds them there, unless they were built as they are."""

    def prepare() -> None:
        with _alone():
            folder = CACHE / name
            digest, stamp = _digest(SOURCES / name), folder / "built"
            if stamp.exists() and stamp.read_text() == digest:
                return
            stamp.unlink(missing_ok=True)
            shutil.copytree(SOURCES / name, folder, dirs_exist_ok=True)
            build(folder)
            stamp.write_text(digest)

    return prepare


def _c(folder: Path) -> None:
    if not _has_libpq_headers() and os.geteuid() == 0 and shutil.which("apt-get"):
        _run(folder, "apt", "apt-get", "update")
        _run(
            folder,
            "apt",
            "apt-get",
            "install",
            "-y",
            "--no-install-recommends",
            "libpq-dev",
            DEBIAN_FRONTEND="noninteractive",
        )
    if not _has_libpq_headers():
        raise RuntimeError("the drivers' tests need libpq-fe.h, where pg_config says: install libpq's headers")
    places = [f"-I{_pg_config('--includedir')}", f"-L{_pg_config('--libdir')}", f"-Wl,-rpath,{_pg_config('--libdir')}"]
    libraries = ["-lpq", "-lpthread"]
    sources = sorted(folder.glob("*.c"))
    _run(folder, "a C compiler", "cc", "-Wall", "-Wextra", "-o", folder / "libpq", *sources, *places, *libraries)


def _has_libpq_headers() -> bool:
    return shutil.which("pg_config") is not None and (Path(_pg_config("--includedir")) / "libpq-fe.h").exists()


def _pg_config(option: str) -> str:
    return subprocess.run(["pg_config", option], capture_output=True, text=True, check=True).stdout.strip()


def _go(folder: Path) -> None:
    _run(folder, "Go 1.25 or later", "go", "build", "-o", folder / "pgx", ".")


def _java(folder: Path) -> None:
    _run(folder, "Maven", "mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'lib'}")
    sources = sorted(folder.glob("*.java"))
    _run(folder, "a JDK, 17 or later", "javac", "-d", folder, "-cp", f"{folder / 'lib'}/*", *sources)


def _javascript(folder: Path) -> None:
    _run(folder, "Node.js 20 or later with npm", "npm", "ci", "--silent", "--no-audit", "--no-fund")


def _rust(folder: Path) -> None:
    _run(folder, "Rust 1.94 or later", "cargo", "build", "-q", "--locked", CARGO_TARGET_DIR=str(folder / "target"))


def _python(name: str) -> Driver:
    return Driver([sys.executable, SOURCES / "python" / f"run_{name}.py"])


def _node(name: str) -> Driver:
    return Driver(["node", CACHE / "javascript" / f"{name}.mjs"], _built("javascript", _javascript))


def _cargo(name: str) -> Driver:
    return Driver([CACHE / "rust" / "target" / "debug" / name], _built("rust", _rust))


DRIVERS = {
    "psql": _python("psql"),
    "libpq": Driver([CACHE / "c" / "libpq"], _built("c", _c)),
    "psycopg": _python("psycopg"),
    "asyncpg": _python("asyncpg"),
    "pg8000": _python("pg8000"),
    "pgx": Driver([CACHE / "go" / "pgx"], _built("go", _go)),
    "pgjdbc": Driver(
        ["java", "-cp", f"{CACHE / 'java'}{os.pathsep}{CACHE / 'java' / 'lib'}/*", "Main"], _built("java", _java)
    ),
    "node-postgres": _node("node-postgres"),
    "postgres.js": _node("postgres.js"),
    "tokio-postgres": _cargo("tokio-postgres"),
    "sqlx": _cargo("sqlx"),
}
"""By the names that docs/reference/clients.md has for them."""
