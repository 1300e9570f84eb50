"""A session over real HTTPS: renewed once, ended at the server, given up when the server ends it."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest

from bck_apps.gui import client
from bck_apps.gui.client import HttpApi
from bck_apps.gui.problems import SessionEndedError
from bck_apps.gui.tls import load_ca
from tests.support.gui_api import NOON, done, tokens
from tests.support.gui_events import END, Heard, event, line
from tests.support.gui_https import Exchange, Server

JOBS: dict[str, object] = {"items": [], "next": None}
PAIRS = [tokens(number).model_dump(mode="json") for number in range(4)]


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self):
        return self.now


class TokenServer:
    """Takes one access token at a time, and each refresh token once."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.number = 1
        self.alive = True
        server.answers |= {
            "POST /auth/login": lambda to: to.json(200, PAIRS[1]),
            "POST /auth/refresh": self.refresh,
            "POST /auth/logout": self.log_out,
            "GET /jobs": lambda to: self.guarded(to, lambda: to.json(200, JOBS)),
        }

    def _last(self, path: str):
        return self.server.at(path)[-1]

    def refresh(self, to: Exchange) -> None:
        self.alive = self.alive and json.loads(self._last("/auth/refresh").body) == {
            "refresh_token": f"refresh-{self.number}"
        }
        if self.alive:
            self.number += 1
            to.json(200, PAIRS[self.number])
        else:
            to.problem(401, "access-denied", "You are not signed in.")

    def log_out(self, to: Exchange) -> None:
        self.guarded(to, lambda: to.raw(204, b""))

    def guarded(self, to: Exchange, answer) -> None:
        sent = self.server.sent[-1].headers.get("authorization")
        if self.alive and sent == f"Bearer access-{self.number}":
            answer()
        else:
            to.problem(401, "access-denied", "You are not signed in.")

    @property
    def refreshes(self) -> int:
        return len(self.server.at("/auth/refresh"))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def minted(server):
    return TokenServer(server)


@pytest.fixture
def api(qtbot, minted, server, ca_file, outcome, clock):
    made = HttpApi(server.endpoint, load_ca(ca_file), clock=clock)
    outcome(made.sign_in("anna", "secret"))
    yield made
    made.sign_out()
    made.deleteLater()


def _bearers(server: Server, path: str) -> list[str]:
    return [request.headers.get("authorization", "") for request in server.at(path)]


def test_requests_at_once_near_the_end_of_the_token_share_one_refresh(
    qtbot, api, minted, server, clock
) -> None:
    clock.now += timedelta(minutes=59)
    heard: list[object] = []
    for _ in range(4):
        api.jobs().then(heard.append, heard.append)
    qtbot.waitUntil(lambda: len(heard) == 4, timeout=10_000)
    assert heard == [()] * 4
    assert minted.refreshes == 1
    assert _bearers(server, "/jobs") == ["Bearer access-2"] * 4
    assert _bearers(server, "/auth/refresh") == [""]


def test_refused_request_is_sent_once_more_with_a_fresh_token_and_the_same_key(
    api, minted, server, outcome
) -> None:
    job = done().model_dump(mode="json")
    server.answers["POST /backup/start"] = lambda to: minted.guarded(
        to, lambda: to.json(202, {"created": True, "job": job})
    )
    minted.number = 2  # the server does not know the token any more, for example after a restart
    server.answers["POST /auth/refresh"] = lambda to: to.json(200, PAIRS[2])
    assert outcome(api.start_backup("docs", "key-1")).created
    assert _bearers(server, "/backup/start") == ["Bearer access-1", "Bearer access-2"]
    assert {request.headers["idempotency-key"] for request in server.at("/backup/start")} == {"key-1"}


def test_refresh_whose_answer_got_lost_is_not_sent_a_second_time_behind_our_back(
    api, minted, server, outcome, clock
) -> None:
    def hang_up(_to: Exchange) -> None:
        raise ConnectionResetError  # the server has taken the refresh token, and its answer does not arrive

    server.answers["POST /auth/refresh"] = hang_up
    clock.now += timedelta(minutes=59)
    assert outcome(api.jobs()) == (), "the present token still counts"
    assert minted.refreshes == 1


def test_session_that_the_server_ended_is_told_once(api, minted, outcome) -> None:
    over: list[SessionEndedError] = []
    api.when_over(over.append)
    minted.alive = False
    assert isinstance(outcome(api.jobs()), SessionEndedError)
    outcome(api.jobs())
    assert [error.why for error in over] == ["ended"]
    assert minted.refreshes == 1


def test_stream_goes_on_with_a_fresh_token_where_it_stopped(qtbot, api, minted, server) -> None:
    job = done().model_dump(mode="json")

    def events(to: Exchange) -> None:
        def answer() -> None:
            to.begin_events()
            to.piece(line(1) if minted.number == 1 else line(2) + END)
            if minted.number == 1:
                server.answers["POST /auth/refresh"] = lambda to: to.json(200, PAIRS[2])
                minted.number = 2

        minted.guarded(to, answer)

    server.answers["GET /backup/events/j1"] = events
    server.answers["GET /backup/status/j1"] = lambda to: minted.guarded(to, lambda: to.json(200, job))
    heard = Heard()
    api.follow("j1", heard)
    qtbot.waitUntil(lambda: heard.over, timeout=15_000)
    assert heard.failures == []
    assert heard.lines == [1, 2]
    assert _bearers(server, "/backup/events/j1") == ["Bearer access-1", "Bearer access-1", "Bearer access-2"]
    assert server.at("/backup/events/j1")[-1].headers["last-event-id"] == "1"


def test_stream_of_a_session_that_was_ended_ends_too(qtbot, api, minted, server) -> None:
    over: list[SessionEndedError] = []
    api.when_over(over.append)
    minted.alive = False
    server.answers["GET /backup/events/j1"] = lambda to: minted.guarded(
        to, lambda: to.raw(200, event("end", {}))
    )
    heard = Heard()
    api.follow("j1", heard)
    qtbot.waitUntil(lambda: heard.over, timeout=15_000)
    assert [type(error) for error in heard.failures] == [SessionEndedError]
    assert len(over) == 1


def test_signing_out_ends_the_session_at_the_server(api, minted, server, outcome) -> None:
    assert outcome(api.sign_out()) is None
    assert _bearers(server, "/auth/logout") == ["Bearer access-1"]
    assert outcome(api.sign_out()) is None
    assert len(server.at("/auth/logout")) == 1
    assert minted.refreshes == 0


def test_signing_out_after_the_token_has_run_out_ends_the_session_too(api, minted, server, outcome) -> None:
    server.answers["POST /auth/logout"] = [
        lambda to: to.problem(401, "access-denied", "You are not signed in."),
        minted.log_out,
    ]
    assert outcome(api.sign_out()) is None
    assert _bearers(server, "/auth/logout") == ["Bearer access-1", "Bearer access-2"]


def test_server_that_does_not_answer_delays_signing_out_for_seconds_only(
    api, server, outcome, monkeypatch
) -> None:
    monkeypatch.setattr(client, "FAREWELL_MS", 200)
    never = threading.Event()
    server.answers["POST /auth/logout"] = lambda to: to.wait(never)
    assert outcome(api.sign_out()) is None
    never.set()
