"""The servers that compete: how each is installed or built, started, and stopped.

A server that cannot start raises BenchmarkError: a benchmark that misses a peer flatters.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests.support.pgbouncer import running_pgbouncer

from .certificate import write_certificate
from .clients import free_port
from .data import duckdb_setup, postgres_setup
from .errors import BenchmarkError
from .scram_clients import PASSWORD, USER

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
RUST_PEER = ROOT / "benchmarks" / "peers" / "pgwire_rust"
BUENAVISTA = "0.5.0"
START_TIMEOUT = 60.0


@dataclass
class Contender:
    """A running server: ``port`` on 127.0.0.1, its process tree's root, and what it is."""

    name: str
    version: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    tree: psutil.Process = field(init=False)

    def __post_init__(self) -> None:
        self.tree = psutil.Process(self.process.pid)

    def stop(self) -> None:
        """End the process, politely first."""
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def check_alive(self) -> None:
        """Raise BenchmarkError where the server has died."""
        if self.process.poll() is not None:
            raise BenchmarkError(f"{self.name} died with status {self.process.returncode}:\n{tail(self.log)}")


@dataclass(frozen=True)
class Setup:
    """What starting needs: a scratch folder, the rows of bench_stream, the folder of PostgreSQL's programs."""

    scratch: Path
    stream_rows: int
    postgres_bin: Path


def tail(log: Path, size: int = 3_000) -> str:
    """The end of a log file."""
    return log.read_bytes()[-size:].decode(errors="replace").strip() if log.exists() else "(no output)"


def run(what: str, command: Sequence[str | Path], **options: object) -> str:
    """Run a tool to its end and return its output; raises BenchmarkError with the output where it fails."""
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            [str(word) for word in command],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
    except OSError as error:
        raise BenchmarkError(f"{what}: cannot run {command[0]}: {error}") from error
    if done.returncode:
        raise BenchmarkError(f"{what} failed with status {done.returncode}:\n{done.stdout[-3_000:]}")
    return str(done.stdout)


def spawn_and_read_port(
    name: str, version: str, command: Sequence[str | Path], setup: Setup, environment: Mapping[str, str] | None = None
) -> Contender:
    """Start a server that prints its port as its first line."""
    log = setup.scratch / f"{name}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(START_TIMEOUT) else b""
    if not line.strip().isdigit():
        process.kill()
        process.wait()
        raise BenchmarkError(f"{name} did not start ({' '.join(map(str, command))}):\n{tail(log)}")
    return Contender(name, version, int(line), process, log)


# pgwire_py


def pgwire_py(setup: Setup, name: str, implementation: str, loop: str, engine: str = "python") -> Contender:
    """pgwire_py from this tree, in the interpreter that runs the benchmark."""
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.servers.pgwire_py_server"]
    command += ["--loop", loop, "--engine", engine, "--stream-rows", str(setup.stream_rows)]
    version = f"this tree, {implementation}, {loop}"
    if engine == "duckdb":
        import duckdb

        command += ["--database", duckdb_file(setup, name)]
        version += f", DuckDB {duckdb.__version__}"
    elif engine == "sqlite":
        command += ["--database", setup.scratch / f"{name}.sqlite"]
        version += f", SQLite {sqlite3.sqlite_version}"
    return spawn_and_read_port(name, version, command, setup, {"PGWIRE_PY_IMPL": implementation})


def pgwire_py_secure(setup: Setup, name: str, loop: str) -> Contender:
    """The same with TLS for who wants it and SCRAM-SHA-256 for one user."""
    certificate, key = write_certificate(setup.scratch)
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.servers.pgwire_py_server", "--loop", loop]
    command += ["--stream-rows", str(setup.stream_rows), "--tls-cert", certificate, "--tls-key", key]
    return spawn_and_read_port(name, f"this tree, native, {loop}, TLS", command, setup, {"PGWIRE_PY_IMPL": "native"})


def duckdb_file(setup: Setup, name: str) -> Path:
    """A database of its own for each server, since DuckDB lets one process write."""
    import duckdb

    path = setup.scratch / f"{name}.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(duckdb_setup(setup.stream_rows))
    return path


# PostgreSQL


