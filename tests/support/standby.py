"""A hot standby that streams from a running cluster, made by the low-level backup (PostgreSQL 26.3.3), without other programs."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .postgres import Cluster, _start, _unprivileged_owner
from .raw import RawClient, query

DEADLINE = 60.0
"""Seconds; only a standby that never gets ready takes that long."""

REPLICATION_HBA = "local replication all trust\nhost replication all 127.0.0.1/32 trust\n"
"""What the primary's ``pg_hba.conf`` needs."""


@contextmanager
def running_standby(primary: Cluster) -> Iterator[Cluster]:
    """A standby that answers read-only queries and follows ``primary``, whose rules let replication in; removed at the end."""
    owner = _unprivileged_owner()
    identity = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    directory = Path(tempfile.mkdtemp(prefix="pgwire-standby-", dir="/tmp"))
    try:
        _copy(primary, directory / "data")
        (directory / "data" / "standby.signal").touch()
        if owner is not None:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
        follow = f"host={primary.host} port={primary.port} user=postgres"
        standby = _start(primary.programs, directory, {"primary_conninfo": follow, "hot_standby": "on"}, identity)
        try:
            _wait_until_it_follows(primary)
            yield standby
        finally:
            standby.process.send_signal(signal.SIGQUIT)  # "immediate": it is thrown away
            standby.process.wait(30)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _copy(primary: Cluster, target: Path) -> None:
    with RawClient(primary.host, primary.port, timeout=DEADLINE) as client:
        client.login("postgres", "postgres")
        client.exchange(query("select pg_backup_start('standby', true)"))
        source = primary.directory / "data"
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("postmaster.*", "pg_internal.*"))
        client.send(query("select labelfile from pg_backup_stop(false)"))
        label = next(answer.row[0] for answer in client.until_ready() if answer.tag == "D")
    assert label is not None
    (target / "backup_label").write_bytes(label)


def _wait_until_it_follows(primary: Cluster) -> None:
    deadline = time.monotonic() + DEADLINE
    with RawClient(primary.host, primary.port, timeout=DEADLINE) as client:
        client.login("postgres", "postgres")
        while "D 1" not in client.exchange(query("select count(*) from pg_stat_replication where state = 'streaming'")):
            if time.monotonic() > deadline:
                raise RuntimeError("the standby does not follow its primary")
            time.sleep(0.05)
