"""What every Vault, SealedBox, Tokens and PasswordHasher promises. Subclass and give the fixture."""

from base64 import b64encode
from datetime import timedelta

# A suite asserts, as tests do.
# ruff: noqa: S101
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_adapters.testkit.samples import START
from bckcore.domain.ids import JobId, SecretRef, SessionId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Pass
from bckcore.errors import AccessDeniedError, InvalidInputError, NotFoundError, SealBrokenError
from bckcore.ports.sealed_box import LONGEST_SECRET, SealedBox
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

    def test_a_put_is_undone(self, vault: Vault) -> None:
        vault.put(REFS[0], Secret("new"))
        vault.undo_put(REFS[0], Secret("old"))
        assert vault.get(REFS[0]).reveal() == "old"
        vault.undo_put(REFS[0], None)
        vault.undo_put(REFS[0], None)
        with pytest.raises(NotFoundError):
            vault.get(REFS[0])


class SealedBoxContract:
    """Sealed for one runner and one job."""

    @pytest.fixture
    def box(self) -> SealedBox:
        """The box of an installation."""
        raise NotImplementedError

    @pytest.fixture
    def other(self) -> SealedBox:
        """The box of another installation."""
        raise NotImplementedError

    @pytest.mark.parametrize("secret", ["", "x", "pässwörd \U0001f511", "x" * LONGEST_SECRET])
    def test_a_secret_comes_back_for_its_job(self, box: SealedBox, secret: str) -> None:
        sealed = box.seal(JobId("j"), Secret(secret))
        assert box.opened(JobId("j"), sealed).reveal() == secret

    def test_nothing_of_it_shows_and_no_two_seals_are_alike(self, box: SealedBox) -> None:
        secret = "correct horse battery staple"  # noqa: S105  # nobody's
        first, second = (box.seal(JobId("j"), Secret(secret)) for _ in range(2))
        assert first != second
        assert first.isascii()
        assert first.isprintable()
        for told in (secret, b64encode(secret.encode()).decode()[:-4], secret.encode().hex()):
            assert told not in first

    def test_it_opens_for_no_other_job(self, box: SealedBox) -> None:
        sealed = box.seal(JobId("j"), Secret("secret"))
        for job in ("", "k", "J", "j "):
            with pytest.raises(SealBrokenError) as refused:
                box.opened(JobId(job), sealed)
            assert "secret" not in str(refused.value)

    def test_it_opens_at_no_other_installation(self, box: SealedBox, other: SealedBox) -> None:
        other.seal(JobId("j"), Secret("its keys are made"))
        with pytest.raises(SealBrokenError):
            other.opened(JobId("j"), box.seal(JobId("j"), Secret("secret")))

    def test_one_that_was_changed_anywhere_is_refused(self, box: SealedBox) -> None:
        @given(data=st.data(), secret=st.text(st.characters(exclude_categories=["Cs"]), max_size=70))
        def search(data: st.DataObject, secret: str) -> None:
            sealed = box.seal(JobId("j"), Secret(secret))
            place = data.draw(st.integers(0, len(sealed) - 1))
            put = data.draw(st.characters(min_codepoint=0, max_codepoint=255))
            changed = sealed[:place] + put + sealed[place + 1 :]
            shorter, longer = sealed[:place], sealed[: place + 1] + put + sealed[place + 1 :]
            for text in {changed, shorter, longer} - {sealed}:
                with pytest.raises(SealBrokenError):
                    box.opened(JobId("j"), text)

        search()

    def test_any_other_text_is_refused(self, box: SealedBox) -> None:
        @given(text=st.text(max_size=300))
        def search(text: str) -> None:
            with pytest.raises(SealBrokenError):
                box.opened(JobId("j"), text)

        search()

    def test_its_length_tells_the_secrets_to_64_bytes_only(self, box: SealedBox) -> None:
        lengths = [len(box.seal(JobId("j"), Secret("x" * size))) for size in range(LONGEST_SECRET // 16)]
        assert lengths == sorted(lengths)
        assert all(lengths.count(each) >= 62 for each in set(lengths) - {lengths[-1]})

    def test_what_is_too_long_is_refused(self, box: SealedBox) -> None:
        with pytest.raises(InvalidInputError):
            box.seal(JobId("j"), Secret("ü" * (LONGEST_SECRET // 2) + "x"))


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

    def test_to_be_ready_may_be_asked_for_again_and_changes_nothing(self, tokens: Tokens) -> None:
        tokens.ready()
        token, _ = tokens.issue(ZOE, now=START)
        tokens.ready()
        assert tokens.check(token, now=START) == ZOE

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

    def test_a_hash_of_today_is_not_outdated_and_what_is_none_is(self, hasher: PasswordHasher) -> None:
        assert not hasher.outdated(hasher.hash(Secret("x")))
        assert hasher.outdated("damaged")
