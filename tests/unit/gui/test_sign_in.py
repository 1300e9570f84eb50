"""Signing in, with a second factor where there is one, without Qt."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta

import pytest

from bck_apps.gui.api import Api
from bck_apps.gui.messages import Session
from bck_apps.gui.problems import (
    ClientError,
    ConnectionFailedError,
    SecondFactorNeededError,
    SignInError,
    TooManyAttemptsError,
    problem_from,
)
from bck_apps.gui.texts import Texts, explain
from bck_apps.gui.viewmodels.sign_in import CODE_WITHIN, SignIn, SignInForm
from tests.support.gui_api import CODE, NOON, PASSWORD, Door, MemoryApi

FORM = SignInForm(endpoint="backup.example", ca_file="ca.pem", user="anna")
OFFLINE = ConnectionFailedError("offline")
EN = Texts("en")


class Porch:
    """The sign-in page's state before a server in memory."""

    def __init__(self, api: MemoryApi | None = None, form: SignInForm = FORM) -> None:
        self.api = api or MemoryApi()
        self.door = Door(self.api)
        self.now: datetime = NOON
        self.inside: list[str] = []
        self.vm = SignIn(form, self.door, self._in, clock=lambda: self.now)

    def _in(self, _api: Api, session: Session, _form: SignInForm) -> None:
        self.inside.append(session.name)

    def code(self) -> str:
        assert self.vm.problem is not None
        return self.vm.problem.code


def at_the_code() -> Porch:
    """Where the password was right and the code is asked for."""
    porch = Porch(MemoryApi(second_factor=True))
    porch.vm.submit(PASSWORD)
    assert porch.vm.needs_code
    return porch


@pytest.mark.parametrize(
    ("form", "password", "key"),
    [
        (SignInForm(), True, "server"),
        (SignInForm(endpoint="x"), True, "pin"),
        (SignInForm(endpoint="x", ca_sha256="ab"), True, "user"),
        (FORM, False, "password"),
    ],
)
def test_what_is_missing_is_named_in_order(form, password, key) -> None:
    missing = Porch(form=form).vm.missing(password=password)
    assert missing is not None
    assert missing.key == f"sign-in.missing.{key}"


def _held(value: object) -> bool:
    """Whether the password can be reached from an object's fields, whatever its repr hides."""
    if isinstance(value, str):
        return value == PASSWORD
    if isinstance(value, MemoryApi | Door):  # the server's side of the wire
        return False
    if isinstance(value, SignIn):
        return any(_held(part) for part in vars(value).values())
    if is_dataclass(value):
        return any(_held(getattr(value, field.name)) for field in fields(value))
    return False


def test_password_is_not_kept() -> None:
    porch = Porch()
    porch.vm.submit(PASSWORD)
    porch.vm.submit("wrong password")
    assert not _held(porch.vm)
    assert isinstance(porch.vm.problem, SignInError)
    assert not porch.vm.busy


@pytest.mark.parametrize(
    ("filled", "code"),
    [({"endpoint": "http://x"}, "bad-endpoint"), ({"ca_sha256": "12"}, "bad-fingerprint")],
)
def test_unusable_entry_is_refused_before_anything_is_sent(filled, code) -> None:
    porch = Porch()
    porch.vm.fill(**filled)
    porch.vm.submit(PASSWORD)
    assert porch.code() == code
    assert porch.door.asked == []


# --- the second factor ----------------------------------------------------------------------------


def test_code_is_asked_for_only_where_the_server_wants_one() -> None:
    porch = Porch()
    porch.vm.submit(PASSWORD)
    assert not porch.vm.needs_code
    assert porch.inside == ["anna"]
    assert porch.api.offered == [(PASSWORD, "")]


def test_code_lets_in_with_the_password_from_before_and_both_are_forgotten() -> None:
    porch = at_the_code()
    assert porch.vm.problem is None
    assert PASSWORD not in repr(vars(porch.vm))
    porch.vm.submit_code(f" {CODE} ")
    assert porch.api.offered[1:] == [(PASSWORD, CODE)]
    assert porch.inside == ["anna"]
    assert len(porch.door.asked) == 1, "asked over the same connection"
    assert not porch.vm.needs_code
    assert not _held(porch.vm)


def test_wrong_code_is_told_as_such_and_may_be_entered_again() -> None:
    porch = at_the_code()
    porch.vm.submit_code("000000")
    told = explain(porch.vm.problem or OFFLINE, EN)
    assert told.what == "The code was not accepted."
    assert "recovery code" in told.advice
    assert "Il codice" in explain(porch.vm.problem or OFFLINE, Texts("it")).what
    porch.vm.submit_code(CODE)
    assert porch.inside == ["anna"]


