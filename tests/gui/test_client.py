"""The API client against a real HTTPS server: trust, problem documents, events, broken connections."""

from __future__ import annotations

import datetime
import json
import socket
import threading
from collections.abc import Callable
from contextlib import closing

import pytest
import trustme
from PySide6.QtCore import QTimer

from bck_apps.gui.client import HttpApi
from bck_apps.gui.connect import HttpConnector
from bck_apps.gui.messages import Session
from bck_apps.gui.problems import (
    BadAnswerError,
    ClientError,
    ConfigError,
    ConflictError,
    ConnectionFailedError,
    InvalidError,
    NotFoundError,
    RefusedError,
    ServerError,
    SignInError,
    TooManyAttemptsError,
    UntrustedServerError,
)
from bck_apps.gui.tls import fingerprint, load_ca
from tests.support.gui_api import NOON, done, profile, tokens
from tests.support.gui_events import END, Heard, event, line
from tests.support.gui_https import Exchange, Server, https_server

SESSION = tokens().model_dump(mode="json")


@pytest.fixture
def api(qtbot, server, ca_file):
    """A client that can sign in."""
    server.answers["POST /auth/login"] = lambda to: to.json(200, SESSION)
    made = HttpApi(server.endpoint, load_ca(ca_file), clock=lambda: NOON)
    yield made
    made.sign_out()
    made.deleteLater()


# --- trust ----------------------------------------------------------------------------------------


def _first_answer(connector: HttpConnector, outcome, endpoint: str, ca_file: str, sha256: str = "") -> object:
    made = outcome(connector(endpoint, ca_file, sha256))
    return outcome(made.sign_in("anna", "secret")) if isinstance(made, HttpApi) else made


@pytest.fixture
def connector(qapp, tmp_path):
    return HttpConnector(tmp_path)


def test_server_of_our_ca_is_believed(connector, server, ca_file, outcome) -> None:
    server.answers["POST /auth/login"] = lambda to: to.json(200, SESSION)
    assert isinstance(_first_answer(connector, outcome, server.endpoint, "ca.pem"), Session)
    assert json.loads(server.sent[0].body) == {"name": "anna", "password": "secret"}


def test_server_of_another_ca_is_refused_and_sent_nothing(connector, ca_file, outcome) -> None:
    with https_server(trustme.CA()) as other:
        error = _first_answer(connector, outcome, other.endpoint, "ca.pem")
        assert isinstance(error, UntrustedServerError)
        assert error.code == "tls-untrusted"
        assert other.sent == []


def test_certificate_for_another_name_is_refused_and_sent_nothing(connector, ca, ca_file, outcome) -> None:
    with https_server(ca, name="other.example") as other:
        error = _first_answer(connector, outcome, other.endpoint, "ca.pem")
        assert isinstance(error, UntrustedServerError)
        assert error.code == "tls-name"
        assert other.sent == []


def test_certificate_out_of_date_is_refused_and_sent_nothing(connector, ca, ca_file, outcome) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    old = ca.issue_cert("localhost", not_before=past, not_after=past + datetime.timedelta(days=1))
    with https_server(ca, leaf=old) as other:
        error = _first_answer(connector, outcome, other.endpoint, "ca.pem")
        assert isinstance(error, UntrustedServerError)
        assert error.code == "tls-time"
        assert other.sent == []


def test_file_and_fingerprint_must_agree(connector, server, ca_file, outcome) -> None:
    error = _first_answer(connector, outcome, server.endpoint, "ca.pem", "00" * 32)
    assert isinstance(error, ConfigError)
    assert error.code == "ca-other"
    assert server.sent == []


def test_fingerprint_alone_finds_the_ca_that_the_server_shows(connector, ca, ca_file, outcome) -> None:
    with https_server(ca, send_ca=True) as showing:
        showing.answers["POST /auth/login"] = lambda to: to.json(200, SESSION)
        sha256 = fingerprint(load_ca(ca_file))
        assert isinstance(_first_answer(connector, outcome, showing.endpoint, "", sha256), Session)


def test_fingerprint_of_another_ca_is_refused_and_sent_nothing(connector, ca, outcome) -> None:
    with https_server(ca, send_ca=True) as showing:
        error = _first_answer(connector, outcome, showing.endpoint, "", "00" * 32)
        assert isinstance(error, UntrustedServerError)
        assert error.code == "tls-fingerprint"
        assert showing.sent == []


def test_fingerprint_of_the_leaf_does_not_make_it_a_ca_for_another_name(
    connector, ca, outcome, tmp_path
) -> None:
    leaf = ca.issue_cert("other.example")
    path = tmp_path / "leaf.pem"
    leaf.cert_chain_pems[0].write_to_path(path)
    with https_server(ca, leaf=leaf) as other:
        error = _first_answer(connector, outcome, other.endpoint, "", fingerprint(load_ca(path)))
        assert isinstance(error, UntrustedServerError)
        assert other.sent == []


