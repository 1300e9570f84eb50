"""The webhook posts JSON to real web servers; a hostile one learns nothing more and holds up nobody."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.notify.webhook import WebhookChannel, WebhookOptions
from bckcore.domain.ids import SecretRef
from bckcore.domain.notice import Digest, Notice, NoticeKind, TellingPlan, Waiting
from bckcore.domain.notice_text import digest_of
from bckcore.domain.secret import Secret
from bckcore.errors import DeliveryFailedError
from tests.support.post import Ca, WebServer
from tests.support.values import NOW

pytestmark = pytest.mark.integration
KEY = "a key of mine"
QUICK = 1.0
NOTICE = Notice(
    id="1", kind=NoticeKind.FAILED, at=NOW, host="pc\n1", profile="docs", run="r", seq=3, error="\udcff"
)


def digest() -> Digest:
    plan = TellingPlan(kinds=frozenset(NoticeKind), server="backup.lan")
    return digest_of([Waiting(notice=NOTICE, first_at=NOW, count=2)], plan, NOW)


def channel(url: str, ca: Ca | None = None, **changes: Any) -> WebhookChannel:
    given = {
        "url_ref": "notify/webhook-url",
        "key_ref": "notify/webhook-key",
        "signed": False,
        "ca_file": str(ca.file) if ca else "",
        "timeout_seconds": 20.0,
        **changes,
    }
    secrets = {SecretRef("notify/webhook-url"): Secret(url), SecretRef("notify/webhook-key"): Secret(KEY)}
    return WebhookChannel(WebhookOptions.of(given), secrets.__getitem__)


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path)


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_document_is_posted_once(ca: Ca, encrypted: bool) -> None:
    sent = digest()
    with WebServer(ca=ca if encrypted else None).listening() as server:
        channel(server.url, ca).deliver(sent)
    (got,) = server.requests
    assert (got.method, got.path) == ("POST", "/hooks/very-secret?token=also-secret")
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["X-Bck-Delivery"] == sent.id
    assert "X-Bck-Signature" not in got.headers
    document = json.loads(got.body)
    assert (document["version"], document["server"]) == (1, "backup.lan")
    assert (document["id"], document["subject"], document["text"]) == (sent.id, sent.subject, sent.text)
    (item,) = document["items"]
    assert (item["count"], item["notice"]["kind"], item["notice"]["seq"]) == (2, "failed", 3)


def test_the_signature_is_of_moment_and_body(ca: Ca) -> None:
    with WebServer(ca=ca).listening() as server:
        channel(server.url, ca, signed=True).deliver(digest())
    (got,) = server.requests
    signed = got.headers["X-Bck-Timestamp"].encode() + b"." + got.body
    expected = hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
    assert got.headers["X-Bck-Signature"] == f"sha256={expected}"


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_server_that_does_not_prove_itself_learns_nothing(ca: Ca, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "other").mkdir()
    used = Ca(tmp_path / "other", name="localhost" if wrong == "authority" else "hooks.example")
    with WebServer(ca=used).listening() as server:
        trusted = ca if wrong == "authority" else used
        with pytest.raises(DeliveryFailedError, match="certificate is not trusted"):
            channel(server.url, trusted).deliver(digest())
    assert server.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with WebServer().listening() as elsewhere:
        server = WebServer(script=[status], headers={"Location": elsewhere.url})
        with server.listening(), pytest.raises(DeliveryFailedError, match=f"answered {status}, which leads"):
            channel(server.url).deliver(digest())
    assert elsewhere.requests == []
    assert len(server.requests) == 1


def test_refused_and_then_taken() -> None:
    with WebServer(script=[500, 503, 200]).listening() as server:
        for status in (500, 503):
            with pytest.raises(DeliveryFailedError, match=f"answered {status}"):
                channel(server.url).deliver(digest())
        channel(server.url).deliver(digest())
    assert len({posted.body for posted in server.requests}) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/very-secret",
        "http://127.0.0.1.example.org/very-secret",
        "http://user:very-secret@localhost/",
        "ftp://localhost/very-secret",
        "file:///very-secret",
        "https:///very-secret",
        "https://localhost:99999/very-secret",
        "https://localhost:0/very-secret",
        "https://localhost/very-secret\r\nX-Evil: 1",
        "https://localhost/very secret",
        "https://localhost/\u00e8very-secret",
        "https://[::1/very-secret",
        "very-secret",
        "",
    ],
)
def test_an_address_that_may_not_be_used_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(DeliveryFailedError, match="cannot be used") as raised:
        channel(url).deliver(digest())
    assert "secret" not in str(raised.value).replace("notify secret", "")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_without_encryption_only_this_machine_is_spoken_to_whatever_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bck_adapters.notify.webhook.leads_to_this_machine", lambda connection: False)
    with WebServer().listening() as server, pytest.raises(DeliveryFailedError, match="this machine"):
        channel(server.url).deliver(digest())
    assert server.requests == []


def test_neither_address_nor_key_is_ever_shown(ca: Ca, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), WebServer(script=[404]).listening() as server:
        made = channel(server.url, signed=True)
        with pytest.raises(DeliveryFailedError) as raised:
            made.deliver(digest())
    shown = f"{raised.value!r} {raised.value} {made!r} {vars(made)} {caplog.text}"
    assert "secret" not in shown.replace("notify secret", "").replace("secrets", "").replace("'_secret'", "")
    assert KEY not in shown


class Hostile:
    """Ways to be a bad web server."""

    def __init__(self, server: WebServer) -> None:
        self.server = server

    def says_nothing(self, handler: BaseHTTPRequestHandler) -> None:
        self.server.stopping.wait()

    def drips(self, handler: BaseHTTPRequestHandler) -> None:
        while not self.server.stopping.wait(0.05):
            handler.wfile.write(b"H")

    def goes_on_with_100(self, handler: BaseHTTPRequestHandler) -> None:
        while not self.server.stopping.is_set():
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def headers_without_end(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.stopping.is_set():
            handler.wfile.write(b"X: " + b"y" * 60_000 + b"\r\n")

    def closes_in_the_middle(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 2")
        handler.close_connection = True

    def is_no_web_server(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"220 post ready\r\n")
        handler.close_connection = True


@pytest.mark.parametrize("way", [name for name in vars(Hostile) if not name.startswith("_")])
def test_a_server_that_misbehaves_is_left_in_time(way: str) -> None:
    server = WebServer()
    server.misbehaves = getattr(Hostile(server), way)
    with server.listening():
        started = time.monotonic()
        with pytest.raises(DeliveryFailedError):
            channel(server.url, timeout_seconds=QUICK).deliver(digest())
        assert time.monotonic() - started < QUICK + 10


def test_of_an_answer_that_has_no_end_nothing_is_read_but_the_status() -> None:
    server = WebServer()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while not server.stopping.is_set():
            handler.wfile.write(b"x" * 100_000)

    server.misbehaves = endless
    with server.listening():
        channel(server.url).deliver(digest())


def test_a_handshake_that_does_not_end_is_left_in_time(ca: Ca, make_silent: Callable[[], int]) -> None:
    port = make_silent()
    started = time.monotonic()
    with pytest.raises(DeliveryFailedError):
        channel(f"https://localhost:{port}/", ca, timeout_seconds=QUICK).deliver(digest())
    assert time.monotonic() - started < QUICK + 10


@pytest.fixture
def make_silent():
    """A port that accepts and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield lambda: listener.getsockname()[1]
