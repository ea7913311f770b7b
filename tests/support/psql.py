"""psql as a process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from .postgres import Programs

Psql = Callable[..., "subprocess.CompletedProcess[str]"]


def run_psql(
    programs: Programs, dsn: str, *commands: str, options: tuple[str, ...] = ("-At",), stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """psql as a process; neither the user's files nor his environment count."""
    arguments = [programs.path("psql"), "-X", *options, dsn, *(part for c in commands for part in ("-c", c))]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    environment |= {"PGCLIENTENCODING": "UTF8", "LC_ALL": "C.UTF-8", "PGCONNECT_TIMEOUT": "30"}
    return subprocess.run(
        arguments, input=stdin if stdin is not None else "", capture_output=True, text=True,
        check=False, timeout=60, env=environment,
    )  # fmt: skip
