"""The reference says what the code says: parameters, their defaults, limits."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import pgwire_py
from pgwire_py.copy import CopyOptions

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def _rows(columns: int, *names: str) -> list[list[str]]:
    """Cells of the rows of the tables with so many columns in these files (server.md unless told), heads left out."""
    texts = [(REFERENCE / name).read_text(encoding="utf-8") for name in names or ("server.md",)]
    lines = [line.strip("|").split("|") for text in texts for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line] for line in lines if len(line) == columns]
    heads = {rows[number - 1][0] for number, row in enumerate(rows) if row[0].startswith("---")}
    return [row for row in rows if not row[0].startswith("---") and row[0] not in heads]


def test_parameters_of_server() -> None:
    parameters = list(inspect.signature(pgwire_py.Server).parameters.values())[1:]
    documented = {row[0].strip("`"): row[1].strip("`") for row in _rows(3)}
    assert list(documented) == [parameter.name for parameter in parameters]
    for parameter in parameters:
        shown = documented[parameter.name].replace("…", pgwire_py.__version__).replace('"', "'")
        assert shown == repr(parameter.default), parameter.name


def test_options_of_copy() -> None:
    documented = [(name.strip("`"), default.strip("`")) for name, default, _ in _rows(3, "copy.md")]
    assert documented == [(option.name, repr(option.default)) for option in dataclasses.fields(CopyOptions)]


LIMITS = ("server.md", "authentication.md", "frames.md", "copy.md", "rows.md", "types-containers.md", "arrow.md")


def test_limits() -> None:
    rows = _rows(4, *LIMITS)
    assert len(rows) >= 33
    for name, value, _, where in rows:
        module, _, constant = where.strip("`").rpartition(".")
        number = re.match(r"[\d,]+", value)
        assert number is not None, name
        assert int(number[0].replace(",", "")) == getattr(importlib.import_module(f"pgwire_py.{module}"), constant), (
            name
        )


def test_every_limit_is_in_the_reference() -> None:
    package = Path(pgwire_py.__file__).parent
    files = [
        *(package / "server").glob("*.py"),
        *(package / "catalog").glob("*.py"),
        *(package / "auth").glob("*.py"),
        *(package / "types").glob("*.py"),
        package / "connection" / "limits.py",
        package / "frames.py",
        package / "_impl" / "pure" / "frames.py",
        package / "copy.py",
    ]
    documented = {row[3].strip("`") for row in _rows(4, *LIMITS)}
    internal = {
        "connection.limits.MAX_MESSAGE_LENGTH",
        "connection.limits.MAX_ANSWER_LENGTH_AT_START",
        "server.server.MAX_PROCESS_ID",
        "server.results.MAX_SHAPES",
        "server.short.MAX_ROWS",
    }
    for path in files:
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        for name in re.findall(r"^(MAX_\w+)\b.* = ", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert f"{module}.{name}" in documented | internal


def test_state_is_as_generated() -> None:
    root = Path(__file__).parents[1]
    path = root / "tools" / "generate_state_reference.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    stale = "docs/reference/state.md is stale: run python tools/generate_state_reference.py"
    assert (root / "docs" / "reference" / "state.md").read_text(encoding="utf-8") == tool.render(), stale


def test_tests_of_the_client_are_where_the_reference_says() -> None:
    folder = Path(__file__).parent / "integration" / "client"
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (REFERENCE / "client-tests.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    for file, name in named:
        assert re.search(rf"^(async )?def {name}\(", (folder / file).read_text(encoding="utf-8"), re.MULTILINE), (
            file,
            name,
        )
