"""``python -m bck_apps.cli`` is ``bck``."""

from bck_apps.cli.main import main

main()
