"""The folders of a profile: list, add, remove, save."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QPalette, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from bck_apps.gui.as_is import as_is
from bck_apps.gui.texts import Count, Texts
from bck_apps.gui.viewmodels.profile_page import ProfilePage
from bck_apps.gui.views.look import GAP, SmallList, label
from bck_apps.gui.views.notice import Notice


class FoldersTab(QWidget):
    """A draft of the list; the server has the last word when it is saved."""

    def __init__(self, page: ProfilePage, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self._vm = page.folders
        self._texts = texts
        host = page.profile.host
        self.rows = SmallList()
        self.rows.setAccessibleName(texts("folders.title", host=host))
        self.rows.itemSelectionChanged.connect(self.render_folders)
        self.path = QLineEdit()
        self.path.setPlaceholderText(texts("folders.path", host=host))
        self.path.setAccessibleName(texts("folders.path", host=host))
        self.path.returnPressed.connect(self._add)
        self.path.textChanged.connect(self.render_folders)
        self.browse = QPushButton(texts("folders.browse"))
        self.browse.setToolTip(as_is(texts("folders.browse.tip")))
        self.browse.clicked.connect(self._browse)
        self.add = QPushButton(texts("folders.add"))
        self.add.clicked.connect(self._add)
        self.remove = QPushButton(texts("folders.remove"))
        self.remove.clicked.connect(self._remove)
        self.compress = QCheckBox(texts("folders.compress"))
        self.compress.clicked.connect(self._vm.set_compress)
        self.save = QPushButton(texts("folders.save"))
        self.save.clicked.connect(page.save_folders)
        self.discard = QPushButton(texts("folders.discard"))
        self.discard.clicked.connect(self._vm.discard)
        self.problem = label()
        self.note = label()
        self.note.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.refusal = Notice(texts)  # the page shows it above the tabs, where it is seen at once
        delete = QShortcut(QKeySequence.StandardKey.Delete, self.rows)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove)
        self._build(host)
        self.render_folders()

    def _build(self, host: str) -> None:
        rules = len(self._page.profile.excludes)
        title = label(self._texts("folders.title", host=host))
        title.setBuddy(self.rows)
        self.entry = QWidget()
        entry = QGridLayout(self.entry)
        entry.setContentsMargins(0, 0, 0, 0)
        entry.setSpacing(GAP)
        entry.addWidget(self.path, 0, 0, 1, 3)
        entry.addWidget(self.add, 0, 3)
        entry.addWidget(self.browse, 1, 0)
        entry.addWidget(self.remove, 1, 3)
        entry.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.discard)
        buttons.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setSpacing(GAP)
        column.addWidget(title)
        column.addWidget(self.rows, 1)
        column.addWidget(self.entry)
        column.addWidget(self.problem)
        column.addWidget(self.compress)
        if rules:
            column.addWidget(label(self._texts("folders.excludes", count=Count(rules))))
        column.addWidget(self.note)
        column.addLayout(buttons)

    def _browse(self) -> None:
        dialog = QFileDialog(self, self._texts("folders.browse.title"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._vm.add)
        dialog.open()

    def _add(self) -> None:
        if self._vm.add(self.path.text()):
            self.path.clear()

    def _remove(self) -> None:
        self._vm.remove(self.rows.currentRow())

    def render_folders(self) -> None:
        """Show the draft as it is now."""
        vm, texts = self._vm, self._texts
        if tuple(self.rows.item(row).text() for row in range(self.rows.count())) != vm.folders:
            self.rows.clear()
            self.rows.addItems(list(vm.folders))
        editable = vm.editable and not vm.saving
        for field in (self.path, self.browse):
            field.setEnabled(editable)
        self.entry.setVisible(vm.editable)
        self.add.setEnabled(editable and bool(self.path.text().strip()))
        self.remove.setEnabled(editable and self.rows.currentRow() >= 0)
        self.compress.setEnabled(editable)
        self.compress.setChecked(vm.compress)
        self.save.setEnabled(vm.can_save)
        self.discard.setEnabled(vm.dirty and not vm.saving)
        for button in (self.save, self.discard):
            button.setVisible(vm.editable)
        wrong = vm.problem or vm.bad
        if wrong is None and not vm.folders:
            self.problem.setText(texts("folders.empty"))
        else:
            self.problem.setText(texts.say(wrong) if wrong else "")
        self.problem.setVisible(bool(self.problem.text()))
        self.note.setText(self._note())
        self.note.setVisible(bool(self.note.text()))
        self.refusal.show_error(vm.refusal)

    def _note(self) -> str:
        vm = self._vm
        states = (
            (not vm.editable, "folders.read-only"),
            (vm.saving, "why.saving"),
            (vm.from_config, "folders.from-config"),
            (vm.dirty, "folders.unsaved"),
            (vm.saved, "folders.saved"),
        )
        return next((self._texts(key) for applies, key in states if applies), "")
