"""`bck-client` as a program of its own: it starts, it refuses, and it brings nothing of the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# Windows that would wait for a person do not, in that process only.
START = """
import sys
from PySide6.QtWidgets import QApplication, QMessageBox
QMessageBox.exec = lambda self: print("BOX", self.text(), self.informativeText(), self.detailedText())
def shown(*_):
    print("WINDOW", [window.windowTitle() for window in QApplication.topLevelWidgets() if window.isVisible()])
    return 0
QApplication.exec = shown
from bck_apps.gui.main import main
code = main(sys.argv[1:])
print("MODULES", *sorted({name.partition(".")[0] for name in sys.modules}))
print("APPS", *sorted(name for name in sys.modules if name.startswith("bck_apps.")))
sys.exit(code)
"""


@pytest.fixture
def start(tmp_path):
    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_CONFIG_HOME": str(tmp_path / "settings"),
            "LANG": "C.UTF-8",
        }
        return subprocess.run(
            [sys.executable, "-c", START, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def test_client_starts_without_any_configuration(start, tmp_path) -> None:
    done = start()
    assert done.returncode == 0, done.stderr
    assert "WINDOW ['Backup Orchestrator']" in done.stdout
    assert not (tmp_path / "settings").exists()


def test_client_loads_nothing_of_the_server(start) -> None:
    lines = dict(line.split(" ", 1) for line in start().stdout.splitlines() if " " in line)
    modules, apps = set(lines["MODULES"].split()), lines["APPS"].split()
    assert modules & {"bck_adapters", "bckcore", "cryptography", "fastapi", "sqlalchemy", "uvicorn"} == set()
    assert [name for name in apps if not name.startswith("bck_apps.gui")] == []


def test_configuration_that_cannot_be_used_is_refused_on_terminal_and_screen(start, tmp_path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"endpoint": "http://backup.example", "password": "hunter2"}))
    done = start("--config", str(path))
    assert done.returncode == 2
    for text in (done.stdout, done.stderr):
        assert str(path) in text
        assert "Mend the places below" in text
        assert "password" in text
        assert "hunter2" not in text
    assert "WINDOW" not in done.stdout
