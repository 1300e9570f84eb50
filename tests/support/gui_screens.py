"""Every face of the desktop client, over the server in memory; tests check them, people look at them.

QT_QPA_PLATFORM=offscreen python -m tests.support.gui_screens FOLDER [en|it] [light|dark] [WIDTHxHEIGHT]
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from bck_apps.gui.api import Api
from bck_apps.gui.config import ClientConfig, SchedulerConfig
from bck_apps.gui.messages import Point, Progress
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import ConnectionFailedError, RefusedError
from bck_apps.gui.viewmodels.desk import Desk
from bck_apps.gui.views.home_page import HomePage
from bck_apps.gui.views.main_window import MainWindow
from bck_apps.gui.views.password_dialog import PasswordDialog
from bck_apps.gui.views.profile_view import ProfileView
from tests.support.gui_api import (
    NOON,
    PASSWORD,
    MemoryApi,
    done,
    file_problem,
    host,
    job,
    line,
    point,
    profile,
    too_many,
)

Language = Literal["en", "it"]
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
LONG_NAME = "Letters/2026/November/" + "a rather long file name that goes on " * 4 + ".odt"
LOG = (
    "Run 9 of documents started on pc1.",
    "Reading documents (/home/anna/Documents), attempt 1.",
    "documents: 12340 files seen, 26 sent; 48211034 bytes received.",
    "Reading letters (/home/anna/Letters), attempt 1.",
)
NO_FOLDER = {
    "code": "source-missing",
    "what": "None of the folders could be read: /home/anna/Documents: No such file or directory",
    "meaning": "Nothing was marked as deleted; everything kept so far stays.",
    "advice": "Check that the folders exist on the PC and that its backup account may read them.",
}


def household() -> MemoryApi:
    """Four profiles, each in another state."""
    documents = profile("documents", "/home/anna/Documents", "/home/anna/Letters", excludes=("*.tmp", "~*"))
    api = MemoryApi(
        held=[
            documents,
            profile("pictures", "/home/anna/Pictures"),
            profile("projects", "/srv/projects"),
            profile("laptop", "/home/anna"),
        ]
    )
    api.kept_points = {
        "documents": [_daily(day) for day in range(1, 9)],
        "pictures": [point(1, NOON - 20 * DAY)],
        "projects": [point(3, NOON - 30 * HOUR)],
        "laptop": [point(1, NOON - 50 * HOUR)],
    }
    api.kept_jobs = [
        done("a", profile="documents", at=NOON - 21 * HOUR),
        job("b", "failed", NOON - 2 * HOUR, profile="projects", error={"code": "store-full"}),
        job("c", "failed", NOON - HOUR, profile="laptop", error={"code": "host-unreachable"}),
    ]
    return api


def _daily(day: int) -> Point:
    at = NOON - (9 - day) * DAY + 3 * HOUR
    weight = "weak" if day == 4 else "counted"
    return point(day, at, files=12000 + day * 37, added=day * 3, changed=day, gone=day % 3, weight=weight)


class Screen:
    """The client's window over a server in memory."""

    def __init__(self, api: MemoryApi, language: Language, *, scheduler: bool = False) -> None:
        self.api = api
        self.now = NOON
        self._folder = tempfile.TemporaryDirectory()

        def connect(endpoint: str, ca_file: str, ca_sha256: str) -> Pending[Api]:
            pending: Pending[Api] = Pending()
            pending.resolve(api)
            return pending

        self.desk = Desk(
            config=ClientConfig(
                endpoint="https://backup.lan:8443",
                ca_file="ca.pem",
                user="anna",
                language=language,
                scheduler=SchedulerConfig(enabled=scheduler),
            ),
            config_path=Path(self._folder.name) / "config.json",
            connect=connect,
            clock=lambda: self.now,
            new_key=lambda: "k",
            system_language="en",
        )
        self.window = MainWindow(self.desk)

    def sign_in(self) -> Screen:
        self.desk.sign_in.submit(PASSWORD)
        return self

    @property
    def home(self) -> HomePage:
        assert isinstance(self.window.page, HomePage)
        return self.window.page

    @property
    def profile(self) -> ProfileView:
        assert self.home.profile is not None
        return self.home.profile

    @property
    def dialogs(self) -> list[PasswordDialog]:
        """Those that are open."""
        return self.window.findChildren(PasswordDialog)

    @property
    def dialog(self) -> PasswordDialog:
        """The one that is open."""
        (dialog,) = self.dialogs
        return dialog

    def give_password(self, password: str) -> None:
        self.dialog.password.setText(password)
        self.dialog.start.click()

    def back_up(self) -> Screen:
        """Press the button and let the log begin."""
        self.profile.run.start.click()
        follower = self.api.stream.follower
        follower.on_job(job("job-k", profile="documents"))
        for number, text in enumerate(LOG, 1):
            follower.on_log(line(number, text))
        return self

    def end(self, status: str, **fields: object) -> Screen:
        self.api.finish(done("job-k", status, NOON, **{"profile": "documents", **fields}))
        return self

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()
        self._folder.cleanup()


def _sign_in(language: Language) -> Screen:
    return Screen(MemoryApi(), language)


def _wrong_password(language: Language) -> Screen:
    screen = _sign_in(language)
    screen.desk.sign_in.submit("wrong password")
    return screen


def _code(language: Language) -> Screen:
    screen = Screen(MemoryApi(second_factor=True), language)
    return screen.sign_in()


def _wrong_code(language: Language) -> Screen:
    screen = _code(language)
    screen.desk.sign_in.submit_code("000000")
    return screen


def _wait(language: Language) -> Screen:
    screen = Screen(MemoryApi(fail={"sign_in": too_many(170)}), language)
    return screen.sign_in()


