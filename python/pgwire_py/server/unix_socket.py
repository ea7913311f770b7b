"""The file of a Unix-domain socket belongs to one server: a live one is never replaced, one left behind is.

Beside it stands a lock file with the process ID in its first line, where PostgreSQL looks too.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

__all__ = ["claim", "release"]


def claim(path: str) -> int:
    """Make sure that nobody else listens at ``path``, and lock it.

    Returns:
        The descriptor of the lock, for :func:`release`.

    Raises:
        OSError: a server listens there (``EADDRINUSE``), or the lock file cannot be written.
    """
    import fcntl

    if _answers(path):
        raise OSError(errno.EADDRINUSE, "a server listens there", path)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
    except BlockingIOError:
        os.close(lock)
        raise OSError(errno.EADDRINUSE, "a server is about to listen there", path) from None
    except BaseException:
        os.close(lock)
        raise
    return lock


def release(path: str, lock: int) -> None:
    """Remove the socket's file and the lock."""
    for name in (path, f"{path}.lock"):
        with suppress(FileNotFoundError):
            os.unlink(name)
    os.close(lock)


def _answers(path: str) -> bool:
    """Whether a server listens. What refuses was left behind; what neither refuses nor answers counts as alive."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (BlockingIOError, TimeoutError):
            return True
    return True
