from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from simulator.certificates import Authority
from simulator.real_time import wall_clock

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = ("api.mailmodo.com", "in1.api.clevertap.com")


def trusting(authority: Authority) -> ssl.SSLContext:
    """A client that trusts one authority, and checks as strictly as Python's newest default."""
    context = ssl.create_default_context(cadata=authority.certificate_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> None:
    """Let both sides speak TLS in memory until they agree, or one of them raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert all(side.version() == "TLSv1.3" for side in sides)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(HOSTS, wall_clock())


@pytest.mark.parametrize("host", HOSTS)
def test_a_client_that_trusts_the_authority_takes_the_server_for_each_host(
    authority: Authority, host: str
) -> None:
    shake_hands(trusting(authority), authority.server_context(), host)


@pytest.mark.parametrize("host", ["api.mailmodo.co", "mailmodo.com", "example.com", "127.0.0.1"])
def test_the_server_is_taken_for_no_other_host(authority: Authority, host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(trusting(authority), authority.server_context(), host)


@pytest.mark.parametrize("host", ["example.com", "mailmodo.com", "api.mailmodo.com.example.com"])
def test_the_authority_cannot_vouch_for_other_names_even_if_its_key_is_used_for_it(
    authority: Authority, host: str
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(trusting(authority), authority.server_context([host]), host)


def test_who_does_not_trust_the_authority_is_not_fooled(authority: Authority) -> None:
    other = Authority(HOSTS, wall_clock())

    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        shake_hands(trusting(other), authority.server_context(), HOSTS[0])


def test_certificates_are_valid_around_the_instant_they_are_made_at() -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)

    found = x509.load_pem_x509_certificate(Authority(HOSTS, now).certificate_pem.encode())

    assert found.not_valid_before_utc == now - timedelta(days=1)
    assert found.not_valid_after_utc == now + timedelta(days=365)


def test_no_key_stays_in_a_file(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    authority.server_context()

    assert list(tmp_path.iterdir()) == []
