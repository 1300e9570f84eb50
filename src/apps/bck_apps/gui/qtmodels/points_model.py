"""Restore points as a table, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from bck_apps.gui.as_is import as_is
from bck_apps.gui.messages import Point
from bck_apps.gui.texts import Count, Moment, Size, Texts

COLUMNS = ("when", "result", "files", "size", "added", "changed", "gone", "verified")
_ON_THE_RIGHT = frozenset({"files", "size", "added", "changed", "gone", "verified"})
"""Numbers; and what follows them, so that it stands apart."""
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class PointsModel(QAbstractTableModel):
    """Read only."""

    def __init__(self, texts: Texts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._texts = texts
        self._points: tuple[Point, ...] = ()

    def show(self, points: Sequence[Point]) -> bool:
        """Show these points; False, with selection and place kept, when nothing changed."""
        if tuple(points) == self._points:
            return False
        self.beginResetModel()
        self._points = tuple(points)
        self.endResetModel()
        return True

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        """One row a point."""
        return 0 if parent.isValid() else len(self._points)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        """See COLUMNS."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # Qt's own type
        """Titles of columns."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return self._texts(f"points.{COLUMNS[section]}")
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return _RIGHT if COLUMNS[section] in _ON_THE_RIGHT else _LEFT
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # Qt's own type
        """Text and alignment of a cell; the tool tip names the point."""
        point, column = self._points[index.row()], COLUMNS[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._cell(point, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column in _ON_THE_RIGHT else _LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_is(point.point)
        return None

    def _cell(self, point: Point, column: str) -> str:
        texts = self._texts
        if column == "when":
            return texts.amount(Moment(point.started))
        if column == "verified":
            return texts.amount(Moment(point.verified_at))
        if column == "result":
            key = f"points.{point.weight}"
            return texts(key) if texts.has(key) else point.weight
        if column == "size":
            return texts.amount(Size(point.bytes))
        return texts.amount(Count(int(getattr(point, column))))
