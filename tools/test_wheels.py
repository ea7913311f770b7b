"""Run the test-suite on the two wheels in ``dist/``, each installed in a clean environment, without the sources in sight.

``python tools/test_wheels.py [--only native|pure] [ARGS]``; ARGS go to pytest. Everything but ``python/``, where the package's sources
are, is copied to a temporary directory, and pytest runs there: ``import pgwire_py`` can only find what the wheel has installed.
``tests/conftest.py`` refuses to run where that is not the wheel asked for. Both wheels are tested at a time; each line that pytest prints
begins with the wheel's name.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from check_wheels import find

ROOT = Path(__file__).parents[1]
LEFT_BEHIND = ("python", "target", "dist", "results", "__pycache__")
"""The sources, and what was built or measured."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the test-suite on the wheels in dist/.")
    parser.add_argument("--only", choices=["native", "pure"])
    options, arguments = parser.parse_known_args()
    native, pure = find()
    wheels = {"native": native.path, "pure": pure.path}
    failed = False
    with ThreadPoolExecutor() as threads:
        runs = [
            threads.submit(_test_in_folder, name, wheels[name], arguments)
            for name in ([options.only] if options.only else wheels)
        ]
        for run in as_completed(runs):
            failed = run.result() or failed
    return 1 if failed else 0


def _test_in_folder(name: str, wheel: Path, arguments: list[str]) -> bool:
    """Whether the tests fail; says so."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"pgwire-py-{name}-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL's server, which does not run as root, is fetched into it
        status = _test(name, wheel, Path(folder), arguments)
    print(f"{name} wheel: {'failed' if status else 'passed'}, {time.monotonic() - started:.0f} s", flush=True)
    return bool(status)


def _test(name: str, wheel: Path, folder: Path, arguments: list[str]) -> int:
    """Install one wheel in an environment of its own, run pytest with it, return its exit status."""
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    group = f"{ROOT / 'pyproject.toml'}:test"
    subprocess.run([python, "-m", "pip", "install", "-q", "--upgrade", "pip"], check=True)
    subprocess.run(
        [python, "-m", "pip", "install", "-q", f"{wheel}[duckdb,uvloop]", "--group", group], check=True, cwd=folder
    )
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", *LEFT_BEHIND))
    variables = {key: value for key, value in os.environ.items() if key not in ("PGWIRE_PY_IMPL", "PYTHONPATH")}
    variables["PGWIRE_PY_WHEEL"] = name
    command = [str(python), "-m", "pytest", *arguments]
    process = subprocess.Popen(
        command, cwd=tree, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    assert process.stdout is not None
    printing = threading.Thread(target=_print, args=(name, process.stdout), daemon=True)
    printing.start()
    status = process.wait()
    printing.join(10)  # what a test has left running may hold the pipe open
    return status


def _print(name: str, lines: Iterable[str]) -> None:
    for line in lines:
        print(f"{name}: {line}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
