"""The arithmetic of a login: the native core against the pure one, whose PBKDF2 is hashlib's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PBKDF2 = "PBKDF2, 4,096 rounds (pure: hashlib)"
KEY = bytes(range(32))
MESSAGE = b"n=,r=%s,r=%s,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=%s" % (b"c" * 24, b"s" * 48, b"s" * 48)


def login_workloads(core: Any) -> dict[str, Callable[[], object]]:
    """Calls to time, by name; ``core`` is a module as ``pgwire_py._impl.interface.Core`` describes it."""
    password = "wonder länd".encode()
    return {
        PBKDF2: lambda: core.scram_salted_password(b"pencil", KEY[:16], 4096),
        "check a proof and sign the answer": lambda: (
            core.scram_check_proof(KEY, MESSAGE, KEY),
            core.scram_server_signature(KEY, MESSAGE),
        ),
        "SASLprep, 11 characters": lambda: core.prepare_password(password),
        "MD5, stored form": lambda: core.md5_password(password, b"alice"),
    }
