"""A PC that is entered with a password, and one that is not enrolled, at a real `bck serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from bck_apps.gui.views.password_dialog import PasswordDialog
from bck_apps.gui.views.profile_view import ProfileView
from tests.support.cli import Bck
from tests.support.gui_person import PATIENCE_MS, Person
from tests.support.password_server import PasswordServer, password_server

RIGHT = "the password of the PC"


@pytest.fixture
def bck(tmp_path: Path, require_tool: Any) -> Bck:
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.2"})
    made.init()
    return made


def two_pcs(bck: Bck, server: PasswordServer, docs: Path) -> None:
    """pc1 asks for a password, pc2 waits for its enrolment."""
    docs.mkdir()
    (docs / "letter").write_text("dear")
    where = ("--address", "127.0.0.1", "--port", str(server.host.port), "--user", server.host.user)
    trust = ("--login", "password", "--host-key", server.host_key.public)
    bck.ok("host", "add", "pc1", *where, *trust, "--allow", str(docs))
    bck.ok("host", "enrol", "pc2", "--allow", str(docs))
    for name, pc in (("docs", "pc1"), ("other", "pc2")):
        bck.ok("profile", "add", name, "--host", pc, "--source", str(docs))


def back_up_with(qtbot: Any, view: ProfileView, password: str) -> str:
    """Press the button, give the password; what the client says in the end."""
    qtbot.mouseClick(view.run.start, Qt.MouseButton.LeftButton)
    (dialog,) = view.findChildren(PasswordDialog)
    assert dialog.password.text() == ""
    qtbot.keyClicks(dialog.password, password)
    qtbot.keyClick(dialog.password, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: view.findChildren(PasswordDialog) == [], timeout=PATIENCE_MS)
    qtbot.waitUntil(view.run.verdict.isVisible, timeout=60_000)
    qtbot.waitUntil(lambda: not view.page.run.active, timeout=PATIENCE_MS)
    return view.run.verdict.text


def test_password_of_a_pc_is_asked_for_at_each_start(qtbot, tmp_path, bck) -> None:
    with password_server(RIGHT) as server:
        two_pcs(bck, server, tmp_path / "docs")
        with bck.serving() as (_, said):
            ann = Person(qtbot, tmp_path / "client", said)
            ann.type_password()
            home = ann.arrive()
            qtbot.waitUntil(lambda: home.profile is not None, timeout=PATIENCE_MS)
            view = home.profile
            assert view is not None
            qtbot.waitUntil(
                lambda: view.page.needs_password and view.run.start.isEnabled(), timeout=PATIENCE_MS
            )

            assert "did not let the server in" in back_up_with(qtbot, view, "another one")
            assert "Backup done" in back_up_with(qtbot, view, RIGHT)
            assert server.logins[0] is False
            assert server.logins[-1] is True
            kept = bck.storage / "current" / "pc1" / "docs" / "docs" / "letter"
            assert kept.read_text() == "dear"

            qtbot.keyClick(home.list.rows, Qt.Key.Key_Down)
            assert home.profile is not None
            assert "not enrolled yet" in home.profile.run.enrolment.text
            assert "redeemed until" in home.profile.run.enrolment.text
            assert not home.profile.run.start.isEnabled()
            with qtbot.waitSignal(ann.window.gone, timeout=PATIENCE_MS):
                ann.window.close()
