"""Authentication without sockets: SCRAM-SHA-256 and MD5 for both ends, and where a server finds its users.

Rules of every file here: no clock and no randomness where an argument can take their place; no secret enters a repr, a log
line or an error text; what is compared with a secret is compared in constant time.
"""

from .channel_binding import NoChannelBinding, tls_server_end_point
from .md5 import check_md5_response, md5_password, md5_response
from .scram_client import (
    DEFAULT_MAX_ITERATIONS,
    ScramClient,
    ScramClientFinal,
    ScramClientFirst,
    choose_mechanism,
)
from .scram_messages import MAX_MESSAGE_LENGTH, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, new_nonce, new_server_nonce
from .scram_server import ScramServer, ScramServerFinal
from .source import AuthSource
from .users_file import UsersFile, users_file_line
from .verifier import DEFAULT_ITERATIONS, MAX_ITERATIONS, ScramVerifier, saslprep

__all__ = [
    "DEFAULT_ITERATIONS",
    "DEFAULT_MAX_ITERATIONS",
    "MAX_ITERATIONS",
    "MAX_MESSAGE_LENGTH",
    "SCRAM_SHA_256",
    "SCRAM_SHA_256_PLUS",
    "AuthSource",
    "NoChannelBinding",
    "ScramClient",
    "ScramClientFinal",
    "ScramClientFirst",
    "ScramServer",
    "ScramServerFinal",
    "ScramVerifier",
    "UsersFile",
    "check_md5_response",
    "choose_mechanism",
    "md5_password",
    "md5_response",
    "new_nonce",
    "new_server_nonce",
    "saslprep",
    "tls_server_end_point",
    "users_file_line",
]
