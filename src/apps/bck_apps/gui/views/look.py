"""Small parts that all pages share: state colours for light and dark, plain-text labels, spacing."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

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
}
_HOLLOW = frozenset({State.NEVER, State.DISABLED, State.UNKNOWN, State.OFFLINE})


def is_dark(palette: QPalette) -> bool:
    """True for light text on a dark window."""
    return palette.color(QPalette.ColorRole.Window).lightness() < 128


def state_color(state: State, palette: QPalette) -> QColor:
    """The colour of a state on this palette."""
    return QColor((_DARK if is_dark(palette) else _LIGHT)[state])


def state_icon(state: State, widget: QWidget, size: int = 12) -> QIcon:
    """A dot; a ring where there is nothing to be glad or worried about."""
    ratio = widget.devicePixelRatioF()
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    color = state_color(state, widget.palette())
    pen = painter.pen()
    pen.setColor(color)
    pen.setWidthF(2)
    painter.setPen(pen)
    if state not in _HOLLOW:
        painter.setBrush(color)
    painter.drawEllipse(2, 2, size - 4, size - 4)
    painter.end()
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected, QIcon.Mode.Disabled):
        icon.addPixmap(pixmap, mode)
    return icon


def label(text: str = "", *, wrap: bool = True, selectable: bool = False) -> QLabel:
    """A label that never takes what a server or a file name says for markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if wrap:
        made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
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


def escaped(text: str) -> str:
    """For texts that Qt reads mnemonics from, such as tabs and menus."""
    return text.replace("&", "&&")
