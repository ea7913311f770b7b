"""The public names, the version, and the switch between the implementations."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pgwire_py

ROOT = Path(__file__).parents[1]


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_public_names_exist() -> None:
    for name in ("serve", "Server", "Session", "Query", "Result", "Column", "Description", "PythonEngine", "PostgresError", "messages"):
        assert hasattr(pgwire_py, name), name
    assert pgwire_py.INT4 == 23
    assert pgwire_py.TIMESTAMPTZ_ARRAY == 1185


def test_version_is_the_crates() -> None:
    assert f'version = "{pgwire_py.__version__}"' in (ROOT / "Cargo.toml").read_text()


@pytest.mark.parametrize("name", ["native", "pure"])
def test_the_variable_chooses_the_implementation(name: str) -> None:
    result = _python("import pgwire_py; print(pgwire_py.IMPLEMENTATION)", PGWIRE_PY_IMPL=name)
    assert result.stdout.strip() == name, result.stderr


def test_native_is_the_default() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PGWIRE_PY_IMPL"}
    code = "import pgwire_py; print(pgwire_py.IMPLEMENTATION)"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "native", result.stderr


def test_a_wrong_choice_is_an_error() -> None:
    result = _python("import pgwire_py", PGWIRE_PY_IMPL="fast")
    assert "PGWIRE_PY_IMPL must be 'native' or 'pure', not 'fast'" in result.stderr


def test_native_that_cannot_load_says_why() -> None:
    code = "import sys; sys.modules['pgwire_py._native'] = None; import pgwire_py"
    result = _python(code, PGWIRE_PY_IMPL="native")
    assert "PGWIRE_PY_IMPL=native, but the native core cannot be loaded" in result.stderr


def test_import_takes_no_optional_dependency() -> None:
    code = "import sys, pgwire_py; print([m for m in ('duckdb', 'sqlglot', 'uvloop', 'click', 'pyarrow', 'pandas') if m in sys.modules])"
    result = _python(code)
    assert result.stdout.strip() == "[]", result.stderr
