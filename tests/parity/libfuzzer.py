"""Coverage-guided fuzzing of the Rust core: the checks of ``rust/core/fuzz``, run by cargo-fuzz where the toolchain offers it.

``make fuzz`` runs it after the differential fuzzer; ``python -m tests.parity.libfuzzer --help`` says what can be chosen. The inputs to
begin with are those of :mod:`tests.parity.fuzz_targets`, made of the recorded sessions. What makes a check fail is written to
``tests/vectors/crashes.json``, which ``cargo test`` replays.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .fuzz_targets import target

CORE = Path(__file__).parents[2] / "rust" / "core"
FUZZ = CORE / "fuzz"
CRASHES = Path(__file__).parents[1] / "vectors" / "crashes.json"

SETTINGS = bytes([0, 0x49, 0xA2, 0x1B])
"""Bytes that choose limits, chunks and what a password message is; a check is begun with each of them."""

CHECKS: Mapping[str, tuple[Sequence[str], bytes]] = {
    "frontend": (["frontend"], SETTINGS),
    "backend": (["backend"], SETTINGS),
    "frames": (["frontend_frames", "backend_frames"], SETTINGS),
    "statement": (["statement"], SETTINGS[:1]),
    "replication": (["replication"], b""),
    "values": (["values"], b""),
    "sql": (["sql"], b""),
    "password": (["password"], b""),
    "arrow": (["arrow"], b""),
    "rows": (["rows"], b""),
    "builder": (["builder"], b""),
}
"""For each check of ``rust/core/fuzz/src/lib.rs`` the differential targets whose seeds it takes, and the bytes to set in front."""


def missing() -> str | None:
    """Why libFuzzer cannot run here; None where it can."""
    if shutil.which("cargo") is None:
        return "cargo is not installed"
    if shutil.which("cargo-fuzz") is None:
        return "cargo-fuzz is not installed (cargo install cargo-fuzz)"
    found = subprocess.run(["cargo", "--version"], env=_environment(), capture_output=True, text=True, check=False)
    if found.returncode or "nightly" not in found.stdout:
        return "there is no nightly toolchain (rustup toolchain install nightly)"
    return None


def seeds(check: str) -> Iterator[bytes]:
    """The inputs that a check begins with."""
    targets, settings = CHECKS[check]
    for name in targets:
        for data in target(name).seeds():
            yield from (bytes([setting]) + data for setting in settings) if settings else (data,)


def crashes() -> list[dict[str, str]]:
    """What once made a check fail."""
    found: list[dict[str, str]] = json.loads(CRASHES.read_text(encoding="utf-8"))["crashes"]
    return found


def save(check: str, data: bytes) -> None:
    """Add an input to crashes.json."""
    vector, known = {"check": check, "hex": data.hex()}, crashes()
    if vector not in known:
        lines = ",\n".join(json.dumps(vector) for vector in [*known, vector])
        CRASHES.write_text(f'{{\n"crashes": [\n{lines}\n]\n}}\n', encoding="utf-8")


def run(check: str, seconds: int) -> bool:
    """Fuzz one check; whether it held. Corpus and artifacts stay for the next run."""
    begun, corpus, artifacts = FUZZ / "corpus" / f"{check}-seeds", FUZZ / "corpus" / check, FUZZ / "artifacts" / check
    for directory in (begun, corpus, artifacts):
        directory.mkdir(parents=True, exist_ok=True)
    for data in seeds(check):
        (begun / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    before = set(artifacts.iterdir())
    # Memory and time are bounded too: an input may take neither 1 GB nor 10 seconds.
    options = [
        f"-max_total_time={seconds}",
        "-rss_limit_mb=1024",
        "-timeout=10",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    command = ["cargo", "fuzz", "run", check, str(corpus), str(begun), "--", *options]
    done = subprocess.run(command, cwd=CORE, env=_environment(), capture_output=True, text=True, check=False)
    cases = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
    print(f"{check}: {cases} cases, {len(list(corpus.iterdir()))} inputs", flush=True)
    if not done.returncode:
        return True
    print(done.stderr[-8_000:], flush=True)
    for artifact in set(artifacts.iterdir()) - before:
        data = artifact.read_bytes()
        save(check, data)
        print(f"{check} fails: {data.hex()} (in {CRASHES.name} now)", flush=True)
    return False


def _environment() -> dict[str, str]:
    return {**os.environ, "RUSTUP_TOOLCHAIN": "nightly"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz for a while; the exit status is 1 when a check failed or none can run."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity.libfuzzer", description="Fuzz the Rust core.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long, all checks together (60)")
    parser.add_argument("--check", choices=CHECKS, action="append", help="only this one; may be repeated")
    parser.add_argument("--available", action="store_true", help="only say whether it can run here")
    options = parser.parse_args(arguments)
    if why := missing():
        print(f"libFuzzer is left out: {why}")
        return 1
    if options.available:
        return 0
    chosen = options.check or list(CHECKS)
    subprocess.run(["cargo", "fuzz", "build"], cwd=CORE, env=_environment(), check=True)
    held = [run(check, max(1, round(options.seconds / len(chosen)))) for check in chosen]
    return int(not all(held))


if __name__ == "__main__":
    sys.exit(main())
