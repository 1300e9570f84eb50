"""Private keys: taken as OpenSSH writes them; everything else is named for what it is."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bck_apps.cli.keys import checked_private_key, public_key, read_private_key
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


def test_an_openssh_key_with_pass_phrase_is_refused(tmp_path, require_tool):
    import subprocess

    path = tmp_path / "key"
    subprocess.run(
        [require_tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "hidden words", "-f", path], check=True
    )
    with pytest.raises(InvalidInputError, match="pass phrase"):
        read_private_key(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="No such file") as caught:
        read_private_key(tmp_path / "nope")
    assert "--key" in caught.value.advice


def test_a_file_that_others_can_read_is_taken_with_a_warning(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(text_of(ed25519.Ed25519PrivateKey.generate(), RAW.OpenSSH))
    path.chmod(0o600)
    assert read_private_key(path)[1] == ""
    path.chmod(0o644)
    assert "chmod 600" in read_private_key(path)[1]


@pytest.mark.parametrize(
    "text",
    [
        "ssh-ed25519 AAAAC3Nza",
        "  ssh-ed25519 AAAAC3Nza root@pc1 \n",
        "[127.0.0.1]:2222 ssh-ed25519 AAAAC3Nza",
    ],
)
def test_a_public_key_is_found_in_the_lines_people_have(text):
    assert public_key(text) == "ssh-ed25519 AAAAC3Nza"


@pytest.mark.parametrize("text", ["", "AAAAC3Nza", "ssh-ed25519", "ssh-ed25519 -oProxyCommand=x"])
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(InvalidInputError):
        public_key(text)
