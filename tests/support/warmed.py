"""Done once where forks begin: what every `bck` would otherwise do anew before its work begins."""

import gc

from bck_apps.cli.main import command
from bck_apps.wiring.plugins import load_plugins


def _nobody(_plugin: str, _text: str) -> None:
    """Each fork tells for itself."""


command()
load_plugins(blocked=(), tell=_nobody)
# What is there now stays: no fork looks whether it is garbage, nor copies the pages for that.
gc.freeze()