def find_postgres(major: int = 15) -> Path:
    """The folder of initdb, postgres, psql and pgbench: that version, else the newest above it.

    ``PGBIN`` in the environment decides where it is set.
    """
    if os.environ.get("PGBIN"):
        folders = [Path(os.environ["PGBIN"])]
    else:
        folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
        for root, pattern in (
            ("/usr/lib/postgresql", "*/bin"),
            ("/usr", "pgsql-*/bin"),
            ("/usr/local", "pgsql*/bin"),
            ("/opt", "homebrew/opt/postgresql@*/bin"),
        ):
            folders += sorted(Path(root).glob(pattern))
    found: dict[int, Path] = {}
    for folder in folders:
        if all((folder / program).exists() for program in ("initdb", "postgres", "psql", "pgbench")):
            text = run("postgres --version", [folder / "postgres", "--version"])
            match = re.search(r"(\d+)[.\w]*", text)
            if match:
                found.setdefault(int(match[1]), folder)
    usable = {version: folder for version, folder in found.items() if version >= major}
    if not usable:
        raise BenchmarkError(
            f"PostgreSQL {major} or later (initdb, postgres, psql, pgbench) is neither in PATH nor in the usual "
            "places; install it or name its folder in PGBIN"
        )
    return usable.get(major) or usable[max(usable)]


def unprivileged() -> dict[str, object]:
    """Popen options that give up root, since PostgreSQL refuses to run as root."""
    if os.geteuid():
        return {}
    import pwd

    for user in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(user)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise BenchmarkError("PostgreSQL cannot run as root, and there is no user postgres or nobody to run it as")


def postgres(setup: Setup, name: str = "postgres", *, secure: bool = False) -> Contender:
    """PostgreSQL with its defaults on a new cluster in a temporary folder; ``secure``: with TLS and SCRAM-SHA-256 as pgwire_py_secure."""
    programs, owner = setup.postgres_bin, unprivileged()
    cluster = setup.scratch / name
    cluster.mkdir()
    if owner:
        os.chown(cluster, owner["user"], owner["group"])  # type: ignore[arg-type]
    initdb: list[str | Path] = [programs / "initdb", "-D", cluster, "-U", "bench", "-A", "trust"]
    run("initdb", [*initdb, "-E", "UTF8", "--locale", "C", "--no-sync"], cwd="/", **owner)
    port, log = free_port(), setup.scratch / f"{name}.log"
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 300}
    if secure:
        for file, target in zip(write_certificate(setup.scratch), ("server.crt", "server.key"), strict=True):
            (cluster / target).write_bytes(file.read_bytes())
            (cluster / target).chmod(0o600)
            if owner:
                os.chown(cluster / target, owner["user"], owner["group"])  # type: ignore[arg-type]
        (cluster / "pg_hba.conf").write_text(f"host all {USER} all scram-sha-256\nhost all all all trust\n")
        settings["ssl"] = "on"
    command = [str(programs / "postgres"), "-D", str(cluster)]
    for key, value in settings.items():
        command += ["-c", f"{key}={value}"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # type: ignore[call-overload]
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, **owner
        )
    version = run("postgres --version", [programs / "postgres", "--version"]).strip()
    contender = Contender(name, version, port, process, log, signal.SIGINT)
    psql: list[str | Path] = [programs / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "bench"]
    psql += ["-d", "postgres", "-v", "ON_ERROR_STOP=1"]
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while subprocess.run([*map(str, psql), "-c", "select 1"], check=False, capture_output=True).returncode:
            contender.check_alive()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"postgres does not accept connections:\n{tail(log)}")
            time.sleep(0.1)
        if secure:
            run("making a user", [*psql, "-c", f"create role {USER} login password '{PASSWORD}'"])
        else:
            run("filling PostgreSQL's table", [*psql, "-f", "-"], input=postgres_setup(setup.stream_rows))
    except BaseException:
        contender.stop()
        raise
    return contender


@dataclass
class Proxied(Contender):
    """Something in front of a PostgreSQL of its own; the processor time is that of what is in front.

    Attributes:
        rest: what ends after it.
    """

    rest: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def stop(self) -> None:
        super().stop()
        self.rest.close()


def proxy(setup: Setup, name: str, loop: str) -> Contender:
    """pgwire_py's proxy, native, which looks at nothing."""
    with contextlib.ExitStack() as stack:
        upstream = postgres(setup, f"{name}-upstream")
        stack.callback(upstream.stop)
        command: list[str | Path] = [sys.executable, "-m", "benchmarks.servers.proxy_server", str(upstream.port)]
        it = spawn_and_read_port(name, "", [*command, "--loop", loop], setup, {"PGWIRE_PY_IMPL": "native"})
        version = f"this tree, native, {loop}, before {upstream.version}"
        return Proxied(name, version, it.port, it.process, it.log, rest=stack.pop_all())


def pgbouncer(setup: Setup, name: str) -> Contender:
    """PgBouncer in session mode, with its defaults."""
    with contextlib.ExitStack() as stack:
        upstream = postgres(setup, f"{name}-upstream")
        stack.callback(upstream.stop)
        try:
            it = stack.enter_context(running_pgbouncer("127.0.0.1", upstream.port, "session", user="bench"))
        except (RuntimeError, subprocess.SubprocessError) as error:
            raise BenchmarkError(f"{name}: {error}") from error
        version = f"{it.version}, session mode, before {upstream.version}"
        return Proxied(name, version, it.port, it.process, it.log, rest=stack.pop_all())


