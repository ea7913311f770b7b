"""The Rust part: building and framing in the core beside the pg_stream crate, on the operations that crate measures itself by.

The peer stands in ``peers/pg_stream_rust``: one program with both, taking turns.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .contenders import ROOT, run
from .errors import BenchmarkError

PEER = ROOT / "benchmarks" / "peers" / "pg_stream_rust"
PIECES = {"gather CopyData of 16 MB from pieces of 64 kB": 64, "gather CopyData of 16 MB from pieces of 1 kB": 1}
"""Operations whose throughput has a target, and their piece in kB."""

PIECES_BYTES = 16 << 20


@dataclass(frozen=True)
class RustOutcome:
    """Nanoseconds per call, the best of many rounds, and how much faster ours is."""

    name: str
    ours_ns: float
    pg_stream_ns: float

    @property
    def ratio(self) -> float:
        """pg_stream's time ÷ ours."""
        return self.pg_stream_ns / self.ours_ns

    @property
    def gigabytes_per_second(self) -> float | None:
        """Ours, where the operation moves many bytes."""
        return PIECES_BYTES / self.ours_ns if self.name in PIECES else None


def pg_stream_version() -> str:
    """The version that the peer is locked to."""
    locked = re.search(r'name = "pg_stream"\nversion = "([^"]+)"', (PEER / "Cargo.lock").read_text())
    return locked[1] if locked else "?"


def measure_rust(seconds: float) -> list[RustOutcome]:
    """Build the peer and run it, ``seconds`` for each operation and side.

    Raises:
        BenchmarkError: it cannot be built, or does not print what it should.
    """
    cargo = shutil.which("cargo") or str(Path.home() / ".cargo" / "bin" / "cargo")
    target = PEER / "target"
    # Not --locked: the core, which it is built with, may have got another dependency; pg_stream's version is in Cargo.toml.
    command = [cargo, "build", "--release", "--manifest-path", str(PEER / "Cargo.toml")]
    run("building the pg_stream peer", [*command, "--target-dir", str(target)], cwd=PEER)
    output = run("running the pg_stream peer", [target / "release" / "pg-stream-peer", str(seconds)])
    outcomes = []
    for line in output.splitlines():
        match line.split("\t"):
            case [name, ours, theirs]:
                outcomes.append(RustOutcome(name, float(ours), float(theirs)))
            case _:
                raise BenchmarkError(f"the pg_stream peer printed {line!r}")
    if missing := PIECES.keys() - {outcome.name for outcome in outcomes}:
        raise BenchmarkError(f"the pg_stream peer left out {', '.join(sorted(missing))}")
    return outcomes
