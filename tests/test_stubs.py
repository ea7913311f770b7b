"""``_native.pyi`` is held against the binary, and both implementations offer the same names."""

import subprocess
import sys

import pgwire_py._native
from pgwire_py import _impl
from pgwire_py._impl import pure

NAMES = [name for name in _impl.__all__ if name != "IMPLEMENTATION"]


def test_stub_agrees_with_the_binary() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "pgwire_py._native"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_both_implementations_offer_the_contract() -> None:
    for name in NAMES:
        assert hasattr(pgwire_py._native, name), name
        assert hasattr(pure, name), name
