"""Who guesses waits longer and longer; the owner does not."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from bckcore.domain.secret import Secret
from bckcore.domain.session import Caller
from bckcore.domain.throttle import PURPOSES, after_failure, left
from bckcore.errors import AccessDeniedError, ConflictError, InvalidInputError, TooManyAttemptsError
from bckcore.services.throttles import ACCOUNT, ADDRESS, NETWORK
from tests.support.doors import AWAY, HOME, PASSWORD, Door


@pytest.fixture
def door() -> Door:
    return Door()


def guess(door: Door, name: str = "ada", caller: Caller = AWAY) -> int:
    """A wrong password; how long to wait, 0 if it was looked at."""
    try:
        door.sessions.sign_in(name, Secret("wrong password"), caller)
    except TooManyAttemptsError as error:
        return error.wait_seconds
    except AccessDeniedError:
        return 0
    raise AssertionError("a wrong password was taken")


def addresses(count: int) -> list[Caller]:
    return [Caller(address=f"203.0.{number // 250}.{number % 250}") for number in range(count)]


def test_after_some_failures_each_one_doubles_the_wait_up_to_a_limit(door: Door) -> None:
    waits = []
    for caller in addresses(24):
        if wait := guess(door, caller=caller):
            waits.append(wait)
            door.clock.advance(wait)
            assert guess(door, caller=caller) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[300] * (24 - ACCOUNT.free - 1 - 9)]


def test_while_one_waits_nothing_is_looked_at_and_nothing_is_counted(door: Door) -> None:
    for caller in addresses(ACCOUNT.free + 1):
        guess(door, caller=caller)
    before = door.counting.verified
    for _ in range(50):
        assert guess(door) == 1
        with pytest.raises(TooManyAttemptsError):
            door.sign_in(caller=AWAY)
    assert door.counting.verified == before
    door.clock.advance(1)
    door.sign_in(caller=AWAY)


def test_known_and_unknown_names_are_throttled_alike(door: Door) -> None:
    told = []
    for name in ("ada", "nobody", "\ud800"):
        count = 0
        for caller in addresses(ACCOUNT.free + 1):
            before = door.counting.verified
            assert guess(door, name, caller) == 0
            count += door.counting.verified - before
        with pytest.raises(TooManyAttemptsError) as caught:
            door.sessions.sign_in(name, PASSWORD, Caller(address="203.0.113.250"))
        told.append((count, str(caught.value)))
    assert set(told) == {(ACCOUNT.free + 1, told[0][1])}


def test_an_attacker_elsewhere_does_not_keep_the_owner_out(door: Door) -> None:
    door.sign_in(caller=HOME)
    for caller in addresses(60):
        guess(door, caller=caller)
    assert guess(door, caller=Caller(address="203.0.113.77")) > 0
    door.sign_in(caller=HOME)


def test_an_attacker_at_the_owners_address_keeps_it_out_for_minutes_at_most(door: Door) -> None:
    door.sign_in(caller=HOME)
    longest = 0
    for _ in range(60):
        if wait := guess(door, caller=HOME):
            longest = max(longest, wait)
            door.clock.advance(wait)
    assert longest <= ADDRESS.longest.total_seconds()


def test_one_address_that_tries_many_names_waits(door: Door) -> None:
    found = [guess(door, f"name{number}") for number in range(ADDRESS.free + 2)]
    assert found == [*[0] * (ADDRESS.free + 1), 1]
    assert guess(door, "name1", HOME) == 0, "another address does not"


def test_an_account_of_ones_own_does_not_clear_the_address(door: Door) -> None:
    for number in range(ADDRESS.free):
        guess(door, f"name{number}")
        if number % 3 == 0:
            door.sign_in(caller=AWAY)
    guess(door, "name99")
    assert guess(door, "name100") > 0


def neighbours(count: int) -> list[Caller]:
    """Of one network of IPv6, all of whose addresses one machine may have."""
    return [Caller(address=f"2001:db8:1:2::{number:x}") for number in range(0x1000, 0x1000 + count)]


def test_addresses_of_one_network_of_ipv6_have_one_count_besides_their_own(door: Door) -> None:
    waits = [guess(door, f"name{number}", one) for number, one in enumerate(neighbours(NETWORK.free + 2))]
    assert waits == [*[0] * (NETWORK.free + 1), 1]
    assert guess(door, "other", Caller(address="2001:db8:1:3::1")) == 0


def test_one_who_changes_its_address_of_ipv6_all_the_time_leaves_a_bounded_number_of_rows(
    door: Door,
) -> None:
    for caller in neighbours(3 * NETWORK.free):
        guess(door, caller=caller)
    with door.database.units(read_only=True):
        assert len(door.database._state.throttles) <= NETWORK.free + 3


@pytest.mark.parametrize(
    ("network", "known", "now"),
    [
        ("2001:db8:1:2::", "10", "10"),
        ("2001:db8:1:2::", "10", "20"),
        ("fd12:3456:789a:1::", "10", "10"),
        ("fe80::", "10%eth0", "10%eth1"),
    ],
)
def test_a_neighbour_in_a_network_of_ipv6_does_not_keep_the_owner_out(
    door: Door, network: str, known: str, now: str
) -> None:
    """Also where the owner's machine has taken another address of its network meanwhile."""
    door.sign_in(caller=Caller(address=network + known))
    for _ in range(ADDRESS.free + 20):
        if wait := guess(door, caller=Caller(address=network + "66")):
            door.clock.advance(wait)
            guess(door, caller=Caller(address=network + "66"))
        door.sign_in(caller=Caller(address=network + now))


