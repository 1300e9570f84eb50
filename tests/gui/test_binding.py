"""The binding to Qt keeps the interpreter whole: a client is open for weeks and calls Qt all the time."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QLabel

TIMES = 100
CONSTANTS = (None, True, False)


class Teller(QObject):
    said = Signal(str)
    heard = 0

    def event(self, event: QEvent) -> bool:
        """Count, and let Qt go on."""
        self.heard += 1
        return super().event(event)


def _call_of_no_value(app: QApplication) -> Callable[[], object]:
    label = QLabel()
    return lambda: label.setText("text")


def _question_without_answer(app: QApplication) -> Callable[[], object]:
    teller = Teller()
    return lambda: (teller.property("none"), teller.parent())


def _signal(app: QApplication) -> Callable[[], object]:
    teller = Teller()
    heard: list[str] = []

    def speak() -> None:
        link = teller.said.connect(heard.append)
        teller.said.emit("word")
        assert heard.pop() == "word"
        teller.said.disconnect(link)

    return speak


def _slot_of_a_timer(app: QApplication) -> Callable[[], object]:
    teller = Teller()
    heard: list[int] = []

    def wait() -> None:
        QTimer.singleShot(0, teller, lambda: heard.append(1))
        while not heard:
            app.processEvents()
        heard.clear()

    return wait


def _event_of_ours(app: QApplication) -> Callable[[], object]:
    teller = Teller()

    def send() -> None:
        before = teller.heard
        app.sendEvent(teller, QEvent(QEvent.Type.User))
        assert teller.heard == before + 1

    return send


@pytest.mark.parametrize(
    "kind", [_call_of_no_value, _question_without_answer, _signal, _slot_of_a_timer, _event_of_ours]
)
def test_calls_of_qt_take_no_reference_away_from_a_constant(qapp, kind) -> None:
    """Where they do, the interpreter ends with "deallocating None" some thousand calls later. Since
    Python 3.12 these constants are not counted, and nothing can be lost."""
    call = kind(qapp)
    call()
    before = [sys.getrefcount(constant) for constant in CONSTANTS]
    for _ in range(TIMES):
        call()
    after = [sys.getrefcount(constant) for constant in CONSTANTS]
    lost = [(was - now) / TIMES for was, now in zip(before, after, strict=True)]
    assert max(lost) < 0.5, f"lost with each call, of None, True and False: {lost}"
