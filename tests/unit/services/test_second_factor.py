"""A password is not enough where there is a second factor, and each code counts once."""

from base64 import b32decode

import pytest

from bckcore.domain.access import Role
from bckcore.domain.secret import Secret
from bckcore.domain.totp import code_of, step_at
from bckcore.errors import (
    AccessDeniedError,
    ConflictError,
    NotFoundError,
    SecondFactorNeededError,
    TooManyAttemptsError,
)
from bckcore.services.second_factor import RECOVERY_CODES, secret_ref
from bckcore.services.sessions import SignedIn
from bckcore.services.throttles import ACCOUNT
from tests.support.doors import AWAY, HOME, PASSWORD, Door


class Phone:
    """Somebody who has taken a second factor."""

    def __init__(self, door: Door) -> None:
        self.door = door
        secret = door.factors.enrol("ada").secret.reveal()
        self._secret = b32decode(secret + "=" * (-len(secret) % 8))

    def code(self) -> Secret[str]:
        return Secret(code_of(self._secret, step_at(self.door.clock.now())))

    def confirmed(self) -> tuple[Secret[str], ...]:
        codes = self.door.factors.confirm("ada", self.code())
        self.door.clock.advance(30)
        return codes

    def sign_in(self, code: Secret[str] | None) -> SignedIn:
        return self.door.sessions.sign_in("ada", PASSWORD, HOME, code=code)


@pytest.fixture
def phone() -> Phone:
    return Phone(Door())


def test_it_is_asked_for_once_it_is_confirmed(phone: Phone) -> None:
    phone.sign_in(None)
    with pytest.raises(AccessDeniedError):
        phone.door.factors.confirm("ada", Secret("000000x"))
    phone.sign_in(None)
    phone.confirmed()
    with pytest.raises(SecondFactorNeededError):
        phone.sign_in(None)
    with pytest.raises(AccessDeniedError):
        phone.sign_in(Secret("000000x"))
    assert phone.sign_in(phone.code()).user.name == "ada"


def test_a_code_that_was_used_lets_nobody_in_again(phone: Phone) -> None:
    phone.confirmed()
    code = phone.code()
    phone.sign_in(code)
    for _ in range(3):
        with pytest.raises(AccessDeniedError):
            phone.sign_in(code)
        phone.door.clock.advance(15)
    phone.sign_in(phone.code())


def test_the_code_of_the_confirmation_is_used_up(phone: Phone) -> None:
    code = phone.code()
    phone.door.factors.confirm("ada", code)
    with pytest.raises(AccessDeniedError):
        phone.sign_in(code)


def test_each_recovery_code_counts_once_however_it_is_typed(phone: Phone) -> None:
    codes = phone.confirmed()
    assert len({code.reveal() for code in codes}) == RECOVERY_CODES
    typed = Secret(f" {codes[0].reveal()[:4].upper()}-{codes[0].reveal()[4:]}")
    phone.sign_in(typed)
    for again in (typed, codes[0]):
        with pytest.raises(AccessDeniedError):
            phone.sign_in(again)
    phone.sign_in(codes[1])


def test_a_wrong_password_is_told_as_ever_and_uses_no_code_up(phone: Phone) -> None:
    phone.confirmed()
    told = []
    for name, code in (("ada", phone.code()), ("ada", None), ("nobody", None)):
        with pytest.raises(AccessDeniedError) as caught:
            phone.door.sessions.sign_in(name, Secret("wrong password"), HOME, code=code)
        told.append((type(caught.value), str(caught.value)))
    assert len(set(told)) == 1
    phone.sign_in(phone.code())


def test_codes_are_guessed_under_the_same_rule_and_asking_without_one_clears_nothing(phone: Phone) -> None:
    phone.confirmed()
    guesses = 0
    with pytest.raises(TooManyAttemptsError):
        for _ in range(100):
            with pytest.raises(SecondFactorNeededError):
                phone.door.sessions.sign_in("ada", PASSWORD, AWAY)
            with pytest.raises(AccessDeniedError):
                phone.door.sessions.sign_in("ada", PASSWORD, AWAY, code=Secret("000000x"))
            guesses += 1
    assert guesses == ACCOUNT.free + 1


def test_asking_without_a_code_first_as_programs_do_costs_nothing(phone: Phone) -> None:
    phone.confirmed()
    for _ in range(30):
        with pytest.raises(SecondFactorNeededError):
            phone.sign_in(None)
        phone.sign_in(phone.code())
        phone.door.clock.advance(30)


def test_the_secret_lies_in_the_vault_and_nothing_else_in_clear(phone: Phone) -> None:
    codes = phone.confirmed()
    secret = phone.door.vault.get(secret_ref("ada")).reveal()
    with phone.door.database.units(read_only=True) as uow:
        stored = repr(uow.users.list())
    assert secret not in stored
    assert bytes.fromhex(secret).hex() == secret
    assert not [code for code in codes if code.reveal() in stored]


def test_a_second_one_needs_the_first_switched_off_with_a_code(phone: Phone) -> None:
    phone.confirmed()
    with pytest.raises(ConflictError):
        phone.door.factors.enrol("ada")
    with pytest.raises(ConflictError):
        phone.door.factors.confirm("ada", phone.code())
    with pytest.raises(AccessDeniedError):
        phone.door.factors.switch_off("ada", Secret("000000x"))
    with pytest.raises(SecondFactorNeededError):
        phone.sign_in(None)
    phone.door.factors.switch_off("ada", phone.code())
    phone.sign_in(None)
    with pytest.raises(NotFoundError):
        phone.door.vault.get(secret_ref("ada"))


def test_switching_off_what_nobody_asks_for_proves_nothing(phone: Phone) -> None:
    """Whoever has a stolen access token must not clear the account's failures by it."""
    with pytest.raises(ConflictError):
        phone.door.factors.switch_off("ada", Secret("000000"))
    phone.door.factors.enrol("ada")
    with pytest.raises(ConflictError):
        phone.door.factors.switch_off("ada", Secret("000000"))


def test_an_administrator_switches_it_off_without(phone: Phone) -> None:
    phone.confirmed()
    phone.door.factors.switch_off("ada", None)
    phone.sign_in(None)


def test_without_the_vault_recovery_codes_still_count(phone: Phone) -> None:
    codes = phone.confirmed()
    phone.door.vault.delete(secret_ref("ada"))
    with pytest.raises(AccessDeniedError):
        phone.sign_in(phone.code())
    phone.sign_in(codes[0])


def test_a_removed_account_leaves_no_secret(phone: Phone) -> None:
    phone.confirmed()
    phone.door.access.add_user("bea", PASSWORD, Role.ADMIN)
    phone.door.access.remove_user("ada")
    with pytest.raises(NotFoundError):
        phone.door.vault.get(secret_ref("ada"))
    phone.door.access.add_user("ada", PASSWORD, Role.VIEWER)
    phone.sign_in(None)
