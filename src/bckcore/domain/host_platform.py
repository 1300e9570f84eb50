"""Platform: what a host's file names and permissions look like."""

from enum import StrEnum


class Platform(StrEnum):
    """What the host's file names and permissions look like."""

    POSIX = "posix"
    WINDOWS = "windows"
    MACOS = "macos"

    @property
    def ignores_case(self) -> bool:
        """True where names that differ in case only mean the same file, so that rules must fit both."""
        return self is not Platform.POSIX
