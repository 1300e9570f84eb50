"""The sign-in page."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
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

from bck_apps.gui.texts import Phrase, Texts
from bck_apps.gui.viewmodels.sign_in import SignIn
from bck_apps.gui.views.code_panel import CodePanel
from bck_apps.gui.views.look import GAP, WIDE, as_primary, heading, label
from bck_apps.gui.views.notice import Notice

_FORM_WIDTH = 560
_TICK_MS = 1_000


class SignInPage(QScrollArea):
    """Fields, what is missing, and what went wrong; then the code, where one is asked for."""

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
        self.password = self._password_field()
        self.submit = QPushButton(texts("sign-in.submit"))
        self.submit.setMinimumHeight(2 * self.submit.fontMetrics().height() + 2)
        self.submit.clicked.connect(self._submit)
        self.notice = Notice(texts)
        self.code = CodePanel(sign_in, texts)
        self._clock = QTimer(self, interval=_TICK_MS)
        self._clock.timeout.connect(sign_in.tick)
        self._hint = label()
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        for field in (self.endpoint, self.ca_file, self.fingerprint, self.user, self.password):
            field.returnPressed.connect(self._enter)
        self._build()
        self._asks_code = False
        self._stop = sign_in.subscribe(self._render)
        self._render()
        if not self._asks_code:
            self._first_empty().setFocus()

    def _password_field(self) -> QLineEdit:
        field = QLineEdit()
        field.setEchoMode(QLineEdit.EchoMode.Password)
        field.setAccessibleName(self._texts("sign-in.password").replace("&", ""))
        field.textChanged.connect(self._render)
        return field

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
        self._form = QWidget()
        self._form.setLayout(self._with_buttons(form))
        self.setWidget(self._body())

    def _body(self) -> QWidget:
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        row.addStretch(1)
        row.addWidget(self._middle(), 100)
        row.addStretch(1)
        return body

    def _with_buttons(self, form: QFormLayout) -> QVBoxLayout:
        buttons = QHBoxLayout()
        buttons.addWidget(self._hint, 1)
        buttons.addWidget(self.submit)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(WIDE)
        column.addLayout(form)
        column.addLayout(buttons)
        return column

    def _middle(self) -> QWidget:
        texts = self._texts
        middle = QWidget()
        middle.setMaximumWidth(_FORM_WIDTH)
        column = QVBoxLayout(middle)
        column.setSpacing(WIDE)
        column.addStretch(1)
        column.addWidget(heading(texts("app.name"), scale=1.7))
        column.addWidget(label(texts("sign-in.intro")))
        column.addWidget(self.notice)
        column.addWidget(self._form)
        column.addWidget(self.code)
        column.addStretch(2)
        return middle

    @property
    def hint(self) -> str:
        """What is missing, or how long to wait."""
        return self._hint.text()

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
        missing = vm.wait or vm.missing(password=bool(self.password.text()))
        for field in (self.endpoint, self.ca_file, self.fingerprint, self.user, self.password):
            field.setEnabled(not vm.busy)
        self.submit.setEnabled(missing is None and not vm.busy)
        as_primary(self.submit)
        hint = Phrase("sign-in.busy") if vm.busy else missing
        self._hint.setText(texts.say(hint) if hint else "")
        if vm.problem is None and vm.note is not None:
            self.notice.show_note(vm.note)
        else:
            self.notice.show_error(vm.problem)
        self._show_step()

    def _show_step(self) -> None:
        vm = self._vm
        if not vm.ticking:
            self._clock.stop()
        elif not self._clock.isActive():
            self._clock.start()
        self.code.render_code()
        if vm.needs_code == self._asks_code:
            return
        self._asks_code = vm.needs_code
        self._form.setVisible(not vm.needs_code)
        self.code.setVisible(vm.needs_code)
        if vm.needs_code:
            self.password.clear()
            self.code.begin()
        else:
            self.password.setFocus()

    def leave(self) -> None:
        """The page is going away."""
        self._clock.stop()
        self._stop()
