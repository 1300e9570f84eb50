"""Key files: what is wrong with one is said; public keys are found in the lines people have."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from bck_apps.cli.keys import public_key, read_private_key
from bckcore.errors import InvalidInputError

PEM, RAW = serialization.Encoding.PEM, serialization.PrivateFormat
NO_PASS = serialization.NoEncryption()


def text_of(key, form, encryption=NO_PASS) -> bytes:
    return bytes(key.private_bytes(PEM, form, encryption))


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
