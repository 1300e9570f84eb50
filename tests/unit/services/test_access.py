"""Accounts: made with care, changed without a way back to what was, never without an administrator."""

from dataclasses import replace

import pytest

from bck_adapters.testkit.samples import sample_host
from bckcore.domain.access import Role
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError, ConflictError, InvalidInputError, NotFoundError
from bckcore.services.access import LONGEST_PASSWORD, SHORTEST_PASSWORD
from tests.support.doors import AWAY, PASSWORD, Door

OTHER = Secret("quite another password")


@pytest.fixture
def door() -> Door:
    return Door()


def test_the_password_is_kept_as_a_hash_only(door: Door) -> None:
    with door.database.units(read_only=True) as uow:
        user = uow.users.get("ada")
    assert PASSWORD.reveal() not in repr(user)
    assert (user.role, user.created) == (Role.ADMIN, door.clock.now())


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "a\n", "é", "a" * 65, ".a"])
def test_an_account_name_is_plain(door: Door, name: str) -> None:
    with pytest.raises(InvalidInputError):
        door.access.add_user(name, PASSWORD, Role.VIEWER)


@pytest.mark.parametrize("name", ["bck", "BCK", "schedule", "Schedule"])
def test_nobody_is_called_like_the_service_itself(door: Door, name: str) -> None:
    with pytest.raises(InvalidInputError, match="of the service itself"):
        door.access.add_user(name, PASSWORD, Role.VIEWER)


@pytest.mark.parametrize("length", [0, SHORTEST_PASSWORD - 1, LONGEST_PASSWORD + 1])
def test_a_password_is_neither_short_nor_endless_and_is_not_repeated_in_the_error(
    door: Door, length: int
) -> None:
    bad = Secret("q" * length)
    for step in (
        lambda: door.access.add_user("bob", bad, Role.VIEWER),
        lambda: door.access.set_password("ada", bad),
        lambda: door.access.change_password("ada", PASSWORD, bad),
    ):
        with pytest.raises(InvalidInputError) as caught:
            step()
        assert "qq" not in str(caught.value)


@pytest.mark.parametrize("length", [SHORTEST_PASSWORD, LONGEST_PASSWORD])
def test_the_limits_themselves_are_fine(door: Door, length: int) -> None:
    door.access.add_user("bob", Secret("q" * length), Role.VIEWER)
    assert door.sessions.sign_in("bob", Secret("q" * length)).user.role is Role.VIEWER


def test_a_taken_name_is_a_conflict_and_the_first_password_stays(door: Door) -> None:
    with pytest.raises(ConflictError):
        door.access.add_user("ada", Secret("another password"), Role.VIEWER)
    assert door.sign_in().user.role is Role.ADMIN


def test_another_role_counts_for_sessions_that_go_on(door: Door) -> None:
    door.access.add_user("bob", PASSWORD, Role.OPERATOR)
    token = door.sign_in("bob").token
    door.access.set_role("bob", Role.VIEWER)
    assert door.sessions.principal_of(token).role is Role.VIEWER


@pytest.mark.parametrize("step", ["remove_user", "set_role"])
def test_the_last_administrator_stays(door: Door, step: str) -> None:
    def change() -> None:
        if step == "set_role":
            door.access.set_role("ada", Role.VIEWER)
        else:
            door.access.remove_user("ada")

    with pytest.raises(ConflictError):
        change()
    assert door.sign_in().user.role is Role.ADMIN
    door.access.add_user("bea", PASSWORD, Role.ADMIN)
    change()


def test_a_new_password_ends_every_session_and_the_old_one_is_none(door: Door) -> None:
    tokens = [door.sign_in().token for _ in range(2)]
    assert door.access.set_password("ada", OTHER) == 2
    for token in tokens:
        with pytest.raises(AccessDeniedError):
            door.sessions.principal_of(token)
    with pytest.raises(AccessDeniedError):
        door.sign_in()
    door.sessions.sign_in("ada", OTHER)


def test_who_changes_the_own_password_knows_the_old_one_and_goes_on(door: Door) -> None:
    mine, elsewhere = door.sign_in(), door.sign_in(caller=AWAY)
    with pytest.raises(AccessDeniedError):
        door.access.change_password("ada", OTHER, OTHER, session=mine.session.id)
    assert door.access.change_password("ada", PASSWORD, OTHER, session=mine.session.id) == 1
    assert door.sessions.principal_of(mine.token).name == "ada"
    with pytest.raises(AccessDeniedError):
        door.sessions.refresh(elsewhere.refresh_token)


def test_who_gets_the_name_of_a_removed_account_gets_nothing_of_it(door: Door) -> None:
    door.access.add_user("bob", PASSWORD, Role.OWNER)
    with door.database.units() as uow:
        uow.hosts.add(replace(sample_host(), owners=("bob", "zoe")))
        uow.commit()
    signed_in = door.sign_in("bob")
    door.access.remove_user("bob")
    door.access.add_user("bob", PASSWORD, Role.OWNER)
    with door.database.units(read_only=True) as uow:
        assert [host.owners for host in uow.hosts.list()] == [("zoe",)]
    with pytest.raises(AccessDeniedError):
        door.sessions.principal_of(signed_in.token)
    with pytest.raises(AccessDeniedError):
        door.sessions.refresh(signed_in.refresh_token)


def test_what_is_no_account_cannot_be_changed(door: Door) -> None:
    for step in (
        lambda: door.access.set_role("eve", Role.ADMIN),
        lambda: door.access.set_password("eve", OTHER),
        lambda: door.access.remove_user("eve"),
    ):
        with pytest.raises(NotFoundError):
            step()
