"""A proxy: forwards PostgreSQL connections to a real server message by message, shows them, and lets hooks change them."""

from .frame import Frame, Replacement
from .proxy import Hook, Proxy
from .session import ProxySession
from .upstream import Upstream
from .watchers import Printer, Recorder, Watcher

__all__ = ["Frame", "Hook", "Printer", "Proxy", "ProxySession", "Recorder", "Replacement", "Upstream", "Watcher"]