def test_a_neighbour_with_all_addresses_of_a_network_does_not_keep_out_who_signed_in_from_its_own(
    door: Door,
) -> None:
    home = Caller(address="2001:db8:1:2::10")
    door.sign_in(caller=home)
    for number, caller in enumerate(neighbours(NETWORK.free + 50)):
        guess(door, "ada" if number % 2 else f"name{number}", caller)
    assert guess(door, "other", neighbours(1)[0]) > 0
    door.sign_in(caller=home)


def test_success_forgets_the_failures_of_the_account(door: Door) -> None:
    for caller in addresses(ACCOUNT.free):
        guess(door, caller=caller)
    door.sign_in(caller=AWAY)
    assert [guess(door, caller=Caller(address=f"192.0.2.{one}")) for one in range(100, 105)] == [0] * 5


def test_failures_are_forgotten_after_half_a_day(door: Door) -> None:
    for caller in addresses(ACCOUNT.free + 1):
        guess(door, caller=caller)
    door.clock.advance(ACCOUNT.forgotten.total_seconds() + 1)
    assert guess(door) == 0
    with door.database.units(read_only=True):
        assert len(door.database._state.throttles) == 2, "what is forgotten leaves no rows"


def test_an_administrator_unlocks(door: Door) -> None:
    door.sign_in(caller=HOME)
    for caller in (*addresses(ACCOUNT.free + 1), *[HOME] * (ACCOUNT.free + 1)):
        guess(door, caller=caller)
    assert guess(door) > 0
    assert guess(door, caller=HOME) > 0
    assert door.throttles.unlock("ada") == 2
    door.sign_in(caller=AWAY)
    door.sign_in(caller=HOME)


@pytest.mark.parametrize(
    ("attacker", "owner", "stranger", "network", "counts"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.7", 2),
        ("2001:db8:1:2::7", "2001:db8:1:2:0::7", "2001:db8:1:3::7", "2001:db8:1:2::/64", 4),
        ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.7", 2),
    ],
)
def test_an_administrator_unlocks_an_address_that_an_attacker_shares(
    door: Door, attacker: str, owner: str, stranger: str, network: str, counts: int
) -> None:
    for number in range(ADDRESS.free + 1):
        for address in (attacker, stranger):
            guess(door, f"name{number}", Caller(address=address))
        with pytest.raises(AccessDeniedError), door.throttles.attempt("refresh", attacker):
            raise AccessDeniedError("used before")
    with pytest.raises(TooManyAttemptsError):
        door.sign_in(caller=Caller(address=owner))
    assert door.throttles.unlock("ada") == 0, "it is not the account that waits"
    assert door.throttles.unlock_address(owner) == (network, counts)
    door.sign_in(caller=Caller(address=owner))
    with door.throttles.attempt("refresh", owner):
        pass
    assert guess(door, "one", Caller(address=stranger)) > 0


def test_an_administrator_unlocks_a_whole_network_by_any_of_its_addresses(door: Door) -> None:
    callers = neighbours(NETWORK.free + 1)
    for number, caller in enumerate(callers):
        guess(door, f"name{number}", caller)
    newcomer = Caller(address="2001:db8:1:2::10")
    assert guess(door, "other", newcomer) > 0
    assert door.throttles.unlock_address(newcomer.address) == ("2001:db8:1:2::/64", len(callers) + 1)
    assert guess(door, "other", newcomer) == 0


def test_every_purpose_of_an_attempt_is_unlocked_with_the_address(door: Door) -> None:
    for purpose in PURPOSES:
        with pytest.raises(AccessDeniedError), door.throttles.attempt(purpose, "192.0.2.7"):
            raise AccessDeniedError("wrong")
    assert door.throttles.unlock_address("192.0.2.7") == ("192.0.2.7", len(PURPOSES))
    with door.database.units(read_only=True):
        assert not door.database._state.throttles


@pytest.mark.parametrize("address", ["", "ada", "unknown", "192.0.2.0/24", "192.0.2.7;", "%"])
def test_what_is_no_address_is_refused(door: Door, address: str) -> None:
    with pytest.raises(InvalidInputError, match="no address"):
        door.throttles.unlock_address(address)


def test_many_attempts_at_once_gain_nothing(door: Door) -> None:
    """Each is counted before it is looked at."""
    let_in = 0
    with ExitStack() as under_way:
        for _ in range(100):
            try:
                under_way.enter_context(door.throttles.attempt("login", "203.0.113.5", account="ada"))
            except TooManyAttemptsError:
                continue
            let_in += 1
    assert let_in == ACCOUNT.free + 1


