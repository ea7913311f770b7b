"""Our servers as processes of their own, started through the command line as a user starts them."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from . import IMPLEMENTATIONS

START_DEADLINE = 60.0  # seconds; only a server that never starts waits that long
END_DEADLINE = 60.0
FUNCTION_SERVER = Path(__file__).with_name("function_server.py")


@dataclass
class ServerProcess:
    """A running server: where it listens, and what it has printed so far."""

    process: subprocess.Popen[str]
    host: str
    port: int
    lines: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        return "".join(self.lines)


def serve_command(*arguments: str | Path) -> list[str]:
    """The command that serves a SOURCE on a port of its own choice."""
    return [sys.executable, "-m", "pgwire_py", "serve", *map(str, arguments), "--port", "0"]


@contextmanager
def running_server(command: Sequence[str], *, implementation: str = IMPLEMENTATIONS[0]) -> Iterator[ServerProcess]:
    """Start ``command``, wait for the URI it prints, kill it at the end.

    Raises:
        RuntimeError: it ended, or printed no ``postgresql://`` URI in time; the text holds what it printed.
    """
    environment = {**os.environ, "PGWIRE_PY_IMPL": implementation, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    lines: list[str] = []
    uris: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines, uris), daemon=True)
    reader.start()
    try:
        try:
            uri = uris.get(timeout=START_DEADLINE)
        except queue.Empty:
            uri = None
        if uri is None:
            raise RuntimeError(f"{' '.join(command)} did not start:\n{''.join(lines)}")
        address = urlsplit(uri)
        assert address.hostname is not None
        assert address.port is not None
        yield ServerProcess(process, address.hostname, address.port, lines)
    finally:
        process.kill()
        process.wait()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def served(
    command: Sequence[str], *, end: signal.Signals = signal.SIGINT, implementation: str = IMPLEMENTATIONS[0]
) -> Iterator[ServerProcess]:
    """As :func:`running_server`, ended by a signal: with status 0 and without a traceback."""
    with running_server(command, implementation=implementation) as server:
        yield server
        server.process.send_signal(end)
        assert server.process.wait(END_DEADLINE) == 0, server.output
    assert "Traceback" not in server.output


def _read(process: subprocess.Popen[str], lines: list[str], uris: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        match = re.search(r"postgresql://\S+", line)
        if match:
            uris.put(match[0])
    uris.put(None)
