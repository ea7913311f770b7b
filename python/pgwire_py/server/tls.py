"""What a server needs for TLS: certificates by server name, their reload, and the data that channel binding binds to."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Final

from ..auth import NoChannelBinding, tls_server_end_point
from ..errors import RemoteProtocolError

__all__ = ["ALPN", "ServerTls", "binding_of"]

log = logging.getLogger("pgwire_py.server")

ALPN: Final = "postgresql"
"""The protocol's name in TLS (Protocol 55.2.10)."""

Path = str | os.PathLike[str]


class ServerContext(ssl.SSLContext):
    """A context that knows what its certificate gives for channel binding: nothing in ``ssl`` tells it of one's own."""

    binding: bytes | None = None


class ServerTls:
    """A certificate with its key, and how to use it.

    Args:
        certificate: file of the certificate and those that lead to the authority, in PEM; ``key`` may be in it.
        key: file of the private key, in PEM.
        passphrase: of the key, where that is encrypted.
        client_ca: file of the authorities that client certificates come from, in PEM. Clients may show a certificate then; a rule says
            who must.
        minimum_version: oldest version of TLS.
        server_names: certificates for other names that clients ask for (SNI): a mapping, which :meth:`reload` reads again as well, or a
            function that returns one or None for this one. What clients show is checked by ``client_ca`` of the certificate chosen.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is no PEM file of its kind, or the key is not the certificate's.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path | None = None,
        *,
        passphrase: str | bytes | None = None,
        client_ca: Path | None = None,
        minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        server_names: Mapping[str, ServerTls] | Callable[[str], ServerTls | None] | None = None,
    ) -> None:
        self.certificate = os.fspath(certificate)
        self.key = None if key is None else os.fspath(key)
        self.client_ca = None if client_ca is None else os.fspath(client_ca)
        self.minimum_version = minimum_version
        self.server_names = server_names
        self._passphrase = passphrase
        self.context: ssl.SSLContext = self._load()

    @classmethod
    def of(cls, context: ssl.SSLContext) -> ServerTls:
        """Use a context of one's own. It cannot be read again, and there is no channel binding."""
        it = cls.__new__(cls)
        it.certificate = it.key = it.client_ca = it.server_names = it._passphrase = None  # type: ignore[assignment]
        it.context = context
        return it

    def __repr__(self) -> str:
        return f"ServerTls({self.certificate!r})"

    @property
    def checks_clients(self) -> bool:
        """Whether clients' certificates are looked at."""
        return self.context.verify_mode is not ssl.CERT_NONE

    def reload(self) -> None:
        """Read the files again, for connections from now on; raises as the constructor, and everything stays as it was then."""
        if self.certificate is None:
            return
        others = self.server_names.values() if isinstance(self.server_names, Mapping) else ()
        loaded = [(it, it._load()) for it in (self, *others) if it.certificate is not None]
        for it, context in loaded:
            it.context = context

    def _load(self) -> ServerContext:
        context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.minimum_version
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.num_tickets = (
            0  # with TLS 1.3 nobody resumes: certificates are looked at in every connection, and no tickets made
        )
        context.set_alpn_protocols([ALPN])
        for path in (self.key, self.client_ca):
            if path is not None:
                _read(path)
        shown = _read(self.certificate)
        self._load_certificate(context)
        if (
            _read(self.certificate) != shown
        ):  # channel binding would be to another certificate than the one that is shown
            raise ValueError(f"{self.certificate} changed while it was read")
        if self.client_ca is not None:
            try:
                context.load_verify_locations(cafile=self.client_ca)
            except ssl.SSLError:
                raise ValueError(f"{self.client_ca} must hold certificates in PEM") from None
            context.verify_mode = ssl.CERT_OPTIONAL
        context.binding = _binding(shown, self.certificate)
        if self.server_names is not None:
            context.sni_callback = self._choose
        return context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        where = self.key or self.certificate

        def passphrase() -> str | bytes:
            if self._passphrase is None:
                raise ValueError(f"{where} is encrypted; its passphrase is needed")
            return self._passphrase

        try:
            context.load_cert_chain(self.certificate, self.key, password=passphrase)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise ValueError(f"{where} is not the key of {self.certificate}") from None
            if self._passphrase is not None:
                raise ValueError(f"{where} cannot be read with this passphrase, or is no key in PEM") from None
            if self.key is None:
                raise ValueError(f"{self.certificate} must hold a certificate and its key in PEM") from None
            raise ValueError(f"{self.certificate} and {self.key} must be a certificate and its key in PEM") from None

    def _choose(self, tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name is None or self.server_names is None:
            return None
        find = self.server_names.get if isinstance(self.server_names, Mapping) else self.server_names
        try:
            chosen = find(name)
            if chosen is not None:
                tls.context = chosen.context
        except Exception:
            log.exception("choosing the certificate for %r failed", name)
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        return None


def binding_of(tls: ssl.SSLObject) -> bytes | None:
    """The data of ``tls-server-end-point`` of a server's connection; None where there is none."""
    return getattr(tls.context, "binding", None)


def _read(path: str) -> str:
    with open(path, encoding="latin-1") as file:
        return file.read()


def _binding(text: str, path: str) -> bytes | None:
    """Of the first certificate in a file, which is the one that is shown."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    start = text.find(begin)
    stop = text.find(end, start)
    if start < 0 or stop < 0:
        return None
    try:
        return tls_server_end_point(ssl.PEM_cert_to_DER_cert(text[start : stop + len(end)]))
    except NoChannelBinding as error:
        log.info("%s: %s", path, error)
    except (RemoteProtocolError, ValueError):
        log.warning("%s: the certificate is not understood: no channel binding", path)
    return None
