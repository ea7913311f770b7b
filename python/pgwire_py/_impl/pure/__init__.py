"""The core in pure Python: the fallback where no native module exists, and the referee of the native one.

Beside the native core a few of its parts are in use, which import only what they need: the names are imported when one is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .everything import *
else:

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        everything = import_module(f"{__name__}.everything")
        if name not in everything.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(everything, name)
        return value
