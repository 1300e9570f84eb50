"""What every Vault, Tokens and PasswordHasher promises. Subclass and give the fixture."""

from datetime import timedelta

# A suite asserts, as tests do.
# ruff: noqa: S101
import pytest

from bck_adapters.testkit.samples import START
from bckcore.domain.ids import SecretRef, SessionId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Pass
from bckcore.errors import AccessDeniedError, NotFoundError
from bckcore.ports.tokens import PasswordHasher, Tokens
from bckcore.ports.vault import Vault

ZOE = Pass(name="zoë", session=SessionId("s1"))
REFS = [SecretRef(text) for text in ("a", "A", "../a", "a/b", "ü\n", "x" * 300, ".")]


class VaultContract:
    """Secrets come back by their references."""

    @pytest.fixture
    def vault(self) -> Vault:
        """An empty vault."""
        raise NotImplementedError

    def test_every_reference_has_its_own_secret(self, vault: Vault) -> None:
        for ref in REFS:
            vault.put(ref, Secret(f"secret of {ref}\n"))
        assert [vault.get(ref).reveal() for ref in REFS] == [f"secret of {ref}\n" for ref in REFS]

    def test_a_secret_is_replaced_and_deleted(self, vault: Vault) -> None:
        vault.put(REFS[0], Secret("old"))
        vault.put(REFS[0], Secret(""))
        assert vault.get(REFS[0]).reveal() == ""
        vault.delete(REFS[0])
        vault.delete(REFS[0])
        with pytest.raises(NotFoundError):
            vault.get(REFS[0])


class TokensContract:
    """Access for a while."""

    @pytest.fixture
    def tokens(self) -> Tokens:
        """Any tokens."""
        raise NotImplementedError

    def test_a_token_gives_back_what_it_says_until_it_expires(self, tokens: Tokens) -> None:
        token, expires = tokens.issue(ZOE, now=START)
        assert expires > START
        assert tokens.check(token, now=expires - timedelta(seconds=1)) == ZOE
        with pytest.raises(AccessDeniedError):
            tokens.check(token, now=expires)

    def test_a_key_is_changed_with_overlap_or_at_once(self, tokens: Tokens) -> None:
        old, expires = tokens.issue(ZOE, now=START)
        first = tokens.rotate(now=START)
        young, _ = tokens.issue(ZOE, now=START)
        last = expires - timedelta(seconds=1)
        assert [tokens.check(token, now=last) for token in (old, young)] == [ZOE, ZOE]
        assert tokens.rotate(now=START, overlap=False) != first
        for token in (old, young):
            with pytest.raises(AccessDeniedError):
                tokens.check(token, now=START)
        assert tokens.check(tokens.issue(ZOE, now=START)[0], now=START) == ZOE

    @pytest.mark.parametrize("text", ["", "nonsense", "a.b.c", "\udcff"])
    def test_anything_else_is_refused(self, tokens: Tokens, text: str) -> None:
        with pytest.raises(AccessDeniedError):
            tokens.check(Secret(text), now=START)

    def test_two_tokens_differ(self, tokens: Tokens) -> None:
        assert tokens.issue(ZOE, now=START)[0].reveal() != tokens.issue(ZOE, now=START)[0].reveal()


class PasswordHasherContract:
    """Passwords are known again, never given back."""

    @pytest.fixture
    def hasher(self) -> PasswordHasher:
        """Any hasher."""
        raise NotImplementedError

    def test_the_password_is_known_again_and_no_other(self, hasher: PasswordHasher) -> None:
        hashed = hasher.hash(Secret("pässword"))
        assert "ssword" not in hashed
        assert hasher.verify(Secret("pässword"), hashed)
        assert not hasher.verify(Secret("passwort"), hashed)

    def test_a_hash_is_salted(self, hasher: PasswordHasher) -> None:
        assert hasher.hash(Secret("x")) != hasher.hash(Secret("x"))

    def test_a_damaged_hash_takes_nothing(self, hasher: PasswordHasher) -> None:
        assert not hasher.verify(Secret("x"), "damaged")

    def test_the_decoy_is_written_like_a_hash_and_takes_nothing(self, hasher: PasswordHasher) -> None:
        assert hasher.decoy.split("$")[:-2] == hasher.hash(Secret("x")).split("$")[:-2]
        assert not hasher.verify(Secret(""), hasher.decoy)
        assert not hasher.verify(Secret("x"), hasher.decoy)