def test_broken_connection_at_the_code_asks_for_no_password_again() -> None:
    porch = at_the_code()
    porch.api.fail["sign_in"] = OFFLINE
    porch.vm.submit_code(CODE)
    assert porch.vm.problem is OFFLINE
    del porch.api.fail["sign_in"]
    porch.vm.submit_code(CODE)
    assert porch.inside == ["anna"]


@pytest.mark.parametrize("code", ["", "   "])
def test_no_code_is_not_sent(code) -> None:
    porch = at_the_code()
    porch.vm.submit_code(code)
    assert len(porch.api.offered) == 1


def test_code_is_not_sent_twice_by_two_clicks() -> None:
    porch = at_the_code()
    porch.api.hold = True
    porch.vm.submit_code(CODE)
    porch.vm.submit_code(CODE)
    porch.vm.back()
    porch.api.release()
    assert len(porch.api.offered) == 2
    assert porch.inside == ["anna"]


def test_who_goes_back_leaves_no_password_behind() -> None:
    porch = at_the_code()
    assert _held(porch.vm), "or this test sees nothing"
    porch.vm.back()
    assert not _held(porch.vm)
    porch.vm.submit_code(CODE)
    assert len(porch.api.offered) == 1


def test_page_that_is_closed_keeps_no_password_whatever_comes_then() -> None:
    porch = at_the_code()
    assert porch.vm.close().settled
    assert not _held(porch.vm)
    late = Porch(MemoryApi(second_factor=True, hold=True))
    late.vm.submit(PASSWORD)
    parting = late.vm.close()
    late.api.release()
    assert (parting.settled, _held(late.vm), late.vm.needs_code) == (True, False, False)


def test_password_whose_code_does_not_come_is_forgotten() -> None:
    porch = at_the_code()
    porch.now += CODE_WITHIN - timedelta(seconds=1)
    porch.vm.tick()
    assert _held(porch.vm)
    porch.now += timedelta(seconds=1)
    porch.vm.tick()
    assert not _held(porch.vm)
    assert not porch.vm.needs_code
    assert not porch.vm.ticking
    assert porch.vm.note is not None
    assert "forgotten" in EN.say(porch.vm.note)


def test_code_asked_for_again_although_one_was_sent_is_no_loop() -> None:
    porch = at_the_code()
    porch.api.fail["sign_in"] = SecondFactorNeededError("second-factor-needed")
    porch.vm.submit_code(CODE)
    assert porch.code() == "code-refused"


# --- too many attempts ----------------------------------------------------------------------------


def _too_many(retry_after: bytes = b"90") -> ClientError:
    body = b'{"type": "urn:bck:too-many-attempts", "detail": "Too many. Wait 90 s.", "meaning": "M."}'
    return problem_from(429, body, retry_after)


@pytest.mark.parametrize("at_code", [False, True], ids=["password", "code"])
def test_nothing_is_sent_before_the_wait_is_over(at_code) -> None:
    porch = at_the_code() if at_code else Porch()
    again = (lambda: porch.vm.submit_code(CODE)) if at_code else (lambda: porch.vm.submit(PASSWORD))
    porch.api.fail["sign_in"] = _too_many()
    again()
    sent = len(porch.api.offered)
    del porch.api.fail["sign_in"]
    porch.now += timedelta(seconds=89)
    porch.vm.tick()
    again()
    assert len(porch.api.offered) == sent
    assert porch.vm.wait is not None
    assert EN.say(porch.vm.wait) == "You can try again in 1 second."
    porch.now += timedelta(seconds=1)
    porch.vm.tick()
    assert porch.vm.problem is None
    again()
    assert porch.inside == ["anna"]


def test_wait_does_not_eat_the_time_for_the_code() -> None:
    porch = at_the_code()
    porch.api.fail["sign_in"] = _too_many(b"900")
    porch.vm.submit_code("000000")
    porch.now += timedelta(seconds=901)
    porch.vm.tick()
    assert porch.vm.needs_code


def test_seconds_that_pass_are_in_the_countdown_alone() -> None:
    for language in ("en", "it"):
        assert "90" not in str(explain(_too_many(), Texts(language)))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(b"7", 7), (b"", 0), (b"-1", 0), (b"Sun, 29 Nov 2026 10:00:00 GMT", 0), (b"9" * 30, 3600)],
)
def test_retry_after_of_any_form_is_a_wait_that_ends(header, seconds) -> None:
    error = _too_many(header)
    assert isinstance(error, TooManyAttemptsError)
    assert error.wait_seconds == seconds
