"""Small parts that all pages share: state colours for light and dark, plain-text labels, spacing."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QTableView,
    QTreeWidget,
    QWidget,
)

from bck_apps.gui.as_is import as_is
from bck_apps.gui.viewmodels.standing import State

GAP = 8
WIDE = 16

# Each colour has at least 3:1 against the window colour of Qt's light and dark palettes; the words beside
# the dot say the same, so that nobody depends on colour.
_LIGHT = {
    State.SUCCESS: "#1a7f37",
    State.ISSUES: "#9a6700",
    State.FAILED: "#c62828",
    State.RUNNING: "#0b62c4",
    State.OFFLINE: "#6e7781",
    State.OVERDUE: "#9a6700",
    State.NEVER: "#6e7781",
    State.DISABLED: "#6e7781",
    State.UNKNOWN: "#6e7781",
    State.UNHEARD: "#6e7781",
}
_DARK = {
    State.SUCCESS: "#4ac26b",
    State.ISSUES: "#e3b341",
    State.FAILED: "#ff7b72",
    State.RUNNING: "#6cb6ff",
    State.OFFLINE: "#a0a8b0",
    State.OVERDUE: "#e3b341",
    State.NEVER: "#a0a8b0",
    State.DISABLED: "#a0a8b0",
    State.UNKNOWN: "#a0a8b0",
    State.UNHEARD: "#a0a8b0",
}
_HOLLOW = frozenset({State.NEVER, State.DISABLED, State.UNKNOWN, State.UNHEARD, State.OFFLINE})


def is_dark(palette: QPalette) -> bool:
    """True for light text on a dark window."""
    return palette.color(QPalette.ColorRole.Window).lightness() < 128


def state_color(state: State, palette: QPalette) -> QColor:
    """The colour of a state on this palette."""
    return QColor((_DARK if is_dark(palette) else _LIGHT)[state])


def state_icon(state: State, widget: QWidget, size: int = 12) -> QIcon:
    """A dot; a ring where there is nothing to be glad or worried about. On a selected row it has a disc
    of the list's own colour behind it, so that it stands out from any highlight."""
    icon = QIcon()
    icon.addPixmap(_dot(state, widget, size), QIcon.Mode.Normal)
    icon.addPixmap(_dot(state, widget, size), QIcon.Mode.Disabled)
    icon.addPixmap(_dot(state, widget, size, behind=True), QIcon.Mode.Selected)
    return icon


def _dot(state: State, widget: QWidget, size: int, *, behind: bool = False) -> QPixmap:
    ratio = widget.devicePixelRatioF()
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if behind:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(widget.palette().color(QPalette.ColorRole.Base))
        painter.drawEllipse(0, 0, size, size)
    color = state_color(state, widget.palette())
    painter.setPen(QPen(color, 2))
    painter.setBrush(Qt.BrushStyle.NoBrush if state in _HOLLOW else color)
    painter.drawEllipse(3, 3, size - 6, size - 6)
    painter.end()
    return pixmap


class ElidedLabel(QLabel):
    """One line that is shortened in the middle rather than making the window wider."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setMinimumWidth(1)
        self._whole = ""

    def set_whole(self, text: str) -> None:
        """The whole text; the tool tip shows it too."""
        self._whole = text
        self.setToolTip(as_is(text))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        fitting = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, self.width())
        if fitting != self.text():
            self.setText(fitting)


def as_primary(button: QPushButton) -> None:
    """Show a button as the one to press; while it cannot be pressed, as any other."""
    palette = QPalette()
    if button.isEnabled():
        # Styles draw a button lighter than its colour; darker, its white text stays readable.
        highlight = palette.color(QPalette.ColorRole.Highlight)
        palette.setColor(QPalette.ColorRole.Button, highlight.darker(135))
        palette.setColor(QPalette.ColorRole.ButtonText, palette.color(QPalette.ColorRole.HighlightedText))
    if palette != button.palette():
        button.setPalette(palette)


def label(text: str = "", *, wrap: bool = True, selectable: bool = False) -> QLabel:
    """A label that never takes what a server or a file name says for markup."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    if wrap:
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
        made.setMinimumHeight(1)  # else Qt asks for the height that the narrowest width would need
    if selectable:
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return made


def heading(text: str = "", *, scale: float = 1.4) -> QLabel:
    """A label in larger, bolder type."""
    made = label(text)
    font = QFont(made.font())
    font.setPointSizeF(font.pointSizeF() * scale)
    font.setWeight(QFont.Weight.DemiBold)
    made.setFont(font)
    return made


# Lists and texts take what room there is but ask for little, so that small windows scroll late. Their Qt
# parents ask for 192 pixels, and the size policy that ignores that also ignores a least height.


class SmallList(QListWidget):
    """A list that asks for three lines."""

    def sizeHint(self) -> QSize:
        """Three lines."""
        return _lines(self, 3)


class SmallTable(QTableView):
    """A table that asks for eight lines."""

    def sizeHint(self) -> QSize:
        """Eight lines."""
        return _lines(self, 8)


class SmallTree(QTreeWidget):
    """A tree that asks for eight lines."""

    def sizeHint(self) -> QSize:
        """Eight lines."""
        return _lines(self, 8)


class SmallText(QPlainTextEdit):
    """A text that asks for eight lines."""

    def sizeHint(self) -> QSize:
        """Eight lines."""
        return _lines(self, 8)


def _lines(widget: QWidget, number: int) -> QSize:
    return QSize(200, number * widget.fontMetrics().lineSpacing() + GAP)
