"""What this program calls itself."""

from importlib.metadata import PackageNotFoundError, version

TITLE = "Backup Orchestrator"


def program_version() -> str:
    """The installed version; ``0`` when it runs from a folder without being installed."""
    try:
        return version("bckwinrsync")
    except PackageNotFoundError:
        return "0"