def _ended(language: Language) -> Screen:
    screen = Screen(household(), language).sign_in()
    screen.api.end_session("ended")
    return screen


def _empty(language: Language) -> Screen:
    return Screen(MemoryApi(held=[]), language).sign_in()


def _ready(language: Language) -> Screen:
    return Screen(household(), language).sign_in()


def _password(language: Language) -> Screen:
    screen = Screen(household(), language)
    screen.api.kept_hosts = [host(login="password")]
    screen.sign_in().profile.run.start.click()
    return screen


def _password_dropped(language: Language) -> Screen:
    screen = _password(language)
    screen.api.answering = job("other", "running", profile="documents")
    screen.give_password("a password")
    return screen


def _not_enrolled(language: Language) -> Screen:
    screen = Screen(household(), language)
    screen.api.kept_hosts = [host(awaits_enrolment=True, enrolment_open_until=NOON + HOUR)]
    return screen.sign_in()


def _bad_folder(language: Language) -> Screen:
    screen = _ready(language)
    screen.profile.folders.path.setText("/home/anna/Documents/x")
    screen.profile.folders.add.click()
    return screen


def _refused_folder(language: Language) -> Screen:
    screen = Screen(household(), language, scheduler=True).sign_in()
    screen.api.fail["save_profile"] = RefusedError(
        "path-not-allowed",
        what="/etc is outside the folders allowed for pc1.",
        meaning="Nothing was read and nothing was changed.",
        advice="Allowed are: /home/anna. An administrator can add one.",
    )
    screen.profile.folders.path.setText("/etc")
    screen.profile.folders.add.click()
    screen.profile.folders.save.click()
    return screen


def _points(language: Language) -> Screen:
    screen = _ready(language)
    screen.profile.tabs.setCurrentWidget(screen.profile.points)
    return screen


def _running(language: Language) -> Screen:
    screen = _ready(language).back_up()
    screen.api.stream.follower.on_progress(
        Progress(
            phase="transferring",
            source="letters",
            files_seen=12340,
            files_done=5230,
            bytes_done=1_240_000_000,
            bytes_per_second=41_000_000,
            percent=37,
            eta_seconds=140,
            current_file=LONG_NAME,
        )
    )
    return screen


def _lost(language: Language) -> Screen:
    screen = _ready(language).back_up()
    follower = screen.api.stream.follower
    follower.on_progress(Progress(phase="transferring", source="letters", files_seen=340, files_done=23))
    follower.on_lost(ConnectionFailedError("offline"))
    return screen


def _success(language: Language) -> Screen:
    return _ready(language).back_up().end("succeeded")


def _partial(language: Language) -> Screen:
    result = {"problems": 2, "made_point": True}
    return _ready(language).back_up().end("partial", result=result)


def _problems(language: Language) -> Screen:
    screen = _ready(language)
    denied = "opendir failed: Permission denied (13)"
    screen.api.kept_problems["run-9"] = [
        *(file_problem(f"documents/private {number}", message=denied) for number in range(1, 4)),
        file_problem(f"documents/{LONG_NAME}", "in-use", "read errors mapping: Device or resource busy (16)"),
        file_problem("documents/from tomorrow", "of-a-newer-server", "<b>no markup</b>"),
    ]
    screen.api.more_problems = 1995
    screen.back_up().end("partial", result={"problems": 2000, "made_point": True, "run_id": "run-9"})
    screen.profile.tabs.setCurrentWidget(screen.profile.problems)
    return screen


def _failed(language: Language) -> Screen:
    return _ready(language).back_up().end("failed", error=NO_FOLDER)


def _offline(language: Language) -> Screen:
    screen = Screen(household(), language, scheduler=True).sign_in()
    screen.api.fail["profiles"] = ConnectionFailedError("offline", detail="Connection refused")
    assert screen.desk.home is not None
    screen.desk.home.refresh()
    return screen


SCREENS: dict[str, Callable[[Language], Screen]] = {
    "sign-in": _sign_in,
    "wrong-password": _wrong_password,
    "code": _code,
    "wrong-code": _wrong_code,
    "wait": _wait,
    "ended": _ended,
    "empty": _empty,
    "ready": _ready,
    "password": _password,
    "password-dropped": _password_dropped,
    "not-enrolled": _not_enrolled,
    "bad-folder": _bad_folder,
    "refused-folder": _refused_folder,
    "points": _points,
    "running": _running,
    "lost": _lost,
    "success": _success,
    "partial": _partial,
    "problems": _problems,
    "failed": _failed,
    "offline": _offline,
}


def pictures(app: QApplication, language: Language, width: int, height: int) -> Iterator[tuple[str, Screen]]:
    """Each screen, shown at a size and settled."""
    for name, make in SCREENS.items():
        screen = make(language)
        screen.window.resize(width, height)
        screen.window.show()
        for _ in range(5):
            app.processEvents()
        yield name, screen
        screen.close()


def main(folder: str, language: str = "en", scheme: str = "light", size: str = "900x640") -> None:
    """Save a picture of each screen."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app = QApplication(["screens"])
    if scheme == "dark":
        app.setPalette(QPalette(QColor("#2b2b2b")))
    Path(folder).mkdir(parents=True, exist_ok=True)
    width, height = map(int, size.split("x"))
    for name, screen in pictures(app, "it" if language == "it" else "en", width, height):
        screen.window.grab().save(str(Path(folder) / f"{name}.png"))
        for dialog in screen.dialogs:
            dialog.grab().save(str(Path(folder) / f"{name}-dialog.png"))


if __name__ == "__main__":
    main(*sys.argv[1:])
