"""The restore points of a profile, to look at."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStackedLayout, QVBoxLayout, QWidget

from bck_apps.gui.qtmodels.points_model import PointsModel
from bck_apps.gui.texts import Texts
from bck_apps.gui.viewmodels.profile_page import ProfilePage
from bck_apps.gui.views.look import GAP, WIDE, SmallTable, label


class PointsTab(QWidget):
    """A table, or what to do to get a first row."""

    def __init__(self, page: ProfilePage, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self.model = PointsModel(texts, self)
        self.table = SmallTable()
        self.table.setModel(self.model)
        self.table.setAccessibleName(texts("points.name"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setWordWrap(False)
        rows = self.table.verticalHeader()
        rows.hide()
        rows.setDefaultSectionSize(self.table.fontMetrics().lineSpacing() + GAP)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        empty = QWidget()
        column = QVBoxLayout(empty)
        column.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        column.addWidget(label(texts("points.empty")))
        column.addStretch(1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.table)
        self._stack.addWidget(empty)
        self.render_points()

    def render_points(self) -> None:
        """Show the points as they are known now."""
        if self.model.show(self._page.points):
            self._fit_columns()
        self._stack.setCurrentIndex(1 if self._page.points_known and not self._page.points else 0)

    def _fit_columns(self) -> None:
        self.table.resizeColumnsToContents()
        for column in range(self.model.columnCount() - 1):
            self.table.setColumnWidth(column, self.table.columnWidth(column) + GAP // 2)
