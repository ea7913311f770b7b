"""TLS of a client: the context that ``sslmode`` and its companions ask for (PostgreSQL 34.19), and what channel binding binds to."""

from __future__ import annotations

import ssl
from asyncio import BaseTransport
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..auth import NoChannelBinding, tls_server_end_point
from .errors import ConnectionOptionError
from .settings import ConnectSettings

if TYPE_CHECKING:
    from .channel import Channel

__all__ = ["channel_binding_of", "make_context"]

ALPN: Final = "postgresql"
_VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def make_context(settings: ConnectSettings, *, home: Path | None = None) -> ssl.SSLContext:
    """The context for a connection.

    ``require`` checks the certificate as ``verify-ca`` does where a root certificate file exists, as libpq does.

    Args:
        settings: what to connect with.
        home: where ``.postgresql`` is; default the home directory.

    Raises:
        ConnectionOptionError: a file is missing or cannot be read, or a version is none.
    """
    directory = (home or Path("~").expanduser()) / ".postgresql"
    mode = settings["sslmode"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([ALPN])
    context.minimum_version = _version(settings, "ssl_min_protocol_version", ssl.TLSVersion.TLSv1_2)
    context.maximum_version = _version(settings, "ssl_max_protocol_version", ssl.TLSVersion.MAXIMUM_SUPPORTED)
    if _load_roots(context, settings, directory) or mode in ("verify-ca", "verify-full"):
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = mode == "verify-full"
    if settings["sslcertmode"] != "disable":
        _load_certificate(context, settings, directory)
    if settings["sslkeylogfile"]:
        context.keylog_filename = settings["sslkeylogfile"]
    return context


def _version(settings: ConnectSettings, keyword: str, default: ssl.TLSVersion) -> ssl.TLSVersion:
    text = settings[keyword]
    if not text:
        return default
    if text not in _VERSIONS:
        raise ConnectionOptionError(f'invalid {keyword} value: "{text[:64]}"')
    return _VERSIONS[text]


def _load_roots(context: ssl.SSLContext, settings: ConnectSettings, directory: Path) -> bool:
    """Whether there are root certificates to check the server's against."""
    named = settings["sslrootcert"]
    if named == "system":
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return True
    path = Path(named or directory / "root.crt")
    if not path.is_file():
        if settings["sslmode"] in ("verify-ca", "verify-full"):
            text = f'root certificate file "{path}" does not exist: give sslrootcert (a file, or "system"), or change sslmode'
            raise ConnectionOptionError(text)
        return False
    _load(context, path)
    revoked = Path(settings["sslcrl"] or directory / "root.crl")
    if revoked.is_file():
        _load(context, revoked)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    elif settings["sslcrl"]:
        raise ConnectionOptionError(f'certificate revocation list "{revoked}" does not exist')
    if settings["sslcrldir"]:
        context.load_verify_locations(capath=settings["sslcrldir"])
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return True


def _load(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise ConnectionOptionError(f'could not read "{path}": {error}') from None


def _load_certificate(context: ssl.SSLContext, settings: ConnectSettings, directory: Path) -> None:
    named = settings["sslcert"]
    certificate = Path(named or directory / "postgresql.crt")
    if not certificate.is_file():
        if named or settings["sslcertmode"] == "require":
            raise ConnectionOptionError(f'certificate file "{certificate}" does not exist')
        return
    key = Path(settings["sslkey"] or directory / "postgresql.key")
    if not key.is_file():
        raise ConnectionOptionError(f'certificate present, but not private key file "{key}"')
    try:
        # Without a password OpenSSL would ask for it in the terminal.
        context.load_cert_chain(certificate, key, password=lambda: settings["sslpassword"])
    except (OSError, ssl.SSLError) as error:
        raise ConnectionOptionError(f'could not load certificate "{certificate}" and key "{key}": {error}') from None


def channel_binding_of(transport: BaseTransport | Channel) -> bytes | None:
    """What a TLS connection binds to (RFC 5929 §4); None without TLS, or where the server's certificate has no binding."""
    tls = transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert(True) if tls is not None else None
    if not certificate:
        return None
    try:
        return tls_server_end_point(certificate)
    except NoChannelBinding:
        return None
