"""The core in pure Python: the fallback where no native module exists, and the referee of the native one.

Beside the native core a few of its parts are in use, which import only what they need: the names are imported when one is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .everything import *
else:

    def __getattr__(name: str) -> Any:
        from importlib import import_module
        from importlib.util import find_spec

        if find_spec(f"{__name__}.{name}") is not None:  # a part that is about to be imported itself
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        everything = import_module(f"{__name__}.everything")
        if name not in everything.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(everything, name)
        return value
