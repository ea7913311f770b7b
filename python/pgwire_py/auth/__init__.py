"""Authentication without sockets: SCRAM-SHA-256, MD5 and OAUTHBEARER for both ends, where a server finds its users, and by which rules they
may come.

Rules of every file here: no clock and no randomness where an argument can take their place; no secret enters a repr, a log
line or an error text; what is compared with a secret is compared in constant time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy, places

if TYPE_CHECKING:
    from .._impl.scram_text import MAX_MESSAGE_LENGTH, SCRAM_SHA_256, SCRAM_SHA_256_PLUS
    from .channel_binding import NoChannelBinding, tls_server_end_point
    from .ident import IdentLine, IdentMap
    from .lines import Token
    from .md5 import Md5Verifier, check_md5_response, md5_password, md5_response
    from .mock_secret import load_mock_secret
    from .oauth import OAUTHBEARER, OAuth, OAuthFailure, OAuthServer, oauth_client_first, read_oauth_failure
    from .rules import METHODS, ClientInfo, HostBasedRules, HostRule
    from .scram_client import (
        DEFAULT_MAX_ITERATIONS,
        ScramClient,
        ScramClientFinal,
        ScramClientFirst,
        choose_mechanism,
    )
    from .scram_messages import new_nonce, new_server_nonce
    from .scram_server import ScramServer, ScramServerFinal
    from .source import AuthSource, UsersFunction, Verifier, parse_verifier
    from .users_file import UsersFile, users_file_line
    from .verifier import DEFAULT_ITERATIONS, MAX_ITERATIONS, ScramVerifier, saslprep
else:
    _PLACES = places(
        {
            ".channel_binding": "NoChannelBinding tls_server_end_point",
            ".ident": "IdentLine IdentMap",
            ".lines": "Token",
            ".md5": "Md5Verifier check_md5_response md5_password md5_response",
            ".mock_secret": "load_mock_secret",
            ".oauth": "OAUTHBEARER OAuth OAuthFailure OAuthServer oauth_client_first read_oauth_failure",
            ".rules": "METHODS ClientInfo HostBasedRules HostRule",
            ".scram_client": "DEFAULT_MAX_ITERATIONS ScramClient ScramClientFinal ScramClientFirst choose_mechanism",
            ".scram_messages": "new_nonce new_server_nonce",
            ".._impl.scram_text": "MAX_MESSAGE_LENGTH SCRAM_SHA_256 SCRAM_SHA_256_PLUS",
            ".scram_server": "ScramServer ScramServerFinal",
            ".source": "AuthSource UsersFunction Verifier parse_verifier",
            ".users_file": "UsersFile users_file_line",
            ".verifier": "DEFAULT_ITERATIONS MAX_ITERATIONS ScramVerifier saslprep",
        }
    )
    __getattr__, __dir__ = lazy(__name__, _PLACES)

__all__ = [
    "DEFAULT_ITERATIONS",
    "DEFAULT_MAX_ITERATIONS",
    "MAX_ITERATIONS",
    "MAX_MESSAGE_LENGTH",
    "METHODS",
    "OAUTHBEARER",
    "SCRAM_SHA_256",
    "SCRAM_SHA_256_PLUS",
    "AuthSource",
    "ClientInfo",
    "HostBasedRules",
    "HostRule",
    "IdentLine",
    "IdentMap",
    "Md5Verifier",
    "NoChannelBinding",
    "OAuth",
    "OAuthFailure",
    "OAuthServer",
    "ScramClient",
    "ScramClientFinal",
    "ScramClientFirst",
    "ScramServer",
    "ScramServerFinal",
    "ScramVerifier",
    "Token",
    "UsersFile",
    "UsersFunction",
    "Verifier",
    "check_md5_response",
    "choose_mechanism",
    "load_mock_secret",
    "md5_password",
    "md5_response",
    "new_nonce",
    "new_server_nonce",
    "oauth_client_first",
    "parse_verifier",
    "read_oauth_failure",
    "saslprep",
    "tls_server_end_point",
    "users_file_line",
]
