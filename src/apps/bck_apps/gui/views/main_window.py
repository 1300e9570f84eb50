"""The window: sign-in or home, a menu, and a clock that keeps things fresh."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from bck_apps.gui.pending import Pending
from bck_apps.gui.viewmodels.desk import Desk, LanguageChoice
from bck_apps.gui.viewmodels.home import Home
from bck_apps.gui.views.home_page import HomePage
from bck_apps.gui.views.notice import Notice
from bck_apps.gui.views.sign_in_page import SignInPage

TICK_MS = 30_000
_LANGUAGES: tuple[LanguageChoice, ...] = ("auto", "en", "it")


class MainWindow(QMainWindow):
    """Pages are made anew when language or sign-in change; what they show lives in the view-models."""

    gone = Signal()
    """Closed, and the server knows."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._shown: tuple[str, Home | None] | None = None
        self._parting: Pending[None] | None = None
        self.page: SignInPage | HomePage | None = None
        self.notice: Notice | None = None
        self.setMinimumSize(QSize(560, 420))
        self.resize(QSize(900, 640))
        self._clock = QTimer(self, interval=TICK_MS)
        self._clock.timeout.connect(self._tick)
        self._clock.start()
        self._stop = desk.subscribe(self.render_desk)
        self.render_desk()

    def _tick(self) -> None:
        if self._desk.home is not None:
            self._desk.home.tick()

    def render_desk(self) -> None:
        """Show the page that the desk is at, in its language."""
        now = (self._desk.texts.language, self._desk.home)
        if self._shown != now:
            self._shown = now
            self._make_page()
            self._make_menu()
        if self.notice is not None:
            self.notice.show_error(self._desk.notice)

    def _make_page(self) -> None:
        desk, texts = self._desk, self._desk.texts
        if self.page is not None:
            self.page.leave()
        self.page = SignInPage(desk.sign_in, texts) if desk.home is None else HomePage(desk.home, texts)
        self.notice = Notice(texts, closable=True)
        self.notice.dismissed.connect(desk.dismiss_notice)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self.page, 1)
        self.setCentralWidget(body)  # deletes the one before
        title = texts("app.name")
        if desk.home is not None:
            title = f"{desk.home.session.name} – {title}"
        self.setWindowTitle(title)

    def _make_menu(self) -> None:
        desk, texts = self._desk, self._desk.texts
        bar = self.menuBar()
        bar.clear()
        account = bar.addMenu(texts("menu.account"))
        leave = account.addAction(texts("menu.sign-out"), desk.sign_out)
        leave.setEnabled(desk.home is not None)
        quit_ = account.addAction(texts("menu.quit"), self.close)
        quit_.setShortcut(QKeySequence.StandardKey.Quit)
        view = bar.addMenu(texts("menu.view"))
        refresh = view.addAction(texts("menu.refresh"), self._refresh)
        refresh.setShortcut(QKeySequence.StandardKey.Refresh)
        refresh.setEnabled(desk.home is not None)
        languages = view.addMenu(texts("menu.language"))
        group = QActionGroup(languages)
        for choice in _LANGUAGES:
            action = QAction(texts(f"language.{choice}"), group, checkable=True)
            action.setChecked(desk.config.language == choice)
            action.triggered.connect(partial(self._speak, choice))
            languages.addAction(action)

    def _speak(self, choice: LanguageChoice, _checked: bool = False) -> None:
        # After the menu has closed: the choice replaces the menu it was made in.
        QTimer.singleShot(0, self, lambda: self._desk.choose_language(choice))

    def _refresh(self) -> None:
        if self._desk.home is not None:
            self._desk.home.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop listening, and end the session out of sight; what runs at the server goes on there."""
        if self._parting is None:
            self._clock.stop()
            self._stop()
            if self.page is not None:
                self.page.leave()
                self.page = None
            self._parting = self._desk.close()
        app = QGuiApplication.instance()
        hurried = (
            isinstance(app, QGuiApplication) and app.isSavingSession()
        )  # the system does not wait for us
        if self._parting.settled or hurried:
            super().closeEvent(event)
            self.gone.emit()
            return
        event.ignore()
        self.hide()
        self._parting.then(lambda _: self.close(), lambda _: self.close())
