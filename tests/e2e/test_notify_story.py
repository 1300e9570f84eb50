"""People hear of it: a stale profile comes as a mail, a failed run as a mail and as a post."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bck_apps.wiring import open_application
from bckcore.domain.ids import ProfileId
from tests.support.cli import Bck, eventually
from tests.support.post import Ca, MailServer, WebServer

PASSWORD = "a-mail-Password-7"
SECRET_ADDRESS = "very-secret"


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path)


@pytest.fixture
def mail(ca: Ca) -> Iterator[MailServer]:
    """A mail server that wants encryption and a login."""
    with MailServer(ca=ca, starttls=True, password=PASSWORD).listening() as server:
        yield server


@pytest.fixture
def bck(tmp_path: Path, require_tool: Any) -> Bck:
    """An installation with a PC that is a folder of this machine."""
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    (tmp_path / "pc" / "docs").mkdir(parents=True)
    (tmp_path / "pc" / "docs" / "f").write_text("one")
    quick = {"BCK_RUNNER__POLL_SECONDS": "0.2", "BCK_SCHEDULER__LOOK_SECONDS": "0.3"}
    made = Bck(tmp_path / "server", {**quick, "BCK_NOTIFY__GATHER_SECONDS": "0"})
    made.init()
    made.ok("host", "add", "pc1", "--transport", "local", "--allow", str(tmp_path / "pc"))
    return made


def by_mail(bck: Bck, server: MailServer) -> None:
    """Settings and password for that server."""
    assert server.ca is not None
    bck.settings |= {
        "BCK_MAIL__SERVER": "localhost",
        "BCK_MAIL__PORT": str(server.port),
        "BCK_MAIL__USER": "bck",
        "BCK_MAIL__SENDER": "bck@example.org",
        "BCK_MAIL__TO": json.dumps(["ann@example.org"]),
        "BCK_MAIL__CA_FILE": str(server.ca.file),
        "BCK_NOTIFY__SERVER_NAME": "cellar",
    }
    bck.ok("notify", "secret", "mail-password", text=f"{PASSWORD}\n")


def add_profile(bck: Bck, source: Path, *more: str, name: str = "docs") -> None:
    bck.ok("profile", "add", name, "--host", "pc1", "--source", str(source), *more)


def made_days_ago(bck: Bck, days: int) -> None:
    """As if nobody had backed it up since."""
    with open_application(bck.home) as application, application.units() as uow:
        profile = uow.profiles.get(ProfileId("docs"))
        assert profile.created is not None
        uow.profiles.update(replace(profile, created=profile.created - timedelta(days=days)))
        uow.commit()


def doctor_says(bck: Bck) -> Any:
    """Of messages; of other things it may complain."""
    (finding,) = [
        one for one in bck.run("doctor", "--json").json["items"] if one["name"] == "messages to people"
    ]
    return finding


def everything_written(bck: Bck) -> str:
    """Logs of processes, and settings as they are shown."""
    log = bck.folder / "stderr.log"
    shown = bck.run("config", "show").out + bck.run("notify", "list", "--json").out
    return shown + (log.read_text() if log.exists() else "")


def test_a_stale_profile_arrives_as_a_mail_and_so_does_that_it_is_good_again(
    bck: Bck, mail: MailServer, tmp_path: Path
) -> None:
    by_mail(bck, mail)
    bck.settings["BCK_NOTIFY__LANGUAGE"] = "it"
    add_profile(bck, tmp_path / "pc" / "docs", "--fresh-within", "3d")
    made_days_ago(bck, 4)
    with bck.serving():
        assert eventually(lambda: mail.received)
        (stale,) = mail.received
        assert stale.mail["Subject"] == "[bck cellar] docs su pc1: nessun backup buono entro 3d"
        assert "Ultimo backup buono: non c'è mai stato" in stale.text
        assert (stale.to, stale.encrypted, stale.user) == (("ann@example.org",), True, "bck")
        bck.ok("backup", "docs", "--wait")
        assert eventually(lambda: len(mail.received) == 2)
    assert mail.received[1].mail["Subject"] == "[bck cellar] docs su pc1: di nuovo a posto"
    (told,) = bck.ok("notify", "list")["items"]
    assert (told["channel"], told["waiting"], told["failures"]) == ("mail", [], 0)
    assert told["delivered"] is not None
    assert PASSWORD not in everything_written(bck)


def test_without_serve_a_failed_backup_is_told_before_its_verb_ends(
    bck: Bck, mail: MailServer, tmp_path: Path
) -> None:
    by_mail(bck, mail)
    add_profile(bck, tmp_path / "pc" / "gone", name="gone")
    done = bck.run("backup", "gone", "--wait")
    assert done.code == 1
    (got,) = mail.received
    assert got.mail["Subject"] == "[bck cellar] gone on pc1: the backup failed"
    assert "What to do: See that the folder exists on the PC" in got.text
    add_profile(bck, tmp_path / "pc" / "docs")
    bck.ok("backup", "docs")
    assert len(mail.received) == 1  # good news are not told unless they are asked for


def test_a_mail_server_that_is_down_delays_nothing_and_gets_the_mail_from_the_next_serve(
    bck: Bck, mail: MailServer, tmp_path: Path
) -> None:
    by_mail(bck, mail)
    right, bck.settings["BCK_MAIL__PORT"] = bck.settings["BCK_MAIL__PORT"], "1"
    add_profile(bck, tmp_path / "pc" / "gone", name="gone")
    done = bck.run("backup", "gone", "--wait")
    assert done.code == 1
    assert "Not told by mail yet: 1 notice. The mail server localhost, port 1, did not take" in done.err
    (told,) = bck.ok("notify", "list")["items"]
    assert [(one["kind"], one["profile"]) for one in told["waiting"]] == [("failed", "gone")]
    assert told["failures"] == 1
    assert "gone" in bck.run("notify", "list").out
    finding = doctor_says(bck)
    assert (finding["ok"], "did not take the message" in finding["detail"]) == (False, True)
    assert bck.run("notify", "test").code == 1
    bck.settings["BCK_MAIL__PORT"] = right
    assert bck.ok("notify", "test", "--channel", "mail")["items"][0]["delivered"] is True
    with bck.serving():
        assert eventually(lambda: len(mail.received) == 2)
    assert [got.mail["Subject"].partition("] ")[2] for got in mail.received] == [
        "a test message",
        "gone on pc1: the backup failed",
    ]
    assert doctor_says(bck)["ok"] is True


def test_a_failed_backup_is_posted_signed_and_the_address_is_shown_nowhere(
    bck: Bck, ca: Ca, tmp_path: Path
) -> None:
    bck.settings |= {
        "BCK_WEBHOOK__ENABLED": "true",
        "BCK_WEBHOOK__SIGNED": "true",
        "BCK_WEBHOOK__CA_FILE": str(ca.file),
    }
    with WebServer(ca=ca, script=[500]).listening() as web:
        assert SECRET_ADDRESS in web.url
        add_profile(bck, tmp_path / "pc" / "gone", name="gone")
        assert "holds no secret notify/webhook-url" in bck.run("notify", "test").err
        bck.ok("notify", "secret", "webhook-url", text=f"{web.url}\n")
        bck.ok("notify", "secret", "webhook-key", text="k\n")
        first = bck.run("backup", "gone", "--wait")
        assert "The webhook on localhost did not take the message: it answered 500." in first.err
        second = bck.run("backup", "gone", "--wait")
        assert "Not told" not in second.err
    posted = json.loads(web.requests[-1].body)
    assert [(one["count"], one["notice"]["profile"]) for one in posted["items"]] == [(2, "gone")]
    assert web.requests[-1].headers["X-Bck-Signature"].startswith("sha256=")
    shown = first.out + first.err + second.err + everything_written(bck)
    assert SECRET_ADDRESS not in shown


def test_wrong_use_is_said(bck: Bck) -> None:
    error = bck.ok("notify", "test", code=4)["error"]
    assert (error["what"], "[mail]" in error["advice"]) == ("No channel is in use.", True)
    assert bck.ok("notify", "list")["items"] == []
    assert bck.ok("notify", "secret", "mail-password", text="\n", code=2)["error"]["code"] == "invalid-input"
    assert bck.run("notify", "secret", "nothing", text="x\n").code == 2
    bck.settings["BCK_MAIL__SERVER"] = "localhost"
    assert "Mail needs a plain address in sender" in bck.run("notify", "list").err
