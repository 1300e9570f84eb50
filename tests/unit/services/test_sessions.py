"""Sessions: begun with a password, carried on once by each refresh token, over at once when they end."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from argon2 import PasswordHasher as Argon2

from bck_adapters.auth import Argon2Hasher
from bckcore.domain.access import Principal, Role
from bckcore.domain.ids import SessionId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Caller, Pass
from bckcore.errors import AccessDeniedError, NotFoundError
from bckcore.services.sessions import MOST, TOO_MANY, TWICE, USUAL_DAYS
from tests.support.doors import AWAY, HOME, PASSWORD, Door


@pytest.fixture
def door() -> Door:
    return Door()


def refused(door: Door, token: Secret[str]) -> None:
    with pytest.raises(AccessDeniedError):
        door.sessions.principal_of(token)


def test_the_right_pair_gives_a_token_that_tells_who_it_is(door: Door) -> None:
    signed_in = door.sign_in()
    found = door.sessions.principal_of(signed_in.token)
    assert found == Principal(name="ada", role=Role.ADMIN, session=signed_in.session.id)
    assert signed_in.expires > door.clock.now()


def test_a_wrong_name_and_a_wrong_password_cannot_be_told_apart(door: Door) -> None:
    answers, costs = [], []
    for name, password in (("ada", "wrong password"), ("nobody", PASSWORD.reveal()), ("", ""), ("ADA", "x")):
        before = door.counting.verified
        with pytest.raises(AccessDeniedError) as caught:
            door.sessions.sign_in(name, Secret(password), HOME)
        answers.append((str(caught.value), caught.value.code, caught.value.__cause__))
        costs.append(door.counting.verified - before)
    assert len(set(answers)) == 1
    assert set(costs) == {1}, "each wrong pair costs one look at a hash"


def test_a_token_expires_and_a_made_up_one_is_none(door: Door) -> None:
    token = door.sign_in().token
    door.clock.advance(15 * 60)
    for bad in (token, Secret("made up"), Secret(""), Secret("bckd_made-up"), Secret("bckr_made-up")):
        refused(door, bad)


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(door: Door) -> None:
    signed_in = door.sign_in()
    refused(door, signed_in.refresh_token)
    with pytest.raises(AccessDeniedError):
        door.sessions.refresh(signed_in.token)


def test_a_session_lives_on_by_refresh_tokens_each_of_which_is_used_once(door: Door) -> None:
    current = door.sign_in()
    for _ in range(3):
        door.clock.advance(timedelta(days=USUAL_DAYS - 1).total_seconds())
        fresh = door.sessions.refresh(current.refresh_token)
        assert fresh.session.id == current.session.id
        assert fresh.refresh_token.reveal() != current.refresh_token.reveal()
        assert door.sessions.principal_of(fresh.token).name == "ada"
        current = fresh


def test_a_refresh_token_that_is_used_twice_ends_its_session_for_thief_and_holder(door: Door) -> None:
    stolen, other = door.sign_in(), door.sign_in()
    thief = door.sessions.refresh(stolen.refresh_token, AWAY)
    with pytest.raises(AccessDeniedError):
        door.sessions.refresh(stolen.refresh_token, HOME)
    for dead in (thief.token, stolen.token):
        refused(door, dead)
    with pytest.raises(AccessDeniedError):
        door.sessions.refresh(thief.refresh_token, AWAY)
    assert door.sessions.get(stolen.session.id).reason == TWICE
    assert door.sessions.principal_of(other.token).name == "ada", "another session of the person goes on"


def test_a_session_that_is_not_used_is_over(door: Door) -> None:
    signed_in = door.sign_in()
    door.clock.advance(timedelta(days=USUAL_DAYS).total_seconds())
    with pytest.raises(AccessDeniedError):
        door.sessions.refresh(signed_in.refresh_token)
    assert list(door.sessions.list()) == []
    door.clock.advance(1)
    door.sign_in()
    with pytest.raises(NotFoundError):
        door.sessions.get(signed_in.session.id)


@pytest.mark.parametrize("way", ["sign out", "revoke", "revoke all", "remove"])
def test_tokens_of_a_session_that_has_ended_count_no_more_at_once(door: Door, way: str) -> None:
    door.access.add_user("bob", PASSWORD, Role.OPERATOR)
    signed_in, session = (found := door.sign_in("bob")), found.session.id
    {
        "sign out": lambda: door.sessions.sign_out(session),
        "revoke": lambda: door.sessions.revoke(session, by="ada"),
        "revoke all": lambda: door.sessions.revoke_all("bob", by="ada"),
        "remove": lambda: door.access.remove_user("bob"),
    }[way]()
    refused(door, signed_in.token)
    with pytest.raises(AccessDeniedError):
        door.sessions.refresh(signed_in.refresh_token)
    assert [one.user for one in door.sessions.list()] == []


def test_a_token_whose_session_is_anothers_or_none_is_refused(door: Door) -> None:
    """As it would be if only the signature were looked at."""
    door.access.add_user("bob", PASSWORD, Role.VIEWER)
    bobs = door.sign_in("bob").session.id
    for told in (Pass(name="ada", session=bobs), Pass(name="ada", session=SessionId("made up"))):
        refused(door, door.tokens.issue(told, now=door.clock.now())[0])


def test_sessions_tell_where_they_come_from_without_control_characters(door: Door) -> None:
    door.sign_in(caller=Caller(address="192.0.2.1", client="x\x1b[31m" + "y" * 1000))
    (found,) = door.sessions.list("ada")
    assert (found.address, found.client[:6], len(found.client)) == ("192.0.2.1", "x?[31m", 200)
    assert list(door.sessions.list("bob")) == []


def test_nothing_that_is_stored_lets_anybody_in(door: Door) -> None:
    signed_in = door.sign_in()
    with door.database.units(read_only=True) as uow:
        stored = repr(uow.sessions.list()) + repr(door.database._state.refresh_tokens)
    assert signed_in.refresh_token.reveal() not in stored
    assert signed_in.token.reveal() not in stored
    assert signed_in.refresh_token.reveal() not in repr(signed_in)


def test_time_tells_no_name_either(capsys: pytest.CaptureFixture[str]) -> None:
    """Each costs one real hash; how long that takes is printed, for a busy machine proves nothing by it."""
    door = Door(Argon2Hasher())
    for name in ("ada", "nobody") * 2:
        began = time.perf_counter()
        with pytest.raises(AccessDeniedError):
            door.sessions.sign_in(name, Secret("wrong password"), HOME)
        spent = time.perf_counter() - began
        with capsys.disabled():
            print(f"  {name}: {spent * 1000:.1f} ms", end="")


def easier() -> str:
    """The hash of the password as an older version may have made it: with little work."""
    return Argon2(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD.reveal())


def kept(door: Door) -> str:
    [user] = door.access.users()
    return user.password_hash


def with_easier_hash(door: Door) -> str:
    with door.database.units() as uow:
        uow.users.update(replace(uow.users.get("ada"), password_hash=(old := easier())))
        uow.commit()
    return old


def test_a_hash_that_is_too_easy_is_made_anew_by_the_next_sign_in_that_is_right() -> None:
    hasher = Argon2Hasher()
    door = Door(hasher)
    old = with_easier_hash(door)
    with pytest.raises(AccessDeniedError):
        door.sessions.sign_in("ada", Secret("wrong password"), HOME)
    assert kept(door) == old
    first = door.sign_in()
    renewed = kept(door)
    assert renewed != old
    assert not hasher.outdated(renewed)
    assert door.sign_in().user.name == first.user.name == "ada"
    assert kept(door) == renewed


class Overtaken(Argon2Hasher):
    """While this sign-in makes the hash anew, another one of the same person is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.overtaking: list[Callable[[], object]] = []

    def hash(self, password: Secret[str]) -> str:
        """See the port."""
        if self.overtaking:
            self.overtaking.pop()()
        return super().hash(password)


