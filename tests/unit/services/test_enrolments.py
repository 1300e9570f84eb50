"""A PC becomes known by a token, once; whoever has none, or one that does not count, learns nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bckcore.domain.audit import Action, Outcome
from bckcore.domain.enrolment_text import parsed_token, random_parts, token_text
from bckcore.domain.host import Platform
from bckcore.domain.ids import HostId, ProfileId, SecretRef
from bckcore.domain.login import Login
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.session import Caller
from bckcore.domain.source import parsed_sources
from bckcore.domain.ssh_trust import fingerprint
from bckcore.errors import (
    AccessDeniedError,
    BckError,
    ConflictError,
    HostNotEnrolledError,
    InvalidInputError,
    NotFoundError,
    TooManyAttemptsError,
)
from bckcore.services.enrolments import OpenedEnrolment
from bckcore.services.hosts import HostChange
from bckcore.services.throttles import ACCOUNT, ADDRESS
from tests.support.enrolling import CA, HOST_KEYS, OTHER_KEYS, PC1, PC2, SHOWN, THERE, Counter
from tests.support.sshd import new_key

OTHERS = replace(SHOWN, host_keys=OTHER_KEYS)


@pytest.fixture
def counter() -> Counter:
    return Counter()


def refused(counter: Counter, token: OpenedEnrolment | Secret[str], caller: Caller = THERE) -> BckError:
    with pytest.raises(AccessDeniedError) as caught:
        counter.redeem(token, caller=caller)
    return caught.value


def another_secret(opened: OpenedEnrolment) -> Secret[str]:
    """A token of the same id whose secret is another one, its checksum right."""
    parts = parsed_token(opened.text)
    return token_text(replace(parts, secret=Secret(parts.secret.reveal()[::-1])))


# --- the host that waits ---------------------------------------------------------------------------


def test_a_new_host_waits_with_a_key_of_its_own_and_nothing_connects_to_it(counter: Counter) -> None:
    opened = counter.open(allowed_roots=("/home/u",), user="saver")
    host = counter.hosts.get(PC1)
    assert host == opened.host
    assert (host.awaits_enrolment, host.host_keys, host.login) == (True, (), Login.OWN_KEY)
    assert (host.address, host.user, host.allowed_roots) == ("", "saver", ("/home/u",))
    assert counter.vault.get(SecretRef("host/pc1/ssh")).reveal()
    for step in (lambda: counter.credentials.of(host), lambda: counter.hosts.probe(PC1)):
        with pytest.raises(HostNotEnrolledError, match="pc1 is not enrolled yet"):
            step()


def test_a_host_that_waits_may_be_changed_and_be_trusted_another_way(counter: Counter) -> None:
    counter.open()
    saved = counter.hosts.change(PC1, HostChange(allowed_roots=("/srv",)))
    assert (saved.awaits_enrolment, saved.allowed_roots) == (True, ("/srv",))
    known = counter.hosts.change(PC1, HostChange(address="192.0.2.7", host_keys=HOST_KEYS))
    assert (known.awaits_enrolment, known.host_keys) == (False, HOST_KEYS)


def test_a_host_that_waits_is_trusted_by_nobody_without_an_address(counter: Counter) -> None:
    before = counter.open().host
    with pytest.raises(InvalidInputError, match="needs an address"):
        counter.hosts.change(PC1, HostChange(host_keys=HOST_KEYS))
    with pytest.raises(InvalidInputError, match="needs an address"):
        counter.hosts.change(PC1, HostChange(), trust_on_first_use=True)
    assert counter.hosts.get(PC1) == before


def test_what_is_reached_without_keys_is_not_enrolled(counter: Counter) -> None:
    with pytest.raises(InvalidInputError, match="no PC to be enrolled"):
        counter.open(transport="local")
    assert counter.hosts.list() == []


@pytest.mark.parametrize("minutes", [0, -1, 1441, 10**9])
def test_a_token_counts_for_minutes_or_hours(counter: Counter, minutes: int) -> None:
    with pytest.raises(InvalidInputError, match="24 hours"):
        counter.open(minutes=minutes)
    assert counter.hosts.list() == []


# --- redeeming -------------------------------------------------------------------------------------


def test_a_pc_hands_over_its_keys_and_learns_what_its_sshd_must_hold(counter: Counter) -> None:
    opened = counter.open(allowed_roots=("/home/u",))
    assert parsed_token(opened.text).ca_sha256 == CA
    assert counter.enrolments.open_until(PC1) == opened.token.expires
    enrolled = counter.redeem(opened)
    host = counter.hosts.get(PC1)
    assert enrolled.host == host
    assert (host.awaits_enrolment, host.host_keys, host.address) == (False, HOST_KEYS, THERE.address)
    assert enrolled.server == "the-server"
    assert enrolled.trust == counter.logins.trust(PC1)
    (line,) = enrolled.trust.lines
    assert line.startswith('restrict,command="/opt/bck-gate" ssh-ed25519 ')
    assert counter.hosts.probe(PC1).host_key == HOST_KEYS[0]
    assert counter.enrolments.open_until(PC1) is None


def test_with_certificates_it_learns_of_the_authority(counter: Counter) -> None:
    enrolled = counter.redeem(counter.open(login=Login.CERTIFICATE))
    (line,) = enrolled.trust.lines
    assert line.startswith('cert-authority,principals="bck-pc1",restrict,command="/opt/bck-gate" ')


@pytest.mark.parametrize(
    ("given", "shown", "came_from", "address"),
    [
        ("pc1.lan", "other.lan", "192.0.2.50", "pc1.lan"),
        (None, "other.lan", "192.0.2.50", "other.lan"),
        (None, "", "192.0.2.50", "192.0.2.50"),
        (None, "", "::ffff:192.0.2.50", "192.0.2.50"),
        (None, "", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_where_it_is_reached(
    counter: Counter, given: str | None, shown: str, came_from: str, address: str
) -> None:
    opened = counter.open(address=given)
    enrolled = counter.redeem(opened, replace(SHOWN, address=shown), Caller(address=came_from))
    assert enrolled.host.address == address


def test_without_any_address_nothing_is_used_up(counter: Counter) -> None:
    opened = counter.open()
    with pytest.raises(InvalidInputError, match="where the server reaches"):
        counter.redeem(opened, caller=Caller())
    counter.redeem(opened)


def test_a_pc_with_another_account_is_told_and_the_token_still_counts(counter: Counter) -> None:
    opened = counter.open(user="saver")
    with pytest.raises(ConflictError, match="log in to pc1 as saver, and the PC has backupsvc"):
        counter.redeem(opened, replace(SHOWN, user="backupsvc"))
    counter.redeem(opened, replace(SHOWN, user="saver"))


# --- tokens that do not count ----------------------------------------------------------------------


def test_a_token_that_was_made_while_the_clock_was_ahead_does_not_outlive_that(counter: Counter) -> None:
    counter.clock.advance(24 * 3600)
    opened = counter.open()
    counter.clock.set(counter.clock.now() - timedelta(hours=21))
    assert counter.enrolments.open_now() == []
    with pytest.raises(AccessDeniedError):
        counter.redeem(opened)
    assert counter.enrolments.revoke(PC1) == 1, "and does not come back with its hour"
    counter.clock.advance(21 * 3600)
    with pytest.raises(AccessDeniedError):
        counter.redeem(opened)


def test_a_clock_that_is_set_back_by_a_little_ends_no_token(counter: Counter) -> None:
    opened = counter.open()
    counter.clock.set(counter.clock.now() - timedelta(minutes=4))
    counter.redeem(opened)
    assert counter.hosts.get(PC1).host_keys == SHOWN.host_keys


def test_keys_that_are_pinned_by_hand_end_a_token_that_may_replace_them(counter: Counter) -> None:
    counter.redeem(counter.open())
    replacing = counter.open(replacing=True)
    counter.hosts.change(PC1, HostChange(host_keys=OTHER_KEYS))
    with pytest.raises(AccessDeniedError):
        counter.redeem(replacing)
    assert counter.hosts.get(PC1).host_keys == OTHER_KEYS


def test_another_change_of_the_host_ends_no_token(counter: Counter) -> None:
    counter.redeem(counter.open())
    replacing = counter.open(replacing=True)
    counter.hosts.change(PC1, HostChange(allowed_roots=("/home",)))
    counter.redeem(replacing, replace(SHOWN, host_keys=OTHER_KEYS))
    assert counter.hosts.get(PC1).host_keys == OTHER_KEYS


def test_unknown_used_expired_revoked_replaced_and_wrong_tokens_are_one_answer(counter: Counter) -> None:
    used, expired, revoked = (counter.open(HostId(name)) for name in ("a", "b", "c"))
    replaced, fresh = counter.open(PC1), counter.open(PC1)
    counter.redeem(used)
    counter.enrolments.revoke(HostId("c"))
    unknown = token_text(random_parts(bytes(range(25)), CA))
    tokens: list[OpenedEnrolment | Secret[str]] = [unknown, used, revoked, replaced, another_secret(fresh)]
    answers = [refused(counter, token, Caller(address=f"192.0.2.{n}")) for n, token in enumerate(tokens)]
    counter.clock.advance(15 * 60)
    answers.append(refused(counter, expired))
    assert len({(str(answer), answer.code, answer.__cause__) for answer in answers}) == 1
    assert counter.hosts.get(HostId("b")).awaits_enrolment


def test_a_token_counts_to_the_last_second_and_not_in_the_next(counter: Counter) -> None:
    first, second = counter.open(PC1), counter.open(PC2)
    counter.clock.advance(15 * 60 - 1)
    counter.redeem(first)
    counter.clock.advance(1)
    refused(counter, second)


def test_a_mistyped_token_is_told_so_and_is_neither_used_nor_counted(counter: Counter) -> None:
    opened = counter.open()
    text = opened.text.reveal()
    for _ in range(ADDRESS.free + 5):
        with pytest.raises(InvalidInputError, match="mistyped"):
            counter.redeem(Secret(text[:-1] + ("a" if text[-1] != "a" else "b")))
    counter.redeem(opened)


def test_another_token_ends_the_one_before_and_a_removed_host_takes_its_token_along(counter: Counter) -> None:
    first, second = counter.open(), counter.open()
    refused(counter, first)
    counter.hosts.remove(PC1)
    counter.hosts.await_enrolment(PC1, HostChange())
    refused(counter, second)
    with pytest.raises(NotFoundError):
        counter.enrolments.revoke(HostId("none"))


def test_revoking_may_be_repeated(counter: Counter) -> None:
    counter.open()
    assert [counter.enrolments.revoke(PC1) for _ in range(2)] == [1, 0]


def test_nothing_that_is_kept_lets_anybody_in(counter: Counter) -> None:
    opened = counter.open()
    with counter.units(read_only=True) as uow:
        (kept,) = uow.enrolments.list()
        log = b"".join(line for _, line in uow.audit.lines(limit=100)).decode()
    secret = parsed_token(opened.text).secret.reveal()
    assert secret not in repr(kept) + log + repr(opened) + repr(opened.host)


# --- guessing --------------------------------------------------------------------------------------


def guessed(counter: Counter, token: Secret[str], address: str) -> int:
    """How long to wait; 0 if it was looked at."""
    try:
        counter.redeem(token, caller=Caller(address=address))
    except TooManyAttemptsError as error:
        return error.wait_seconds
    except AccessDeniedError:
        return 0
    raise AssertionError("a wrong token was taken")


def test_guesses_at_one_token_are_counted_together_wherever_they_come_from(counter: Counter) -> None:
    opened = counter.open()
    wrong = another_secret(opened)
    waits = [guessed(counter, wrong, f"203.0.113.{number}") for number in range(ACCOUNT.free + 2)]
    assert waits == [0] * (ACCOUNT.free + 1) + [1]
    with pytest.raises(TooManyAttemptsError):
        counter.redeem(opened)
    counter.clock.advance(1)
    counter.redeem(opened)


def test_guesses_from_one_address_are_counted_whatever_they_name(counter: Counter) -> None:
    tokens = [token_text(random_parts(bytes([number] * 25), CA)) for number in range(ADDRESS.free + 2)]
    waits = [guessed(counter, token, "203.0.113.9") for token in tokens]
    assert waits == [0] * (ADDRESS.free + 1) + [1]
    assert len(counter.entered(Action.ENROL)) == ADDRESS.free + 1, "who waits fills no log"


# --- another key than the pinned one ---------------------------------------------------------------


def test_another_key_is_refused_uses_the_token_up_and_is_told_with_both(counter: Counter) -> None:
    counter.redeem(counter.open())
    before, opened = counter.hosts.get(PC1), counter.open()
    with pytest.raises(ConflictError) as caught:
        counter.redeem(opened, OTHERS)
    (event,) = counter.told
    assert (event.host, event.address) == (PC1, THERE.address)
    for named in (*event.pinned, *event.shown):
        assert named.startswith("SHA256:")
        assert named in caught.value.what
    assert len({*event.pinned, *event.shown}) == 4
    assert counter.hosts.get(PC1) == before
    refused(counter, opened)


def test_it_is_taken_where_the_enrolment_was_opened_for_that(counter: Counter) -> None:
    counter.redeem(counter.open())
    counter.redeem(counter.open(replacing=True), OTHERS)
    assert counter.hosts.get(PC1).host_keys == OTHER_KEYS
    assert counter.told == []


@pytest.mark.parametrize("ecdsa", [False, True], ids=["same-kind", "another-kind"])
def test_a_leaked_token_pins_no_key_beside_the_pinned_one_which_is_public(
    counter: Counter, ecdsa: bool
) -> None:
    counter.redeem(counter.open(), replace(SHOWN, host_keys=HOST_KEYS[:1]))
    before, leaked, own = counter.hosts.get(PC1), counter.open(), new_key(ecdsa=ecdsa).public
    with pytest.raises(ConflictError, match="known by another host key"):
        counter.redeem(leaked, replace(SHOWN, host_keys=(HOST_KEYS[0], own)))
    assert counter.hosts.get(PC1) == before
    (event,) = counter.told
    assert fingerprint(own) in event.shown
    refused(counter, leaked)


def test_a_leaked_token_and_the_pinned_keys_which_are_public_change_nothing_else(counter: Counter) -> None:
    counter.open()
    counter.hosts.change(PC1, HostChange(address="pc1.lan", host_keys=HOST_KEYS))
    before, leaked = counter.hosts.get(PC1), counter.open()
    shown = replace(SHOWN, gate_command="/tmp/x", platform=Platform.WINDOWS, address="203.0.113.9")
    assert counter.redeem(leaked, shown).host == before == counter.hosts.get(PC1)
    counter.redeem(counter.open(replacing=True), shown)
    assert (counter.hosts.get(PC1).gate, counter.hosts.get(PC1).platform) == ("/tmp/x", Platform.WINDOWS)


def test_a_known_pc_with_another_gate_is_told_and_the_token_still_counts(counter: Counter) -> None:
    counter.redeem(counter.open())
    before, opened = counter.hosts.get(PC1), counter.open()
    with pytest.raises(ConflictError, match="gate of pc1 by another command") as caught:
        counter.redeem(opened, replace(SHOWN, gate_command="/tmp/x"))
    assert before.gate not in str(caught.value)
    assert counter.redeem(opened, replace(SHOWN, gate_command="")).host == before
    with pytest.raises(ConflictError, match="known by another host key"):
        counter.redeem(counter.open(), replace(OTHERS, gate_command="/tmp/x"))
    assert len(counter.told) == 1, "a stranger's gate does not keep people from being told"


@pytest.mark.parametrize("replacing", [False, True])
def test_no_platform_is_taken_on_which_a_profile_would_read_what_is_not_allowed(
    counter: Counter, replacing: bool
) -> None:
    counter.open(platform=Platform.MACOS, allowed_roots=("/Users/u",))
    if replacing:
        counter.hosts.change(PC1, HostChange(address="pc1.lan", host_keys=HOST_KEYS))
    with counter.units() as uow:
        uow.profiles.add(Profile(id=ProfileId("docs"), host=PC1, sources=parsed_sources(["/users/u/docs"])))
        uow.commit()
    before, opened = counter.hosts.get(PC1), counter.open(replacing=replacing)
    with pytest.raises(ConflictError, match="Profile docs backs up /users/u/docs"):
        counter.redeem(opened, replace(SHOWN, platform=Platform.POSIX))
    assert counter.hosts.get(PC1) == before
    counter.redeem(opened)


def test_a_further_key_is_taken_where_that_was_allowed_and_one_may_be_given_up(counter: Counter) -> None:
    one = replace(SHOWN, host_keys=HOST_KEYS[:1])
    for shown, replacing in ((one, False), (SHOWN, True), (one, False)):
        counter.redeem(counter.open(replacing=replacing), shown)
        assert counter.hosts.get(PC1).host_keys == shown.host_keys
    assert counter.told == []


# --- what is entered -------------------------------------------------------------------------------


def test_opening_redeeming_refusing_and_revoking_are_entered(counter: Counter) -> None:
    first = counter.open()
    counter.redeem(first)
    second = counter.open(replacing=True)
    refused(counter, another_secret(second))
    counter.enrolments.revoke(PC1)
    kinds = (Action.ENROLMENT_OPENED, Action.ENROL, Action.ENROLMENT_REVOKED)
    found = counter.entered(*kinds)
    assert [(action, outcome) for action, outcome, _ in found] == [
        (Action.ENROLMENT_OPENED, Outcome.DONE),
        (Action.ENROL, Outcome.DONE),
        (Action.ENROLMENT_OPENED, Outcome.DONE),
        (Action.ENROL, Outcome.REFUSED),
        (Action.ENROLMENT_REVOKED, Outcome.DONE),
    ]
    assert [about["enrolment"] for _, _, about in found] == [
        first.token.id,
        first.token.id,
        *[second.token.id] * 3,
    ]
    assert "SHA256:" in found[1][2]["keys"]
    assert found[2][2]["replace_host_key"] == "yes"
    changed = [about for _, _, about in counter.entered(Action.HOST_CHANGED)]
    assert any(HOST_KEYS[0] in about["now"] for about in changed)
