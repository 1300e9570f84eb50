"""A person's story with everything real: window, HTTPS API, `bck serve`, rsync over a loopback sshd."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from bck_apps.gui.config import load
from bck_apps.gui.main import open_desk
from bck_apps.gui.viewmodels.standing import State
from bck_apps.gui.views.home_page import HomePage
from bck_apps.gui.views.main_window import MainWindow
from bck_apps.gui.views.profile_view import ProfileView
from bck_apps.gui.views.sign_in_page import SignInPage
from tests.support.cli import PASSWORD, Bck
from tests.support.sshd import running_sshd


@pytest.fixture
def pc(tmp_path):
    """Two folders with some content, and one that the server may not read."""
    for name in ("docs", "pictures", "private"):
        (tmp_path / "pc" / name).mkdir(parents=True)
    for number in range(30):
        (tmp_path / "pc" / "docs" / f"perché {number}.txt").write_text(f"text {number}\n" * 50)
    (tmp_path / "pc" / "pictures" / "a b.jpg").write_bytes(bytes(range(256)) * 400)
    (tmp_path / "pc" / "private" / "diary").write_text("no")
    return tmp_path / "pc"


@pytest.fixture
def bck(tmp_path, pc, require_tool):
    require_tool("sshd")
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.2"})
    with running_sshd(tmp_path / "sshd") as sshd:
        made.init()
        made.add_host(sshd, pc / "docs", pc / "pictures")
        made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(pc / "docs"))
        yield made


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _open(qtbot, tmp_path: Path, said: dict[str, str]) -> MainWindow:
    config = tmp_path / "client" / "config.json"
    config.parent.mkdir()
    shutil.copy(said["ca_certificate"], config.parent / "ca.pem")
    config.write_text(
        json.dumps({"endpoint": said["url"], "ca_file": "ca.pem", "user": "ann", "language": "en"})
    )
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    window = MainWindow(open_desk(load(config), config, app))
    qtbot.addWidget(window)
    window.show()
    return window


def _sign_in(qtbot, window: MainWindow) -> ProfileView:
    page = window.page
    assert isinstance(page, SignInPage)
    assert not page.submit.isEnabled()
    qtbot.keyClicks(page.password, PASSWORD)
    qtbot.mouseClick(page.submit, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: isinstance(window.page, HomePage) and window.page.profile is not None, timeout=20_000
    )
    assert isinstance(window.page, HomePage)
    assert window.page.profile is not None
    return window.page.profile


def _add_folder(qtbot, view: ProfileView, folder: Path) -> None:
    qtbot.keyClicks(view.folders.path, str(folder))
    qtbot.keyClick(view.folders.path, Qt.Key.Key_Return)
    assert not view.run.start.isEnabled()
    qtbot.mouseClick(view.folders.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not view.page.folders.saving, timeout=20_000)


def _back_up(qtbot, view: ProfileView) -> None:
    assert view.run.start.isEnabled()
    qtbot.mouseClick(view.run.start, Qt.MouseButton.LeftButton)
    assert not view.run.start.isEnabled()
    assert view.run.bar.isVisible()
    qtbot.waitUntil(view.run.verdict.isVisible, timeout=60_000)
    qtbot.waitUntil(lambda: not view.page.run.active)


def test_person_signs_in_chooses_folders_backs_up_and_is_told_how_it_ended(qtbot, tmp_path, bck, pc) -> None:
    with bck.serving() as (_, said):
        window = _open(qtbot, tmp_path, said)
        view = _sign_in(qtbot, window)
        qtbot.waitUntil(lambda: view.page.standing.state is State.NEVER, timeout=20_000)

        _add_folder(qtbot, view, pc / "private")
        assert "outside the folders allowed" in view.folders.refusal.text
        assert not view.run.start.isEnabled()
        qtbot.mouseClick(view.folders.discard, Qt.MouseButton.LeftButton)
        _add_folder(qtbot, view, pc / "pictures")
        assert not view.folders.refusal.isVisible()

        _back_up(qtbot, view)
        assert "Backup done" in view.run.verdict.text
        assert "31 files" in view.run.verdict.text
        assert not view.run.bar.isVisible()
        qtbot.waitUntil(lambda: view.points.model.rowCount() == 1, timeout=20_000)
        qtbot.waitUntil(lambda: view.page.standing.state is State.SUCCESS)
        assert "You are safe" in view.sentence.text()
        for name in ("docs", "pictures"):
            kept = bck.storage / "current" / "pc1" / "docs" / name
            assert _contents(kept) == _contents(pc / name)

        assert not view.tabs.isTabVisible(view.tabs.indexOf(view.problems))
        (pc / "pictures" / "secret").write_text("nobody may read me")
        (pc / "pictures" / "secret").chmod(0)
        _back_up(qtbot, view)
        assert "Backup done, with issues" in view.run.verdict.text
        qtbot.waitUntil(lambda: view.problems.tree.topLevelItemCount() == 1, timeout=20_000)
        assert view.tabs.isTabVisible(view.tabs.indexOf(view.problems))
        [group] = view.page.problems.groups
        assert (group.reason, [item.path for item in group.items]) == ("no-permission", ["pictures/secret"])
        assert "Ask for the right to read it" in view.problems.words.text()
        (pc / "pictures" / "secret").chmod(0o600)

        shutil.move(pc / "docs", tmp_path / "docs-away")
        shutil.move(pc / "pictures", tmp_path / "pictures-away")
        _back_up(qtbot, view)
        assert "The backup failed" in view.run.verdict.text
        assert "None of the folders could be read" in view.run.verdict.text
        assert "Check the folders" in view.run.verdict.text
        assert "None of the folders could be read" in view.log.text.toPlainText()
        qtbot.waitUntil(lambda: view.page.standing.state is State.FAILED, timeout=20_000)

        window.close()
    assert PASSWORD not in (tmp_path / "client" / "config.json").read_text()


def test_client_that_pins_another_ca_sends_the_server_nothing(qtbot, tmp_path, bck, ca) -> None:
    with bck.serving() as (_, said):
        window = _open(qtbot, tmp_path, said)
        ca.cert_pem.write_to_path(tmp_path / "client" / "ca.pem")
        page = window.page
        assert isinstance(page, SignInPage)
        qtbot.keyClicks(page.password, PASSWORD)
        qtbot.keyClick(page.password, Qt.Key.Key_Return)
        qtbot.waitUntil(page.notice.isVisible, timeout=20_000)
        assert "could not prove that it is your server" in page.notice.text
        assert page.password.text() == ""
        window.close()
