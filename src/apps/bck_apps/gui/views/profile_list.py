"""The profiles on the left: a dot, a name, and how it stands."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from bck_apps.gui.as_is import as_is
from bck_apps.gui.texts import Texts
from bck_apps.gui.viewmodels.home import Home
from bck_apps.gui.viewmodels.profile_page import ProfilePage
from bck_apps.gui.views.look import GAP, heading, label, state_icon

_NAME = Qt.ItemDataRole.UserRole
_DOT = 16


class ProfileList(QWidget):
    """Choosing a row shows its page."""

    def __init__(self, home: Home, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._home = home
        self._texts = texts
        title = heading(texts("list.title"), scale=1.15)
        self.rows = QListWidget()
        self.rows.setAccessibleName(texts("list.title"))
        self.rows.setIconSize(QSize(_DOT, _DOT))
        self.rows.setSpacing(1)
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.rows.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.rows.currentItemChanged.connect(self._choose)
        self._missing = label()
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GAP, 0, GAP)
        column.addWidget(title)
        column.addWidget(self.rows, 1)
        column.addWidget(self._missing)

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self._home.choose(str(item.data(_NAME)))

    def render_list(self) -> None:
        """Show the list as it is now; the rows stay, so that keyboard and focus do too."""
        self.rows.blockSignals(True)
        while self.rows.count() > len(self._home.pages):
            self.rows.takeItem(self.rows.count() - 1)
        for number, page in enumerate(self._home.pages):
            if number >= self.rows.count():
                self.rows.addItem(QListWidgetItem())
            self._show(self.rows.item(number), page)
            if page is self._home.chosen:
                self.rows.setCurrentRow(number)
        self.rows.blockSignals(False)
        self._missing.setVisible(bool(self._home.missing))
        self._missing.setText(self._texts("list.missing", names=", ".join(self._home.missing)))

    def _show(self, item: QListWidgetItem, page: ProfilePage) -> None:
        state = page.standing.state
        words = self._texts(f"state.{state.value}")
        text = f"{page.profile.name}\n{words}"
        if item.text() != text or item.data(_NAME + 1) != state.value:
            item.setText(text)
            item.setData(_NAME, page.profile.name)
            item.setData(_NAME + 1, state.value)
            item.setIcon(state_icon(state, self, _DOT))
            item.setSizeHint(QSize(0, 2 * self.fontMetrics().lineSpacing() + 2 * GAP))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{page.profile.name}: {words}")
            item.setToolTip(as_is(f"{page.profile.name} · {page.profile.host}"))

    def changeEvent(self, event: QEvent) -> None:
        """Paint the dots anew for another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "rows"):
            for number, page in enumerate(self._home.pages[: self.rows.count()]):
                self.rows.item(number).setIcon(state_icon(page.standing.state, self, _DOT))
