"""Wiring: settings, plugins and the container; the only room that names adapters."""

from bck_adapters.pki import TlsFiles
from bck_apps.wiring.application import Application, initialise, open_application
from bck_apps.wiring.database import DatabasePlace, database_place
from bck_apps.wiring.moving import Moved, move_installation, upgrade_installation
from bck_apps.wiring.plugins import PluginReport
from bck_apps.wiring.rescue import Rescue, needed_rescue
from bck_apps.wiring.settings import Settings, home_folder

__all__ = [
    "Application",
    "DatabasePlace",
    "Moved",
    "PluginReport",
    "Rescue",
    "Settings",
    "TlsFiles",
    "database_place",
    "home_folder",
    "initialise",
    "move_installation",
    "needed_rescue",
    "open_application",
    "upgrade_installation",
]
