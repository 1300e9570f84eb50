"""What a PC calls its files, and what a server answers, is text wherever the client shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent, QImage, QTextDocument
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QToolTip, QWidget

from bck_apps.gui.as_is import as_is
from bck_apps.gui.main import refuse
from bck_apps.gui.messages import Progress
from bck_apps.gui.problems import ConfigError
from tests.support.gui_api import NOON, MemoryApi, file_problem, line, point, profile
from tests.support.gui_screens import Screen
from tests.support.openings import Openings


@pytest.fixture
def picture(qapp, tmp_path) -> Path:
    path = Path(tmp_path) / "x.png"
    image = QImage(40, 40, QImage.Format.Format_RGB32)
    image.fill(0)
    assert image.save(str(path))
    return path


@pytest.fixture
def opened(picture) -> Iterator[Openings]:
    """Which files beside the picture were opened, by Qt as well."""
    openings = Openings(picture.parent)
    yield openings
    QToolTip.hideText()
    openings.close()


@pytest.fixture(params=["{}", "a\n<b>{}", "</qt></p>{}", "&lt;{}", "<!-- {}", "<?xml{}", "\0<i>{}"])
def name(request, picture) -> str:
    """What Qt takes for markup when it may guess."""
    return str(request.param).format(f"docs/<img src='{picture}'>.txt")


def shown_tip(widget: QWidget, at: QPoint) -> str:
    """What somebody reads who rests the mouse there."""
    QToolTip.hideText()
    QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, at, widget.mapToGlobal(at)))
    assert QToolTip.isVisible()
    (tip,) = [top for top in QApplication.topLevelWidgets() if top.inherits("QTipLabel") and top.isVisible()]
    assert isinstance(tip, QLabel)
    tip.grab()
    return _read(tip.text())


def _read(text: str) -> str:
    """As Qt does with what begins so."""
    if not text.startswith("<qt>"):
        return text
    document = QTextDocument()
    document.setHtml(text)
    return document.toPlainText()


def _written(name: str) -> str:
    """A page cannot hold a zero."""
    return name.replace("\0", "\ufffd")


def _hostile(name: str) -> Screen:
    """A server of whose words none is kind."""
    held = profile("docs").model_copy(update={"name": name, "host": name})
    api = MemoryApi(held=[held], kept_points={name: [point(1, NOON, point=name)]})
    api.kept_problems["run-9"] = [file_problem(name, message=name), file_problem(name, name, name)]
    return Screen(api, "en").sign_in()


def test_qt_itself_opens_what_a_tool_tip_names(qtbot, picture, opened) -> None:
    """Else the tests below prove nothing."""
    widget = QLabel("x")
    qtbot.addWidget(widget)
    widget.show()
    widget.setToolTip(f"docs/<img src='{picture}'>.txt")
    shown_tip(widget, QPoint(2, 2))
    assert opened.heard() == {picture.name}


def test_a_name_with_markup_is_shown_as_it_is_and_opens_nothing(qtbot, opened, name) -> None:
    screen = _hostile(name)
    try:
        screen.window.show()
        run, tabs = screen.profile.run, screen.profile.tabs
        run.start.click()
        follower = screen.api.stream.follower
        follower.on_log(line(1, name))
        follower.on_progress(Progress(phase="transferring", source=name, current_file=name))
        assert shown_tip(run.file, QPoint(2, 2)) == _written(name)
        error = {"code": "x", "what": name, "meaning": name, "advice": name}
        screen.end("failed", profile=name, error=error, result={"problems": 2, "run_id": "run-9"})
        assert name in run.verdict.text
        for number in range(tabs.count()):
            tabs.setCurrentIndex(number)
            screen.window.grab()
        rows = screen.home.list.rows
        assert _written(name) in shown_tip(rows.viewport(), rows.visualItemRect(rows.item(0)).center())
        _look_at_problems(screen, name)
        _look_at_points(screen, name)
    finally:
        screen.close()
    assert opened.heard() == set()


def _look_at_problems(screen: Screen, name: str) -> None:
    tab = screen.profile.problems
    screen.profile.tabs.setCurrentWidget(tab)
    branch = tab.tree.topLevelItem(0)
    assert branch is not None
    leaf = branch.child(0)
    assert leaf is not None
    tab.tree.setCurrentItem(leaf)
    assert name in tab.words.text()
    assert shown_tip(tab.tree.viewport(), tab.tree.visualItemRect(leaf).center()) == _written(name)


def _look_at_points(screen: Screen, name: str) -> None:
    tab = screen.profile.points
    screen.profile.tabs.setCurrentWidget(tab)
    cell = tab.table.visualRect(tab.model.index(0, 0)).center()
    assert shown_tip(tab.table.viewport(), cell) == _written(name)


def test_words_that_keep_the_client_from_starting_open_nothing(qapp, opened, name, monkeypatch) -> None:
    seen: list[QLabel] = []

    def looked_at(box: QMessageBox) -> None:
        box.show()
        box.grab()
        seen.extend(part for part in box.findChildren(QLabel) if part.text())

    monkeypatch.setattr(QMessageBox, "exec", looked_at)
    refuse(ConfigError("x", what=name, meaning=name, advice="Do this.", detail=name))
    assert len(seen) == 2
    assert opened.heard() == set()


def test_text_is_markup_for_itself_however_it_looks() -> None:
    assert as_is("") == ""
    assert _read(as_is("a  b\n<c> & &amp;")) == "a  b\n<c> & &amp;"