@pytest.mark.parametrize(("content", "code"), [(None, "ca-unreadable"), (b"x", "ca-invalid")])
def test_ca_file_that_is_none_is_refused(connector, outcome, tmp_path, content, code) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    error = _first_answer(connector, outcome, "https://localhost:1", "ca.pem")
    assert isinstance(error, ConfigError)
    assert error.code == code


def test_two_certificates_in_the_file_are_refused(connector, outcome, ca, tmp_path) -> None:
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem.bytes() + trustme.CA().cert_pem.bytes())
    error = _first_answer(connector, outcome, "https://localhost:1", "ca.pem")
    assert isinstance(error, ConfigError)
    assert error.code == "ca-invalid"


# --- requests -------------------------------------------------------------------------------------


def test_token_goes_with_later_calls_until_signed_out(api, server, outcome) -> None:
    server.answers["GET /jobs"] = lambda to: to.json(200, {"items": [], "next": None})
    outcome(api.sign_in("anna", "secret"))
    outcome(api.jobs())
    api.sign_out()
    outcome(api.jobs())
    sent = [request.headers.get("authorization") for request in server.at("/jobs")]
    assert sent == ["Bearer access-1", None]


def test_all_pages_of_a_list_are_read(api, server, outcome) -> None:
    first = profile("a").model_dump(mode="json")
    server.answers["GET /profiles"] = [
        lambda to: to.json(200, {"items": [first], "next": "x&y"}),
        lambda to: to.json(200, {"items": [{**first, "name": "b"}], "next": None}),
    ]
    assert [one.name for one in outcome(api.profiles())] == ["a", "b"]
    assert [request.path for request in server.sent] == ["/profiles", "/profiles?cursor=x%26y"]


def test_profile_is_saved_with_every_setting_it_had(api, server, outcome) -> None:
    kept = profile(excludes=("*.tmp",), keep_last=5, keep_within="2d", bandwidth_limit=4096)
    server.answers["PUT /profiles/docs"] = lambda to: to.json(200, kept.model_dump(mode="json"))
    assert outcome(api.save_profile(kept)) == kept
    assert json.loads(server.sent[0].body) == kept.model_dump(mode="json")


def test_start_carries_its_key(api, server, outcome) -> None:
    job = done().model_dump(mode="json")
    server.answers["POST /backup/start"] = lambda to: to.json(202, {"created": True, "job": job})
    assert outcome(api.start_backup("docs", "key-1")).job.job_id == "j1"
    assert server.sent[0].headers["idempotency-key"] == "key-1"


