"""Home: the list, the chosen profile, and what to do when there is none."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from bck_apps.gui.texts import Moment, Texts
from bck_apps.gui.viewmodels.home import Home
from bck_apps.gui.viewmodels.standing import State
from bck_apps.gui.views.look import GAP, WIDE, heading, label
from bck_apps.gui.views.notice import Notice
from bck_apps.gui.views.profile_list import ProfileList
from bck_apps.gui.views.profile_view import ProfileView


class HomePage(QWidget):
    """Shows one profile at a time; the others' backups go on being followed."""

    def __init__(self, home: Home, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._home = home
        self._texts = texts
        self.offline = Notice(texts)
        self.list = ProfileList(home, texts)
        self.profile: ProfileView | None = None
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._loading = label(wrap=False)
        self._loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty = self._empty_page()
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.list)
        self._split.addWidget(self._scroll)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([230, 650])
        self.list.setMinimumWidth(150)
        self._pages = QStackedWidget()
        for widget in (self._loading, self.empty, self._split):
            self._pages.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.offline)
        column.addWidget(self._pages, 1)
        self._stop = home.subscribe(self.render_home)
        self.render_home()

    def _empty_page(self) -> QWidget:
        texts = self._texts
        command = QLineEdit(texts("list.empty.command"))
        command.setReadOnly(True)
        command.setCursorPosition(0)
        command.setAccessibleName(texts("list.empty.title"))
        self.again = QPushButton(texts("list.empty.button"))
        self.again.clicked.connect(self._home.refresh)
        button = QHBoxLayout()
        button.addWidget(self.again)
        button.addStretch(1)
        middle = QWidget()
        middle.setMaximumWidth(560)
        column = QVBoxLayout(middle)
        column.setSpacing(WIDE)
        column.addStretch(1)
        column.addWidget(heading(texts("list.empty.title")))
        column.addWidget(label(texts("list.empty.text")))
        column.addWidget(command)
        self.empty_missing = label()
        column.addWidget(self.empty_missing)
        column.addLayout(button)
        column.addStretch(2)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(WIDE, GAP, WIDE, GAP)
        row.addStretch(1)
        row.addWidget(middle, 100)
        row.addStretch(1)
        return page

    def render_home(self) -> None:
        """Show list, offline banner and page as they are now."""
        home, texts = self._home, self._texts
        if home.error is not None and home.fresh_at is not None:
            title = texts("list.offline", time=Moment(home.fresh_at))
            self.offline.say(State.OFFLINE, title, details=home.error.detail)
        else:
            self.offline.show_error(home.error)
        self.list.render_list()
        self._show_chosen()
        self.empty_missing.setText(texts("list.missing", names=", ".join(home.missing)))
        self.empty_missing.setVisible(bool(home.missing))
        page: QWidget = self._split if home.pages else self.empty if home.known else self._loading
        self._pages.setCurrentWidget(page)
        self._loading.setText("" if home.error else texts("list.loading"))

    def _show_chosen(self) -> None:
        chosen = self._home.chosen
        if self.profile is not None and self.profile.page is chosen:
            return
        if self.profile is not None:
            self.profile.leave()
            self._scroll.takeWidget().deleteLater()
            self.profile = None
        if chosen is not None:
            self.profile = ProfileView(self._home, chosen, self._texts)
            self._scroll.setWidget(self.profile)
            bar = self._scroll.verticalScrollBar().sizeHint().width()
            self._scroll.setMinimumWidth(self.profile.minimumSizeHint().width() + bar)

    def leave(self) -> None:
        """The page is going away."""
        self._stop()
        if self.profile is not None:
            self.profile.leave()
