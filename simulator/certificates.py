"""Certificates for the vendors' host names, from an authority that lives as long as one process.

Its key never leaves the memory, so that a machine which trusts the authority trusts nobody once the process has
ended; and it can vouch for no other names.
"""

from __future__ import annotations

import ssl
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = ["Authority"]

_NAME: Final = "Journeylab, of one process, for vendors' names only"
_BEFORE: Final = timedelta(days=1)  # a client in a container may have a clock that is behind
_AFTER: Final = timedelta(days=365)
_USAGES: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


class Authority:
    """Vouches for some host names, and can vouch for no others.

    Attributes:
        certificate_pem: What a client must trust.
    """

    def __init__(self, hosts: Sequence[str], now: datetime) -> None:
        """Make an authority with a key of its own.

        Args:
            hosts: The names that it may vouch for, at least one; their subdomains count as well.
            now: The instant around which its certificates are valid: from a day before to a year after.
        """
        self._hosts = tuple(hosts)
        self._now = now
        # Keys and serial numbers come from the system's own generator: that a seed gives them would be a hole.
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
        everywhere = [x509.IPAddress(ip_network(each)) for each in ("0.0.0.0/0", "::/0")]
        names = x509.NameConstraints([x509.DNSName(host) for host in self._hosts], everywhere)
        draft = (
            self._draft(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
            .add_extension(names, critical=True)
        )
        self._certificate = draft.sign(self._key, hashes.SHA256())
        self.certificate_pem = self._certificate.public_bytes(Encoding.PEM).decode("ascii")

    def server_context(self, hosts: Sequence[str] = ()) -> ssl.SSLContext:
        """Make what a server needs to be taken for hosts: a key and one certificate for all of them.

        Args:
            hosts: Their names; by default all that the authority may vouch for.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        named = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts or self._hosts])
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        draft = (
            self._draft(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Journeylab")]), key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(named, critical=False)
            .add_extension(signer, critical=False)
        )
        certificate = draft.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        # `ssl` reads keys from files only. This one is readable by nobody else, and gone at once.
        with TemporaryDirectory(prefix="journeylab-") as folder:
            path = Path(folder) / "server.pem"
            path.touch(mode=0o600)
            path.write_bytes(secret + certificate)
            context.load_cert_chain(path)
        return context

    def _draft(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _BEFORE)
            .not_valid_after(self._now + _AFTER)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in allowed for usage in _USAGES})
