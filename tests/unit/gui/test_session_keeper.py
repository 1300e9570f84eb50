"""Tokens are renewed in time, once at a time, and a session that is over is told with its reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bck_apps.gui.messages import Tokens
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import (
    ClientError,
    ConflictError,
    ConnectionFailedError,
    ServerError,
    SessionEndedError,
    SignInError,
    TooManyAttemptsError,
)
from bck_apps.gui.session import MARGIN, RETRY, SessionKeeper
from tests.support.gui_api import NOON, tokens, too_many

MINUTE = timedelta(minutes=1)
OFFLINE = ConnectionFailedError("offline")


class Server:
    """Keeps what the real one promises: a refresh token counts once, a second use ends the session."""

    def __init__(self) -> None:
        self.now = NOON
        self.hold = False
        self.fail: ClientError | None = None
        self.lose_answer = False
        self.alive = True
        self.current = tokens()
        self.given = 1
        self.refreshed: list[str] = []
        self.over: list[SessionEndedError] = []
        self.waiting: list[Pending[Tokens]] = []
        self.keeper = SessionKeeper(self._refresh, clock=lambda: self.now, ended=self.over.append)
        self.keeper.keep(self.current)

    def _refresh(self, token: str) -> Pending[Tokens]:
        self.refreshed.append(token)
        pending: Pending[Tokens] = Pending()
        self.waiting.append(pending)
        if not self.hold:
            self.release()
        return pending

    def release(self) -> None:
        waiting, self.waiting = self.waiting, []
        for pending in waiting:
            self._answer(self.refreshed[-1], pending)

    def _answer(self, token: str, pending: Pending[Tokens]) -> None:
        if self.fail is not None:
            pending.reject(self.fail)
            return
        self.alive = self.alive and token == self.current.refresh_token
        if not self.alive:
            pending.reject(SignInError("access-denied"))
            return
        self.given += 1
        self.current = tokens(self.given, self.now)
        if self.lose_answer:
            pending.reject(ConnectionFailedError("timeout"))
        else:
            pending.resolve(self.current)

    def request(self) -> list[object]:
        """Ask for something; the token that was taken, or the error, comes into the list."""

        def once(token: str) -> Pending[str]:
            answer: Pending[str] = Pending()
            counts = self.alive and token == self.current.access_token and self.now < self.current.expires_at
            answer.resolve(token) if counts else answer.reject(SignInError("access-denied"))
            return answer

        heard: list[object] = []
        self.keeper.ask(once).then(heard.append, heard.append)
        return heard


def test_token_is_used_until_shortly_before_its_end_and_then_renewed_first() -> None:
    server = Server()
    server.now += 60 * MINUTE - MARGIN - timedelta(seconds=1)
    assert server.request() == ["access-1"]
    server.now += timedelta(seconds=1)
    assert server.request() == ["access-2"]
    assert server.request() == ["access-2"]
    assert server.refreshed == ["refresh-1"]


def test_short_lived_token_is_renewed_in_its_last_quarter() -> None:
    server = Server()
    server.current = tokens(1, NOON, minutes=1)
    server.keeper.keep(server.current)
    server.now += timedelta(seconds=44)
    assert server.request() == ["access-1"]
    server.now += timedelta(seconds=1)
    assert server.request() == ["access-2"]


def test_parallel_requests_share_one_refresh_and_wait_for_it() -> None:
    server = Server()
    server.now += 59 * MINUTE
    server.hold = True
    heard = [server.request() for _ in range(5)]
    assert heard == [[]] * 5
    assert server.refreshed == ["refresh-1"]
    server.release()
    assert heard == [["access-2"]] * 5
    assert server.refreshed == ["refresh-1"]


def test_refused_requests_in_parallel_share_one_refresh_and_are_sent_once_more() -> None:
    server = Server()
    server.now += 61 * MINUTE
    server.keeper.keep(server.current)  # a clock that is ahead: nothing is known of the end
    server.hold = True
    heard = [server.request() for _ in range(5)]
    server.release()
    assert heard == [["access-2"]] * 5
    assert server.refreshed == ["refresh-1"]


def test_request_that_was_refused_late_takes_the_token_that_is_fresh_already() -> None:
    server = Server()
    server.now += 59 * MINUTE
    server.request()
    heard: list[object] = []
    server.keeper.renewed("access-1").then(heard.append, heard.append)
    assert heard == ["access-2"]
    assert server.refreshed == ["refresh-1"]


def test_clock_that_is_wrong_does_not_refresh_at_every_request() -> None:
    server = Server()
    server.now += timedelta(days=1)
    server.current = tokens(1, NOON + timedelta(days=1))
    server.keeper.keep(tokens(1, NOON))
    for _ in range(3):
        assert server.request() == ["access-1"]
    assert server.refreshed == []


def test_session_that_was_ended_elsewhere_is_told_once_and_to_all_who_wait() -> None:
    server = Server()
    server.alive = False
    server.hold = True
    heard = [server.request() for _ in range(3)]
    server.release()
    assert [type(one) for [one] in heard] == [SessionEndedError] * 3
    assert [one.why for one in server.over] == ["ended"]
    server.request()
    assert server.refreshed == ["refresh-1"]
    assert len(server.over) == 1


def test_session_whose_time_has_run_out_is_told_as_such() -> None:
    server = Server()
    server.alive = False
    server.now += timedelta(days=31)
    server.request()
    assert [one.why for one in server.over] == ["expired"]


def test_renewal_whose_answer_got_lost_is_told_as_such() -> None:
    server = Server()
    server.now += 61 * MINUTE
    server.lose_answer = True
    [error] = server.request()
    assert isinstance(error, ConnectionFailedError)
    assert server.over == []
    server.lose_answer = False
    server.request()
    assert [one.why for one in server.over] == ["cut-off"]


@pytest.mark.parametrize("trouble", [OFFLINE, ServerError("database-moved"), too_many(60)])
def test_token_that_cannot_be_renewed_just_now_is_used_as_long_as_it_counts(trouble) -> None:
    server = Server()
    server.now += 59 * MINUTE
    server.fail = trouble
    assert server.request() == ["access-1"]
    assert server.request() == ["access-1"]
    assert len(server.refreshed) == 1, "not at every request"
    server.fail = None
    server.now += max(RETRY, MINUTE)
    assert server.request() == ["access-2"]
    assert server.over == []


def test_refresh_is_not_tried_before_the_wait_that_the_server_asks_for() -> None:
    server = Server()
    server.now += 61 * MINUTE
    server.fail = too_many(60)
    assert [type(one) for one in server.request()] == [TooManyAttemptsError]
    server.fail = None
    server.now += timedelta(seconds=59)
    assert [type(one) for one in server.request()] == [TooManyAttemptsError]
    assert len(server.refreshed) == 1
    server.now += timedelta(seconds=1)
    assert server.request() == ["access-2"]


def test_refusal_of_another_kind_is_no_matter_of_tokens() -> None:
    server = Server()
    conflict = ConflictError("conflict")
    sent: list[str] = []

    def once(token: str) -> Pending[str]:
        sent.append(token)
        answer: Pending[str] = Pending()
        answer.reject(conflict)
        return answer

    heard: list[object] = []
    server.keeper.ask(once).then(heard.append, heard.append)
    assert (heard, sent, server.refreshed) == ([conflict], ["access-1"], [])


def test_token_that_is_refused_though_fresh_is_not_renewed_for_ever() -> None:
    server = Server()
    sent: list[str] = []

    def once(token: str) -> Pending[str]:
        sent.append(token)
        answer: Pending[str] = Pending()
        answer.reject(SignInError("access-denied"))
        return answer

    heard: list[object] = []
    server.keeper.ask(once).then(heard.append, heard.append)
    assert sent == ["access-1", "access-2"]
    assert [type(one) for one in heard] == [SignInError]


def test_after_signing_out_nothing_is_asked_with_a_token() -> None:
    server = Server()
    server.now += 59 * MINUTE
    server.hold = True
    waiting = server.request()
    given = server.keeper.forget()
    assert given is not None
    assert given.refresh_token == "refresh-1"
    server.release()
    assert [type(one) for one in waiting] == [SessionEndedError]
    assert server.keeper.forget() is None, "what came late is not kept"
    heard: list[object] = []
    server.keeper.ready().then(heard.append, heard.append)
    assert heard == [""]
    assert server.over == []


def test_tokens_are_not_printed() -> None:
    assert "access-1" not in repr(tokens())
    assert "refresh-1" not in repr(tokens())
