"""Pure: the commands of our transport, and no others.

An option that is not named here is refused, whatever it may mean to some version of rsync. rsync's own
short options come in one word, with what the client can do behind ``e``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bck_apps.gate.refusal import GateRefusedError, escaped


class Purpose(Enum):
    """What a command does on this PC."""

    PROBE = "probe"
    LOOK = "look"
    """List paths themselves, without opening or following them."""
    READ = "read"
    """Send what one folder holds."""
    WRITE = "write"
    """Receive into one folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that is one of ours by its form; where it may go is not decided yet."""

    purpose: Purpose
    options: tuple[str, ...] = ()
    """For rsync, up to and without the ``.`` before the paths."""
    paths: tuple[str, ...] = ()
    dry_run: bool = False


_PROBE = ["bck-gate", "probe"]
_LETTERS = re.compile(r"-(?P<short>[A-Za-z]+)e\.(?P<can>[LsfxCIvui]{0,16})")
_ANY = (
    r"--timeout=[0-9]{1,9}",
    r"--bwlimit=[0-9]{1,12}",
    r"--checksum-choice=xxh128",
    r"--numeric-ids",
    r"--info=STATS2",
)
_SHORT = {
    Purpose.LOOK: frozenset("ldR"),
    Purpose.READ: frozenset("nblogDtprSzd"),
    Purpose.WRITE: frozenset("nbldogDtprRSz"),
}
_LONG = {
    Purpose.LOOK: (*_ANY, r"--list-only", r"--no-implied-dirs"),
    Purpose.READ: (*_ANY, r"--list-only", r"--debug=FILTER1"),
    Purpose.WRITE: (
        *_ANY,
        r"--log-format=%i(?:%I)?",
        r"(?:-@|--modify-window=)-1",
        r"--suffix=[A-Za-z0-9._~-]{1,64}",
        r"--ignore-existing",
        r"--existing",
        r"--no-implied-dirs",
        r"--mkpath",
    ),
}
_PARTIAL = re.compile(r"\.bck-partial(?:-[0-9]{1,9})?")


def understood(words: Sequence[str]) -> Command:
    """The command that these words are. Raises GateRefusedError for every other."""
    if not words:
        raise GateRefusedError("there is no command, and a shell is not given")
    if list(words) == _PROBE:
        return Command(purpose=Purpose.PROBE)
    if list(words[:2]) != ["rsync", "--server"]:
        raise GateRefusedError(f"{escaped(words[0], most=60)} is not a command of a backup")
    sender = list(words[2:3]) == ["--sender"]
    rest = list(words[3:] if sender else words[2:])
    letters = _LETTERS.fullmatch(rest[0]) if rest else None
    if letters is None:
        raise GateRefusedError("the options of rsync do not begin as ours do")
    if "." not in rest:
        raise GateRefusedError("the command names no path")
    long, paths = rest[1 : rest.index(".")], rest[rest.index(".") + 1 :]
    purpose = _purpose(letters["short"], long) if sender else Purpose.WRITE
    short = _checked_letters(letters["short"], purpose)
    options = _checked_options(long, purpose)
    _require_paths(paths, purpose)
    head = ["--server", "--sender"] if sender else ["--server"]
    return Command(
        purpose=purpose,
        options=(*head, f"-{short}e.{letters['can']}", *options),
        paths=tuple(paths),
        dry_run="n" in short,
    )


def _purpose(short: str, long: Sequence[str]) -> Purpose:
    """A list of paths is only ever looked at: not recursive, and by full names."""
    return Purpose.LOOK if "R" in short and "r" not in short and "--list-only" in long else Purpose.READ


def _checked_letters(short: str, purpose: Purpose) -> str:
    unknown = sorted(set(short) - _SHORT[purpose])
    if unknown:
        raise GateRefusedError(f"the option -{unknown[0]} of rsync is not one of ours")
    if purpose is Purpose.READ:
        # Where the server keeps what it displaces is no matter of this PC's.
        return short.replace("b", "")
    return short


def _checked_options(long: Sequence[str], purpose: Purpose) -> list[str]:
    """The options as rsync gets them. Raises GateRefusedError for the first that is not ours."""
    options: list[str] = []
    left = list(long)
    while left:
        option = left.pop(0)
        if option == "--backup-dir" and purpose is Purpose.READ and left:
            left.pop(0)  # a folder of the server's; nothing is displaced here
        elif option == "--partial-dir" and purpose is Purpose.WRITE and left and _PARTIAL.fullmatch(left[0]):
            options += [option, left.pop(0)]
        elif any(re.fullmatch(pattern, option) for pattern in _LONG[purpose]):
            options.append(option)
        else:
            raise GateRefusedError(f"the option {escaped(option, most=80)} of rsync is not one of ours")
    return options


def _require_paths(paths: Sequence[str], purpose: Purpose) -> None:
    if not paths:
        raise GateRefusedError("the command names no path")
    if purpose is Purpose.LOOK:
        if any(path.endswith("/") for path in paths):
            raise GateRefusedError("a path that is only looked at does not end in a slash")
    elif len(paths) > 1:
        raise GateRefusedError("the command names more than one path")
    elif not paths[0].endswith("/"):
        raise GateRefusedError("a folder that is read or written ends in a slash")
