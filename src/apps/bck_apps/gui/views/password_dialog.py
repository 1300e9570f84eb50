"""Asks for the password of a computer that lets the server in with nothing else."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from bck_apps.gui.messages import Host
from bck_apps.gui.texts import Texts
from bck_apps.gui.views.look import GAP, WIDE, as_primary, label

_WIDTH = 440
_LONGEST_PASSWORD = 1024


class PasswordDialog(QDialog):
    """Emits ``given`` with the password, once, and keeps nothing of it."""

    given = Signal(str)

    def __init__(self, host: Host, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(texts("password.title", host=host.name))
        self.why = label(texts("password.why", user=host.user, host=host.name))
        self.sealed = label(texts("password.sealed"))
        self.sealed.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setMaxLength(_LONGEST_PASSWORD)
        self.password.setAccessibleName(texts("password.field").replace("&", ""))
        self.password.textChanged.connect(self._render)
        self.start = QPushButton(texts("page.back-up"))
        self.start.setDefault(True)
        self.start.clicked.connect(self.accept)
        self.cancel = QPushButton(texts("password.cancel"))
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.reject)
        self._build(texts)
        self._render()
        self.password.setFocus()

    def _build(self, texts: Texts) -> None:
        for button in (self.cancel, self.start):
            button.setMinimumHeight(2 * button.fontMetrics().height() + 2)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setSpacing(GAP)
        form.addRow(texts("password.field"), self.password)
        form.addRow("", self.sealed)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.start)
        column = QVBoxLayout(self)
        column.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        column.setSpacing(WIDE)
        column.addWidget(self.why)
        column.addLayout(form)
        column.addStretch(1)
        column.addLayout(buttons)
        self.setMinimumWidth(_WIDTH)

    def _render(self) -> None:
        self.start.setEnabled(bool(self.password.text()))
        as_primary(self.start)

    def done(self, result: int) -> None:
        """Give the password out if it was meant, and forget it either way."""
        password = self.password.text()
        self.password.clear()
        super().done(result)
        if result == QDialog.DialogCode.Accepted and password:
            self.given.emit(password)
