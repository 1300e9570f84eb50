"""Mail reaches a real SMTP server, encrypted and proved; a hostile one learns nothing and holds up nobody."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.notify.mail import MailChannel, MailOptions
from bckcore.domain.ids import SecretRef
from bckcore.domain.notice import Digest, Notice, NoticeKind, TellingPlan, Waiting
from bckcore.domain.notice_text import digest_of
from bckcore.domain.secret import Secret
from bckcore.errors import DeliveryFailedError
from tests.support.post import Ca, Conversation, MailServer
from tests.support.values import NOW

pytestmark = pytest.mark.integration
PASSWORD = "pässword-7-Kx"
ASCII_PASSWORD = "password-7-Kx"
QUICK = 1.0
FLOOD = b"220-" + b"x" * 4000 + b"\r\n"


def digest(**changes: Any) -> Digest:
    notice = Notice(
        **{"id": "1", "kind": NoticeKind.FAILED, "at": NOW, "host": "pc1", "profile": "docs", **changes}
    )
    plan = TellingPlan(kinds=frozenset(NoticeKind), server="backup.lan")
    return digest_of([Waiting(notice=notice, first_at=NOW)], plan, NOW)


def channel(server: MailServer, **changes: Any) -> MailChannel:
    given = {
        "server": "localhost",
        "port": server.port,
        "encryption": "none",
        "user": "",
        "password_ref": "notify/mail-password",
        "sender": "bck@example.org",
        "to": ("ann@example.org", "bob@example.org"),
        "ca_file": str(server.ca.file) if server.ca else "",
        "timeout_seconds": 20.0,
        **changes,
    }
    secrets = {"notify/mail-password": Secret(ASCII_PASSWORD), "other": Secret(PASSWORD)}
    return MailChannel(MailOptions.of(given), lambda ref: secrets[SecretRef(ref)])


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path)


def test_a_mail_arrives_with_subject_and_text(ca: Ca) -> None:
    sent = digest(error="Perché no.")
    with MailServer().listening() as server:
        channel(server).deliver(sent)
    (got,) = server.received
    assert (got.sender, got.to) == ("bck@example.org", ("ann@example.org", "bob@example.org"))
    assert got.mail["Subject"] == "[bck backup.lan] docs on pc1: the backup failed"
    assert got.mail["From"] == "bck@example.org"
    assert got.mail["Auto-Submitted"] == "auto-generated"
    assert got.mail["Message-ID"] == f"<{sent.id}@example.org>"
    assert got.text == sent.text
    assert "Perché no." in got.text
    assert all(len(line) < 998 for line in got.raw.splitlines())


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_login_and_mail_go_encrypted_to_a_server_that_proves_itself(ca: Ca, how: str) -> None:
    server = MailServer(ca=ca, starttls=how == "starttls", tls=how == "tls", password=ASCII_PASSWORD)
    with server.listening():
        channel(server, encryption=how, user="bck").deliver(digest())
    (got,) = server.received
    assert (got.encrypted, got.user) == (True, "bck")
    assert all(encrypted for verb, encrypted in server.verbs if verb not in ("EHLO", "STARTTLS"))


@pytest.mark.parametrize("how", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_server_that_does_not_prove_itself_gets_neither_password_nor_mail(
    ca: Ca, tmp_path: Path, how: str, wrong: str
) -> None:
    (tmp_path / "other").mkdir()
    used = Ca(tmp_path / "other", name="localhost" if wrong == "authority" else "mail.example")
    server = MailServer(ca=used, starttls=how == "starttls", tls=how == "tls", password=ASCII_PASSWORD)
    trusted = str((ca if wrong == "authority" else used).file)
    with server.listening(), pytest.raises(DeliveryFailedError, match="certificate is not trusted"):
        channel(server, encryption=how, user="bck", ca_file=trusted).deliver(digest())
    assert server.received == []
    assert "AUTH" not in dict(server.verbs)


def test_a_server_that_hides_that_it_can_encrypt_gets_neither_password_nor_mail(ca: Ca) -> None:
    server = MailServer(ca=ca, starttls=False, password=ASCII_PASSWORD)
    with server.listening(), pytest.raises(DeliveryFailedError, match="STARTTLS"):
        channel(server, encryption="starttls", user="bck").deliver(digest())
    assert server.received == []
    assert not {"AUTH", "MAIL"} & set(dict(server.verbs))


def test_without_encryption_only_this_machine_is_spoken_to_whatever_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name says localhost, the connection leads elsewhere, as with a hosts file that was changed."""
    with MailServer().listening() as server:
        monkeypatch.setattr("bck_adapters.notify.mail.leads_to_this_machine", lambda connection: False)
        with pytest.raises(DeliveryFailedError, match="on this machine"):
            channel(server, encryption="none").deliver(digest())
    assert server.verbs == []


HOSTILE = "x\r\nBcc: victim@example.org\r\n\r\n.\r\nMAIL FROM:<evil@x>\x1b]0;\u202e\udcff"


@pytest.mark.parametrize("where", ["host", "profile", "error", "code"])
def test_names_and_errors_can_add_no_header_no_recipient_and_no_second_mail(where: str) -> None:
    raw = digest(**{where: HOSTILE})
    with MailServer().listening() as server:
        channel(server).deliver(raw)
    (got,) = server.received
    assert got.to == ("ann@example.org", "bob@example.org")
    allowed = {"from", "to", "subject", "date", "message-id", "auto-submitted"}
    assert {name.lower() for name in got.mail} <= allowed | {
        "content-type",
        "content-transfer-encoding",
        "mime-version",
    }
    assert not [char for char in got.text + got.mail["Subject"] if char in "\r\x1b\u202e\udcff"]
    assert not [line for line in got.text.splitlines() if line.startswith(("Bcc", "MAIL", "."))]


