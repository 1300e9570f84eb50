"""What every SshKeys promises. Subclass and give the fixtures."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

# A suite asserts, as tests do.
# ruff: noqa: S101
import pytest

from bck_adapters.testkit.samples import START
from bckcore.domain.secret import Secret
from bckcore.domain.ssh_certificate import SshCertificate
from bckcore.domain.ssh_trust import public_key_parts
from bckcore.errors import PrivateKeyError
from bckcore.ports.ssh_keys import SshKeys

Read = Callable[[str], tuple[SshCertificate, str]]


class SshKeysContract:
    """Keys are fresh, and a certificate says what it was asked to say."""

    @pytest.fixture
    def keys(self) -> SshKeys:
        """Any keys."""
        raise NotImplementedError

    @pytest.fixture
    def read(self) -> Read:
        """What a certificate says, and the public key that signed it; fails where the signature is wrong."""
        raise NotImplementedError

    def test_each_key_is_another_ed25519_key(self, keys: SshKeys) -> None:
        first, second = keys.new(), keys.new()
        assert keys.public(first) == keys.public(first) != keys.public(second)
        assert public_key_parts(keys.public(first))[0] == "ssh-ed25519"

    @pytest.mark.parametrize("narrow", [True, False])
    def test_a_certificate_says_what_was_asked_and_who_signed_it(
        self, keys: SshKeys, read: Read, narrow: bool
    ) -> None:
        authority, whole = keys.new(), START.replace(microsecond=0)
        asked = SshCertificate(
            public=keys.public(keys.new()),
            key_id="bck pc1 ü",
            serial=2**63 - 1,
            principal="bck-pc1",
            valid_from=whole,
            valid_until=whole + timedelta(minutes=6),
        )
        if narrow:
            asked = replace(asked, addresses=("192.0.2.1", "2001:db8::/64"), command="/opt/bck-gate")
        text = keys.certified(asked, authority)
        assert "\n" not in text
        assert read(text) == (asked, keys.public(authority))

    @pytest.mark.parametrize("text", ["", "no key at all"])
    def test_what_is_no_key_is_our_trouble(self, keys: SshKeys, text: str) -> None:
        with pytest.raises(PrivateKeyError) as caught:
            keys.public(Secret(text))
        assert "no key at all" not in str(caught.value)
