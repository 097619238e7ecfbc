"""A JSON Web Token by which CleverTap proves who it is to a token URL: signed, and worth something for an hour.

Source: CleverTap user docs, `setup-webhooks`, "Client Credentials with JWT", for header and claims; RFC 7523, section
2.2, for the words of the request; RFC 7515 and 7518 for the signature.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal

from contracts.extras import install_command

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["ASSERTION_TYPE", "ClientAssertion"]

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_HASHES: Final = {"RS256": "SHA256", "RS384": "SHA384", "RS512": "SHA512"}
_PRIMITIVES: Final = "cryptography.hazmat.primitives"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAssertion:
    """What stands in the token, and the key that signs it.

    CleverTap makes the key pair and shows the public key; here the private key is handed in, so that two runs sign alike.

    Attributes:
        private_key: RSA key, PEM without a password.
        algorithm: How it signs.
        key_id: `kid` of the header; empty leaves it out.
        audience: `aud`; empty for the token URL.
        lives: From `iat` to `exp`.
        has_issued_at: Whether `iat` is there.

    Raises:
        ValueError: The key is none, or the package `cryptography` is not installed.
    """

    private_key: str = field(repr=False)
    algorithm: Literal["RS256", "RS384", "RS512"] = "RS256"
    key_id: str = ""
    audience: str = ""
    lives: timedelta = timedelta(hours=1)
    has_issued_at: bool = True

    def __post_init__(self) -> None:
        if self.algorithm not in _HASHES:
            known = ", ".join(_HASHES)
            raise ValueError(f"client assertion signed by {self.algorithm!r}, wanted one of {known}")
        self._key()

    def write(self, client_id: str, *, token_url: str, now: datetime, token_id: str) -> str:
        """Write a token for one request.

        Args:
            client_id: Who asks: `iss` and `sub`.
            token_url: Where it is sent to.
            now: The world's time.
            token_id: `jti`, never the same twice.
        """
        header = {"alg": self.algorithm, "typ": "JWT"} | ({"kid": self.key_id} if self.key_id else {})
        issued_at = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": client_id,
            "sub": client_id,
            "aud": self.audience or token_url,
            "exp": issued_at + int(self.lives.total_seconds()),
            "jti": token_id,
        }
        if self.has_issued_at:
            claims["iat"] = issued_at
        signed = f"{_part(header)}.{_part(claims)}"
        padding = import_module(f"{_PRIMITIVES}.asymmetric.padding").PKCS1v15()
        digest = getattr(import_module(f"{_PRIMITIVES}.hashes"), _HASHES[self.algorithm])()
        return f"{signed}.{_encoded(self._key().sign(signed.encode(), padding, digest))}"

    def _key(self) -> RSAPrivateKey:
        """Read the key.

        Raises:
            ValueError: It cannot be read.
        """
        try:
            serialization = import_module(f"{_PRIMITIVES}.serialization")
            rsa = import_module(f"{_PRIMITIVES}.asymmetric.rsa")
            unsupported = import_module("cryptography.exceptions").UnsupportedAlgorithm
        except ImportError as error:
            raise ValueError(
                "a client assertion is signed with the package cryptography, which is not installed; "
                f"install the extra jwt: {install_command('jwt')}"
            ) from error
        try:
            key = serialization.load_pem_private_key(self.private_key.encode(), password=None)
        except (ValueError, TypeError, unsupported) as error:
            raise ValueError(
                "private key of a client assertion: wanted an RSA key in PEM, without a password"
            ) from error
        if not isinstance(key, rsa.RSAPrivateKey):
            kind = type(key).__name__
            raise ValueError(f"private key of a client assertion is an {kind}, wanted an RSA key")  # noqa: TRY004 - a bad value from outside
        read: RSAPrivateKey = key
        return read


def _part(content: dict[str, Any]) -> str:
    return _encoded(json.dumps(content, separators=(",", ":")).encode())


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
