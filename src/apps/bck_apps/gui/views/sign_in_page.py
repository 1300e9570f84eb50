"""The sign-in page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from bck_apps.gui.texts import Texts
from bck_apps.gui.viewmodels.sign_in import SignIn
from bck_apps.gui.viewmodels.standing import State
from bck_apps.gui.views.look import GAP, WIDE, as_primary, heading, label
from bck_apps.gui.views.notice import Notice

_FORM_WIDTH = 560


class SignInPage(QScrollArea):
    """Fields, what is missing, and what went wrong."""

    def __init__(self, sign_in: SignIn, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._vm = sign_in
        self._texts = texts
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.endpoint = self._field("endpoint", sign_in.form.endpoint, "sign-in.server")
        self.ca_file = self._field("ca_file", sign_in.form.ca_file, "sign-in.ca")
        self.fingerprint = self._field("ca_sha256", sign_in.form.ca_sha256, "sign-in.fingerprint")
        self.user = self._field("user", sign_in.form.user, "sign-in.user")
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setAccessibleName(texts("sign-in.password").replace("&", ""))
        self.password.textChanged.connect(self._render)
        self.submit = QPushButton(texts("sign-in.submit"))
        self.submit.setMinimumHeight(2 * self.submit.fontMetrics().height() + 2)
        self.submit.clicked.connect(self._submit)
        self.notice = Notice(texts)
        self._hint = label()
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        for field in (self.endpoint, self.ca_file, self.fingerprint, self.user, self.password):
            field.returnPressed.connect(self._enter)
        self._build()
        self._stop = sign_in.subscribe(self._render)
        self._render()
        self._first_empty().setFocus()

    def _field(self, name: str, value: str, key: str) -> QLineEdit:
        field = QLineEdit(value)
        field.setAccessibleName(self._texts(key).replace("&", ""))
        if self._texts.has(f"{key}.hint"):
            field.setPlaceholderText(self._texts(f"{key}.hint"))
        field.textEdited.connect(lambda text: self._vm.fill(**{name: text}))
        return field

    def _build(self) -> None:
        texts = self._texts
        browse = QPushButton(texts("sign-in.browse"))
        browse.clicked.connect(self._browse)
        certificate = QHBoxLayout()
        certificate.addWidget(self.ca_file, 1)
        certificate.addWidget(browse)
        pin = label(texts("sign-in.pin"))
        pin.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setSpacing(GAP)
        form.addRow(texts("sign-in.server"), self.endpoint)
        form.addRow(texts("sign-in.ca"), certificate)
        form.addRow(texts("sign-in.fingerprint"), self.fingerprint)
        form.addRow("", pin)
        form.addRow(texts("sign-in.user"), self.user)
        form.addRow(texts("sign-in.password"), self.password)
        caption = form.labelForField(certificate)
        if isinstance(caption, QLabel):
            caption.setBuddy(self.ca_file)  # a row with two widgets has no buddy of itself
        buttons = QHBoxLayout()
        buttons.addWidget(self._hint, 1)
        buttons.addWidget(self.submit)
        column = QVBoxLayout()
        column.setSpacing(WIDE)
        column.addStretch(1)
        column.addWidget(heading(texts("app.name"), scale=1.7))
        column.addWidget(label(texts("sign-in.intro")))
        column.addWidget(self.notice)
        column.addLayout(form)
        column.addLayout(buttons)
        column.addStretch(2)
        middle = QWidget()
        middle.setMaximumWidth(_FORM_WIDTH)
        middle.setLayout(column)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        row.addStretch(1)
        row.addWidget(middle, 100)
        row.addStretch(1)
        self.setWidget(body)

    def _first_empty(self) -> QLineEdit:
        fields = (self.endpoint, self.ca_file, self.user)
        if not self._vm.form.ca_sha256:
            for field in fields:
                if not field.text():
                    return field
        return self.password

    def _browse(self) -> None:
        dialog = QFileDialog(self, self._texts("sign-in.browse.title"))
        dialog.setNameFilters(self._texts("sign-in.browse.filter").split(";;"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._chosen)
        dialog.open()

    def _chosen(self, path: str) -> None:
        self.ca_file.setText(path)
        self._vm.fill(ca_file=path)

    def _enter(self) -> None:
        if self.submit.isEnabled():
            self._submit()

    def _submit(self) -> None:
        password = self.password.text()
        self._vm.submit(password)
        if self._vm.busy:
            self.password.clear()

    def _render(self) -> None:
        vm, texts = self._vm, self._texts
        missing = vm.missing(password=bool(self.password.text()))
        for field in (self.endpoint, self.ca_file, self.fingerprint, self.user, self.password):
            field.setEnabled(not vm.busy)
        self.submit.setEnabled(missing is None and not vm.busy)
        as_primary(self.submit)
        hint = texts("sign-in.busy") if vm.busy else texts.say(missing) if missing else ""
        self._hint.setText(hint)
        if vm.problem is None and vm.note is not None:
            self.notice.say(State.UNKNOWN, texts.say(vm.note))
        else:
            self.notice.show_error(vm.problem)

    def leave(self) -> None:
        """The page is going away."""
        self._stop()
