"""Keys and certificates: the memory's and OpenSSH's say the same."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import SSHCertificate as Opened
from cryptography.hazmat.primitives.serialization import SSHCertificateType, load_ssh_public_identity

from bck_adapters.memory import MemorySshKeys, read_certificate
from bck_adapters.pki import OpenSshKeys
from bck_adapters.testkit.contracts_ssh_keys import Read, SshKeysContract
from bckcore.domain.ssh_certificate import SshCertificate
from bckcore.ports.ssh_keys import SshKeys


class TestMemorySshKeys(SshKeysContract):
    @pytest.fixture
    def keys(self) -> SshKeys:
        return MemorySshKeys()

    @pytest.fixture
    def read(self) -> Read:
        return read_certificate


class TestOpenSshKeys(SshKeysContract):
    @pytest.fixture
    def keys(self) -> SshKeys:
        return OpenSshKeys()

    @pytest.fixture
    def read(self) -> Read:
        return opened


def opened(text: str) -> tuple[SshCertificate, str]:
    found = load_ssh_public_identity(text.encode())
    assert isinstance(found, Opened)
    found.verify_cert_signature()
    assert found.type is SSHCertificateType.USER
    assert found.extensions == {}
    options = {name.decode(): value.decode() for name, value in found.critical_options.items()}
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    [principal] = found.valid_principals
    certificate = SshCertificate(
        public=found.public_key().public_bytes(*form).decode(),
        key_id=found.key_id.decode(),
        serial=found.serial,
        principal=principal.decode(),
        valid_from=datetime.fromtimestamp(found.valid_after, UTC),
        valid_until=datetime.fromtimestamp(found.valid_before, UTC),
        addresses=tuple(filter(None, options.pop("source-address", "").split(","))),
        command=options.pop("force-command", ""),
    )
    assert options == {}
    return certificate, found.signature_key().public_bytes(*form).decode()
