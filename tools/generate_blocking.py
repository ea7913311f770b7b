"""Writes python/pgwire_py/blocking/client.py: the classes of ``pgwire_py.client`` once more, for use without an event loop.

Usage: python tools/generate_blocking.py

A method there has the name, the parameters and the docstring of the coroutine that it runs. ``async with`` and ``async for`` become their
plain counterparts; what is awaited as an object (``await pool.acquire()``) gets a method ``wait``.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pgwire_py
from pgwire_py.client import connection

CLIENT = Path(pgwire_py.__file__).parent / "client"
TARGET = CLIENT.parent / "blocking" / "client.py"

CLASSES = {
    "connection": ["Connection"],
    "transaction": ["Transaction"],
    "cursor": ["CursorFactory", "Cursor"],
    "statement": ["PreparedStatement"],
    "pipeline": ["Pending", "Pipeline"],
    "copying": ["CopyOut"],
    "arrow": ["ArrowBatches"],
    "notifications": ["Notifications"],
    "pool": ["Pool", "Lease"],
}
GATHERING = CLIENT.parent / "_impl" / "pure" / "gathering.py"
ELSEWHERE = {"Pending": ("Pending", GATHERING), "Pipeline": ("Gatherer", GATHERING)}
"""What a class is, or inherits, that is written down in another file."""
FUNCTIONS = {"connection": "connect", "pool": "create_pool"}
NAMES = {name for names in CLASSES.values() for name in names}

HIDDEN = {("Cursor", "open"), ("Notifications", "received"), ("Notifications", "end")}
"""What only other parts of the client call."""

SHORT = {
    ("Connection", "fetch"): (0, "rows"),
    ("Connection", "fetchrow"): (1, "rows[0] if rows else None"),
    ("Connection", "fetchval"): (1, "rows[0][column] if rows else None"),
}
"""What goes without a coroutine as a rule: the limit of rows, and what is returned of them."""

RENAMED = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "__await__": "wait",
}
DOCUMENTATION = (
    (r"\basync (with|for)\b", r"\1"),
    (r"async iterators?", "iterator"),
    (r"an iterable or async iterable", "an iterable"),
    (r"a coroutine function", "a function"),
    (r"or await it for a :class:`Cursor`", "or :meth:`CursorFactory.wait` for a :class:`Cursor`"),
    (r"or await it and ``fetch`` from it", "or ``wait()`` for it and ``fetch`` from it"),
    (r"or await it and :meth:`release` it", "or ``wait()`` for it and :meth:`release` it"),
    (r"``pool = await create_pool\(…\)``", "``pool = create_pool(…).wait()``"),
    (r"``contextlib.aclosing``", "``close``, ``with``, or when it is dropped"),
    (r":meth:`result`, or ``await``,", ":meth:`result`, or :meth:`wait`,"),
    (r"in another task: that task gets", "in another thread: that thread gets"),
    (r", and may be cancelled: the server", ", and can be interrupted: the server"),
    (r"does one thing at a time, on one event loop", "does one thing at a time, threads wait for each other"),
    (r" Cancelling this does not stop it\.", ""),
)
HEAD = '''"""The classes of ``pgwire_py.client`` for use without an event loop. Made by tools/generate_blocking.py: do not edit.

Each method runs the coroutine of the same name, which never suspends: its driver does the waiting.
"""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from .._impl import ArrowBatch, ArrowTable
from ..client import arrow, connection, copying, cursor, notifications, pipeline, pool, statement, transaction
from ..client.notifications import Notification
from ..client.oauth import OAuthToken
from ..client.pool import PoolStats
from ..client.statement import Attribute, TypeName
from ..errors import PostgresError
from ..types import TypeRegistry
from .driver import BlockingDriver, ThreadsDriver, TLSUpgrade
from .iteration import Iteration, adapted, awaited, facade

__all__ = [
    "ArrowBatches",
    "Connection",
    "CopyOut",
    "Cursor",
    "CursorFactory",
    "Lease",
    "Notifications",
    "Pending",
    "Pipeline",
    "Pool",
    "PreparedStatement",
    "Transaction",
    "connect",
    "create_pool",
]

T = TypeVar("T")
'''


def render() -> str:
    """The whole file, before it is brought into the project's style."""
    trees = {module: ast.parse((CLIENT / f"{module}.py").read_text(encoding="utf-8")) for module in CLASSES}
    parts = [HEAD]
    for module, name in FUNCTIONS.items():
        parts.append("\n".join(_function(_find(trees[module], name))))
    for module, names in CLASSES.items():
        for name in names:
            parts.append("\n".join(_class(module, _whole(trees[module], name))))
    return "\n\n".join(parts) + "\n"


