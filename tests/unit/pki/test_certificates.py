"""What a CA and a server certificate must be, seen through another reader of certificates: OpenSSL."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from bck_adapters.pki import create_ca, fingerprint, is_usable, issue_server_certificate
from bck_adapters.pki.certificates import parsed_name
from bckcore.errors import InvalidInputError, PermanentError

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NAMES = ("localhost", "127.0.0.1", "::1")


def test_ca_may_sign_servers_but_no_further_ca() -> None:
    certificate = create_ca(now=NOW).certificate
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature


def test_two_cas_never_share_a_name() -> None:
    assert create_ca(now=NOW).certificate.subject != create_ca(now=NOW).certificate.subject


def test_server_certificate_lives_at_most_397_days() -> None:
    certificate = issue_server_certificate(create_ca(now=NOW), NAMES, now=NOW).certificate
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=397)


def test_server_certificate_is_for_servers_only() -> None:
    certificate = issue_server_certificate(create_ca(now=NOW), NAMES, now=NOW).certificate
    extensions = certificate.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_names_and_addresses_are_told_apart_and_doubles_dropped() -> None:
    server = issue_server_certificate(create_ca(now=NOW), [*NAMES, "LOCALHOST", "Bücher.example"], now=NOW)
    names = server.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "xn--bcher-kva.example"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    ]


def test_server_certificate_never_outlives_the_ca() -> None:
    ca = create_ca(now=NOW)
    late = ca.certificate.not_valid_after_utc - timedelta(days=10)
    server = issue_server_certificate(ca, NAMES, now=late)
    assert server.certificate.not_valid_after_utc == ca.certificate.not_valid_after_utc
    assert is_usable(server, ca.certificate, NAMES, now=late)


def test_expired_ca_signs_nothing() -> None:
    ca = create_ca(now=NOW)
    with pytest.raises(PermanentError):
        issue_server_certificate(ca, NAMES, now=ca.certificate.not_valid_after_utc)


@pytest.mark.parametrize(
    "name", ["", "https://x", "a b", "*.example.org", "host:8443", "-x", "a..b", "x" * 64]
)
def test_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        parsed_name(name)


def test_scope_of_a_link_local_address_is_dropped() -> None:
    assert parsed_name("fe80::1%eth0") == ipaddress.ip_address("fe80::1")


def test_usable_until_thirty_days_before_the_end() -> None:
    ca = create_ca(now=NOW)
    server = issue_server_certificate(ca, NAMES, now=NOW)
    end = server.certificate.not_valid_after_utc
    assert is_usable(server, ca.certificate, NAMES, now=end - timedelta(days=30))
    assert not is_usable(server, ca.certificate, NAMES, now=end - timedelta(days=29))


def test_not_usable_for_a_name_it_does_not_cover_or_another_ca_or_the_past() -> None:
    ca = create_ca(now=NOW)
    server = issue_server_certificate(ca, NAMES, now=NOW)
    assert is_usable(server, ca.certificate, ["localhost"], now=NOW)
    assert not is_usable(server, ca.certificate, ["other.example"], now=NOW)
    assert not is_usable(server, create_ca(now=NOW).certificate, NAMES, now=NOW)
    assert not is_usable(server, ca.certificate, NAMES, now=NOW - timedelta(days=1))


def test_fingerprint_is_sha256_in_hex() -> None:
    text = fingerprint(create_ca(now=NOW).certificate)
    assert len(text) == 64
    assert set(text) <= set("0123456789abcdef")
