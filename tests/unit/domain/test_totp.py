"""Codes as the RFCs have them, near now, and each step once."""

from datetime import UTC, datetime, timedelta

import pytest

from bckcore.domain.totp import base32, code_of, matching_step, step_at, uri

KEYS = {
    digest: (b"1234567890" * 7)[:length] for digest, length in (("sha1", 20), ("sha256", 32), ("sha512", 64))
}
VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]
"""RFC 6238, appendix B."""
HOTP = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
"""RFC 4226, appendix D."""
SECRET = KEYS["sha1"]
NOW = datetime(2026, 1, 5, 12, 0, 15, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "sha1", "sha256", "sha512"), VECTORS)
def test_codes_are_those_of_rfc_6238(seconds: int, sha1: str, sha256: str, sha512: str) -> None:
    step = step_at(datetime.fromtimestamp(seconds, UTC))
    found = [code_of(key, step, digits=8, digest=digest) for digest, key in KEYS.items()]
    assert found == [sha1, sha256, sha512]


def test_codes_are_those_of_rfc_4226() -> None:
    assert [code_of(SECRET, step) for step in range(10)] == HOTP


def test_a_code_counts_one_step_early_or_late_and_not_two() -> None:
    step = step_at(NOW)
    for shift, expected in ((-2, None), (-1, step - 1), (0, step), (1, step + 1), (2, None)):
        assert matching_step(SECRET, code_of(SECRET, step + shift), NOW, after=0) == expected


def test_a_step_that_was_used_counts_no_more_nor_does_one_before() -> None:
    step = step_at(NOW)
    for used in (step, step + 1):
        assert matching_step(SECRET, code_of(SECRET, step), NOW, after=used) is None
    late = NOW + timedelta(seconds=30)
    assert matching_step(SECRET, code_of(SECRET, step + 1), late, after=step) == step + 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "\ud800", "٠١٢٣٤٥", "-12345"])
def test_what_is_no_code_is_none(code: str) -> None:
    assert matching_step(SECRET, code, NOW, after=0) is None


def test_blanks_that_people_type_do_not_matter() -> None:
    code = code_of(SECRET, step_at(NOW))
    assert matching_step(SECRET, f" {code[:3]} {code[3:]}", NOW, after=0) is not None


def test_a_phone_gets_the_secret_and_the_names() -> None:
    assert base32(b"Hello!\xde\xad\xbe\xef") == "JBSWY3DPEHPK3PXP"
    found = uri("Backup Orchestrator", "a&b:c@d", b"Hello!\xde\xad\xbe\xef")
    assert found == (
        "otpauth://totp/Backup%20Orchestrator:a%26b%3Ac%40d?secret=JBSWY3DPEHPK3PXP&issuer=Backup%20Orchestrator"
    )
