"""The second step of signing in: the code of the account's second factor."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from bck_apps.gui.texts import Phrase, Texts
from bck_apps.gui.viewmodels.sign_in import SignIn
from bck_apps.gui.views.look import GAP, WIDE, as_primary, label

_LONGEST_CODE = 64


class CodePanel(QWidget):
    """What is asked and why, one field, a way back."""

    def __init__(self, sign_in: SignIn, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._vm = sign_in
        self._texts = texts
        self._why = label()
        self.code = QLineEdit()
        self.code.setMaxLength(_LONGEST_CODE)
        self.code.setAccessibleName(texts("sign-in.code").replace("&", ""))
        self.code.setPlaceholderText(texts("sign-in.code.hint"))
        self.code.setInputMethodHints(
            Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhNoPredictiveText
            | Qt.InputMethodHint.ImhNoAutoUppercase
        )
        self.code.textChanged.connect(self.render_code)
        self.code.returnPressed.connect(self._submit)
        self.back = QPushButton(texts("sign-in.code.back"))
        self.back.clicked.connect(sign_in.back)
        self.submit = QPushButton(texts("sign-in.submit"))
        self.submit.clicked.connect(self._submit)
        self._hint = label()
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._build()
        self.hide()

    def _build(self) -> None:
        for button in (self.back, self.submit):
            button.setMinimumHeight(2 * button.fontMetrics().height() + 2)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setSpacing(GAP)
        form.addRow(self._texts("sign-in.code"), self.code)
        kept = label(self._texts("sign-in.code.kept"))
        kept.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        form.addRow("", kept)
        buttons = QHBoxLayout()
        buttons.addWidget(self._hint, 1)
        buttons.addWidget(self.back)
        buttons.addWidget(self.submit)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(WIDE)
        column.addWidget(self._why)
        column.addLayout(form)
        column.addLayout(buttons)

    def _submit(self) -> None:
        if self.submit.isEnabled():
            self._vm.submit_code(self.code.text())
            self.code.clear()

    def render_code(self) -> None:
        """Show the step as it is now."""
        vm, texts = self._vm, self._texts
        code = self.code.text().strip()
        self._why.setText(texts("sign-in.code.text", user=vm.form.user))
        again = not vm.busy and not self.code.isEnabled()
        for widget in (self.code, self.back):
            widget.setEnabled(not vm.busy)
        if again:
            self.code.setFocus()
        self.submit.setEnabled(bool(code) and not vm.busy and vm.wait is None)
        as_primary(self.submit)
        missing = None if code else Phrase("sign-in.missing.code")
        say = Phrase("sign-in.busy") if vm.busy else vm.wait or missing
        self._hint.setText(texts.say(say) if say else "")

    def begin(self) -> None:
        """An empty field, ready to be typed in."""
        self.code.clear()
        self.code.setFocus()
