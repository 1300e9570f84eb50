"""Accounts: made with care, signed in without a hint, permitted by role."""

import pytest

from bck_adapters.memory import MemoryDatabase, MemoryPasswordHasher, MemoryTokens, SettableClock
from bckcore.domain.access import Permission, Principal, Role
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError, ConflictError, InvalidInputError
from bckcore.services.access import LONGEST_PASSWORD, SHORTEST_PASSWORD, AccessService

PASSWORD = Secret("a few unrelated words")


class CountingHasher(MemoryPasswordHasher):
    """Counts how often somebody had to wait for it."""

    verified = 0

    def verify(self, password: Secret[str], password_hash: str) -> bool:
        """See the port."""
        self.verified += 1
        return super().verify(password, password_hash)


class Door:
    """The access service over memory, with one administrator."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.database = MemoryDatabase(self.clock)
        self.hasher = CountingHasher()
        self.access = AccessService(
            units=self.database.units, hasher=self.hasher, tokens=MemoryTokens(), clock=self.clock
        )
        self.access.add_user("ada", PASSWORD, Role.ADMIN)


@pytest.fixture
def door() -> Door:
    return Door()


def test_the_right_pair_gives_a_token_that_tells_who_it_is(door: Door) -> None:
    signed_in = door.access.sign_in("ada", PASSWORD)
    assert signed_in.principal == Principal(name="ada", role=Role.ADMIN)
    assert door.access.principal_of(signed_in.token) == signed_in.principal
    assert signed_in.expires > door.clock.now()


def test_a_wrong_name_and_a_wrong_password_cannot_be_told_apart(door: Door) -> None:
    answers, costs = [], []
    for name, password in (("ada", "wrong password"), ("nobody", PASSWORD.reveal()), ("", ""), ("ADA", "x")):
        before = door.hasher.verified
        with pytest.raises(AccessDeniedError) as caught:
            door.access.sign_in(name, Secret(password))
        answers.append((str(caught.value), caught.value.code, caught.value.__cause__))
        costs.append(door.hasher.verified - before)
    assert len(set(answers)) == 1
    assert set(costs) == {1}, "each wrong pair costs one look at a hash"


def test_the_password_is_kept_as_a_hash_only(door: Door) -> None:
    with door.database.units(read_only=True) as uow:
        user = uow.users.get("ada")
    assert PASSWORD.reveal() not in repr(user)
    assert (user.role, user.created) == (Role.ADMIN, door.clock.now())


def test_a_token_expires_and_a_made_up_one_is_none(door: Door) -> None:
    token = door.access.sign_in("ada", PASSWORD).token
    door.clock.advance(15 * 60)
    for bad in (token, Secret("made up"), Secret("")):
        with pytest.raises(AccessDeniedError):
            door.access.principal_of(bad)


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "a\n", "é", "a" * 65, ".a"])
def test_an_account_name_is_plain(door: Door, name: str) -> None:
    with pytest.raises(InvalidInputError):
        door.access.add_user(name, PASSWORD, Role.VIEWER)


@pytest.mark.parametrize("length", [0, SHORTEST_PASSWORD - 1, LONGEST_PASSWORD + 1])
def test_a_password_is_neither_short_nor_endless_and_is_not_repeated_in_the_error(
    door: Door, length: int
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        door.access.add_user("bob", Secret("q" * length), Role.VIEWER)
    assert "qq" not in str(caught.value)


@pytest.mark.parametrize("length", [SHORTEST_PASSWORD, LONGEST_PASSWORD])
def test_the_limits_themselves_are_fine(door: Door, length: int) -> None:
    door.access.add_user("bob", Secret("q" * length), Role.VIEWER)
    assert door.access.sign_in("bob", Secret("q" * length)).principal.role is Role.VIEWER


def test_a_taken_name_is_a_conflict_and_the_first_password_stays(door: Door) -> None:
    with pytest.raises(ConflictError):
        door.access.add_user("ada", Secret("another password"), Role.VIEWER)
    assert door.access.sign_in("ada", PASSWORD).principal.role is Role.ADMIN


def test_what_a_role_does_not_grant_is_denied_with_a_reason(door: Door) -> None:
    viewer = Principal(name="vic", role=Role.VIEWER)
    door.access.require(viewer, Permission.READ)
    with pytest.raises(AccessDeniedError, match=r"vic \(viewer\) may not restore"):
        door.access.require(viewer, Permission.RESTORE)
