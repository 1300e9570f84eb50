"""The live log of a backup."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from bck_apps.gui.messages import LogLine
from bck_apps.gui.texts import Texts
from bck_apps.gui.viewmodels.log_book import KEPT, LogBook
from bck_apps.gui.views.look import GAP, SmallText, label


class LogTab(QWidget):
    """Appends what is new; follows the end unless a person has scrolled up."""

    def __init__(self, book: LogBook, texts: Texts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self._version = book.version
        self._shown = 0
        self.text = SmallText()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(KEPT)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setPlaceholderText(texts("log.empty"))
        self.text.setAccessibleName(texts("log.tab").replace("&", ""))
        self.text.setTabChangesFocus(True)
        self._clipped = label(texts("log.clipped"))
        column = QVBoxLayout(self)
        column.setSpacing(GAP)
        column.addWidget(self._clipped)
        column.addWidget(self.text, 1)
        self._stop = book.subscribe(self.render_log)
        self.render_log()

    def render_log(self) -> None:
        """Show what is new."""
        if self._book.version != self._version:
            self._version, self._shown = self._book.version, 0
            self.text.clear()
        lines = self._book.after(self._shown)
        if lines:
            self._append("\n".join(map(_worded, lines)))
            self._shown = lines[-1].number
        self._clipped.setVisible(self._book.clipped)

    def _append(self, text: str) -> None:
        down, right = self.text.verticalScrollBar(), self.text.horizontalScrollBar()
        at_end, column = down.value() >= down.maximum() - 2, right.value()
        self.text.appendPlainText(text)
        cursor = self.text.textCursor()
        if at_end and not cursor.hasSelection():
            # The view follows its cursor, and at the end of a long line that would be far to the right.
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock)
            self.text.setTextCursor(cursor)
        right.setValue(column)
        if at_end:
            down.setValue(down.maximum())

    def leave(self) -> None:
        """The tab is going away."""
        self._stop()


def _worded(line: LogLine) -> str:
    text = line.text.replace("\n", " ").replace("\r", " ")
    return f"{line.at.astimezone():%H:%M:%S}  {line.level:<7}  {text}"
