"""Every face of the client, in both languages, at the smallest size: nothing cut off, everything named."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QTableView,
    QToolButton,
    QWidget,
)

from bck_apps.gui.viewmodels.standing import State
from bck_apps.gui.views.look import ElidedLabel, state_color
from bck_apps.gui.views.sign_in_page import SignInPage
from tests.support.gui_api import CODE, PASSWORD
from tests.support.gui_screens import SCREENS, Screen

SMALLEST = (560, 420)
MNEMONIC = re.compile(r"&([^&\s])")


@pytest.fixture
def show(qtbot):
    shown: list[Screen] = []

    def show(name: str, language: str = "en", size: tuple[int, int] = (900, 640)) -> Screen:
        screen = SCREENS[name]("it" if language == "it" else "en")
        screen.window.resize(*size)
        screen.window.show()
        shown.append(screen)
        for _ in range(5):
            QApplication.processEvents()
        return screen

    yield show
    for screen in shown:
        screen.close()


def _visible(screen: Screen, kind: type[QWidget]) -> list[QWidget]:
    return [widget for widget in screen.window.findChildren(kind) if widget.isVisible()]


@pytest.mark.parametrize("size", [SMALLEST, (900, 640)], ids=["smallest", "usual"])
@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize("name", SCREENS)
def test_no_text_is_cut_off(show, name, language, size) -> None:
    screen = show(name, language, size)
    cut = []
    for label in screen.window.findChildren(QLabel):
        if not label.isVisible() or not label.text() or isinstance(label, ElidedLabel):
            continue
        needed = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
        if label.height() < needed or (not label.wordWrap() and label.width() < label.sizeHint().width()):
            cut.append(label.text())
    for part in (*_visible(screen, QAbstractButton), *_visible(screen, QLineEdit)):
        least = part.minimumSizeHint()
        if part.width() < least.width() or part.height() < least.height():
            cut.append(part.accessibleName() or str(part.property("text")))
    assert cut == []


@pytest.mark.parametrize("language", ["en", "it"])
def test_every_tab_is_seen_without_scrolling(show, language) -> None:
    bar = show("problems", language, SMALLEST).profile.tabs.tabBar()
    assert [bar.tabText(n) for n in range(bar.count()) if not bar.rect().contains(bar.tabRect(n))] == []


def test_what_a_problem_means_does_not_stick_to_the_edge(show) -> None:
    tab = show("problems", "it").profile.problems
    assert min(part.mapTo(tab, part.rect().topLeft()).x() for part in (tab.tree, tab.words, tab.more)) > 0


def test_words_of_the_system_are_small_print_below_an_offline_server(show) -> None:
    offline = show("offline", "it").home.offline
    assert offline.text.splitlines()[1:] == ["Connection refused"]
    small = offline.findChildren(QLabel)[-1]
    assert (small.text(), small.foregroundRole()) == (
        "Connection refused",
        QPalette.ColorRole.PlaceholderText,
    )


@pytest.mark.parametrize("name", SCREENS)
def test_everything_that_takes_the_keyboard_has_a_name(show, name) -> None:
    screen = show(name)
    kinds = (QLineEdit, QListWidget, QPlainTextEdit, QTableView, QToolButton)
    nameless = [
        widget
        for kind in kinds
        for widget in _visible(screen, kind)
        if not widget.accessibleName()
        and widget.objectName() not in ("ScrollLeftButton", "ScrollRightButton")
    ]
    assert nameless == []


@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize("name", ["sign-in", "code", "empty", "refused-folder", "running"])
def test_no_two_things_on_a_page_share_a_key(show, name, language) -> None:
    screen = show(name, language)
    texts = [action.text() for action in screen.window.menuBar().actions()]
    texts += [button.text() for button in screen.window.findChildren(QAbstractButton) if button.isVisible()]
    texts += [
        label.text() for label in screen.window.findChildren(QLabel) if label.buddy() and label.isVisible()
    ]
    if name not in ("sign-in", "code", "empty"):
        tabs = screen.profile.tabs
        texts += [tabs.tabText(number) for number in range(tabs.count())]
    keys = [found.group(1).lower() for text in texts if (found := MNEMONIC.search(text))]
    assert sorted(keys) == sorted(set(keys))


def test_sign_in_works_with_the_keyboard_alone(qtbot, show) -> None:
    screen = show("sign-in")
    page = screen.window.page
    assert isinstance(page, SignInPage)
    page.password.setFocus()
    qtbot.keyClicks(page.password, PASSWORD)
    qtbot.keyClick(page.password, Qt.Key.Key_Return)
    assert screen.api.signed_in_as == "anna"
    assert screen.home.list.rows.count() == 1


def test_code_is_asked_for_and_entered_with_the_keyboard_alone(qtbot, show) -> None:
    screen = show("code")
    page = screen.window.page
    assert isinstance(page, SignInPage)
    assert page.password.text() == ""
    assert not page.password.isVisible()
    assert not page.code.submit.isEnabled()
    qtbot.keyClicks(page.code.code, "000000")
    qtbot.keyClick(page.code.code, Qt.Key.Key_Return)
    assert "The code was not accepted." in page.notice.text
    assert page.code.code.text() == ""
    qtbot.keyClicks(page.code.code, CODE)
    qtbot.keyClick(page.code.code, Qt.Key.Key_Return)
    assert screen.api.offered == [(PASSWORD, ""), (PASSWORD, "000000"), (PASSWORD, CODE)]
    assert screen.home.list.rows.count() == 1


def test_who_goes_back_from_the_code_enters_the_password_again(qtbot, show) -> None:
    screen = show("code")
    page = screen.window.page
    assert isinstance(page, SignInPage)
    qtbot.mouseClick(page.code.back, Qt.MouseButton.LeftButton)
    assert page.password.isVisible()
    assert not page.submit.isEnabled()
    assert screen.api.offered == [(PASSWORD, "")]


def test_wait_that_the_server_asks_for_is_counted_down_and_then_over(qtbot, show) -> None:
    screen = show("wait")
    page = screen.window.page
    assert isinstance(page, SignInPage)
    qtbot.keyClicks(page.password, PASSWORD)
    assert not page.submit.isEnabled()
    assert page.hint == "You can try again in 2 minutes."
    del screen.api.fail["sign_in"]
    screen.now += timedelta(seconds=150)
    qtbot.waitUntil(lambda: page.hint == "You can try again in 20 seconds.", timeout=5_000)
    screen.now += timedelta(seconds=20)
    qtbot.waitUntil(page.submit.isEnabled, timeout=5_000)
    assert not page.notice.isVisible()
    qtbot.keyClick(page.password, Qt.Key.Key_Return)
    assert screen.api.signed_in_as == "anna"


def test_folder_is_added_and_removed_with_the_keyboard_alone(qtbot, show) -> None:
    folders = show("ready").profile.folders
    qtbot.keyClicks(folders.path, "/srv/new")
    qtbot.keyClick(folders.path, Qt.Key.Key_Return)
    assert folders.rows.item(2).text() == "/srv/new"
    folders.rows.setFocus()
    folders.rows.setCurrentRow(0)
    qtbot.keyClick(folders.rows, Qt.Key.Key_Delete)
    assert folders.rows.count() == 2


def test_password_of_the_computer_is_asked_for_sent_and_forgotten(qtbot, show) -> None:
    screen = show("password")
    dialog = screen.dialog
    assert dialog.password.echoMode() == QLineEdit.EchoMode.Password
    assert not dialog.start.isEnabled()
    qtbot.keyClicks(dialog.password, "of the PC")
    qtbot.keyClick(dialog.password, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: screen.dialogs == [])
    assert screen.api.passwords == ["of the PC"]
    assert screen.profile.page.run.active


def test_dialogue_that_is_left_starts_nothing_and_asks_anew(qtbot, show) -> None:
    screen = show("password")
    dialog = screen.dialog
    qtbot.keyClicks(dialog.password, "of the PC")
    qtbot.keyClick(dialog.password, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: screen.dialogs == [])
    assert screen.api.keys == []
    screen.profile.run.start.click()
    assert screen.dialog.password.text() == ""


def test_computer_that_is_not_enrolled_is_told_in_words(show) -> None:
    run = show("not-enrolled").profile.run
    assert "This computer is not enrolled yet." in run.enrolment.text
    assert not run.start.isEnabled()
    assert run.why.text() == "The computer is not enrolled yet."


def test_choosing_a_profile_shows_its_page(qtbot, show) -> None:
    screen = show("ready")
    qtbot.keyClick(screen.home.list.rows, Qt.Key.Key_Down)
    assert screen.profile.page.profile.name == "pictures"
    assert "old" in screen.profile.sentence.text()


def test_button_says_why_it_cannot_be_pressed(show) -> None:
    run = show("refused-folder").profile.run
    assert not run.start.isEnabled()
    assert run.why.text() == run.start.accessibleDescription() == "Save the folders first."


def test_bar_moves_without_end_while_the_whole_is_unknown(show) -> None:
    bar = show("lost").profile.run.bar
    assert (bar.minimum(), bar.maximum()) == (0, 0)
    bar = show("running").profile.run.bar
    assert (bar.maximum(), bar.value()) == (100, 37)


def test_texts_of_server_and_files_are_never_markup(show) -> None:
    screen = show("failed")
    assert {label.textFormat() for label in screen.profile.findChildren(QLabel)} == {Qt.TextFormat.PlainText}


def test_language_changes_at_once_and_keeps_the_backup_running(qtbot, show) -> None:
    screen = show("running")
    screen.desk.choose_language("it")
    assert screen.profile.run.stop.text() == "&Ferma"
    assert screen.profile.page.run.active
    assert "started on pc1" in screen.profile.log.text.toPlainText()
    assert not screen.api.stream.closed


def test_signing_out_leads_back_and_stops_listening(show) -> None:
    screen = show("running")
    screen.desk.sign_out()
    page = screen.window.page
    assert isinstance(page, SignInPage)
    assert page.password.text() == ""
    assert screen.api.stream.closed
    assert screen.api.cancelled == []


def test_window_goes_out_of_sight_at_once_and_closes_when_the_server_knows(show) -> None:
    screen = show("running")
    gone: list[bool] = []
    screen.window.gone.connect(lambda: gone.append(True))
    screen.api.hold = True
    screen.window.close()
    assert not screen.window.isVisible()
    assert gone == []
    assert screen.api.stream.closed
    screen.api.release()
    assert gone == [True]
    assert screen.api.cancelled == []


def _luminance(color: QColor) -> float:
    """Relative luminance, as WCAG defines it."""

    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    weighted = (
        0.2126 * linear(color.redF()),
        0.7152 * linear(color.greenF()),
        0.0722 * linear(color.blueF()),
    )
    return sum(weighted)


@pytest.mark.parametrize("window", ["#f0f0f0", "#ffffff", "#2b2b2b", "#000000"])
@pytest.mark.parametrize("state", State)
def test_state_colours_stand_out_from_light_and_dark(qapp, state, window) -> None:
    palette = QPalette(QColor(window))
    light, dark = sorted((_luminance(QColor(window)), _luminance(state_color(state, palette))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_problems_are_shown_by_cause_with_what_to_do(show) -> None:
    tab = show("problems").profile.problems
    branches = [tab.tree.topLevelItem(number) for number in range(tab.tree.topLevelItemCount())]
    assert [branch.text(0) for branch in branches] == [
        "No right to read (3)", "In use by a program (1)", "of-a-newer-server (1)",
    ]  # fmt: skip
    assert "Ask for the right to read it" in tab.words.text()
    assert tab.more.text() == "1,995 more are kept at the server."
    tab.tree.setCurrentItem(branches[1].child(0))
    assert "Close that program" in tab.words.text()
    assert "Device or resource busy" in tab.words.text()
    tab.tree.setCurrentItem(branches[2].child(0))
    assert "The advice for of-a-newer-server." in tab.words.text()
    assert tab.words.textFormat() == Qt.TextFormat.PlainText
    assert not show("ready").profile.tabs.isTabVisible(2), "nothing to see"