def test_a_wrong_password_is_told_without_telling_it(ca: Ca, caplog: pytest.LogCaptureFixture) -> None:
    """The server repeats what it was sent, plain and as it came."""
    server = MailServer(ca=ca, starttls=True, password="another")
    with caplog.at_level(logging.DEBUG), server.listening():
        made = channel(server, encryption="starttls", user="bck")
        with pytest.raises(DeliveryFailedError, match="535") as raised:
            made.deliver(digest())
    shown = f"{raised.value!r} {raised.value} {raised.value.__cause__!r} {made!r} {caplog.text}"
    assert ASCII_PASSWORD not in shown
    assert "cGFzc3dvcmQ" not in shown


def test_a_password_that_smtp_has_no_form_for_is_an_error_that_does_not_show_it(ca: Ca) -> None:
    server = MailServer(ca=ca, starttls=True, password=PASSWORD)
    with server.listening(), pytest.raises(DeliveryFailedError) as raised:
        channel(server, encryption="starttls", user="bck", password_ref="other").deliver(digest())
    assert PASSWORD not in repr(raised.value)
    assert raised.value.__cause__ is None


def test_recipients_that_are_unknown_do_not_keep_the_others_from_it(caplog: pytest.LogCaptureFixture) -> None:
    with MailServer().listening() as server:
        channel(server, to=("nobody@example.org", "ann@example.org")).deliver(digest())
        assert [got.to for got in server.received] == [("ann@example.org",)]
        assert "nobody@example.org" in caplog.text
        with pytest.raises(DeliveryFailedError, match="refused every recipient"):
            channel(server, to=("nobody@example.org",)).deliver(digest())


@pytest.mark.parametrize(
    ("verb", "answer"), [("MAIL", "451 later"), ("DATA", "554 no"), ("EHLO", "421 busy"), ("RCPT", "x")]
)
def test_a_server_that_refuses_is_an_error_with_its_words(verb: str, answer: str) -> None:
    with MailServer(answers={verb: answer}).listening() as server, pytest.raises(DeliveryFailedError):
        channel(server).deliver(digest())
    assert server.received == []


def _says_nothing(conversation: Conversation) -> None:
    conversation.mail.stopping.wait()


def _drips(conversation: Conversation) -> None:
    while not conversation.mail.stopping.wait(0.05):
        conversation.wfile.write(b"2")


def _greets_for_ever(conversation: Conversation) -> None:
    while not conversation.mail.stopping.is_set():
        conversation.wfile.write(b"220-x\r\n")


def _floods(conversation: Conversation) -> None:
    while not conversation.mail.stopping.is_set():
        conversation.wfile.write(FLOOD)


def _closes_in_the_middle(conversation: Conversation) -> None:
    conversation.wfile.write(b"22")


@pytest.mark.parametrize("misbehaves", [_says_nothing, _drips, _greets_for_ever, _closes_in_the_middle])
def test_a_server_that_misbehaves_is_left_in_time(misbehaves: Callable[[Conversation], None]) -> None:
    server = MailServer(misbehaves=misbehaves)
    with server.listening():
        started = time.monotonic()
        with pytest.raises(DeliveryFailedError):
            channel(server, timeout_seconds=QUICK).deliver(digest())
        assert time.monotonic() - started < QUICK + 10
    assert server.received == []


def test_a_server_that_talks_without_end_is_left_before_memory_is() -> None:
    server = MailServer(misbehaves=_floods)
    with server.listening(), pytest.raises(DeliveryFailedError, match="it says too much"):
        channel(server, timeout_seconds=60).deliver(digest())


def test_a_server_that_stops_in_the_middle_of_the_handshake_is_left_in_time(ca: Ca) -> None:
    server = MailServer(ca=ca, misbehaves=_says_nothing)
    with server.listening():
        started = time.monotonic()
        with pytest.raises(DeliveryFailedError):
            channel(server, encryption="tls", timeout_seconds=QUICK).deliver(digest())
        assert time.monotonic() - started < QUICK + 10


def test_where_nobody_listens_it_is_an_error_that_names_the_server() -> None:
    with MailServer().listening() as server:
        pass
    with pytest.raises(DeliveryFailedError, match=f"localhost, port {server.port}, did not take"):
        channel(server).deliver(digest())


def test_a_digest_of_very_many_is_one_mail(ca: Ca) -> None:
    plan = TellingPlan(kinds=frozenset(NoticeKind), language="it", server="backup.lan")
    items = [
        Waiting(
            notice=Notice(
                id=str(number),
                kind=NoticeKind.FAILED,
                at=NOW + timedelta(seconds=number),
                host=f"pc{number}",
                profile="docs",
                error="è" * 500,
            ),
            first_at=NOW,
        )
        for number in range(1000)
    ]
    with MailServer().listening() as server:
        channel(server).deliver(digest_of(items, plan, NOW))
    (got,) = server.received
    assert "1000 backup falliti" in got.mail["Subject"]
    assert len(got.raw) < 200_000