def _whole(tree: ast.Module, name: str) -> ast.AST:
    """A class with what it inherits."""
    if name not in ELSEWHERE:
        return _find(tree, name)
    elsewhere, file = ELSEWHERE[name]
    inherited = _find(ast.parse(file.read_text(encoding="utf-8")), elsewhere)
    if elsewhere == name:
        return inherited
    found = _find(tree, name)
    assert isinstance(found, ast.ClassDef)
    assert isinstance(inherited, ast.ClassDef)
    found.body[1:1] = [node for node in inherited.body[1:] if isinstance(node, ast.FunctionDef)]
    return found


def _find(tree: ast.Module, name: str) -> ast.AST:
    return next(node for node in tree.body if getattr(node, "name", None) == name)


def _function(node: ast.AST) -> Iterator[str]:
    """``connect`` and ``create_pool``."""
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    arguments = _arguments(node.args, {"_driver"})
    yield f"def {node.name}({_signature(node.args, {'_driver'})}) -> {_type(node.returns)}:"
    yield from _docstring(node)
    if node.name == "connect":
        yield "    driver = BlockingDriver()"
        yield f"    return facade(Connection, driver.run(connection.connect({arguments}, _driver=driver)))"
    else:
        yield "    driver = ThreadsDriver()"
        yield f"    return Pool(driver, pool.create_pool({arguments}, _driver=lambda: driver))"


def _class(module: str, node: ast.AST) -> Iterator[str]:
    assert isinstance(node, ast.ClassDef)
    generic = [ast.unparse(base) for base in node.bases if isinstance(base, ast.Subscript)]
    driver = "ThreadsDriver" if module == "pool" else "BlockingDriver"
    inner = f"{module}.{node.name}" + ("[T]" if generic else "")
    yield f"class {node.name}{'(' + ', '.join(generic) + ')' if generic else ''}:"
    yield from _docstring(node)
    yield '    __slots__ = ("__weakref__", "_driver", "_inner")'
    yield f"    def __init__(self, driver: {driver}, inner: {inner}) -> None:"
    yield "        self._driver = driver"
    yield "        self._inner = inner"
    if node.name == "Connection":
        yield "        inner._facade = self"
    for method in node.body:
        if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) and _public(node.name, method.name):
            yield ""
            yield from (f"    {line}" if line else "" for line in _method(module, node.name, method))


def _public(owner: str, name: str) -> bool:
    return (owner, name) not in HIDDEN and (not name.startswith("_") or name in RENAMED or name == "__repr__")