def test_what_is_neither_right_nor_wrong_counts_for_nothing(door: Door) -> None:
    for caller in addresses(ACCOUNT.free):
        guess(door, caller=caller)
    for _ in range(5):
        with pytest.raises(ConflictError), door.throttles.attempt("totp", AWAY.address, account="ada"):
            raise ConflictError("There is nothing to confirm.")
    assert guess(door) == 0, "one more is free"
    assert guess(door) > 0, "and what was guessed before still counts"


def test_what_broke_in_a_way_that_nobody_foresaw_counts_as_wrong(door: Door) -> None:
    for caller in addresses(ACCOUNT.free + 1):
        attempt = door.throttles.attempt("login", caller.address, account="ada")
        with pytest.raises(OSError, match="broken"), attempt:
            raise OSError("broken")
    assert guess(door) > 0


def test_signing_in_from_one_address_says_nothing_of_another_that_begins_alike(door: Door) -> None:
    near, far = Caller(address="192.0.2.1"), Caller(address="192.0.2.10")
    door.sign_in(caller=near)
    door.sign_in(caller=far)
    for _ in range(ACCOUNT.free + 1):
        guess(door, caller=far)
    assert guess(door, caller=far) > 0
    door.sign_in(caller=near)
    assert guess(door, caller=far) > 0


def test_a_clock_that_is_set_back_keeps_nobody_out(door: Door) -> None:
    from datetime import timedelta

    for caller in addresses(ACCOUNT.free + 9):
        guess(door, caller=caller)
    door.clock.set(door.clock.now() - timedelta(days=30))
    door.sign_in(caller=AWAY)


def test_refreshing_with_made_up_tokens_is_throttled_by_address(door: Door) -> None:
    signed_in = door.sign_in(caller=HOME)
    waits = 0
    for number in range(ADDRESS.free + 5):
        try:
            door.sessions.refresh(Secret(f"bckr_{number}"), AWAY)
        except TooManyAttemptsError:
            waits += 1
        except AccessDeniedError:
            continue
    assert waits == 4
    door.sessions.refresh(signed_in.refresh_token, HOME)


def spent_token(door: Door, caller: Caller = AWAY) -> Secret[str]:
    """A refresh token of an account that counts no more."""
    signed_in = door.sign_in(caller=caller)
    door.sessions.sign_out(signed_in.session.id)
    return signed_in.refresh_token


def refreshing(door: Door, token: Secret[str], caller: Caller) -> int:
    """How long to wait; 0 where the token was looked at and refused."""
    try:
        door.sessions.refresh(token, caller)
    except TooManyAttemptsError as error:
        return error.wait_seconds
    except AccessDeniedError:
        return 0
    raise AssertionError("a spent token was taken")


def test_spent_tokens_of_an_account_are_throttled_from_whatever_addresses_they_come(door: Door) -> None:
    spent = spent_token(door)
    assert [refreshing(door, spent, caller) for caller in addresses(ACCOUNT.free + 2)] == [
        *[0] * (ACCOUNT.free + 1),
        1,
    ]
    elsewhere = Caller(address="203.0.113.200")
    assert refreshing(door, Secret("bckr_made_up"), elsewhere) == 0, "which is of no account"
    assert door.throttles.unlock("ada") == 1
    assert refreshing(door, spent, elsewhere) == 0


def test_spent_tokens_elsewhere_keep_nobody_from_going_on_or_signing_in(door: Door) -> None:
    signed_in, spent = door.sign_in(caller=HOME), spent_token(door)
    for caller in addresses(60):
        refreshing(door, spent, caller)
    door.sessions.refresh(signed_in.refresh_token, HOME)
    assert guess(door) == 0, "passwords are counted apart"


def test_a_stolen_session_clears_no_failed_passwords_by_going_on(door: Door) -> None:
    stolen = door.sign_in(caller=AWAY)
    for _ in range(ACCOUNT.free + 1):
        guess(door, caller=AWAY)
    door.sessions.refresh(stolen.refresh_token, AWAY)
    assert guess(door, caller=AWAY) > 0


def test_names_that_were_tried_are_not_stored_in_clear(door: Door) -> None:
    guess(door, "my-password-in-the-wrong-field")
    assert "wrong-field" not in repr(door.database._state.throttles)


def test_many_at_once_who_failed_seldom_do_not_wait_for_one_another() -> None:
    """Each looked at the clock before the one in front of it was counted."""
    now = datetime(2026, 1, 5, tzinfo=UTC)
    counted = None
    for number in range(ACCOUNT.free + 1):
        assert left(counted, ACCOUNT, now - timedelta(milliseconds=number)) == timedelta(0)
        counted = after_failure("key;", counted, ACCOUNT, now)
    assert left(counted, ACCOUNT, now) == timedelta(seconds=1)
