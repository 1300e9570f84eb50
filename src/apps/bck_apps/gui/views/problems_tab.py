"""What the latest backup could not read or store: by cause, with what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedLayout, QTreeWidgetItem, QVBoxLayout, QWidget

from bck_apps.gui.as_is import as_is
from bck_apps.gui.texts import Count, Texts
from bck_apps.gui.texts.explain import explain
from bck_apps.gui.viewmodels.problem_list import Group, ProblemList
from bck_apps.gui.views.look import GAP, WIDE, SmallTree, label

_FEW = 30
"""So many paths are shown at once; of more, the causes first."""
_MESSAGE = Qt.ItemDataRole.UserRole


class ProblemsTab(QWidget):
    """A tree of causes and paths; below it what the chosen cause means and what to do."""

    def __init__(self, problems: ProblemList, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._problems = problems
        self._texts = texts
        self._shown: tuple[Group, ...] = ()
        self.tree = SmallTree()
        self.tree.setHeaderHidden(True)
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName(texts("problems.tab").replace("&", ""))
        self.tree.currentItemChanged.connect(self._explain)
        self.words = label(selectable=True)
        self.more = label()
        self.empty = label()
        listed = QWidget()
        column = QVBoxLayout(listed)
        column.setContentsMargins(GAP, GAP, GAP, 0)
        column.setSpacing(GAP)
        column.addWidget(self.tree, 1)
        column.addWidget(self.words)
        column.addWidget(self.more)
        nothing = QWidget()
        column = QVBoxLayout(nothing)
        column.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        column.addWidget(self.empty)
        column.addStretch(1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(listed)
        self._stack.addWidget(nothing)
        self._stop = problems.subscribe(self.render_problems)
        self.render_problems()

    def render_problems(self) -> None:
        """Show them as they are known now."""
        problems, texts = self._problems, self._texts
        if problems.groups != self._shown:
            self._shown = problems.groups
            self.tree.clear()
            self.tree.addTopLevelItems([self._branch(group) for group in problems.groups])
            if (first := self.tree.topLevelItem(0)) is not None:
                self.tree.setCurrentItem(first)
            if sum(len(group.items) for group in problems.groups) <= _FEW:
                self.tree.expandAll()
        if problems.error is not None:
            self.empty.setText(str(explain(problems.error, texts)))
        else:
            self.empty.setText(texts("problems.not-kept" if problems.answered else "problems.loading"))
        self.more.setText(texts("problems.more", count=Count(problems.left_out)))
        self.more.setVisible(bool(problems.groups) and problems.left_out > 0)
        self._stack.setCurrentIndex(0 if problems.groups else 1)

    def _branch(self, group: Group) -> QTreeWidgetItem:
        branch = QTreeWidgetItem([f"{self._title(group)} ({self._texts.amount(Count(len(group.items)))})"])
        for item in group.items:
            leaf = QTreeWidgetItem([item.path])
            leaf.setToolTip(0, as_is(item.message))
            leaf.setData(0, _MESSAGE, item.message)
            branch.addChild(leaf)
        return branch

    def _title(self, group: Group) -> str:
        key = f"reason.{group.reason}.title"
        return self._texts(key) if self._texts.has(key) else group.reason

    def _explain(self, item: QTreeWidgetItem | None) -> None:
        if item is None:
            self.words.setText("")
            return
        branch = item.parent() or item
        group = self._shown[self.tree.indexOfTopLevelItem(branch)]
        known = self._texts.has(f"reason.{group.reason}.title")
        first = group.items[0]
        lines = [
            self._texts(f"reason.{group.reason}.cause") if known else first.cause,
            self._texts(f"reason.{group.reason}.advice") if known else first.advice,
        ]
        if message := item.data(0, _MESSAGE):
            lines.append(self._texts("problems.message", text=message))
        self.words.setText("\n".join(lines))

    def leave(self) -> None:
        """The tab is going away."""
        self._stop()
