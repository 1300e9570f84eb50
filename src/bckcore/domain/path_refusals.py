"""Why a text is no path on a host: one reason each, with what it means and what to do."""

from enum import StrEnum

from bckcore.errors import PathRefusedError


class PathFault(StrEnum):
    """What is wrong with a text that should be a full path on a host. The value says it to people."""

    NOT_FULL = "is not a full path"
    GOES_UP = "goes up by '..'"
    NUL = "holds a NUL character"
    NO_BYTES = "holds half a character, which no file name can"
    CONTROL = "holds a control character or a line break"
    UNSEEN = "holds a character that is not seen or turns the direction of reading"
    IMITATION = "holds a character that only looks like a separator, a colon or dots"
    NO_DRIVE = "names no drive letter"
    FROM_DRIVE = "lacks the separator behind the drive letter"
    NETWORK = "lies on another machine of the network"
    NAMESPACE = "leaves the names of drives for those of devices"
    FORBIDDEN = "holds a character that no Windows name can have"
    STREAM = "names an alternate data stream"
    DEVICE = "names a device of Windows"
    SHORT_NAME = "looks like a short name (8.3)"
    TRAILING = "has a name that ends in a dot or a blank"
    STAND_IN = "holds a stand-in of Cygwin for a forbidden character"
    TOO_LONG = "is longer than any path on Windows"


_USUAL = (
    "Nothing was read and nothing was changed.",
    "Give the folder's full path as the host itself shows it.",
)
_MORE: dict[PathFault, tuple[str, str]] = {
    PathFault.NOT_FULL: (
        "Nobody can tell where it begins. Nothing was changed.",
        "Give the path from / on (on Windows from the drive on: C:\\Users), without '..'.",
    ),
    PathFault.GOES_UP: (
        "Where '..' leads depends on links, so it cannot be compared. Nothing was changed.",
        "Give the path from / on, without '..'.",
    ),
    PathFault.UNSEEN: (
        "People would read another path than the one that is meant. Nothing was changed.",
        "Back up the folder above it, or give the folder a plain name.",
    ),
    PathFault.IMITATION: (
        "People, and some programs on Windows, take it for the real thing. Nothing was changed.",
        "Back up the folder above it, or give the folder a plain name.",
    ),
    PathFault.CONTROL: (
        "It could not be shown as it is. Nothing was changed.",
        "Back up the folder above it, or give the folder a plain name.",
    ),
    PathFault.FROM_DRIVE: (
        "Windows would go on from wherever a program stands on that drive. Nothing was changed.",
        "Write C:\\folder, not C:folder.",
    ),
    PathFault.NETWORK: (
        "The backup account has no way to shares: it logs in without a password. Nothing was read.",
        "Back up the machine that shares the folder, as a host of its own.",
    ),
    PathFault.NAMESPACE: (
        "One folder has many names there, which cannot be compared with the allow-list. Nothing was read.",
        "Give the path with its drive letter: C:\\Users, or \\\\?\\C:\\Users.",
    ),
    PathFault.STREAM: (
        "A colon behind the drive leads into a hidden part of a file. Nothing was read.",
        "Name the folder alone. Alternate data streams are not backed up.",
    ),
    PathFault.DEVICE: (
        "Windows opens a device and no file by such a name, whatever its ending. Nothing was read.",
        "Back up the folder above it.",
    ),
    PathFault.SHORT_NAME: (
        "Windows gives such names to any folder, so it cannot be compared with the allow-list. "
        "Nothing was read.",
        "Give the long name, as the Explorer shows it.",
    ),
    PathFault.TRAILING: (
        "Windows leaves such an ending out, so two texts would mean one folder. Nothing was read.",
        "Give the name without it.",
    ),
}


def path_refused(text: str, fault: PathFault) -> PathRefusedError:
    """The error that says why ``text`` is no path on a host."""
    meaning, advice = _MORE.get(fault, _USUAL)
    error = PathRefusedError(f"{ascii(text)[:300]} {fault}.", meaning=meaning, advice=advice)
    error.fault = fault
    return error
