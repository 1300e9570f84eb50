"""bck-client: the desktop client."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QLocale, QStandardPaths
from PySide6.QtWidgets import QApplication, QMessageBox

from bck_apps.gui.as_is import as_is
from bck_apps.gui.client import present
from bck_apps.gui.config import ClientConfig, load
from bck_apps.gui.connect import HttpConnector
from bck_apps.gui.problems import ConfigError
from bck_apps.gui.texts import Texts, explain, language_of
from bck_apps.gui.viewmodels.desk import Desk
from bck_apps.gui.views.main_window import MainWindow

WRONG_USE = 2


def default_config() -> Path:
    """Where config.json lies unless told otherwise: the system's place for settings of one person."""
    base = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(base) / "bck-client" / "config.json"


def open_desk(
    config: ClientConfig, path: Path, app: QApplication, *, clock: Callable[[], datetime] = present
) -> Desk:
    """The client's state, connected to the network of ``app``."""
    return Desk(
        config=config,
        config_path=path,
        connect=HttpConnector(path.parent, app, clock=clock),
        clock=clock,
        new_key=lambda: f"desktop-{uuid.uuid4()}",
        system_language=QLocale.system().name(),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the client until its window is closed. Exit status 2 for a configuration that cannot be used."""
    parser = argparse.ArgumentParser(prog="bck-client", description="Desktop client of Backup Orchestrator.")
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings, default: config.json")
    options = parser.parse_args(sys.argv[1:] if argv is None else argv)
    app = QApplication(["bck-client"])
    app.setApplicationName("bck-client")
    path = (options.config or default_config()).absolute()
    try:
        config = load(path)
    except ConfigError as error:
        refuse(error)
        return WRONG_USE
    window = MainWindow(open_desk(config, path, app))
    window.gone.connect(app.quit)
    window.show()
    return app.exec()


def refuse(error: ConfigError) -> None:
    """Say why the client does not start: on the terminal, and in a window for who has none."""
    texts = Texts(language_of("auto", QLocale.system().name()))
    told = explain(error, texts)
    sys.stderr.write(f"bck-client: {told}\n")
    box = QMessageBox(QMessageBox.Icon.Critical, texts("app.name"), as_is(told.what))
    box.setInformativeText(as_is(f"{told.meaning}\n{told.advice}"))
    box.setDetailedText(told.detail)
    box.exec()


if __name__ == "__main__":
    sys.exit(main())