def test_password_of_a_computer_goes_with_its_start_alone(api, server, outcome) -> None:
    job = done().model_dump(mode="json")
    answer = {"created": True, "password_dropped": False, "job": job}
    server.answers["POST /backup/start"] = lambda to: to.json(202, answer)
    outcome(api.start_backup("docs", "key-1", "of the PC"))
    outcome(api.start_backup("docs", "key-2"))
    assert [json.loads(request.body) for request in server.sent] == [
        {"profile": "docs", "password": "of the PC"},
        {"profile": "docs"},
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, SignInError),
        (403, RefusedError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, InvalidError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_problem_document_becomes_a_typed_error(api, server, outcome, status, kind) -> None:
    server.answers["GET /jobs"] = lambda to: to.problem(
        status, "some-code", "What happened.", meaning="It means.", advice="Do this."
    )
    error = outcome(api.jobs())
    assert type(error) is kind
    assert (error.code, error.what, error.meaning, error.advice) == (
        "some-code",
        "What happened.",
        "It means.",
        "Do this.",
    )


def test_wait_that_the_server_asks_for_is_read_from_its_header(api, server, outcome) -> None:
    server.answers["POST /auth/login"] = lambda to: to.raw(429, b"{}", Retry_After="17")
    error = outcome(api.sign_in("anna", "secret", "123456"))
    assert isinstance(error, TooManyAttemptsError)
    assert error.wait_seconds == 17
    sent = json.loads(server.sent[0].body)
    assert sent == {"name": "anna", "password": "secret", "code": "123456"}


@pytest.mark.parametrize("body", [b"<html>", b'{"items": [{"job_id": 3}]}', b""])
def test_answer_in_another_language_is_an_error_of_its_own(api, server, outcome, body) -> None:
    server.answers["GET /jobs"] = lambda to: to.raw(200, body)
    assert isinstance(outcome(api.jobs()), BadAnswerError)


def test_redirect_is_not_followed_with_our_token(api, server, outcome) -> None:
    outcome(api.sign_in("anna", "secret"))
    server.answers["GET /jobs"] = lambda to: to.raw(302, b"", Location=f"{server.endpoint}/elsewhere")
    assert isinstance(outcome(api.jobs()), ClientError)
    assert server.at("/elsewhere") == []


def test_server_that_is_off_is_told_as_offline(qapp, ca_file, outcome) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = outcome(HttpApi(f"https://127.0.0.1:{port}", load_ca(ca_file)).jobs())
    assert isinstance(error, ConnectionFailedError)
    assert error.code == "offline"


def test_server_that_says_nothing_is_given_up_without_blocking(qtbot, server, ca_file, outcome) -> None:
    api = HttpApi(server.endpoint, load_ca(ca_file), answer_ms=400)
    never = threading.Event()
    server.answers["GET /jobs"] = lambda to: to.wait(never)
    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(20)
    error = outcome(api.jobs())
    timer.stop()
    never.set()
    assert isinstance(error, ConnectionFailedError)
    assert error.code == "timeout"
    assert len(ticks) > 5, "the GUI thread stood still"


# --- events ---------------------------------------------------------------------------------------


JOB = done().model_dump(mode="json")


def _events(*pieces: bytes) -> Callable[[Exchange], None]:
    def answer(to: Exchange) -> None:
        to.begin_events()
        for piece in pieces:
            to.piece(piece)

    return answer


def _followed(qtbot, api: HttpApi, heard: Heard, after: int = 0) -> None:
    api.follow("j1", heard, after=after)
    qtbot.waitUntil(lambda: heard.over, timeout=15_000)


def test_events_in_single_bytes_are_heard_whole(qtbot, api, server) -> None:
    stream = b": hi\n\n" + event("status", JOB) + line(1) + event("progress", {"percent": 7}) + line(2) + END
    server.answers["GET /backup/events/j1"] = _events(*(bytes([byte]) for byte in stream))
    server.answers["GET /backup/status/j1"] = lambda to: to.json(200, JOB)
    heard = Heard()
    _followed(qtbot, api, heard)
    assert (heard.lines, heard.percents, heard.statuses) == ([1, 2], [7], ["succeeded"])
    assert [job.status for job in heard.ends] == ["succeeded"]
    assert heard.lost == []


def test_broken_stream_goes_on_where_it_stopped(qtbot, api, server) -> None:
    server.answers["GET /backup/events/j1"] = [
        _events(line(4), line(5), b"id: 6\nevent: log\nda"),
        lambda to: to.problem(503, "store-busy", "Later."),
        _events(line(6), END),
    ]
    server.answers["GET /backup/status/j1"] = lambda to: to.json(200, JOB)
    heard = Heard()
    _followed(qtbot, api, heard, after=3)
    assert heard.lines == [4, 5, 6]
    assert [r.headers["last-event-id"] for r in server.at("/backup/events/j1")] == ["3", "5", "5"]
    assert [type(error) for error in heard.lost] == [ConnectionFailedError, ServerError]


def test_end_is_asked_again_when_the_answer_gets_lost(qtbot, api, server) -> None:
    server.answers["GET /backup/events/j1"] = [_events(END), _events(END)]
    server.answers["GET /backup/status/j1"] = [
        lambda to: to.problem(503, "store-busy", "Later."),
        lambda to: to.json(200, JOB),
    ]
    heard = Heard()
    _followed(qtbot, api, heard)
    assert len(heard.ends) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, SignInError), (404, NotFoundError)])
def test_stream_that_is_refused_is_not_tried_again(qtbot, api, server, status, kind) -> None:
    server.answers["GET /backup/events/j1"] = lambda to: to.problem(status, "x", "No.")
    heard = Heard()
    _followed(qtbot, api, heard)
    assert [type(error) for error in heard.failures] == [kind]
    assert len(server.at("/backup/events/j1")) == 1


def test_event_that_makes_no_sense_ends_the_stream(qtbot, api, server) -> None:
    server.answers["GET /backup/events/j1"] = _events(event("log", {"number": "x"}))
    heard = Heard()
    _followed(qtbot, api, heard)
    assert [type(error) for error in heard.failures] == [BadAnswerError]


def test_unknown_events_are_passed_over(qtbot, api, server) -> None:
    server.answers["GET /backup/events/j1"] = _events(event("new-in-9", {"x": 1}), END)
    server.answers["GET /backup/status/j1"] = lambda to: to.json(200, JOB)
    heard = Heard()
    _followed(qtbot, api, heard)
    assert heard.failures == []


def test_closed_stream_is_silent(qtbot, api, server: Server) -> None:
    go_on, gone = threading.Event(), threading.Event()

    def answer(to: Exchange) -> None:
        to.begin_events()
        to.piece(line(1))
        to.wait(go_on)
        gone.set()
        to.piece(line(2))

    server.answers["GET /backup/events/j1"] = answer
    heard = Heard()
    stream = api.follow("j1", heard)
    qtbot.waitUntil(lambda: heard.lines == [1])
    stream.close()
    stream.close()
    go_on.set()
    qtbot.waitUntil(gone.is_set)
    qtbot.wait(50)
    assert heard.lines == [1]
    assert heard.lost == []
