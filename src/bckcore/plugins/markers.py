"""Names and decorators for plugin authors."""

import pluggy

PROJECT_NAME = "bck"
ENTRY_POINT_GROUP = "bck"

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)
