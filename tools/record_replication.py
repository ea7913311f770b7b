"""Writes the captured part of ``tests/vectors/replication.json``: what PostgreSQL's own programs put into CopyData.

Usage: ``python -m tools.record_replication``, from the root of the clone. It starts a temporary PostgreSQL, and behind a relay that keeps
what passes: pg_basebackup (of two tablespaces), a hot standby made from it, pg_recvlogical with test_decoding and with pgoutput.
The fields are read here with ``struct``, independently of pgwire_py. The section ``errors`` of the file is written by hand and stays.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.postgres import Cluster, find_programs, free_port, running_cluster
from tests.support.psql import run_psql

TARGET = Path(__file__).parents[1] / "tests/vectors/replication.json"
LARGEST = 1_500
"""Payloads of more bytes are left out of the file."""

CHANGES = (
    "insert into t values (100, 'é')",
    "update t set word = 'two' where n = 1",
    "delete from t where n >= 2",
)

LAYOUTS: dict[tuple[str, str], tuple[str, str, tuple[str, ...]]] = {
    ("primary", "w"): ("XLogData", "!QQq", ("start_lsn", "end_lsn", "server_time")),
    ("primary", "k"): ("PrimaryKeepalive", "!Qq?", ("end_lsn", "server_time", "reply_requested")),
    ("standby", "r"): (
        "StandbyStatusUpdate",
        "!QQQq?",
        ("written_lsn", "flushed_lsn", "applied_lsn", "client_time", "reply_requested"),
    ),
    ("standby", "h"): (
        "HotStandbyFeedback",
        "!qIIII",
        ("client_time", "xmin", "xmin_epoch", "catalog_xmin", "catalog_xmin_epoch"),
    ),
    ("base_backup", "p"): ("ProgressReport", "!q", ("bytes_done",)),
    ("base_backup", "n"): ("NewArchive", "!", ()),
    ("base_backup", "m"): ("ManifestStart", "!", ()),
    ("base_backup", "d"): ("ArchiveData", "!", ()),
}


@dataclass
class Relay:
    """A listener in front of a server that keeps both halves of every connection."""

    target: tuple[str, int]
    connections: list[tuple[bytearray, bytearray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(self.target)
            kept = (bytearray(), bytearray())
            self.connections.append(kept)
            threading.Thread(target=_pump, args=(near, far, kept[0]), daemon=True).start()
            threading.Thread(target=_pump, args=(far, near, kept[1]), daemon=True).start()

    def payloads(self) -> Iterator[tuple[str, bytes]]:
        """Stream and payload of every CopyData that has passed, the frontend's of a connection before the backend's."""
        for frontend, backend in list(self.connections):
            if b"replication\0" not in frontend:
                continue
            for payload in _copy_data(bytes(frontend), tagged=False):
                yield "standby", payload
            stream = "base_backup" if b"BASE_BACKUP" in frontend else "primary"
            for payload in _copy_data(bytes(backend), tagged=True):
                yield stream, payload


def _pump(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    try:
        while data := source.recv(1 << 16):
            kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _copy_data(stream: bytes, tagged: bool) -> Iterator[bytes]:
    position = 0 if tagged else struct.unpack_from("!i", stream)[0]
    while position + 5 <= len(stream):
        (length,) = struct.unpack_from("!i", stream, position + 1)
        if stream[position] == ord("d") and position + 1 + length <= len(stream):
            yield stream[position + 5 : position + 1 + length]
        position += 1 + length


def _vector(source: str, stream: str, payload: bytes) -> dict[str, Any]:
    name, layout, names = LAYOUTS[stream, chr(payload[0])]
    fields: dict[str, Any] = dict(zip(names, struct.unpack_from(layout, payload, 1), strict=True))
    rest = payload[1 + struct.calcsize(layout) :]
    if name == "NewArchive":
        fields["name"], fields["tablespace_path"], end = rest.decode().split("\0")
        assert end == ""
    elif name in {"XLogData", "ArchiveData"}:
        fields["data"] = {"hex": rest.hex()}
    else:
        assert rest == b"", (name, rest)
    return {"name": "", "source": source, "stream": stream, "class": name, "hex": payload.hex(), "fields": fields}


def _record(cluster: Cluster, folder: Path) -> Iterator[dict[str, Any]]:
    version = f"PostgreSQL {cluster.programs.version}"
    run = _Runner(cluster, folder)
    tablespace = cluster.directory / "tablespace"
    tablespace.mkdir()
    run.give(tablespace)
    run.sql(f"create tablespace other location '{tablespace}'", "create table t (n int primary key, word text)")

    relay = Relay((cluster.host, cluster.port))
    uri = f"host=127.0.0.1 port={relay.port} user=postgres dbname=postgres sslmode=disable"
    backup = ["pg_basebackup", "-d", uri, "-X", "none", "-c", "fast", "-P", "--no-sync"]
    run.program(*backup, "-Ft", "-D", str(folder / "tar"))
    yield from _chosen(f"pg_basebackup, {version}", relay, 2)

    relay = Relay((cluster.host, cluster.port))
    uri = f"host=127.0.0.1 port={relay.port} user=postgres dbname=postgres sslmode=disable"
    mapping = ["-T", f"{tablespace}={folder / 'moved'}"]
    run.program("pg_basebackup", "-d", uri, "-X", "none", "-c", "fast", "-R", "-D", str(folder / "standby"), *mapping)
    relay.connections.clear()
    standby = run.start(
        "postgres", "-D", str(folder / "standby"), "-c", f"port={free_port()}", "-c", "hot_standby=on",
        "-c", "hot_standby_feedback=on", "-c", "wal_receiver_status_interval=1", "-c", "listen_addresses=127.0.0.1",
        "-c", f"unix_socket_directories={folder}",
    )  # fmt: skip
    try:
        for n in range(8):
            time.sleep(1)
            run.sql(f"insert into t values ({n}, 'standby')")
    finally:
        standby.terminate()
        standby.wait(30)
    yield from _chosen(f"a hot standby, {version}", relay, 3)

    for plugin, options in (
        ("test_decoding", ()),
        ("pgoutput", ("-o", "proto_version=1", "-o", "publication_names=every")),
    ):
        if plugin == "pgoutput":
            run.sql("create publication every for all tables")
        relay = Relay((cluster.host, cluster.port))
        uri = f"host=127.0.0.1 port={relay.port} user=postgres dbname=postgres sslmode=disable"
        run.program("pg_recvlogical", "-d", uri, "--slot", plugin, "--create-slot", "-P", plugin)
        reader = run.start(
            "pg_recvlogical", "-d", uri, "--slot", plugin, "--start", "-f", str(folder / plugin), "-s", "1", *options
        )
        try:
            run.sql(*CHANGES)
            time.sleep(4)
        finally:
            reader.terminate()
            reader.wait(30)
        yield from _chosen(f"pg_recvlogical with {plugin}, {version}", relay, 8)


def _chosen(source: str, relay: Relay, most: int) -> Iterator[dict[str, Any]]:
    """The first different payloads of each kind, ``most`` of them, and the last one."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for stream, payload in relay.payloads():
        if len(payload) <= LARGEST:
            vector = _vector(source, stream, payload)
            kinds.setdefault(vector["class"], []).append(vector)
    for vectors in kinds.values():
        yield from vectors[:most]
        if len(vectors) > most:
            yield vectors[-1]


