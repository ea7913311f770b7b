"""The public names, the version, and the switch between the implementations."""

import ast
import importlib.util
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import pgwire_py
from pgwire_py import client, messages, oids, server
from tests.support import IMPLEMENTATIONS

ROOT = Path(__file__).parents[1]


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


NAMES = {
    "IMPLEMENTATION",
    "ArrowDecoder",
    "BackendConnection",
    "BlockingCopyReader",
    "Column",
    "ConnectionClosed",
    "CopyBoth",
    "CopyIn",
    "CopyOut",
    "CopyReader",
    "CopyStatement",
    "CopyStream",
    "Description",
    "DirectTLS",
    "FrameDecoder",
    "FrameError",
    "FrontendConnection",
    "Handler",
    "Hooks",
    "LocalProtocolError",
    "MessageBuilder",
    "PgWireError",
    "PostgresError",
    "ProtocolError",
    "PythonEngine",
    "Query",
    "QueryParser",
    "Record",
    "RemoteProtocolError",
    "Result",
    "ResultBuilder",
    "RowDecoder",
    "RowEncoder",
    "Server",
    "ArrowEncoder",
    "Session",
    "__version__",
    "arrow",
    "blocking",
    "frames",
    "messages",
    "serve",
    "ConnectFailed",
    "Connection",
    "ConnectionLost",
    "InterfaceError",
    "Pool",
    "connect",
    "create_pool",
    "ConnectionBuilder",
}


def test_public_names() -> None:
    assert set(pgwire_py.__all__) == NAMES | set(oids.__all__)
    assert len(pgwire_py.__all__) == len(set(pgwire_py.__all__))
    for name in pgwire_py.__all__:
        assert getattr(pgwire_py, name) is not None, name
        assert name in dir(pgwire_py)
    assert pgwire_py.INT4 == 23
    assert pgwire_py.TIMESTAMPTZ_ARRAY == 1185


def test_public_names_of_the_messages() -> None:
    exported = {name for name in dir(messages) if isinstance(getattr(messages, name), type)}
    assert set(messages.__all__) == exported
    assert len(messages.__all__) == len(exported)


def test_names_of_the_server_are_the_servers() -> None:
    for name in server.__all__:
        assert getattr(pgwire_py, name) is getattr(server, name)
    with pytest.raises(AttributeError, match="module 'pgwire_py' has no attribute 'nothing'"):
        pgwire_py.nothing  # noqa: B018


def test_names_of_the_client_are_the_clients() -> None:
    names = ("ConnectFailed", "Connection", "ConnectionLost", "InterfaceError", "Pool", "connect", "create_pool")
    for name in (*names, "ConnectionBuilder"):
        assert getattr(pgwire_py, name) is getattr(client, name)


def test_the_blocking_client_is_the_client_in_other_words() -> None:
    path = ROOT / "tools" / "generate_blocking.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    written = Path(pgwire_py.blocking.client.__file__).read_text(encoding="utf-8")
    assert ast.dump(ast.parse(written)) == ast.dump(ast.parse(tool.render())), "run python tools/generate_blocking.py"
    for module, names in tool.CLASSES.items():
        for name in names:
            original = getattr(import_module(f"pgwire_py.client.{module}"), name)
            methods = {name for name in vars(original) if not name.startswith("_")} - {
                method for owner, method in tool.HIDDEN if owner == name
            }
            assert methods <= set(vars(getattr(pgwire_py.blocking, name)))


def test_the_server_is_imported_when_it_is_used() -> None:
    loaded = "[name for name in ('asyncio', 'ssl', 'pgwire_py.server') if name in sys.modules]"
    result = _python(f"import sys, pgwire_py; print({loaded}); pgwire_py.Server; print({loaded})")
    assert result.stdout.splitlines() == ["[]", "['asyncio', 'ssl', 'pgwire_py.server']"], result.stderr


def test_the_client_is_imported_when_it_is_used() -> None:
    loaded = "[name for name in ('asyncio', 'pgwire_py.client', 'pgwire_py.server') if name in sys.modules]"
    result = _python(f"import sys, pgwire_py; print({loaded}); pgwire_py.connect; print({loaded})")
    assert result.stdout.splitlines() == ["[]", "['asyncio', 'pgwire_py.client']"], result.stderr


NEEDED_BY_THE_PURE_CORE = [
    "decimal",
    "uuid",
    "ctypes",
    "platform",
    "json",
    "hashlib",
    "pgwire_py.messages",
    "pgwire_py.values",
]


@pytest.mark.parametrize(
    ("use", "unwanted"),
    [
        ("pgwire_py", "messages arrow connection state engines.base types values client server catalog cli"),
        (
            "pgwire_py.connect",
            "server catalog cli engines.base connection.backend auth.rules types.composites client.pool",
        ),
    ],
)
def test_what_is_not_used_is_not_imported(use: str, unwanted: str) -> None:
    """Importing takes time: of the standard library's slow modules and the optional dependencies none comes unasked, nor the pure core
    beside the native one."""
    slow = "sqlglot duckdb uvloop click zoneinfo sqlite3 decimal uuid getpass ctypes platform json csv"
    if use == "pgwire_py":
        slow += " asyncio ssl socket hashlib"
    names = [
        *slow.split(),
        *(f"pgwire_py.{name}" for name in f"{unwanted} _impl.pure.everything _impl.pure.types.kinds".split()),
    ]
    if "native" not in IMPLEMENTATIONS:
        names = [name for name in names if name not in NEEDED_BY_THE_PURE_CORE and ".pure." not in name]
    code = f"import sys, pgwire_py; {use}; print([name for name in {names} if name in sys.modules])"
    result = _python(code, PGWIRE_PY_IMPL=IMPLEMENTATIONS[0])
    assert result.stdout.strip() == "[]", result.stderr


def test_types_of_the_public_names(tmp_path: Path) -> None:
    """A program that uses them passes a strict type check, and a wrong name does not."""
    user = tmp_path / "user.py"
    user.write_text(
        "import pgwire_py as pg\n"
        "from pgwire_py import Server, messages as m\n"
        "def answer(query: pg.Query) -> pg.Result:\n"
        "    return pg.Result([pg.Column('n', pg.INT4)], [(1,)])\n"
        "server: Server = pg.Server(answer, port=0)\n"
        "message: m.Sync = pg.messages.Sync()\n"
        "def use(address: str) -> list[str]:\n"
        "    with pg.blocking.connect(address) as conn, conn.transaction(), pg.blocking.create_pool(address) as pool:\n"
        "        conn.retry(lambda other: other.fetch('select 1'))\n"
        "        with pool.acquire() as other, other.notifications('a') as found:\n"
        "            other.add_listener('a', lambda one, pid, channel, payload: one.terminate())\n"
        "            return [*(n.payload for n in found), conn.pipeline().execute('select 1').result(), conn.execute('')]\n"
        "pg.nothing\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path), str(user)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.stdout == f'{user.name}:13: error: Module has no attribute "nothing"  [attr-defined]\n', result.stderr


def test_version_is_the_crates() -> None:
    assert f'version = "{pgwire_py.__version__}"' in (ROOT / "Cargo.toml").read_text()


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_the_variable_chooses_the_implementation(name: str) -> None:
    result = _python("import pgwire_py; print(pgwire_py.IMPLEMENTATION)", PGWIRE_PY_IMPL=name)
    assert result.stdout.strip() == name, result.stderr


def test_native_is_the_default_where_it_is_installed() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PGWIRE_PY_IMPL"}
    code = "import pgwire_py; print(pgwire_py.IMPLEMENTATION)"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == IMPLEMENTATIONS[0], result.stderr


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