def _method(module: str, owner: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    name = RENAMED.get(node.name, node.name)
    plain = isinstance(node, ast.FunctionDef)
    yield from (f"@{ast.unparse(decorator)}" for decorator in node.decorator_list)
    returned = _result_type(owner, node)
    yield f"def {name}(self{_signature(node.args, {'self'}, ', ')}) -> {returned}:"
    yield from _docstring(node)
    call = f"self._inner.{node.name}({_arguments(node.args, {'self'})})"
    if (owner, name) in SHORT:
        limit, found = SHORT[owner, name]
        yield f"    rows = self._driver.short(self._inner._core, query, args, {limit}, timeout)"
        yield "    if rows is not None:"
        yield f"        return {found}"
    if node.name == "__await__":
        yield f"    return {_wrapped(returned, 'self._driver.run(awaited(self._inner))', owner)}"
    elif node.name == "__aenter__" and returned == owner:
        yield f"    self._driver.run({call})"
        yield "    return self"
    elif node.name == "__aiter__":
        same = returned == owner
        yield "    return self" if same else f"    return Iteration(self._driver, {call})"
    elif node.name == "__anext__":
        yield "    try:"
        yield f"        return self._driver.run({call})"
        yield "    except StopAsyncIteration:"
        yield "        raise StopIteration from None"
    elif node.decorator_list:
        yield f"    return self._inner.{node.name}"
    elif (owner, name) == ("Connection", "cancel"):
        yield f"    BlockingDriver().run({call})  # not this connection's: another thread waits by that"
    elif plain and returned.startswith("Iteration["):
        yield f"    return Iteration(self._driver, {call})"
    elif plain:
        bare = call.removesuffix("()")
        how = "do" if returned == "None" else "call"
        found = f"self._driver.{how}({bare})" if module == "pool" and returned not in NAMES else call
        yield f"    {'' if returned == 'None' else 'return '}{_wrapped(returned, found, owner)}"
    else:
        found = _wrapped(returned, f"self._driver.run({call})", owner)
        yield f"    {'' if returned == 'None' else 'return '}{found}"


def _wrapped(returned: str, value: str, owner: str) -> str:
    """What a method gives of what the coroutine gave."""
    name = returned.partition("[")[0]
    if returned == "Connection":
        return f"facade(Connection, {value})"
    if owner == "Pool" and returned == "Pool":
        return f"Pool(self._driver, {value})"
    return f"{name}(self._driver, {value})" if name in NAMES else value


def _result_type(owner: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    if node.name == "__await__":
        found = re.fullmatch(r"Generator\[Any, None, (.*)\]", ast.unparse(node.returns) if node.returns else "")
        assert found is not None, owner
        return _type(ast.parse(found[1], mode="eval").body)
    return _type(node.returns)


def _type(annotation: ast.expr | None) -> str:
    assert annotation is not None
    text = ast.unparse(annotation)
    text = re.sub(r"\bAsyncIterator\[", "Iteration[", text)
    return re.sub(r"\bAwaitable\[(\w+)\]", r"\1", text)


def _signature(arguments: ast.arguments, without: set[str], before: str = "") -> str:
    """Parameters with types and defaults."""
    parts: list[str] = []
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    for number, one in enumerate(positional):
        if one.arg not in without:
            parts.append(_parameter(one, arguments.defaults[number - missing] if number >= missing else None))
    if arguments.vararg:
        parts.append(f"*{_parameter(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        parts.append("*")
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if one.arg not in without:
            parts.append(_parameter(one, default))
    if arguments.kwarg:
        parts.append(f"**{_parameter(arguments.kwarg, None)}")
    return before + ", ".join(parts) if parts else ""


def _parameter(one: ast.arg, default: ast.expr | None) -> str:
    text = f"{one.arg}: {_type(one.annotation)}"
    if default is None:
        return text
    constant = isinstance(default, ast.Name) and getattr(connection, default.id, None)
    return f"{text} = {constant or ast.unparse(default)}"


def _arguments(arguments: ast.arguments, without: set[str]) -> str:
    """What is passed on."""
    parts = [_passed(one) for one in (*arguments.posonlyargs, *arguments.args) if one.arg not in without]
    if arguments.vararg:
        parts.append(f"*{arguments.vararg.arg}")
    parts += [f"{one.arg}={_passed(one)}" for one in arguments.kwonlyargs if one.arg not in without]
    if arguments.kwarg:
        parts.append(f"**{arguments.kwarg.arg}")
    return ", ".join(parts)


def _passed(one: ast.arg) -> str:
    """An argument as the coroutine takes it: the other kind of connection, functions that give awaitables."""
    text = ast.unparse(one.annotation) if one.annotation else ""
    if text == "Connection":
        return f"{one.arg}._inner"
    if "Awaitable[Any]" in text:
        return f"adapted(Connection, {one.arg})"
    if one.arg in ("tls_upgrade", "callback"):
        return f"{one.arg}  # type: ignore[arg-type]\n"
    return one.arg


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[str]:
    text = ast.get_docstring(node, clean=True)
    if text is None:
        return
    for pattern, new in DOCUMENTATION:
        text = re.sub(pattern, new, text)
    lines = text.split("\n")
    yield f'    """{lines[0]}' + ('"""' if len(lines) == 1 else "")
    for line in lines[1:]:
        yield f"    {line}" if line else ""
    if len(lines) > 1:
        yield '    """'


def main() -> None:
    """Write it."""
    TARGET.write_text(render(), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(TARGET)], check=True)


if __name__ == "__main__":
    main()
