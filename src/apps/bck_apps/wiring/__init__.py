"""Wiring: settings, plugins and the container; the only room that names adapters."""

from bck_apps.wiring.application import Application, initialise, open_application
from bck_apps.wiring.plugins import PluginReport
from bck_apps.wiring.settings import Settings, home_folder

__all__ = ["Application", "PluginReport", "Settings", "home_folder", "initialise", "open_application"]
