"""The page of one profile."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QStyle, QTabWidget, QVBoxLayout, QWidget

from bck_apps.gui.texts import Moment, Phrase, Texts
from bck_apps.gui.viewmodels.home import Home
from bck_apps.gui.viewmodels.profile_page import ProfilePage
from bck_apps.gui.views.folders_tab import FoldersTab
from bck_apps.gui.views.log_tab import LogTab
from bck_apps.gui.views.look import GAP, WIDE, heading, label, state_icon
from bck_apps.gui.views.points_tab import PointsTab
from bck_apps.gui.views.problems_tab import ProblemsTab
from bck_apps.gui.views.run_panel import RunPanel

_DOT = 18


class Tabs(QTabWidget):
    """Tabs as tall as the tallest page needs at a width; Qt's own ignore that wrapped texts grow."""

    def hasHeightForWidth(self) -> bool:
        """Yes."""
        return True

    def heightForWidth(self, width: int) -> int:
        """For the tallest page."""
        # Frame and a little more: styles differ in what they take, and a spare pixel does no harm.
        margins = 2 * self.style().pixelMetric(QStyle.PixelMetric.PM_DefaultFrameWidth) + GAP
        pages = [page for number in range(self.count()) if (page := self.widget(number))]
        tallest = max(
            (max(page.heightForWidth(width - margins), page.minimumSizeHint().height()) for page in pages),
            default=0,
        )
        return self.tabBar().sizeHint().height() + tallest + margins


class ProfileView(QWidget):
    """Am I safe? Back up now. Folders, restore points, log."""

    def __init__(self, home: Home, page: ProfilePage, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._home = home
        self._texts = texts
        self.page = page
        self._dot = label(wrap=False)
        self._name = heading(page.profile.name)
        self._host = label(texts("page.on-host", host=page.profile.host), wrap=False)
        self.sentence = label(selectable=True)
        self.next = label()
        for quiet in (self._host, self.next):
            quiet.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.run = RunPanel(page, texts)
        self.folders = FoldersTab(page, texts)
        self.points = PointsTab(page, texts)
        self.problems = ProblemsTab(page.problems, texts)
        self.log = LogTab(page.run.log, texts)
        self.tabs = Tabs()
        self.tabs.addTab(self.folders, texts("folders.tab"))
        self.tabs.setTabToolTip(self.tabs.addTab(self.points, texts("points.tab")), texts("points.name"))
        self.tabs.addTab(self.problems, texts("problems.tab"))
        self.tabs.addTab(self.log, texts("log.tab"))
        self._build()
        self._was_active = page.run.active
        if self._was_active:
            self.tabs.setCurrentWidget(self.log)
        self._stop = page.subscribe(self.render_page)
        self._stop_problems = page.problems.subscribe(self._offer_problems)
        self._offer_problems()
        self.render_page()

    def _offer_problems(self) -> None:
        """The tab is there while there is something to see in it."""
        number = self.tabs.indexOf(self.problems)
        self.tabs.setTabVisible(number, self.page.problems.total > 0)

    def _build(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(GAP)
        top.addWidget(self._dot, 0, Qt.AlignmentFlag.AlignVCenter)
        top.addWidget(self._name, 1)
        top.addWidget(self._host, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(WIDE, GAP, WIDE, WIDE)
        column.setSpacing(GAP)
        column.addLayout(top)
        column.addWidget(self.sentence)
        column.addWidget(self.next)
        column.addWidget(self.run)
        column.addWidget(self.folders.refusal)
        column.addWidget(self.tabs, 1)

    def render_page(self) -> None:
        """Show the profile as it is now."""
        page, texts = self.page, self._texts
        standing = page.standing
        self._dot.setPixmap(state_icon(standing.state, self, _DOT).pixmap(_DOT, _DOT))
        self._dot.setAccessibleName(texts(f"state.{standing.state.value}"))
        self.sentence.setText(texts.say(standing.sentence(self._home.now)))
        self.next.setText(texts.say(self._next()))
        if page.run.active and not self._was_active:
            self.tabs.setCurrentWidget(self.log)
        self._was_active = page.run.active
        self.run.render_run()
        self.folders.render_folders()
        self.points.render_points()

    def _next(self) -> Phrase:
        due = self._home.next_auto(self.page)
        if due is None:
            return Phrase("next.password" if self.page.needs_password else "next.manual")
        if due <= self._home.now:
            return Phrase("next.auto.due")
        return Phrase("next.auto", {"time": Moment(due)})

    def changeEvent(self, event: QEvent) -> None:
        """Paint the dot anew for another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_stop"):
            self.render_page()

    def leave(self) -> None:
        """The page is going away; a backup goes on."""
        self._stop()
        self._stop_problems()
        self.problems.leave()
        self.log.leave()
