"""Messages from bytes and bytes from messages, without state: what the connections are made of.

:class:`FrontendDecoder` reads what a frontend sends, :class:`BackendDecoder` what a backend sends; :func:`encode_message` makes the bytes
of any message of :mod:`pgwire_py.messages`. :func:`decode_replication` and :func:`encode_replication` do the same for the payloads of
:mod:`pgwire_py.messages.replication`.
"""

from ._impl import BackendDecoder, FrontendDecoder, decode_replication, encode_message, encode_replication

__all__ = ["BackendDecoder", "FrontendDecoder", "decode_replication", "encode_message", "encode_replication"]
