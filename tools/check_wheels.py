"""Hold the two wheels in ``dist/`` against each other: the native one is the pure one and the native module, and nothing else differs.

``python tools/check_wheels.py`` prints what there is, and ends with an error where that is not so.
"""

from __future__ import annotations

import re
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

DIST = Path(__file__).parents[1] / "dist"
NATIVE_MODULE = "pgwire_py/_native."
NATIVE_SUFFIXES = (".so", ".pyd")
NEEDED = ("pgwire_py/py.typed", "pgwire_py/_native.pyi", "pgwire_py/demo/schema.sql")
"""What no import asks for, and what must be there all the same."""
LICENSES = {"licenses/LICENSE-APACHE", "licenses/LICENSE-MIT"}


class Wheel:
    """The names and the metadata inside a wheel file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tag = path.stem.split("-", maxsplit=2)[2]
        with ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            [info] = {name.split("/")[0] for name in names if ".dist-info/" in name}
            self.package = {name for name in names if not name.startswith(info)}
            self.info = {name.removeprefix(f"{info}/") for name in names if name.startswith(info)}
            self.metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
            self.entry_points = archive.read(f"{info}/entry_points.txt").decode()
        self.native = {
            name for name in self.package if name.startswith(NATIVE_MODULE) and name.endswith(NATIVE_SUFFIXES)
        }

    def __str__(self) -> str:
        return f"{self.path.name}: {len(self.package)} files, {self.path.stat().st_size:,} bytes"


def find() -> tuple[Wheel, Wheel]:
    """The native and the pure wheel.

    Raises:
        SystemExit: there is not one of each.
    """
    wheels = [Wheel(path) for path in sorted(DIST.glob("*.whl"))]
    native = [wheel for wheel in wheels if wheel.tag != "py3-none-any"]
    pure = [wheel for wheel in wheels if wheel.tag == "py3-none-any"]
    if len(native) != 1 or len(pure) != 1:
        raise SystemExit(f"one native and one pure wheel are wanted in {DIST}, not {[wheel.tag for wheel in wheels]}")
    return native[0], pure[0]


def differences(native: Wheel, pure: Wheel) -> list[str]:
    """What is wrong with the two, one line each."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    checks = {
        f"{native.tag} is not of this Python's ABI": native.tag.startswith(f"{version}-{version}-"),
        f"native modules in the native wheel: {sorted(native.native)}": len(native.native) == 1,
        f"compiled files in the pure wheel: {sorted(pure.native)}": not any(
            name.endswith(NATIVE_SUFFIXES) for name in pure.package
        ),
        f"files of only one wheel: {sorted((native.package - native.native) ^ pure.package)}": (
            native.package - native.native == pure.package
        ),
        f"missing: {sorted(set(NEEDED) - pure.package)}": set(NEEDED) <= pure.package,
        f"console scripts: {native.entry_points}, {pure.entry_points}": (
            native.entry_points.split() == pure.entry_points.replace(" = ", "=").split()
        ),
        "licences are missing": native.info & pure.info >= LICENSES,
    }
    for name in sorted({*native.metadata, *pure.metadata}):
        checks[f"{name} differs"] = _values(native.metadata, name) == _values(pure.metadata, name)
    descriptions = [str(wheel.metadata.get_payload()).strip() for wheel in (native, pure)]
    checks["the descriptions differ"] = descriptions[0] == descriptions[1]
    return [text for text, right in checks.items() if not right]


def _values(metadata: Message, name: str) -> list[str]:
    """Values of a field in a form that does not depend on the tool that wrote it."""
    values = [str(value) for value in metadata.get_all(name, [])]
    if name == "Keywords":
        values = values[0].split(",")
    elif name == "Description-Content-Type":
        values = [values[0].split(";")[0]]
    elif name == "Requires-Dist":
        written = str.maketrans({'"': "'", " ": "", "(": "", ")": ""})
        values = [re.sub(r"(==')(3\.[0-9]+)\.\*'", r"\1\2'", value.translate(written)) for value in values]
        values = [value.replace("python_full_version", "python_version") for value in values]
    return sorted(values)


def main() -> None:
    native, pure = find()
    found = differences(native, pure)
    if found:
        raise SystemExit("\n".join(found))
    print(native, pure, sep="\n")


if __name__ == "__main__":
    main()
