"""The layers of the design: what stands left never imports what stands right, and one module alone imports the native core."""

import ast
import re
from pathlib import Path

import pytest

import pgwire_py

PACKAGE = Path(pgwire_py.__file__).parent
ROOT = Path(__file__).parents[1]

LAYERS = (
    {"_lazy", "_version", "_type_table", "type_info", "errors", "enums", "oids", "sql", "values"},
    {"messages"},
    {"_impl"},
    {"auth", "copy", "events", "frames", "rows", "arrow", "state", "types", "wire"},
    {"connection"},
    {"client"},
    {"blocking"},
    {"engines.base"},
    {"engines", "catalog"},
    {"server", "proxy"},
    {"testing"},
    {"demo", "cli", "__main__", "__init__"},
)
SAME_LEVEL = {"auth": {"errors"}}


def _layer(module: str) -> int:
    for number, names in enumerate(LAYERS):
        if module in names:
            return number
    for number, names in enumerate(LAYERS):
        if module.split(".", maxsplit=1)[0] in names:
            return number
    raise AssertionError(f"{module} belongs to no layer: add it to LAYERS")


def _imports(path: Path) -> set[str]:
    """Modules of the package that a file imports when it is run, below ``pgwire_py``; imports for type checkers only do not count."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    package = parts[:-1]
    found = set()
    tree = ast.parse(path.read_text())
    for_types = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and isinstance(branch.test, ast.Name) and branch.test.id == "TYPE_CHECKING"
        for statement in branch.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = [*base, *(node.module.split(".") if node.module else [])]
            found.update(
                [".".join(target)] if node.module else [".".join([*target, alias.name]) for alias in node.names]
            )
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pgwire_py."):
            found.add(node.module.removeprefix("pgwire_py."))
        elif isinstance(node, ast.Import):
            found.update(a.name.removeprefix("pgwire_py.") for a in node.names if a.name.startswith("pgwire_py."))
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_to_the_left(path: Path) -> None:
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for imported in _imports(path):
        if imported in ("", "_native"):
            continue
        assert _layer(imported) <= _layer(module), f"{module} imports {imported}, which stands to its right"


def test_only_the_switch_imports_the_native_core() -> None:
    switch = PACKAGE / "_impl" / "__init__.py"
    users = [path for path in FILES if "_native" in path.read_text() and path != switch]
    importing = [path for path in users if any(name.split(".")[-1] == "_native" for name in _imports(path))]
    assert importing == []
    assert "pgwire_py._native" in switch.read_text()


def test_only_parity_imports_the_native_core_in_tests() -> None:
    """The same suite runs on the pure wheel, which has none: other tests take the fixture ``core``."""
    tests = ROOT / "tests"
    importing = re.compile(r"^\s*(?:import pgwire_py\._native|from pgwire_py import .*\b_native\b)", re.MULTILINE)
    users = {str(path.relative_to(tests)) for path in tests.rglob("*.py") if importing.search(path.read_text())}
    assert {name for name in users if not name.startswith("parity")} == {"test_stubs.py"}


def test_the_core_crate_does_not_know_python() -> None:
    core = ROOT / "rust" / "core"
    assert "pyo3" not in (core / "Cargo.toml").read_text()
    assert "#![forbid(unsafe_code)]" in (core / "src" / "lib.rs").read_text()