# Peers


def pgwire_rust(setup: Setup, threads: int, *, scram: bool = False) -> Contender:
    """The Rust crate pgwire, built here in release mode; ``scram``: everybody logs in with SCRAM-SHA-256."""
    cargo = shutil.which("cargo") or str(Path.home() / ".cargo" / "bin" / "cargo")
    target = RUST_PEER / "target"
    command = [cargo, "build", "--release", "--locked", "--manifest-path", str(RUST_PEER / "Cargo.toml")]
    run("building the Rust peer", [*command, "--target-dir", str(target)], cwd=RUST_PEER)
    locked = re.search(r'name = "pgwire"\nversion = "([^"]+)"', (RUST_PEER / "Cargo.lock").read_text())
    version = f"pgwire {locked[1] if locked else '?'} (Rust), {threads} thread{'s' * (threads > 1)}"
    program = target / "release" / "pgwire-rust-peer"
    name = f"secure-rust-{threads}" if scram else f"pgwire-rust-{threads}"
    return spawn_and_read_port(name, version, [program, str(threads), str(setup.stream_rows), str(int(scram))], setup)


def buenavista(setup: Setup, name: str, engine: str) -> Contender:
    """buenavista from PyPI, in an environment of its own under .cache/."""
    # It imports python-dateutil without asking for it, and calls what DuckDB 2 no longer has.
    packages = [f"buenavista=={BUENAVISTA}", "python-dateutil", "pyarrow", "duckdb>=1.4,<2"]
    home = CACHE / f"buenavista-{BUENAVISTA}-py{sys.version_info[0]}.{sys.version_info[1]}"
    python, ready = home / "bin" / "python", home / ".ready"
    wanted = "\n".join(packages)
    if not ready.exists() or ready.read_text() != wanted:
        run("making buenavista's environment", [sys.executable, "-m", "venv", home])
        run("installing buenavista", [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages])
        ready.write_text(wanted)
    command: list[str | Path] = [python, "-m", "benchmarks.peers.buenavista_server", engine]
    command += ["--stream-rows", str(setup.stream_rows)]
    return spawn_and_read_port(name, f"buenavista {BUENAVISTA}, {engine}", command, setup)


def constant_bytes(setup: Setup, name: str, loop: str) -> Contender:
    """The bound."""
    command = [sys.executable, "-m", "benchmarks.peers.constant_bytes", "--loop", loop]
    return spawn_and_read_port(name, f"constant bytes, {loop}", command, setup)


Starter = Callable[[Setup], Contender]

STARTERS: dict[str, Starter] = {
    "native-uvloop": lambda setup: pgwire_py(setup, "native-uvloop", "native", "uvloop"),
    "native-asyncio": lambda setup: pgwire_py(setup, "native-asyncio", "native", "asyncio"),
    "pure-uvloop": lambda setup: pgwire_py(setup, "pure-uvloop", "pure", "uvloop"),
    "native-duckdb": lambda setup: pgwire_py(setup, "native-duckdb", "native", "uvloop", "duckdb"),
    "pure-duckdb": lambda setup: pgwire_py(setup, "pure-duckdb", "pure", "uvloop", "duckdb"),
    "native-sqlite": lambda setup: pgwire_py(setup, "native-sqlite", "native", "uvloop", "sqlite"),
    "postgres": postgres,
    "secure-uvloop": lambda setup: pgwire_py_secure(setup, "secure-uvloop", "uvloop"),
    "secure-asyncio": lambda setup: pgwire_py_secure(setup, "secure-asyncio", "asyncio"),
    "secure-rust-1": lambda setup: pgwire_rust(setup, 1, scram=True),
    "secure-postgres": lambda setup: postgres(setup, "secure-postgres", secure=True),
    "pgwire-rust-1": lambda setup: pgwire_rust(setup, 1),
    "pgwire-rust-2": lambda setup: pgwire_rust(setup, 2),
    "buenavista": lambda setup: buenavista(setup, "buenavista", "python"),
    "buenavista-duckdb": lambda setup: buenavista(setup, "buenavista-duckdb", "duckdb"),
    "bound-asyncio": lambda setup: constant_bytes(setup, "bound-asyncio", "asyncio"),
    "bound-uvloop": lambda setup: constant_bytes(setup, "bound-uvloop", "uvloop"),
    "proxy-uvloop": lambda setup: proxy(setup, "proxy-uvloop", "uvloop"),
    "proxy-asyncio": lambda setup: proxy(setup, "proxy-asyncio", "asyncio"),
    "pgbouncer": lambda setup: pgbouncer(setup, "pgbouncer"),
}


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder that the unprivileged owner of PostgreSQL's cluster can enter."""
    folder = Path(tempfile.mkdtemp(prefix="pgwire-py-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
