"""``python -m benchmarks [--short] [--only NAME,…]``: start every server, measure in turns, report.

Ends with status 1 and the reason where a server, a tool or a workload does not work; a figure that falls short of its
target is only reported.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import resource
import signal
import sys
import time
from pathlib import Path

from .arrow import ArrowOutcome, measure_arrow
from .client import ClientOutcome, measure_client
from .codec import CodecOutcome, extended_query, measure_codecs
from .codec_types import TypeOutcome, measure_types
from .contenders import ROOT, STARTERS, Contender, Setup, find_postgres, run, scratch_folder
from .echo import echo_us
from .errors import BenchmarkError
from .login import login_workloads
from .report import Results, machine, print_report, write_json
from .rows import RowsOutcome, measure_rows
from .rust import RustOutcome, measure_rust
from .workloads import SHORT, WORKLOADS, Outcome, Plan, Tools, Workload, check_results, progress

CODEC, RUST, TYPES, ARROW, CLIENT = PARTS = ("codec", "rust", "types", "arrow", "client")
LATEST = ROOT / "benchmarks" / "results" / "latest.json"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one short round, for continuous integration")
    parser.add_argument("--only", default="", metavar="NAME,...", help="servers and workloads to measure (see --list)")
    parser.add_argument("--list", action="store_true", help="list servers and workloads")
    parser.add_argument("--rounds", type=int, help="rounds over the servers")
    parser.add_argument("--seconds", type=int, help="seconds per slice")
    parser.add_argument("--json", type=Path, default=LATEST, metavar="FILE", help="where to write the figures")
    return parser.parse_args()


def select(only: str) -> tuple[list[Workload], set[str]]:
    """Workloads cut down to the chosen servers, and which of the parts without servers to run.

    Raises:
        BenchmarkError: for an unknown name.
    """
    names = {name for name in only.split(",") if name}
    known = {workload.name for workload in WORKLOADS} | set(PARTS)
    if unknown := names - known - set(STARTERS):
        choices = ", ".join([*STARTERS, *(workload.name for workload in WORKLOADS), *PARTS])
        raise BenchmarkError(f"--only: no server or workload {', '.join(sorted(unknown))}; there are {choices}")
    wanted, servers = names & known or known, names & set(STARTERS) or set(STARTERS)
    chosen = []
    for workload in WORKLOADS:
        entries = tuple(entry for entry in workload.entries if entry.server in servers)
        if workload.name in wanted and entries:
            chosen.append(dataclasses.replace(workload, entries=entries))
    return chosen, set(PARTS) & (names or known)


def raise_file_limit(wanted: int) -> None:
    """Let this process and the servers it starts hold that many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise BenchmarkError(f"the limit of open files is {hard}; idle connections need {wanted} (ulimit -n)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def measure(workloads: list[Workload], plan: Plan, facts: dict[str, object], parts: set[str], json: Path) -> None:
    """Start the servers, run the workloads, report."""
    outcomes: list[Outcome] = []
    codecs: list[CodecOutcome] = []
    rust: list[RustOutcome] = []
    rows: list[RowsOutcome] = []
    types: list[TypeOutcome] = []
    echo: float | None = None
    logins: list[CodecOutcome] = []
    arrows: list[ArrowOutcome] = []
    clients: list[ClientOutcome] = []
    contenders: dict[str, Contender] = {}
    sizes: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder())
        if workloads:
            raise_file_limit(plan.idle_connections + 500)
            programs = find_postgres()
            progress(run("pgbench --version", [programs / "pgbench", "--version"]).strip())
            setup = Setup(scratch, plan.stream_rows, programs)
            needed = {name for workload in workloads for name in workload.servers()}
            for name, starter in STARTERS.items():
                if name in needed:
                    contenders[name] = starter(setup)
                    stack.callback(contenders[name].stop)
                    progress(f"{name}: {contenders[name].version}")
            sizes = check_results(contenders, workloads)
            tools = Tools(programs / "pgbench", scratch, plan)
            for workload in workloads:
                start = time.monotonic()
                outcomes += workload.runner(workload, contenders, tools)
                progress(f"{workload.title}: {time.monotonic() - start:.0f} s")
        if ARROW in parts:
            setup = Setup(scratch, plan.stream_rows, find_postgres())
            if "postgres" not in contenders:
                contenders["postgres"] = STARTERS["postgres"](setup)
                stack.callback(contenders["postgres"].stop)
            arrows = measure_arrow(contenders["postgres"], setup, 6 * plan.codec_seconds)
    if CODEC in parts:
        codecs = measure_codecs(plan.codec_seconds)
        logins = measure_codecs(plan.codec_seconds, login_workloads)
        echo = echo_us(extended_query(), 4 * plan.codec_seconds)
    if RUST in parts:
        start = time.monotonic()
        rust = measure_rust(plan.codec_seconds)
        progress(f"the Rust core beside pg_stream: {time.monotonic() - start:.0f} s")
    if TYPES in parts:
        rows = measure_rows(4 * plan.codec_seconds)
        types = measure_types(plan.codec_seconds / 200)
    if CLIENT in parts:
        clients = measure_client(plan.client_seconds, plan.client_rounds, progress=progress)
    results = Results(outcomes, codecs, logins, rust, echo, rows, types, arrows, clients)
    print("\n".join(f"{key}: {value}" for key, value in facts.items()))
    print("\n".join(f"{name}: {contender.version}" for name, contender in contenders.items()))
    print_report(results, sizes)
    write_json(json, results, facts, contenders, sizes, plan)
    progress(f"written to {json}")


def main() -> int:
    options = parse_arguments()
    if options.list:
        print("servers:   " + " ".join(STARTERS))
        print("workloads: " + " ".join([*(workload.name for workload in WORKLOADS), *PARTS]))
        return 0
    plan = SHORT if options.short else Plan()
    plan = dataclasses.replace(plan, rounds=options.rounds or plan.rounds, seconds=options.seconds or plan.seconds)
    # Unwind, so that the servers end with the benchmark.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        workloads, parts = select(options.only)
        measure(workloads, plan, machine(), parts, options.json)
    except BenchmarkError as error:
        print(f"benchmark failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
