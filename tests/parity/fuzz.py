"""Differential fuzzing: native and pure get the same mutated inputs, each in chunks of its own, and must answer alike.

``make fuzz SECONDS=600`` runs it; ``python -m tests.parity.fuzz --help`` says what can be chosen. A run is decided by its seed. Inputs that
show a new kind of outcome (a new pair of message classes, a new error rule) join the corpus, and, from Python 3.12 on, so do inputs that
reach new lines of the pure implementation. A difference is reduced, printed, and written to ``tests/vectors/regressions.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import CodeType
from typing import Any

from pgwire_py import _native
from pgwire_py._impl import pure
from tests.vectors.recorded import frames

from .fuzz_targets import TARGETS, Target, target

REGRESSIONS = Path(__file__).parent.parent / "vectors" / "regressions.json"
LARGEST_CORPUS = 20_000
"""Inputs kept for one target; then a new one replaces another."""


@dataclass(frozen=True)
class Case:
    """One input: for which target, the bytes, and the seed of settings and chunk sizes."""

    target: str
    data: bytes
    choices: int

    def vector(self) -> dict[str, Any]:
        """What regressions.json holds of it."""
        return {"target": self.target, "hex": self.data.hex(), "choices": self.choices}


def regressions() -> list[Case]:
    """The inputs that once made a difference."""
    vectors = json.loads(REGRESSIONS.read_text(encoding="utf-8"))["regressions"]
    return [Case(vector["target"], bytes.fromhex(vector["hex"]), vector["choices"]) for vector in vectors]


def outcomes(case: Case) -> tuple[Any, Any]:
    """What native and pure answer."""
    run = target(case.target).run
    native, other = (
        _outcome(run, core, case, Random(2 * case.choices + chunks)) for chunks, core in enumerate((_native, pure))
    )
    return native, other


class Stray(Exception):
    """An exception got out of an algorithm that promises none."""


def _outcome(run: Any, core: Any, case: Case, chunks: Random) -> Any:
    try:
        return run(core, case.data, Random(case.choices), chunks)
    except MemoryError:
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return Stray(f"{type(error).__name__}: {error}")


def differ(native: Any, other: Any) -> bool:
    """Whether two outcomes are unlike, or like but wrong."""
    return isinstance(native, Stray) or isinstance(other, Stray) or native != other or repr(native) != repr(other)


def reduced(case: Case, seconds: float = 20.0) -> Case:
    """A smaller case that still differs: messages and bytes are left out, and bytes made plain, where that keeps the difference."""
    deadline = time.monotonic() + seconds

    def still(data: bytes, choices: int = case.choices) -> bool:
        return time.monotonic() < deadline and differ(*outcomes(replace(case, data=data, choices=choices)))

    choices = next((choices for choices in range(20) if still(case.data, choices)), case.choices)
    case = replace(case, choices=choices)
    parts = list(frames(case.data, case.data[:1] == b"\0"))
    while (
        at := next((at for at in range(len(parts)) if still(b"".join(parts[:at] + parts[at + 1 :]), choices)), None)
    ) is not None:
        del parts[at]
    data = b"".join(parts)
    size = max(len(data) // 2, 1)
    while size:
        at = 0
        while at < len(data):
            shorter = data[:at] + data[at + size :]
            if still(shorter, choices):
                data = shorter
            else:
                at += size
        size //= 2
    for at in range(len(data)):
        plainer = data[:at] + b"\0" + data[at + 1 :]
        if data[at] and still(plainer, choices):
            data = plainer
    return replace(case, data=data)


class Lines:
    """Whether new lines of the pure implementation were reached; from Python 3.12 on, for :mod:`sys.monitoring` costs each line once."""

    TOOL = 4

    def __init__(self) -> None:
        self.count = 0
        self._monitoring: Any = getattr(sys, "monitoring", None)

    def __enter__(self) -> Lines:
        if self._monitoring is not None:
            event = self._monitoring.events.LINE
            self._monitoring.use_tool_id(self.TOOL, "pgwire_py fuzz")
            self._monitoring.register_callback(self.TOOL, event, self._reached)
            self._monitoring.set_events(self.TOOL, event)
        return self

    def __exit__(self, *_: object) -> None:
        if self._monitoring is not None:
            self._monitoring.set_events(self.TOOL, 0)
            self._monitoring.free_tool_id(self.TOOL)

    def _reached(self, code: CodeType, _line: int) -> Any:
        self.count += "_impl" in code.co_filename
        return self._monitoring.DISABLE


class Fuzzer:
    """Makes and runs the cases of one target; everything follows from the seed."""

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.corpus = list(target.seeds())
        self.kinds: set[Hashable] = set()
        self.cases = 0
        self._dice = Random(f"{target.name} {seed}")

    def run(self, count: int, lines: Lines) -> Case | None:
        """Run so many cases; the first one that makes a difference, or None."""
        dice, corpus = self._dice, self.corpus
        for _ in range(count):
            data = self.target.mutate(dice.choice(corpus), dice.choice(corpus), dice)
            case = Case(self.target.name, data, dice.getrandbits(32))
            before = lines.count
            native, other = outcomes(case)
            self.cases += 1
            if differ(native, other):
                return case
            known = len(self.kinds)
            self.kinds.update(self.target.features(other))
            if len(self.kinds) > known or lines.count > before:
                if len(corpus) < LARGEST_CORPUS:
                    corpus.append(data)
                else:
                    corpus[dice.randrange(len(corpus))] = data
        return None


def report(case: Case, seed: int) -> str:
    """What to read about a difference."""
    native, other = outcomes(case)
    return f"seed {seed}: native and pure differ: {json.dumps(case.vector())}\nnative: {native!r}\npure:   {other!r}"


def save(case: Case) -> None:
    """Add a case to regressions.json."""
    cases = regressions()
    if case not in cases:
        lines = ",\n".join(json.dumps(case.vector()) for case in [*cases, case])
        REGRESSIONS.write_text(f'{{\n"regressions": [\n{lines}\n]\n}}\n', encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz for a while; the exit status is 1 when something differs."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.parity.fuzz", description="Compare native with pure on mutated inputs."
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (60)")
    parser.add_argument("--seed", type=int, default=None, help="what decides the run (another one each time)")
    parser.add_argument(
        "--target", choices=[target.name for target in TARGETS], action="append", help="only this one; may be repeated"
    )
    parser.add_argument("--keep-going", action="store_true", help="go on behind a difference")
    options = parser.parse_args(arguments)
    seed = Random().getrandbits(32) if options.seed is None else options.seed
    fuzzers = [Fuzzer(target, seed) for target in TARGETS if not options.target or target.name in options.target]
    print(f"seed {seed}")
    failed = False
    deadline = time.monotonic() + options.seconds
    with Lines() as lines:
        while time.monotonic() < deadline and not (failed and not options.keep_going):
            for fuzzer in fuzzers:
                case = fuzzer.run(20 * fuzzer.target.share, lines)
                if case is not None:
                    failed = True
                    case = reduced(case)
                    save(case)
                    print(report(case, seed), flush=True)
    for fuzzer in fuzzers:
        print(
            f"{fuzzer.target.name}: {fuzzer.cases} cases, {len(fuzzer.kinds)} kinds of outcome, {len(fuzzer.corpus)} inputs"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
