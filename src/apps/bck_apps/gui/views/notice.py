"""A framed message with a coloured edge: result banner, refusal, lost connection."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QToolButton, QWidget

from bck_apps.gui.as_is import as_is
from bck_apps.gui.problems import ClientError
from bck_apps.gui.texts import Phrase, Texts, explain
from bck_apps.gui.viewmodels.standing import State
from bck_apps.gui.viewmodels.verdict import Verdict
from bck_apps.gui.views.look import GAP, heading, label, state_color

_EDGE = 4


class Notice(QFrame):
    """Hidden until there is something to say."""

    dismissed = Signal()

    def __init__(self, texts: Texts, parent: QWidget | None = None, *, closable: bool = False) -> None:
        super().__init__(parent)
        self._texts = texts
        self._state = State.UNKNOWN
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._title = heading(scale=1.05)
        self._text = label(selectable=True)
        self._details = label(selectable=True)
        self._details.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip(as_is(texts("result.dismiss")))
        close.setAccessibleName(texts("result.dismiss"))
        close.setVisible(closable)
        close.clicked.connect(self.dismissed)
        grid = QGridLayout(self)
        grid.setContentsMargins(_EDGE + GAP + 4, GAP, GAP, GAP)
        grid.setSpacing(4)
        grid.addWidget(self._title, 0, 0)
        grid.addWidget(close, 0, 1, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self._text, 1, 0, 1, 2)
        grid.addWidget(self._details, 2, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        self.hide()

    @property
    def text(self) -> str:
        """All that is said, for assistive technology and tests."""
        parts = (self._title.text(), self._text.text(), self._details.text())
        return "\n".join(part for part in parts if part)

    def say(self, state: State, title: str, text: str = "", details: str = "") -> None:
        """Show a message."""
        self._state = state
        for part, words in ((self._title, title), (self._text, text), (self._details, details)):
            part.setText(words)
            part.setVisible(bool(words))
        self.setAccessibleName(title)
        self.setAccessibleDescription(self.text)
        self.show()
        self.update()

    def show_note(self, note: Phrase | None) -> None:
        """Show something that is no error, with the text that goes with it if there is one; or hide."""
        if note is None:
            self.hide()
            return
        more = f"{note.key}.text"
        text = self._texts(more) if self._texts.has(more) else ""
        self.say(State.UNKNOWN, self._texts.say(note), text)

    def show_error(self, error: ClientError | None) -> None:
        """Show what went wrong, or hide."""
        if error is None:
            self.hide()
            return
        told = explain(error, self._texts)
        self.say(State.FAILED, told.what, _sentences(told.meaning, told.advice), told.detail)

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Show how a backup ended, or hide."""
        if verdict is None:
            self.hide()
            return
        details = self._texts("result.details", text=verdict.details) if verdict.details else ""
        lines = [self._texts.say(line) for line in verdict.lines]
        self.say(verdict.state, self._texts.say(verdict.title), "\n".join(lines), details)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The coloured edge."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.fillRect(0, 0, _EDGE, self.height(), state_color(self._state, self.palette()))

    def changeEvent(self, event: QEvent) -> None:
        """Follow the system's light or dark palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.update()


def _sentences(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
