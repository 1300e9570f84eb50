"""A person at the window of the desktop client, which talks to a server that runs."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from bck_apps.gui.config import load
from bck_apps.gui.main import open_desk
from bck_apps.gui.views.home_page import HomePage
from bck_apps.gui.views.main_window import MainWindow
from bck_apps.gui.views.sign_in_page import SignInPage
from tests.support.cli import PASSWORD

PATIENCE_MS = 20_000


class Person:
    """Ann at her PC, whose clock may be put forward."""

    def __init__(self, qtbot: Any, folder: Path, said: dict[str, Any]) -> None:
        self._qtbot = qtbot
        self.ahead = timedelta()
        self.config = folder / "config.json"
        folder.mkdir()
        shutil.copy(said["ca_certificate"], folder / "ca.pem")
        self.config.write_text(
            json.dumps({"endpoint": said["url"], "ca_file": "ca.pem", "user": "ann", "language": "en"})
        )
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        clock = lambda: datetime.now(UTC) + self.ahead  # noqa: E731
        self.window = MainWindow(open_desk(load(self.config), self.config, app, clock=clock))
        qtbot.addWidget(self.window)
        self.window.show()

    @property
    def page(self) -> SignInPage:
        assert isinstance(self.window.page, SignInPage)
        return self.window.page

    def home(self) -> HomePage | None:
        return self.window.page if isinstance(self.window.page, HomePage) else None

    def type_password(self) -> None:
        self._qtbot.keyClicks(self.page.password, PASSWORD)
        self._qtbot.keyClick(self.page.password, Qt.Key.Key_Return)

    def type_code(self, code: str) -> None:
        self._qtbot.waitUntil(self.page.code.isVisible, timeout=PATIENCE_MS)
        self._qtbot.waitUntil(self.page.code.code.isEnabled, timeout=PATIENCE_MS)
        self._qtbot.keyClicks(self.page.code.code, code)
        self._qtbot.keyClick(self.page.code.code, Qt.Key.Key_Return)

    def arrive(self) -> HomePage:
        self._qtbot.waitUntil(lambda: self.home() is not None, timeout=PATIENCE_MS)
        home = self.home()
        assert home is not None
        return home
