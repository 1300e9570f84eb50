"""Private keys: taken as OpenSSH writes them; everything else is named for what it is."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bckcore.domain.private_key import checked_private_key
from bckcore.errors import InvalidInputError

PEM, RAW = serialization.Encoding.PEM, serialization.PrivateFormat
NO_PASS = serialization.NoEncryption()
PASS = serialization.BestAvailableEncryption(b"hidden words")


def text_of(key, form, encryption=NO_PASS) -> bytes:
    return bytes(key.private_bytes(PEM, form, encryption))


@pytest.mark.parametrize(
    "raw",
    [
        text_of(ed25519.Ed25519PrivateKey.generate(), RAW.OpenSSH),
        text_of(ec.generate_private_key(ec.SECP256R1()), RAW.OpenSSH),
        text_of(ec.generate_private_key(ec.SECP256R1()), RAW.TraditionalOpenSSL),
        text_of(ed25519.Ed25519PrivateKey.generate(), RAW.PKCS8),
    ],
    ids=["ed25519", "ecdsa", "old-pem", "pkcs8"],
)
def test_a_key_without_pass_phrase_is_taken(raw):
    taken = checked_private_key(b"\n" + raw.replace(b"\n", b"\r\n").rstrip(), "f")
    assert taken.reveal() == raw.decode()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (text_of(ed25519.Ed25519PrivateKey.generate(), RAW.PKCS8, PASS), "pass phrase"),
        (text_of(ec.generate_private_key(ec.SECP256R1()), RAW.TraditionalOpenSSL, PASS), "pass phrase"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@here\n", "public half"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTY"),
        (b"hello\n", "no private key"),
        (b"\xff\xfe\x00", "no private key"),
        (b"", "no private key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n!!\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"),
    ],
)
def test_everything_else_is_refused_by_its_name(raw, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        checked_private_key(raw, "the-file")
    assert "the-file" in caught.value.what
    assert caught.value.advice


@pytest.mark.parametrize("form", [RAW.OpenSSH, RAW.TraditionalOpenSSL, RAW.PKCS8])
@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)]
)
def test_a_key_that_lost_a_line_on_its_way_is_damaged(key, form):
    lines = text_of(key, form).splitlines(keepends=True)
    for lost in range(1, len(lines) - 1):
        with pytest.raises(InvalidInputError, match=r"damaged|no private key"):
            checked_private_key(b"".join(lines[:lost] + lines[lost + 1 :]), "f")
