"""Signing in with a second factor, staying signed in, and being signed out, at a real `bck serve`."""

from __future__ import annotations

from base64 import b32decode
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from bck_apps.gui.views.home_page import HomePage
from bck_apps.gui.views.main_window import MainWindow
from bckcore.domain.totp import code_of, step_at
from tests.support.cli import PASSWORD, Bck
from tests.support.gui_person import PATIENCE_MS, Person
from tests.support.https import Caller


@pytest.fixture
def bck(tmp_path):
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server")
    made.init()
    return made


class Watcher:
    """Another session of ann's, which gives her a second factor and sees her sessions."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._call = Caller(said)
        self._token = self._call("/auth/login", name="ann", password=PASSWORD)[1]["access_token"]

    def recovery_codes(self) -> list[str]:
        secret = self._call("/auth/totp", self._token, password=PASSWORD)[1]["secret"]
        key = b32decode(secret + "=" * (-len(secret) % 8))
        code = code_of(key, step_at(datetime.now(UTC)))
        codes: list[str] = self._call("/auth/totp/confirm", self._token, code=code)[1]["recovery_codes"]
        return codes

    def others(self) -> list[dict[str, Any]]:
        """Sessions that go on, but for this one."""
        found = self._call("/auth/sessions", self._token)[1]["items"]
        return [one for one in found if not one["current"]]


def renewed(home: HomePage, watcher: Watcher, before: str) -> bool:
    """Look again, and whether the server has renewed the session since."""
    home.again.click()
    return bool(watcher.others()[0]["used"] > before)


def sent_away(ann: Person, home: HomePage) -> bool:
    """Look again, unless that led back to the sign-in page."""
    if ann.home() is not None:
        home.again.click()
    return ann.home() is None


def test_person_signs_in_with_a_code_stays_signed_in_is_signed_out_and_leaves(qtbot, tmp_path, bck) -> None:
    with bck.serving() as (_, said):
        watcher = Watcher(said)
        codes = watcher.recovery_codes()
        ann = Person(qtbot, tmp_path / "client", said)

        ann.type_password()
        ann.type_code("000000")
        qtbot.waitUntil(ann.page.notice.isVisible, timeout=PATIENCE_MS)
        assert "The code was not accepted." in ann.page.notice.text
        assert watcher.others() == []
        ann.type_code(codes[0])
        home = ann.arrive()
        qtbot.waitUntil(home.again.isVisible, timeout=PATIENCE_MS)

        (first,) = watcher.others()
        for forward in (timedelta(minutes=59), timedelta(seconds=50)):
            (before,) = watcher.others()
            ann.ahead += forward
            qtbot.waitUntil(partial(renewed, home, watcher, before["used"]), timeout=PATIENCE_MS)
        (same,) = watcher.others()
        assert same["session_id"] == first["session_id"]
        assert ann.home() is home, "nobody had to sign in again"

        bck.ok("user", "revoke", first["session_id"])
        qtbot.waitUntil(partial(sent_away, ann, home), timeout=PATIENCE_MS)
        assert "ended elsewhere" in ann.page.notice.text

        ann.ahead = timedelta()
        ann.type_password()
        ann.type_code(codes[1])
        ann.arrive()
        assert len(watcher.others()) == 1
        close_and_wait(ann.window)
        assert not ann.window.isVisible()
        assert watcher.others() == [], "closing the window has ended the session"
    written = ann.config.read_text()
    assert not [secret for secret in (PASSWORD, *codes, "bckr_") if secret in written]


def close_and_wait(window: MainWindow) -> None:
    """As in a process of its own: the loop ends when the window is gone, and not before."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    window.gone.connect(app.quit)
    too_late = QTimer(singleShot=True, interval=PATIENCE_MS)
    too_late.timeout.connect(lambda: app.exit(1))
    too_late.start()
    QTimer.singleShot(0, window, window.close)
    assert app.exec() == 0
    assert too_late.isActive()
    too_late.stop()