@pytest.mark.parametrize("meanwhile", ["the other sign-in", "another password"])
def test_of_two_that_make_it_anew_both_are_let_in_and_another_password_lets_in_neither(
    meanwhile: str,
) -> None:
    hasher = Overtaken()
    door = Door(hasher)
    with_easier_hash(door)
    if meanwhile == "the other sign-in":
        hasher.overtaking.append(door.sign_in)
        assert door.sign_in().user.name == "ada"
    else:
        hasher.overtaking.append(lambda: door.access.set_password("ada", Secret("quite another one")))
        with pytest.raises(AccessDeniedError):
            door.sign_in()
    assert not hasher.outdated(kept(door))


def test_who_signs_in_again_and_again_and_never_out_has_so_many_sessions(door: Door) -> None:
    signed_in = []
    for _ in range(MOST):
        signed_in.append(door.sign_in())
        door.clock.advance(1)
    kept, oldest, *others = signed_in
    kept = door.sessions.refresh(kept.refresh_token)
    newest = door.sign_in()
    assert len(door.sessions.list("ada")) == MOST
    assert door.sessions.get(oldest.session.id).reason == TOO_MANY
    refused(door, oldest.token)
    with pytest.raises(AccessDeniedError):
        door.sessions.refresh(oldest.refresh_token)
    for alive in (kept, newest, *others):
        door.sessions.principal_of(alive.token)


def test_one_sign_in_does_not_end_thousands(door: Door) -> None:
    first = door.sign_in().session
    with door.database.units() as uow:
        for number in range(3 * MOST):
            uow.sessions.add(replace(first, id=SessionId(f"old{number}")))
        uow.commit()
    counts = []
    for _ in range(6):
        door.sign_in()
        counts.append(len(door.sessions.list("ada")))
    assert [before - after for before, after in pairwise([3 * MOST + 1, *counts])] == [49] * 4 + [5, 0]
