"""PostgreSQL's own programs, and a temporary cluster made with them: the referee of the integration tests.

The programs are looked for in PATH and in the usual places; where there are none, a package is fetched: by apt-get when root,
otherwise the wheel ``pgserver`` (server, psql and pgbench of PostgreSQL 16), unpacked into ``.cache``. Nothing is ever skipped for want
of them: what cannot be had raises.
"""

from __future__ import annotations

import fcntl
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

OLDEST = 15
NEEDED = ("postgres", "initdb", "psql", "pgbench")
USUAL_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/opt/postgresql*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/Library/PostgreSQL/*/bin",
)
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "postgresql"


@dataclass(frozen=True)
class Programs:
    """One directory of PostgreSQL programs of one version; ``tls`` tells whether psql was built with TLS."""

    directory: Path
    version: int
    origin: str
    tls: bool

    def path(self, name: str) -> str:
        return str(self.directory / name)

    def __str__(self) -> str:
        return f"PostgreSQL {self.version} ({self.origin}: {self.directory}{'' if self.tls else ', without TLS'})"


@contextmanager
def fetching() -> Iterator[None]:
    """One process at a time: what several need, one fetches, and the others find."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find_programs() -> Programs:
    """The newest programs installed, or else those of a package.

    Raises:
        RuntimeError: there are none and none can be had.
    """
    found = _installed()
    if found is None:
        with fetching():
            found = _installed() or _from_apt() or _from_wheel()
    if found is None:
        raise RuntimeError(
            f"PostgreSQL {OLDEST} or later ({', '.join(NEEDED)} in one directory) was neither found nor obtained"
        )
    return found


def _installed() -> Programs | None:
    places = os.environ.get("PATH", "").split(os.pathsep) + [d for p in USUAL_PLACES for d in glob.glob(p)]
    candidates = [p for p in (_examine(Path(d), "installed") for d in dict.fromkeys(places) if d) if p]
    return max(candidates, key=lambda p: p.version, default=None)


def _examine(directory: Path, origin: str) -> Programs | None:
    if not all(os.access(directory / name, os.X_OK) for name in NEEDED):
        return None
    text = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"(\d+)(?:\.\d+|devel|beta\d+|rc\d+)", text)
    if match is None or int(match[1]) < OLDEST:
        return None
    # A libpq without TLS refuses sslmode=require before it opens a socket.
    attempt = subprocess.run(
        [directory / "psql", "host=127.0.0.1 port=1 sslmode=require"], capture_output=True, text=True, check=False
    )
    return Programs(directory, int(match[1]), origin, "SSL support is not compiled in" not in attempt.stderr)


def _from_apt() -> Programs | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "postgresql", "postgresql-client"]):
        result = subprocess.run(
            ["apt-get", *command], capture_output=True, text=True, check=False, env=environment, timeout=300
        )
        if result.returncode:
            print(f"apt-get {command[0]} failed: {result.stderr[-500:]}", file=sys.stderr)
            return None
    found = _installed()
    return found and Programs(found.directory, found.version, "apt", found.tls)


def _from_wheel() -> Programs | None:
    directory = CACHE / "pgserver" / "pginstall" / "bin"
    if not directory.is_dir():
        # The programs do not depend on Python's version, so any wheel of this platform does.
        wanted = [
            "--no-deps",
            "--only-binary",
            ":all:",
            "--python-version",
            "3.12",
            "pgserver==0.1.4",
            "-d",
            str(CACHE),
        ]
        command = [sys.executable, "-m", "pip", "download", "-q", *wanted]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if result.returncode:
            print(f"pip download pgserver failed: {result.stderr[-500:]}", file=sys.stderr)
            return None
        with zipfile.ZipFile(next(CACHE.glob("pgserver-*.whl"))) as wheel:
            wheel.extractall(CACHE)
        for program in directory.iterdir():
            program.chmod(0o755)
    return _examine(directory, "wheel pgserver")


@dataclass
class Cluster:
    """A running temporary cluster; ``log`` is the server's output so far."""

    programs: Programs
    directory: Path
    host: str
    port: int
    user: str = "postgres"
    dbname: str = "postgres"
    process: subprocess.Popen[bytes] = field(repr=False, default=None)  # type: ignore[assignment]

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")


@contextmanager
def running_cluster(
    programs: Programs,
    *,
    hba: str = "",
    settings: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Iterator[Cluster]:
    """A cluster on a temporary directory, reached over TCP and over a socket in that directory; removed at the end.

    Args:
        hba: lines for pg_hba.conf that precede "trust for everybody".
        settings: more lines for postgresql.conf, values as written there.
        files: files put into the data directory (certificate, key), readable by the server alone.
    """
    owner = _unprivileged_owner()
    identity = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    directory = Path(tempfile.mkdtemp(prefix="pgwire-pg-", dir="/tmp"))
    data = directory / "data"
    try:
        if owner is not None:
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        options = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            [programs.path("initdb"), *options],
            capture_output=True, text=True, check=False, cwd=directory, **identity,  # type: ignore[call-overload]
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
        for name, content in (files or {}).items():
            (data / name).write_bytes(content)
            (data / name).chmod(0o600)
            if owner is not None:
                os.chown(data / name, owner.pw_uid, owner.pw_gid)
        everybody = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
        (data / "pg_hba.conf").write_text(hba + everybody)
        cluster = _start(programs, directory, settings or {}, identity)
        try:
            yield cluster
        finally:
            cluster.process.send_signal(signal.SIGINT)  # "fast": ends sessions, then stops
            try:
                cluster.process.wait(30)
            except subprocess.TimeoutExpired:
                cluster.process.kill()
                cluster.process.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _unprivileged_owner() -> pwd.struct_passwd | None:
    """Whom the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("running as root, and there is neither a user postgres nor a user nobody to run PostgreSQL as")


def _start(programs: Programs, directory: Path, settings: Mapping[str, str], identity: Mapping[str, object]) -> Cluster:
    for _ in range(5):  # another program may take the free port before the server does
        port = free_port()
        every = {
            "listen_addresses": "'127.0.0.1'",
            "port": str(port),
            "unix_socket_directories": f"'{directory}'",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "shared_buffers": "16MB",
            "max_connections": "60",
            "timezone": "'UTC'",
            **settings,
        }
        arguments = [part for name, value in every.items() for part in ("-c", f"{name}={value.strip(chr(39))}")]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs.path("postgres"), "-D", directory / "data", *arguments],
                stdout=log, stderr=subprocess.STDOUT, cwd=directory, **identity,  # type: ignore[call-overload]
            )  # fmt: skip
        cluster = Cluster(programs, directory, "127.0.0.1", port, process=process)
        deadline = time.monotonic() + 60
        while process.poll() is None:
            if "ready to accept " in cluster.log:  # connections, or a standby read-only connections
                return cluster
            if time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"PostgreSQL did not get ready:\n{cluster.log}")
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start:\n{cluster.log}")


def free_port() -> int:
    """A TCP port of the loopback address that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
