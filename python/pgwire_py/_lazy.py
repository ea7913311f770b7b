"""Names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: its ``__name__``.
        places: name → the module it is found in, relative to the package (``".a"``); a name that is that module itself ends in it.
    """
    namespace = vars(sys.modules[package])

    def find(name: str) -> Any:
        place = places.get(name)
        if place is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(place, package)
        value = namespace[name] = module if place == f".{name}" else getattr(module, name)
        return value

    def names() -> list[str]:
        return sorted({*namespace, *places})

    return find, names


def places(modules: Mapping[str, str]) -> dict[str, str]:
    """Name → module, of module → names separated by spaces."""
    return {name: module for module, names in modules.items() for name in names.split()}