class _Runner:
    """Runs PostgreSQL's programs as whoever owns the cluster."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        owner = cluster.directory.stat()
        self._owner = (owner.st_uid, owner.st_gid)
        self._folder = folder
        self._identity: dict[str, Any] = (
            {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        self.give(folder)

    def give(self, path: Path) -> None:
        os.chown(path, *self._owner)

    def sql(self, *statements: str) -> None:
        dsn = f"host={self._cluster.host} port={self._cluster.port} user=postgres dbname=postgres"
        result = run_psql(self._cluster.programs, dsn, *statements)
        assert result.returncode == 0, result.stderr

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [self._cluster.programs.path(name), *arguments]
        return subprocess.Popen(command, cwd=self._folder, **self._identity)

    def program(self, name: str, *arguments: str) -> None:
        process = self.start(name, *arguments)
        assert process.wait(120) == 0, (name, *arguments)


def main() -> None:
    settings = {"wal_level": "'logical'", "max_wal_senders": "8", "max_replication_slots": "8"}
    hba = "host replication all 127.0.0.1/32 trust\n"
    kept = json.loads(TARGET.read_text())["errors"] if TARGET.exists() else []
    with (
        tempfile.TemporaryDirectory(prefix="pgwire-replication-", dir="/tmp") as folder,
        running_cluster(find_programs(), hba=hba, settings=settings) as cluster,
    ):
        captured = list(_record(cluster, Path(folder)))
    counts = Counter[str]()
    for vector in captured:
        counts[vector["class"]] += 1
        count = counts[vector["class"]]
        vector["name"] = f"{vector['stream']}/{vector['class']}" + (f"-{count}" if count > 1 else "")
    sections = {"payloads": captured, "errors": kept}
    lines = {
        name: ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in section)
        for name, section in sections.items()
    }
    text = ",\n".join(f'"{name}": [\n{section}\n]' for name, section in lines.items())
    TARGET.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
    print(f"{len(captured)} payloads of {sorted({vector['class'] for vector in captured})}")


if __name__ == "__main__":
    main()
